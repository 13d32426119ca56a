"""The Universal Category System: 752 categories of sound effects, and names that begin with one.

A name is `CatID_FXName_CreatorID_SourceID`, such as `FEETHumn_Boots Gravel Walk_XY_LIB.wav`; a
user's own category may follow the CatID after a hyphen. The list is UCS 8.2.1, as published under
CC0 at github.com/iluvcapra/ucs-community.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_LIST = Path(__file__).with_name("ucs.tsv")


@dataclass(frozen=True)
class Category:
    """A category such as footsteps, human."""

    id: str
    category: str
    subcategory: str
    synonyms: tuple[str, ...]

    @property
    def words(self) -> str:
        """What it is called."""
        return f"{self.category} {self.subcategory}"


@dataclass(frozen=True)
class UcsName:
    """What a file's name says."""

    category: Category
    fx_name: str
    creator: str


@cache
def categories() -> dict[str, Category]:
    """All of them by lower-case CatID."""
    rows = (line.split("\t") for line in _LIST.read_text(encoding="utf-8").splitlines()[1:])
    return {
        row[0].lower(): Category(row[0], row[1], row[2], tuple(row[3].split(", "))) for row in rows
    }


def read_name(stem: str) -> UcsName | None:
    """What the name of a file without its suffix says, or None where it is no UCS name."""
    parts = stem.split("_")
    category = categories().get(re.split(r"[-\s]", parts[0], maxsplit=1)[0].lower())
    if category is None or len(parts) < 2:
        return None
    return UcsName(category, parts[1].strip(), parts[2].strip() if len(parts) > 2 else "")
