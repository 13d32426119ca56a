"""How sure a prediction is: from the mapper's onset probabilities to shares that hold.

A mapper is as good as what it looks at is like what it has learned from, and its probabilities do
not show that: 0.5 is right two times in three on recordings like those of its training, and two in
five on others. What does show it is how decided the mapper is about all the hits around: where
contacts are plain, probabilities are near 0 or 1. So two things go in, as log odds:

    own       the probability of the hit
    around    the mean of the maxima of the onset probability within REACH, weighted by themselves

Their weights are a `Calibration`, fitted by logistic regression (Platt scaling with one more
input) to clips that the mapper has not learned from, and kept with the mapper's weights. Entropy
of the bins, and how far joined models disagree, were tried beside them and add nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

REACH = 2.0  # seconds to either side that are "around"
LEAST = 0.02  # probability below which nothing is told apart


@dataclass(frozen=True)
class Calibration:
    """Weights of a constant, of what is around and of a hit's own probability, all as log odds."""

    level: tuple[float, float]  # of the share of hits that agree: (constant, around)
    onset: tuple[float, float, float]  # of a hit being right: (constant, around, own)

    def confidence(self, around: ArrayLike) -> NDArray[np.float32]:
        """Expected share of the hits around, predicted and real, that agree: [T] -> [T]."""
        constant, slope = self.level
        return _to_share(constant + slope * np.asarray(around))

    def onset_confidence(self, around: ArrayLike, own: ArrayLike) -> NDArray[np.float32]:
        """Probability that a hit is right to 100 ms: [N], [N] -> [N]."""
        constant, slope, of_own = self.onset
        return _to_share(constant + slope * np.asarray(around) + of_own * log_odds(own))

    def to_dict(self) -> dict[str, list[float]]:
        return {name: [round(w, 4) for w in weights] for name, weights in asdict(self).items()}

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> Calibration:
        """Raises ValueError for anything but what `to_dict` gives."""
        try:
            level, onset = (tuple(map(float, given[name])) for name in ("level", "onset"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"calibration is {given!r}: calibrate the weights again") from error
        if (len(level), len(onset)) != (2, 3):
            raise ValueError(f"calibration is {given!r}: calibrate the weights again")
        return cls((level[0], level[1]), (onset[0], onset[1], onset[2]))


def around_each(times: Floats, probability: ArrayLike, at: Floats) -> Floats:
    """Log odds [N] of the maxima of the onset probability [T] within REACH of each of `at` [N].

    Each maximum counts as much as it is high: many small ones do not hide a few plain ones.
    """
    p = np.asarray(probability, dtype=np.float64)
    beside = np.pad(p, 1)
    peaks = np.flatnonzero((p >= beside[:-2]) & (p > beside[2:]) & (p > 2 * LEAST))
    when, high = times[peaks], p[peaks]
    sums = np.concatenate([[[0.0, 0.0]], np.cumsum(np.stack([high, high**2], axis=1), axis=0)])
    first, last = (np.searchsorted(when, at + reach) for reach in (-REACH, REACH))
    weight, squares = (sums[last] - sums[first]).T
    return log_odds(squares / np.maximum(weight, LEAST))


def log_odds(probability: ArrayLike) -> Floats:
    p = np.clip(np.asarray(probability, dtype=np.float64), LEAST, 1 - LEAST)
    return np.asarray(np.log(p / (1 - p)))


def fit_logistic(inputs: Floats, shares: Floats, weights: Floats, ridge: float = 1.0) -> Floats:
    """Weights [1 + K] of a constant and of inputs [N, K] with which the logistic function comes
    nearest to shares [N] from 0 to 1, by iteratively re-weighted least squares.

    weights: how much each of the N counts. ridge: pull of the K towards 0, in observations.
    """
    columns = np.column_stack([np.ones(len(inputs)), inputs])
    pull = ridge * np.eye(columns.shape[1])
    pull[0, 0] = 1e-6  # the constant is free; this keeps the system regular
    found = np.zeros(columns.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(columns @ found, -30, 30)))
        slope = columns.T @ (weights * (shares - p)) - pull @ found
        curvature = (columns * (weights * p * (1 - p))[:, None]).T @ columns + pull
        found = found + np.linalg.solve(curvature, slope)
    return found


def _to_share(odds: Floats) -> NDArray[np.float32]:
    """To three decimals: nobody knows it better, and files stay small."""
    return np.round(1 / (1 + np.exp(-odds)), 3).astype(np.float32)
