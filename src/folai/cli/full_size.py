"""Options of models at full size, which `generate` and `train control` take."""

from __future__ import annotations

from typing import Any

from folai.stable.precision import DTYPES

TITLE = "at full size: Stable Audio Open (see docs/full_size.md)"


def add_dtype_and_offline(group: Any) -> None:
    group.add_argument(
        "--dtype",
        choices=DTYPES,
        help="precision of its weights (default: bfloat16 on a GPU, else float32)",
    )
    group.add_argument("--offline", action="store_true", default=None, help="never ask the network")
