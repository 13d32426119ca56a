"""Recovers when pictures were taken, where a frame-rate conversion dropped some of them.

Footage of 29.97 Hz that was converted to 25 by dropping every sixth picture plays evenly, but its
pictures were not taken evenly: at each gap everything moves twice as far. Uncorrected, that is a
false burst of speed five times a second and a timing error of up to 17 ms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SOURCE_RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 60000 / 1001, 60.0)  # Hz
_MAX_RATIO = 1.6  # more pictures lost than this leaves no pattern to find
_MIN_SCORE = 6.0  # standard errors; 300 hypotheses on footage without drops stay below 5
_MIN_JUMP = 0.12  # a gap moves at least this much further than its neighbours, natural log


def taken_times(times: NDArray[np.float64], motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """When each frame was taken, seconds: `times` itself unless dropped pictures are evident.

    `times` [T] are presentation times of evenly spaced frames and `motion` [T - 1] is how much
    the picture changed between neighbours (any positive unit). If the frames of a faster source
    were kept by rounding, frame n shows source picture floor(n * ratio + phase): both unknowns are
    found by asking at which gaps the motion is larger than around them.
    """
    if len(times) < 50:
        return times
    step = (times[-1] - times[0]) / (len(times) - 1)
    if np.abs(np.diff(times) - step).max() > 0.1 * step:
        return times
    excess = _excess(motion)
    best_score, best_times = _MIN_SCORE, times
    for rate in SOURCE_RATES:
        ratio = rate * step
        if not 1.03 < ratio < _MAX_RATIO:
            continue
        for phase in np.arange(0.0, 1.0, 0.02):
            picture = np.floor(np.arange(len(times)) * ratio + phase)
            score = _score(excess, np.diff(picture) > 1)
            if score > best_score:
                best_score, best_times = score, times[0] + picture / rate
    return best_times


def _excess(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the motion over the median of its seven neighbours, limited."""
    log = np.log(motion + 0.02 * motion.mean() + 1e-9)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(log, 3, mode="edge"), 7)
    clipped: NDArray[np.float64] = np.clip(log - np.median(around, axis=1), -1.5, 1.5)
    return clipped


def _score(excess: NDArray[np.float64], gap: NDArray[np.bool_]) -> float:
    """How many standard errors the motion at the gaps stands above the rest."""
    if min(gap.sum(), (~gap).sum()) < 8:
        return 0.0
    jump = excess[gap].mean() - excess[~gap].mean()
    error = excess.std() * np.sqrt(1 / gap.sum() + 1 / (~gap).sum()) + 1e-9
    return float(jump / error) if jump > _MIN_JUMP else 0.0
