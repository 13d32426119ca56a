"""Parts of a clip with a prompt each: read, checked, cut out of an envelope, joined as sound.

read_segments([[0, 1.5, "footsteps on gravel"], [1.5, None, "wood"]])   # None: to the end
read_segments("0-1.5 footsteps on gravel; 1.5- wood")                   # the same
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.envelope.envelope import Envelope
from folai.envelope.hits import cut_hits
from folai.envelope.spans import read_span

SHORTEST = 0.1  # seconds of a segment
FADE = 0.02  # seconds over which the sound of one part turns into that of the next

_FORM = 'give a list of [start, end, prompt], such as [[0, 1.5, "wood"]], or "0-1.5 wood; 2- metal"'


@dataclass(frozen=True)
class Segment:
    """What is heard between two times. Raises ValueError for times out of order, and no words."""

    start: float  # seconds
    end: float  # seconds; infinite: to the end of the clip
    prompt: str | None  # None: what the clip's own options ask for

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end - SHORTEST / 2:
            raise ValueError(
                f"segments: {self.start:g} to {self.end:g} s; give start >= 0 and an end at least "
                f"{SHORTEST:g} s later"
            )
        if self.prompt is not None and not self.prompt.strip():
            raise ValueError(f"segments: {self.start:g} to {self.end:g} s has no prompt; give one")


def read_segments(given: Any) -> tuple[Segment, ...]:
    """Segments in order, from JSON text, triples, objects with start, end and prompt, or pairs of
    a part as text and a prompt, `["0:03-0:05", "keys"]`.

    Raises ValueError for anything else, and for segments that overlap.
    """
    if isinstance(given, str):
        given = _parsed(given)
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise ValueError(f"segments is {given!r}; {_FORM}")
    segments = sorted((_read(item) for item in given), key=lambda segment: segment.start)
    for one, following in pairwise(segments):
        if one.end > following.start:
            raise ValueError(
                f"segments: one ends at {one.end:g} s, after the next begins at "
                f"{following.start:g} s; let them follow one another"
            )
    return tuple(segments)


def _parsed(text: str) -> Any:
    """What a text means: JSON, or `0:03-0:05 keys; 0:05- hit wood`."""
    try:
        return json.loads(text)
    except ValueError:
        pairs = [item.split(maxsplit=1) for item in text.split(";") if item.strip()]
        if all(len(pair) == 2 for pair in pairs):
            return pairs
        raise ValueError(f"segments is {text!r}; {_FORM}") from None


def _read(item: Any) -> Segment:
    if isinstance(item, Segment):
        return item
    if isinstance(item, dict) and {"start", "prompt"} <= item.keys() <= {"start", "end", "prompt"}:
        item = (item["start"], item.get("end"), item["prompt"])
    if _is_pair(item):
        try:
            item = (*read_span(item[0]), item[1])
        except ValueError as error:
            raise ValueError(f"segments: {error}") from None
    if isinstance(item, Sequence) and not isinstance(item, str) and len(item) == 3:
        start, end, prompt = item
        end = math.inf if end is None else end
        if _is_number(start) and _is_number(end) and isinstance(prompt, str):
            return Segment(float(start), float(end), prompt)
    raise ValueError(f"segments: {item!r} is none; {_FORM}")


def _is_pair(item: Any) -> bool:
    """Whether it is a part as text, and a prompt."""
    return (
        isinstance(item, Sequence)
        and len(item) == 2
        and all(isinstance(word, str) and len(word) > 1 for word in item)
        and not isinstance(item, str)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def parts_of(segments: Sequence[Segment], duration: float) -> list[Segment]:
    """The whole of a clip as parts without a gap; between segments the prompt is None.

    Raises ValueError for a segment beyond the clip's `duration` (seconds).
    """
    parts, reached = [], 0.0
    for segment in segments:
        end = min(segment.end, duration)
        if segment.start > duration - SHORTEST / 2 or math.inf > segment.end > duration + SHORTEST:
            raise ValueError(
                f"segments: {segment.start:g} to {segment.end:g} s, and the clip lasts "
                f"{duration:.2f} s; give times within it"
            )
        if segment.start > reached:
            parts.append(Segment(reached, segment.start, None))
        parts.append(Segment(segment.start, end, segment.prompt))
        reached = end
    if duration - reached > SHORTEST:
        parts.append(Segment(reached, duration, None))
    elif parts:  # too short to be a part
        parts[-1] = Segment(parts[-1].start, duration, parts[-1].prompt)
    return parts


def widened(part: Segment, duration: float) -> tuple[float, float]:
    """(start, end) of the sound of a part: with half a fade to either side, within the clip."""
    return max(0.0, part.start - FADE / 2), min(duration, part.end + FADE / 2)


def cut(envelope: Envelope, start: float, end: float) -> Envelope:
    """The envelope between two times, on a clock that starts at `start`."""
    rate = envelope.frame_rate
    times = start + np.arange(max(1, round((end - start) * rate))) / rate
    inside = (envelope.onsets >= start) & (envelope.onsets < end)
    hits = cut_hits(envelope.hits, envelope.onsets, start, end)
    values, pan = envelope.at(times).astype(np.float32), envelope.pan
    if pan is not None:
        pan = np.interp(times, envelope.times, pan).astype(np.float32)
    return Envelope(values, rate, envelope.onsets[inside] - start, pan=pan, hits=hits)


def joined(
    wavs: Sequence[NDArray[np.float32]], starts: Sequence[float], num_samples: int, rate: int
) -> NDArray[np.float32]:
    """Sounds [C, T] that begin at `starts` (seconds), one after another, as one [C, num_samples].

    Neighbours overlap by FADE, where their powers add up to one, as they are independent.
    """
    whole = np.zeros((max(len(wav) for wav in wavs), num_samples), np.float32)
    reached = 0
    for wav, begin in zip(wavs, starts, strict=True):
        first = round(begin * rate)
        wav = wav[:, : num_samples - first].copy()
        shared = max(0, min(reached - first, wav.shape[1]))
        rise = np.sin(np.pi / 2 * (np.arange(shared) + 0.5) / max(1, shared)).astype(np.float32)
        wav[:, :shared] *= rise
        whole[:, first : first + shared] *= rise[::-1]
        whole[:, first : first + wav.shape[1]] += wav
        reached = first + wav.shape[1]
    return whole
