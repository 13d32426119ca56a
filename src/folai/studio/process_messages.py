"""What the studio's processes write to standard output: JSON, one object a line."""

from __future__ import annotations

import json
from typing import Any


def read_message(line: str | bytes) -> dict[str, Any] | None:
    """The object in a line; None for what else a library may print there."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None
