"""Parts of a take made anew: which sound is made for them, and how it is laid into the take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.segments import cut
from folai.envelope.spans import Span
from folai.takes.loudness import headroom

Wav = NDArray[np.float32]

FADE = 0.05  # seconds of the cross-fade on either side of a border
BEFORE, AFTER = 0.5, 1.5  # seconds beside a part that are made and cut off: sounds ring into it
CONTEXT = 6.0  # seconds around the gaps that a model hears which fills them


@dataclass(frozen=True)
class Piece:
    """What is played at once: some seconds of a clip, and the parts of it that are wanted."""

    start: float
    end: float
    spans: tuple[Span, ...]  # seconds of the clip

    @property
    def gaps(self) -> tuple[Span, ...]:
        """The parts with their fades, on the clock of this piece."""
        return tuple(
            (max(0.0, start - FADE - self.start), min(end + FADE, self.end) - self.start)
            for start, end in self.spans
        )


def pieces_of(spans: Sequence[Span], duration: float, *, fills: bool) -> list[Piece]:
    """What to play for these parts: one piece a part, or one for all where gaps are filled."""
    if not fills:
        return [Piece(*around(span, duration), (span,)) for span in spans]
    start, end = spans[0][0] - FADE - CONTEXT, spans[-1][1] + FADE + CONTEXT
    return [Piece(max(0.0, start), min(end, duration), tuple(spans))]


def around(span: Span, duration: float) -> Span:
    """A part with what is made beside it."""
    return max(0.0, span[0] - FADE - BEFORE), min(duration, span[1] + FADE + AFTER)


def level_cut(envelope: Envelope, start: float, end: float) -> Envelope:
    """A part of an envelope at the level at which the whole is played."""
    return at_level(cut(envelope, start, end), float(envelope.values.max()))


def at_level(part: Envelope, peak: float) -> Envelope:
    """A part of an envelope of that highest RMS, at the level at which the whole is played."""
    gain = headroom(peak)
    return part if gain == 1 else part.gain(20 * math.log10(gain))


def laid_into(old: Wav, new: Wav, start: float, span: Span, sample_rate: int) -> Wav:
    """Sound [C, T] with a part in place of its own; `new` [C, N] begins at `start` seconds.

    Fades are of equal power, since two takes of one hit are uncorrelated. Outside them each sample
    is the old one.
    """
    whole = np.repeat(old, max(len(old), len(new)) // len(old), axis=0)
    first = max(0, round((span[0] - FADE) * sample_rate))
    last = min(old.shape[1], round((span[1] + FADE) * sample_rate))
    begin = first - round(start * sample_rate)
    part = new[:, begin : begin + last - first]
    last = first + part.shape[1]
    fade = round(2 * FADE * sample_rate)
    rise, fall = fade if first > 0 else 0, fade if last < old.shape[1] else 0
    whole[:, first:last] = crossfaded(old[:, first:last], part, rise, fall)
    return whole


def crossfaded(old: Wav, new: Wav, rise: int, fall: int) -> Wav:
    """`new` [C, n] in place of `old` [C, n], faded in over `rise` samples and out over `fall`.

    Fades are of equal power, since two takes of the same hit are uncorrelated. 0: no fade there.
    """
    channels, count = max(old.shape[0], new.shape[0]), new.shape[1]
    old = np.repeat(old, channels // old.shape[0], axis=0)
    new = np.repeat(new, channels // new.shape[0], axis=0)
    angle = np.full(count, 0.5 * np.pi)
    rise, fall = min(rise, count // 2), min(fall, count // 2)
    angle[:rise] = 0.5 * np.pi * (np.arange(rise) + 0.5) / max(1, rise)
    angle[count - fall :] = (0.5 * np.pi * (np.arange(fall) + 0.5) / max(1, fall))[::-1]
    # Where the angle is a quarter turn its cosine is not quite 0.
    old_gain = np.where(angle < 0.5 * np.pi, np.cos(angle), 0.0).astype(np.float32)
    new_gain = np.sin(angle).astype(np.float32)
    return np.asarray(old * old_gain + new * new_gain, np.float32)
