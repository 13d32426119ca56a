"""Hits that are alone: no other comes until they have died away, so their tail is their own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from folai.envelope.envelope import Envelope
from folai.envelope.rms import WINDOW

ALONE = 0.35  # seconds to the next onset, at least
ATTACK = 0.06  # seconds within which a hit is at its loudest
FALLEN, WITHIN = 0.35, 0.3  # of its peak to which a hit has fallen, in seconds; a scrape goes on
RISE = 2.0  # times its lowest level so far: the curve asks for something new
FAINT = 0.1  # of the peak below which a rise does not count
LONGEST = 12.0  # seconds of a tail


class LoneHit(NamedTuple):
    """A hit whose sound may die away by itself from `onset` to `stop`, both in seconds."""

    onset: float
    stop: float
    peak: float  # RMS


def lone_hits(envelope: Envelope, alone: float = ALONE) -> list[LoneHit]:
    """The hits that are alone for so many seconds at least, in order; each ends where the next
    onset or a new rise begins. What does not fall from its peak is no hit."""
    values, rate = envelope.values.astype(np.float64), envelope.frame_rate
    following = np.append(envelope.onsets, np.inf)[1:]
    found = []
    for onset, after in zip(envelope.onsets, following, strict=True):
        if after - onset < alone:
            continue
        stop = min(after - WINDOW / 2, envelope.duration, onset + LONGEST)
        part = values[int(onset * rate) : max(int(onset * rate) + 2, int(stop * rate))]
        top = int(np.argmax(part[: max(2, round(ATTACK * rate))]))
        peak, fall = part[top], part[top:]
        soon = fall[: round(WITHIN * rate)]
        if peak == 0 or soon.min() > FALLEN * peak:
            continue
        lowest = np.minimum.accumulate(fall)
        risen = np.flatnonzero(fall > np.maximum(RISE * lowest, FAINT * peak))
        risen = risen[risen > round(0.05 * rate)]
        if risen.size:
            stop = min(stop, onset + (top + int(risen[0])) / rate)
        if stop - onset >= alone - WINDOW:
            found.append(LoneHit(float(onset), float(stop), float(peak)))
    return found
