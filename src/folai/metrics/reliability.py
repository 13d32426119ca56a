"""Whether what is given at 80 % holds in 80 % of cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def expected_calibration_error(
    given: ArrayLike, share: ArrayLike, weights: ArrayLike | None = None, bins: int = 10
) -> float:
    """Mean distance of given probabilities from what came true, over equal bins of 0 to 1.

    Guo et al. (arXiv 1706.04599), equation 3. given, share: [N]; share is 1 where it came true, 0
    where not, or between. weights: [N], how much each counts. 0 to 1, lower is better; NaN for
    none. With few observations it is never 0: 20 in a bin scatter by 0.1 about the truth.
    """
    given, share = (np.asarray(x, dtype=np.float64) for x in (given, share))
    weight = np.ones(len(given)) if weights is None else np.asarray(weights, dtype=np.float64)
    if not weight.sum() > 0:
        return float("nan")
    place = np.minimum((given * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weight * (given - share), minlength=bins)
    return float(np.abs(gaps).sum() / weight.sum())


def share_right_above(
    given: ArrayLike, right: ArrayLike, threshold: float = 0.8
) -> tuple[float, int]:
    """(share that is right, how many there are) of those given at `threshold` or above.

    0 to 1, higher is better; NaN and 0 where there are none.
    """
    chosen = np.asarray(given, dtype=np.float64) >= threshold
    right = np.asarray(right, dtype=np.float64)[chosen]
    return (float(right.mean()) if right.size else float("nan")), int(right.size)
