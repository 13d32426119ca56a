"""Options of models at full size, for commands that train them."""

from __future__ import annotations

from typing import Any

from folai.engines.stable_audio_open import TITLE
from folai.stable.precision import DTYPES

__all__ = ["TITLE", "add_dtype_and_offline"]


def add_dtype_and_offline(group: Any) -> None:
    group.add_argument(
        "--dtype",
        choices=DTYPES,
        help="precision of its weights (default: bfloat16 on a GPU, else float32)",
    )
    group.add_argument("--offline", action="store_true", default=None, help="never ask the network")
