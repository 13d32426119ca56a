"""Times and parts of a clip as people write them: `3.5`, `0:03.5`, `0:03-0:05`, `1:10-`.

>>> read_span("0:03-0:05.5")
(3.0, 5.5)
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

Span = tuple[float, float]  # seconds; an infinite end is that of the clip

SHORTEST = 0.02  # seconds
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")
_FORM = "give start and end, such as 3-5.5 or 0:03-0:05.5"


def read_time(text: str) -> float:
    """Seconds of `S`, `M:S` or `H:M:S`. Raises ValueError for another text."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"time is {text!r}; give seconds, such as 3.5, or 0:03.5")
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours or 0) + 60 * int(minutes or 0) + float(seconds)


def read_span(given: Any) -> Span:
    """A part from its text, or from a pair of seconds; without an end it goes to the clip's.

    Raises ValueError for anything else, and for an end that is not after the start.
    """
    if isinstance(given, str) and given.count("-") == 1:
        first, last = given.split("-")
        start = read_time(first)
        end = read_time(last) if last.strip() else math.inf
    elif isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        start, end = given[0], math.inf if given[1] is None else given[1]
        if not all(isinstance(t, int | float) and not isinstance(t, bool) for t in (start, end)):
            raise ValueError(f"part is {given!r}; {_FORM}")
    else:
        raise ValueError(f"part is {given!r}; {_FORM}")
    if not 0 <= start < end - SHORTEST / 2:
        least = f"give a start of 0 or more, and an end at least {SHORTEST:g} s later"
        raise ValueError(f"part is {start:g} to {end:g} s; {least}")
    return float(start), float(end)


def read_spans(given: Any) -> tuple[Span, ...]:
    """Parts in order, from a list of them or from words; those that touch are one.

    >>> read_spans("0:09-0:10 3-5")
    ((3.0, 5.0), (9.0, 10.0))
    """
    if isinstance(given, str):
        given = given.replace(",", " ").split()
    if not isinstance(given, Sequence):
        raise ValueError(f"parts are {given!r}; give a list of them, such as 3-5 9-10.5")
    spans: list[Span] = []
    for start, end in sorted(read_span(item) for item in given):
        if spans and start <= spans[-1][1]:
            start, end = spans[-1][0], max(end, spans.pop()[1])
        spans.append((start, end))
    return tuple(spans)


def within(spans: Sequence[Span], duration: float) -> tuple[Span, ...]:
    """The parts of a clip of `duration` seconds. Raises ValueError for one that begins after it."""
    for start, end in spans:
        if start > duration - SHORTEST:
            raise ValueError(
                f"part {start:g} to {end:g} s begins after the clip's end at {duration:.2f} s; "
                "give times within it"
            )
    return tuple((start, min(end, duration)) for start, end in spans)


def common(some: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What is in both; each list is sorted and its parts do not overlap."""
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return sorted((start, end) for start, end in both if start < end)
