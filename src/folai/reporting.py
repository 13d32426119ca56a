"""What reports of scores share: a place for caches, means, and JSON."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def jsonable(value: Any) -> Any:
    """The value as JSON can hold it: None stands for NaN and infinity."""
    if isinstance(value, dict):
        return {str(key): jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def mean_of_known(values: Sequence[float]) -> float:
    """Mean of the values that are not NaN; NaN if all are."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


@contextmanager
def folder_or_temporary(folder: Path | None) -> Iterator[Path]:
    """`folder`, or a temporary one if it is None."""
    if folder is not None:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="folai-") as temporary:
        yield Path(temporary)
