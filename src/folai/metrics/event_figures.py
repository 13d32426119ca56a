"""Onsets as CondFoleyGen scores them: each with a confidence. Numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

REACH = 0.05  # seconds to either side of an onset within which its confidence is looked for


@dataclass(frozen=True)
class EventScores:
    """As CondFoleyGen scores a clip, each 0 to 1, higher is better."""

    same_count: float  # 1.0 where as many onsets are heard as there are: its "# onset accuracy"
    accuracy: float  # share of the true onsets that are hit
    average_precision: float


def event_scores(
    pred: ArrayLike, confidence: ArrayLike, true: ArrayLike, window: float = 0.1
) -> EventScores:
    """CondFoleyGen's onset scores (arXiv 2303.16897), of onsets with a confidence each, 0 to 1.

    In the order of time, each true onset takes the most confident of the free predictions nearer
    than `window` seconds. Missed onsets enter the average precision with confidence 0, so it is
    above 0 even for silence, as published. Unlike there, all missed onsets do, also those after the
    last prediction. No true onsets: accuracy and average precision 0.0.
    """
    pred, confidence, true = (
        np.asarray(x, dtype=np.float64).reshape(-1) for x in (pred, confidence, true)
    )
    if pred.shape != confidence.shape:
        raise ValueError(f"{pred.size} onsets, {confidence.size} confidences: give one for each")
    free, scores, right = list(range(len(pred))), [], []
    hits = 0
    for onset in np.sort(true):
        near = [i for i in free if abs(pred[i] - onset) < window]
        best = max(near, key=lambda i: confidence[i], default=None)
        hits += best is not None
        scores.append(0.0 if best is None else float(confidence[best]))
        right.append(1.0)
        free = [i for i in free if i != best]
    scores += [float(confidence[i]) for i in free]
    right += [0.0] * len(free)
    return EventScores(
        same_count=float(len(pred) == len(true)),
        accuracy=hits / len(true) if len(true) else 0.0,
        average_precision=_average_precision(np.array(right), np.array(scores)),
    )


def onset_confidence(wav: ArrayLike, sample_rate: int, onsets: ArrayLike) -> Floats:
    """[M] the highest |sample| of wav [N] within 50 ms of each onset, over that of all: 0 to 1."""
    level, reach = np.abs(np.asarray(wav, dtype=np.float64)), round(REACH * sample_rate)
    places = np.rint(np.asarray(onsets, dtype=np.float64) * sample_rate).astype(int)
    found = [level[max(0, i - reach) : i + reach].max(initial=0.0) for i in places]
    return np.array(found) / max(float(level.max(initial=0.0)), 1e-12)


def _average_precision(right: Floats, scores: Floats) -> float:
    """Sum over thresholds of the rise in recall times the precision; 0.0 if nothing is right."""
    if not right.sum():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    right, scores = right[order], scores[order]
    last_of_equals = np.append(scores[1:] != scores[:-1], True)
    hits = np.cumsum(right)
    precision = (hits / np.arange(1, len(hits) + 1))[last_of_equals]
    recall = (hits / hits[-1])[last_of_equals]
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))
