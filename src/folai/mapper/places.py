"""Where in the picture it moves: the pan of an envelope, from the motion of the cells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.envelope.rms import gaussian_smooth
from folai.mapper.features import Pictures
from folai.models.cells import CHANNELS, GRID

Floats = NDArray[np.float64]

WIDEST = 0.6  # pan of what moves at the picture's edge
SLOW, AT_ONSET = 0.15, 0.05  # seconds over which motion is averaged: in general, and at a hit
HELD = 0.4  # seconds that a hit stays where it was, if no other comes
TURN = 0.03  # seconds of the blur with which it moves from one place to the next
STILL = 1e-3  # weight that the middle has: where nothing moves, it is heard there


def moving_columns(pictures: Pictures) -> NDArray[np.float32]:
    """How much it moves in each column of cells at each step: [T, columns].

    What stops or turns counts, and what is fast beside it; squared, so that a small thing that hits
    outweighs a large one that sways. The camera's own motion is taken out of the cells.
    """
    cells = pictures.cells
    parts = [cells[:, CHANNELS.index(name)] for name in ("change", "lost", "speed")]
    change, lost, speed = (part.astype(np.float32) for part in parts)
    return np.asarray(((change + 0.5 * lost + 0.3 * speed) ** 2).sum(axis=1))


def pan_of(moments: Floats, columns: NDArray[np.float32], grid: Floats, onsets: Floats) -> Floats:
    """Pan at `grid` [N] seconds, -WIDEST to WIDEST: of motion [T, columns] at `moments` [T].

    Each onset is heard where it moves as it comes, and stays there while it rings.
    """
    places = (np.arange(GRID[1]) + 0.5) / GRID[1] * 2 - 1  # of columns, -1 left to 1 right
    weight = columns.sum(axis=1).astype(np.float64)
    moment = columns.astype(np.float64) @ places
    step = float(np.median(np.diff(moments))) if len(moments) > 1 else 1.0
    x = np.interp(grid, moments, _mean(weight, moment, SLOW / step))
    near = _mean(weight, moment, AT_ONSET / step)
    for onset, following in zip(onsets, np.append(onsets, np.inf)[1:], strict=True):
        held = (grid >= onset - TURN) & (grid < min(onset + HELD, following - TURN))
        x[held] = np.interp(onset, moments, near)
    rate = (len(grid) - 1) / (grid[-1] - grid[0]) if len(grid) > 1 else 1.0
    return WIDEST * np.clip(gaussian_smooth(x, TURN * rate), -1, 1)


def _mean(weight: Floats, moment: Floats, sigma: float) -> Floats:
    """Mean place [T] around each step, weighted."""
    return gaussian_smooth(moment, sigma) / (gaussian_smooth(weight, sigma) + STILL)
