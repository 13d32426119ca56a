"""Spelling: the known word that a misspelt one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def correct(word: str, known: Iterable[str]) -> str | None:
    """The known word that is one slip from `word`, the first of several; None: none is.

    A slip leaves out, adds, changes or swaps letters (Damerau 1964: four of five typing errors). A
    word of fewer than four letters is taken as it stands: too many others are near it.
    """
    if len(word) < 4 or not word.isascii():
        return None
    wanted = known if isinstance(known, set | frozenset | dict) else set(known)
    return next((slip for slip in _slips(word) if slip in wanted), None)


def _slips(word: str) -> Iterator[str]:
    """Words one slip away, the likeliest slips first."""
    parts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    yield from (a + b[1] + b[0] + b[2:] for a, b in parts if len(b) > 1)
    yield from (a + letter + b for a, b in parts[1:] for letter in _LETTERS)
    yield from (a + b[1:] for a, b in parts[1:] if b)
    yield from (a + letter + b[1:] for a, b in parts[1:] if b for letter in _LETTERS)
