"""Confidence intervals: of a mean over clips, and of a share of answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def bootstrap_interval(
    values: Sequence[float] | Floats, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """(low, high) of the mean of the values [N]: an interval by bootstrap over clips.

    Percentiles of the means of `resamples` samples with repetition. NaN values are left out; NaN
    twice for fewer than two values.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    if known.size < 2:
        return float("nan"), float("nan")
    rng = np.random.default_rng(seed)
    at_once = max(1, 1_000_000 // known.size)  # resamples: bounds the memory
    counts = [min(at_once, resamples - done) for done in range(0, resamples, at_once)]
    means = np.concatenate(
        [known[rng.integers(known.size, size=(count, known.size))].mean(axis=1) for count in counts]
    )
    low, high = np.percentile(means, [50 - 50 * level, 50 + 50 * level])
    return float(low), float(high)


def wilson_interval(successes: float, count: int, *, z: float = 1.959964) -> tuple[float, float]:
    """(low, high) of a share of `count` answers, 0 to 1: Wilson's interval, 95 % by default.

    Ties may count as half a success. 0.0 and 1.0 for no answers.
    """
    if count == 0:
        return 0.0, 1.0
    share, slack = successes / count, z**2 / count
    centre = (share + slack / 2) / (1 + slack)
    half = z / (1 + slack) * float(np.sqrt(share * (1 - share) / count + slack / (4 * count)))
    return max(centre - half, 0.0), min(centre + half, 1.0)
