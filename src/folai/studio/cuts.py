"""Where a clip cuts: pictures that differ from the one before far more than those around them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LEAST = 18.0  # mean grey levels, of 255, that a cut changes at least
TIMES, AROUND = 5.0, 12  # that it changes more than most pictures so near to it do
ALONE, BESIDE = 2.0, 3  # that it changes more than each of those beside it: else something is fast


def find_cuts(folder: Path) -> list[float]:
    """Seconds of the pictures after cuts, of a clip that was watched into `folder`."""
    from folai.mapper.glimpses import changes_of

    times, changes = changes_of(folder)
    cuts = []
    for index in np.flatnonzero(changes > LEAST):
        usual = np.median(changes[max(0, index - AROUND) : index + AROUND + 1])
        near = changes[max(0, index - BESIDE) : index + BESIDE + 1]
        beside = np.delete(near, min(int(index), BESIDE))
        if changes[index] > max(TIMES * usual, ALONE * beside.max(initial=0.0)):
            cuts.append(float(times[index]))
    return cuts
