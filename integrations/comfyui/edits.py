"""Edits of single hits and regions as lines of text: the name of an edit and its numbers.

remove_hit 1.24
add_hit 2.0 0.5
"""

from __future__ import annotations

from folai import Envelope

EDITS = {  # name of a method of Envelope: the numbers that it takes
    "add_hit": ("TIME", "LEVEL"),
    "remove_hit": ("TIME",),
    "move_hit": ("TIME", "TO"),
    "mute": ("START", "END"),
    "scale_region": ("START", "END", "DB"),
    "snap": ("GRID",),
}


def edited(envelope: Envelope, lines: str) -> Envelope:
    """Apply one edit a line; empty lines and what follows a # are left out.

    Raises ValueError, with the line, for an edit that is not known or cannot be made.
    """
    for line in lines.splitlines():
        name, *texts = line.split("#")[0].split() or [""]
        if not name:
            continue
        if name not in EDITS:
            raise ValueError(f"edits: {line.strip()!r}: use one of {', '.join(EDITS)}")
        usage = " ".join((name, *EDITS[name]))
        try:
            numbers = [float(text) for text in texts]
        except ValueError:
            raise ValueError(f"edits: {line.strip()!r}: write {usage} in numbers") from None
        if len(numbers) != len(EDITS[name]):
            raise ValueError(f"edits: {line.strip()!r}: write {usage}")
        try:
            envelope = getattr(envelope, name)(*numbers)
        except ValueError as error:
            raise ValueError(f"edits: {line.strip()!r}: {error}") from error
    return envelope
