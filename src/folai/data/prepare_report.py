"""The result of preparing a data set: a table for people, counts for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from folai.data.pieces import Piece


@dataclass(frozen=True)
class PrepareReport:
    dataset: str
    out: Path
    pieces: tuple[Piece, ...]
    found: dict[str, int]  # recordings by split
    expected: dict[str, int]  # as published; empty if not known
    skipped: dict[str, str]
    broken: dict[str, str]  # recordings that could not be read
    shards: tuple[str, ...] = field(default=())

    def table(self) -> str:
        by_split: dict[str, list[Piece]] = {split: [] for split in self.found}
        for piece in self.pieces:
            by_split.setdefault(piece.split, []).append(piece)
        lines = [f"{'split':<12}{'recordings':>11}{'published':>11}{'clips':>7}{'minutes':>9}"]
        for split, pieces in by_split.items():
            minutes = sum(piece.seconds for piece in pieces) / 60
            published = str(self.expected.get(split, "-"))
            first = f"{split:<12}{self.found.get(split, 0):11}{published:>11}"
            lines.append(f"{first}{len(pieces):7}{minutes:9.1f}")
        differs = [s for s, n in self.expected.items() if self.found.get(s, 0) != n]
        if differs:
            lines.append(f"not the published number of recordings: {', '.join(differs)}")
        for what, reasons in (("skipped", self.skipped), ("could not be read", self.broken)):
            lines += [f"{what}: {name}: {reason}" for name, reason in _shortened(reasons)]
        return "\n".join([*lines, str(self.out / "manifest.json")])

    def to_dict(self) -> dict[str, Any]:
        clips: dict[str, int] = {}
        for piece in self.pieces:
            clips[piece.split] = clips.get(piece.split, 0) + 1
        return {
            "dataset": self.dataset,
            "recordings": self.found,
            "published": self.expected,
            "clips": clips,
            "skipped": self.skipped,
            "broken": self.broken,
            "shards": list(self.shards),
        }


def _shortened(reasons: dict[str, str], most: int = 20) -> Iterator[tuple[str, str]]:
    """The first few, and how many more of each reason there are."""
    yield from list(reasons.items())[:most]
    if len(reasons) > most:
        yield f"{len(reasons) - most} more", "see manifest.json"
