"""What is known of a recording in words: from its names, its tags, and what lies beside it.

Beside it may lie a text of its name (`hit.txt`, `hit.wav.txt`), and in its folder or the one that
is indexed a table `sounds.csv` with the column file and any of words, licence and credit.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from folai.library.tags import Tags
from folai.library.ucs import read_name

TABLE = "sounds.csv"
_LONGEST_TEXT = 4000  # characters of a text beside a file


@dataclass(frozen=True)
class Naming:
    """`subject`: what folders and name say, in words; `more`: what tags and texts add."""

    subject: str
    more: str
    category: str  # UCS CatID, or ""
    licence: str
    credit: str


def name_of(path: Path, root: Path, tags: Tags) -> Naming:
    """What is known in words of the file at `path` below the indexed folder `root`."""
    ucs, row = read_name(path.stem), _row_of(path, root)
    folders = path.relative_to(root).parts[:-1] if path.is_relative_to(root) else ()
    folders = folders or (root.name,)
    name = path.stem if ucs is None else ucs.fx_name
    category = "" if ucs is None else ucs.category.words
    subject = split_words(" ".join((category, *folders, name)))
    more = split_words(" ".join((row.get("words", ""), tags.words, _beside(path))))
    return Naming(
        subject=subject,
        more=" ".join(word for word in more.split() if word not in subject.split()),
        category="" if ucs is None else ucs.category.id,
        licence=row.get("licence", "") or tags.licence,
        credit=row.get("credit", "") or tags.credit or ("" if ucs is None else ucs.creator),
    )


def split_words(text: str) -> str:
    """Lower-case words in any script, each once, `likeThis` taken apart; numbers are left out."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    words = re.findall(r"[^\W\d_]+", parted.lower())
    return " ".join(dict.fromkeys(word for word in words if len(word) > 1 or not word.isascii()))


def _beside(path: Path) -> str:
    for place in (path.with_suffix(".txt"), path.with_name(path.name + ".txt")):
        try:
            return place.read_text(encoding="utf-8", errors="replace")[:_LONGEST_TEXT]
        except OSError:
            continue
    return ""


def _row_of(path: Path, root: Path) -> dict[str, str]:
    """The row of the nearest table that names the file."""
    for folder in (path.parent, root):
        place = folder / TABLE
        try:
            stamp = place.stat().st_mtime_ns
        except OSError:
            continue
        if row := _table(place, stamp).get(path.relative_to(folder).as_posix()):
            return row
    return {}


@lru_cache(maxsize=16)
def _table(place: Path, stamp: int) -> dict[str, dict[str, str]]:
    """Its rows by file; none where it cannot be read. stamp: makes a changed one be read again."""
    try:
        with place.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            return {
                row["file"]: {key: value or "" for key, value in row.items() if key}
                for row in csv.DictReader(file)
                if row.get("file")
            }
    except (OSError, csv.Error):
        return {}
