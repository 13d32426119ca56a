"""Cross-validation by recording: which clips a fold leaves out of training, to be scored on them.

    folai train mapper --data clips --fold 1/4 --out runs/fold1
    folai evaluate mapper --data clips --split train --fold 1/4 --weights runs/fold1/...

Clips of one sitting, whose names begin with the same date and time as those of the Greatest Hits
do, stay together: they share a place, a camera and an offset of the sound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from folai.data.listing import Listing

_SITTING = re.compile(r"\d{4}(-\d{2}){5}")  # year to second


@dataclass(frozen=True)
class Fold:
    """The `number`th of `count`, from 1."""

    number: int
    count: int

    def __post_init__(self) -> None:
        if self.count < 2 or not 1 <= self.number <= self.count:
            raise ValueError(f"fold is {self.number}/{self.count}; give 1/4 to 4/4, say")

    @staticmethod
    def parse(text: str) -> Fold:
        """Reads `1/4`. Raises ValueError for text of another form."""
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None:
            raise ValueError(f"fold is {text!r}; give a number of how many, such as 1/4")
        return Fold(int(found[1]), int(found[2]))

    def apart(self, listings: Sequence[Listing]) -> tuple[list[Listing], list[Listing]]:
        """(clips to train on, clips left out). Raises ValueError where either would be empty."""
        sittings = sorted({sitting(listing.name) for listing in listings})
        if len(sittings) < self.count:
            raise ValueError(f"fold is of {self.count}; there are {len(sittings)} recordings")
        left_out = set(sittings[self.number - 1 :: self.count])
        trained = [listing for listing in listings if sitting(listing.name) not in left_out]
        return trained, [listing for listing in listings if sitting(listing.name) in left_out]


def sitting(name: str) -> str:
    """What clips of one recording session have in common: the date at the start of their names, or,
    without one, the whole name.
    """
    stem = PurePosixPath(name).stem
    found = _SITTING.match(stem)
    return found[0] if found else stem
