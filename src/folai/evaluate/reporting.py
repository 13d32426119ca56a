"""What reports of scores share: progress by steps, and figures that JSON can hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

Progress = Callable[[float], None]  # is told what share is done, 0 to 1


class Steps:
    """Counts what is done, and tells."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def step(self) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress(self._done / self._total)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress(1.0)


def jsonable(figures: dict[str, Any]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return None if isinstance(value, float) and math.isnan(value) else value

    return {name: plain(value) for name, value in figures.items()}
