"""The parts of a report, before they become a page or lines in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Wav = NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """Cells as they are shown; the first column names the rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    folded: bool = False  # shown only when asked for

    def text(self) -> str:
        """The same in a terminal: the first column to the left, the others to the right."""
        grid = [self.columns, *self.rows]
        widths = [max(len(row[i]) for row in grid) for i in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in grid
        ]
        return "\n".join([*([self.caption] if self.caption else []), *lines])


@dataclass(frozen=True)
class Chart:
    svg: str
    caption: str = ""


@dataclass(frozen=True, eq=False)
class Player:
    """A sound [T] with its spectrogram and, if there is one, a chart."""

    caption: str
    wav: Wav
    sample_rate: int
    chart: str = ""  # SVG beside the spectrum


@dataclass(frozen=True, eq=False)
class Gallery:
    """Players or charts side by side under one heading."""

    title: str
    parts: tuple[Player | Chart, ...]
    note: str = ""


Part = Table | Chart | Player | Gallery


@dataclass(frozen=True, eq=False)
class Section:
    """One question and its answer. `facts` is what goes into report.json."""

    key: str
    title: str
    question: str
    parts: tuple[Part, ...]
    findings: tuple[str, ...] = ()  # what the numbers say, in sentences made from them
    facts: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The same in a terminal, without pictures and sounds."""
        tables = [p.text() for p in self.parts if isinstance(p, Table) and not p.folded]
        return "\n".join([self.title, *tables, *self.findings])


def cells(values: Sequence[float], pattern: str = "{:.3f}") -> tuple[str, ...]:
    """Numbers as a table shows them; a dash for what is not known."""
    return tuple("-" if not np.isfinite(value) else pattern.format(value) for value in values)
