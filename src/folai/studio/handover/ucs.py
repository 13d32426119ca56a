"""File names of the Universal Category System (UCS): `CatID_FXName_CreatorID_SourceID`.

The category of what folai makes is Foley; where a layer's name and sound do not tell more, a prop.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

CATEGORY = "^[A-Z][A-Z0-9]{1,7}[A-Za-z0-9]{0,8}$"  # a CatID, such as FOLYFeet

# Words in a layer's name or prompt, and the category that they mean (UCS 8.2).
WORDS = {
    "FOLYFeet": "feet foot footstep footsteps step steps walk walking run running shoe shoes boot",
    "FOLYClth": "cloth clothes clothing fabric jacket coat shirt leather rustle",
    "FOLYHand": "hand hands clap grab pat slap",
}
OTHERWISE = "FOLYProp"


def category_of(texts: Sequence[str]) -> str:
    """The CatID of a layer by the words that describe it.

    >>> category_of(["Layer 1", "footsteps on gravel"])
    'FOLYFeet'
    """
    words = {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}
    found = (name for name, known in WORDS.items() if words & set(known.split()))
    return next(found, OTHERWISE)


def ucs_name(category: str, name: str, creator: str, source: str) -> str:
    """The name without a suffix. Its parts hold what every file system and editor takes.

    >>> ucs_name("FOLYFeet", "Gehör: links/rechts", "ABC", "Show_1")
    'FOLYFeet_Gehor links rechts_ABC_Show 1'
    """
    parts = (plain(name) or "Layer", plain(creator) or "folai", plain(source) or "Source")
    return "_".join((category, *parts))


def plain(text: str, longest: int = 60) -> str:
    """ASCII letters, digits, spaces and hyphens; `_` parts a name and becomes a space."""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(re.sub(r"[^A-Za-z0-9-]+", " ", letters).split())[:longest].strip()


def numbered(names: Sequence[str]) -> list[str]:
    """The same names, those that come again with a number; not every file system tells cases."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        count = seen[name.lower()] = seen.get(name.lower(), 0) + 1
        result.append(name if count == 1 else f"{name} {count}")
    return result
