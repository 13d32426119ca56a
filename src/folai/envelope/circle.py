"""An envelope as a circle, for sound that loops: what follows its end is its beginning.

A loop is played along a little more than one turn, and what is too much is faded into its
beginning (`folai.takes.loop`). So the clip's end is a place like any other, and the only seam lies
where it is least heard: at the end of the longest pause, or where it is most quiet.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from folai.envelope.envelope import Envelope

LONGEST_SEAM = 0.25  # seconds over which a loop fades into its beginning
BENT = 0.1  # seconds before the end in which a curve is drawn to its beginning
ALIKE_DB = 1.0  # levels that count as one


def seam_length(duration: float) -> float:
    """Seconds of the seam of a loop that long."""
    return min(LONGEST_SEAM, duration / 4)


def turned(envelope: Envelope, start: float, length: float, period: float) -> Envelope:
    """The envelope from `start` on for `length` seconds, on a circle of `period` seconds.

    Where the curve's end is not at the level of its beginning it is drawn there, or the end would
    be a step that no sound asks for; an onset at the beginning may step.
    """
    rate = envelope.frame_rate
    places = np.mod(start + np.arange(max(1, round(length * rate))) / rate, period)
    attack = envelope.onsets.size > 0 and envelope.onsets[0] < BENT / 2
    values = _bent(envelope, envelope.values, period, bends=not attack)
    pan = envelope.pan if envelope.pan is None else _bent(envelope, envelope.pan, period)
    onsets, hits = [], []
    settings = {hit.time: hit for hit in envelope.hits}
    last = len(places) / rate
    for turn in range(math.floor(start / period), math.floor((start + length) / period) + 1):
        for onset in envelope.onsets:
            time = float(onset + turn * period - start)
            if 0 <= time < last and onset < period:
                onsets.append(time)
                if onset in settings:
                    hits.append(replace(settings[onset], time=time))
    return Envelope(
        np.interp(places, envelope.times, values).astype(np.float32),
        rate,
        np.array(onsets),
        pan=None if pan is None else np.interp(places, envelope.times, pan).astype(np.float32),
        hits=tuple(hits),
    )


def _bent(
    envelope: Envelope, curve: NDArray[np.float32], period: float, bends: bool = True
) -> NDArray[np.float64]:
    """A curve [T] whose last BENT seconds lead to its first value."""
    share = np.clip((envelope.times - (period - BENT)) / BENT, 0.0, 1.0) * bends
    return np.asarray((1 - share) * curve + share * curve[0], np.float64)


def quiet_place(envelope: Envelope, length: float, period: float) -> float:
    """Where, in seconds, a seam of that length begins so that it is heard least.

    No onset lies in it, if that can be. Of places that are as quiet it is the end of the longest
    pause, where what rang before has died away; a sound that is even throughout has it at 0.
    """
    rate = envelope.frame_rate
    count, wide = max(1, round(period * rate)), max(1, round(length * rate))
    once = turned(envelope, 0.0, period, period)
    levels = np.resize(once.values.astype(np.float64), count)
    highest = float(levels.max())
    for onset in once.onsets:  # as if it were louder than all
        levels[np.arange(math.floor(onset * rate) - 2, math.ceil(onset * rate) + 3) % count] += (
            2 * highest
        )
    around = np.concatenate([levels, np.resize(levels, wide)])
    loudest = np.lib.stride_tricks.sliding_window_view(around, wide + 1).max(axis=1)[:count]
    limit = max(float(loudest.min()) * 10 ** (ALIKE_DB / 20), 1e-3 * highest)
    quiet = loudest <= limit
    if quiet.all():
        return 0.0
    return _end_of_longest(quiet) / rate


def _end_of_longest(quiet: NDArray[np.bool_]) -> int:
    """The last frame of the longest run on a circle; one frame at least is not quiet."""
    first = int(np.argmin(quiet))
    turned_round = np.roll(quiet, -first)  # begins with one that is not
    edges = np.flatnonzero(np.diff(np.concatenate([turned_round, [False]]).astype(int)))
    runs = edges.reshape(-1, 2)  # (last before, last within)
    longest = runs[int(np.argmax(runs[:, 1] - runs[:, 0]))]
    return int((longest[1] + first) % quiet.size)
