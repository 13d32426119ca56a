"""How well predicted onsets meet true ones: precision, recall, F1, distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


_ROUNDING = 1e-9  # seconds: 1.05 - 1.00 is a little above 0.05 in floating point, and yet a match


@dataclass(frozen=True)
class OnsetScores:
    """Each 0 to 1, higher is better."""

    precision: float
    recall: float
    f1: float


def onset_scores(pred: ArrayLike, true: ArrayLike, window: float = 0.05) -> OnsetScores:
    """Precision, recall and F1 of onsets, one-to-one within window seconds, as mir_eval.onset does.

    Where either list is empty, all three are 0.0, even if both are: mir_eval's convention. A clip
    without a single true onset is better left out of a mean.
    """
    pred, true = _sorted_onsets(pred), _sorted_onsets(true)
    if not (pred.size and true.size):
        return OnsetScores(0.0, 0.0, 0.0)
    matched = len(match_onsets(pred, true, window))
    return OnsetScores(
        precision=matched / pred.size,
        recall=matched / true.size,
        f1=2 * matched / (pred.size + true.size),
    )


def median_onset_error(pred: ArrayLike, true: ArrayLike, window: float = 0.1) -> float:
    """Median distance in seconds, true onset to the predicted one matched to it. Lower is better.

    0 to window; onsets without a match do not count (recall says how many). No match: NaN.
    """
    pred, true = _sorted_onsets(pred), _sorted_onsets(true)
    pairs = match_onsets(pred, true, window)
    return float(np.median([abs(pred[i] - true[j]) for i, j in pairs])) if pairs else float("nan")


def onset_distances(onsets: ArrayLike, contacts: ArrayLike) -> Floats:
    """[M] seconds from each of M contacts to the onset nearest to it, positive where that is late.

    One onset may be nearest to several contacts. Empty where there are no onsets or no contacts.
    """
    onsets, contacts = (np.asarray(x, dtype=np.float64) for x in (onsets, contacts))
    if not (onsets.size and contacts.size):
        return np.zeros(0)
    distances = onsets[None] - contacts[:, None]
    nearest = np.abs(distances).argmin(axis=1)
    return np.asarray(distances[np.arange(len(distances)), nearest])


def harmonic_mean(precision: float, recall: float) -> float:
    """F1 of two shares, 0 to 1, higher is better; 0.0 where either is 0."""
    return 2 * precision * recall / (precision + recall) if precision and recall else 0.0


def match_onsets(pred: ArrayLike, true: ArrayLike, window: float) -> list[tuple[int, int]]:
    """Index pairs (pred, true) of two sorted lists: the most that fit, then the least distance.

    Such a matching never crosses, so it is an alignment: table[i, j] is the best of the first i and
    j, where a match earns 1 less a share of its distance so small that all of them cost under 1.
    """
    pred, true = np.asarray(pred, dtype=np.float64), np.asarray(true, dtype=np.float64)
    distance = np.abs(pred[:, None] - true)
    earned = 1 - distance / (max(window, _ROUNDING) * 2 * (min(distance.shape, default=0) + 1))
    earned[distance > window + _ROUNDING] = -np.inf
    table = np.zeros((len(pred) + 1, len(true) + 1))
    for i, row in enumerate(earned):
        matched = np.maximum(table[i, 1:], table[i, :-1] + row)
        table[i + 1, 1:] = np.maximum.accumulate(matched)
    pairs = []
    i, j = len(pred), len(true)
    while table[i, j] > 0:
        if table[i, j] == table[i - 1, j]:
            i -= 1
        elif table[i, j] == table[i, j - 1]:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _sorted_onsets(onsets: ArrayLike) -> Floats:
    onsets = np.sort(np.asarray(onsets, dtype=np.float64).reshape(-1))
    if not np.isfinite(onsets).all():
        raise ValueError("onsets hold NaN or infinite values: give seconds")
    return onsets
