"""How a loop goes round: what changes from its last window to its first, beside all others.

Windows of 30 ms stand side by side on a circle. `level` is the difference of level between
neighbours in dB, `spectrum` that of their spectra: the mean over 32 bands of the absolute
difference in dB, levels taken out. Entry 0 is from the end to the beginning. A loop without a seam
has there what it has elsewhere. Silence is -80 dB.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

WINDOW = 0.03  # seconds
BANDS = 32
FLOOR = 1e-4  # RMS that counts as silence

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LoopJumps:
    """[N] each, from window i - 1 to window i."""

    level: Floats  # dB
    spectrum: Floats  # dB


def loop_jumps(wav: ArrayLike, sample_rate: float) -> LoopJumps:
    """Of sound [C, T] or [T]. Raises ValueError for one that is shorter than three windows."""
    mono = np.atleast_2d(np.asarray(wav, np.float64)).mean(axis=0)
    size = round(WINDOW * sample_rate)
    count = mono.size // size
    if count < 3:
        raise ValueError(f"sound has {mono.size} samples; give {3 * size} or more")
    # Stretched a little, so that whole windows fill the circle and two of them meet at its end.
    starts = np.round(np.arange(count) * (mono.size / count)).astype(int)
    windows = np.stack([np.take(mono, np.arange(s, s + size), mode="wrap") for s in starts])
    level = 20 * np.log10(np.sqrt(np.mean(windows**2, axis=1)) + FLOOR)
    power = np.abs(np.fft.rfft(windows * np.hanning(size), axis=1)) ** 2
    edges = np.unique(np.geomspace(2, power.shape[1], BANDS + 1).round().astype(int))
    bands = np.add.reduceat(power, edges[:-1], axis=1) / np.diff(edges)
    decibels = 10 * np.log10(bands + size * FLOOR**2)
    shape = decibels - decibels.mean(axis=1, keepdims=True)
    return LoopJumps(
        np.abs(level - np.roll(level, 1)),
        np.abs(shape - np.roll(shape, 1, axis=0)).mean(axis=1),
    )
