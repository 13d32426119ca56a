"""What a tagger hears in sounds: KL divergence and inception score of class probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def kl(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean over N sounds of KL(true || pred), nats, of class probabilities [N, C]. >= 0, lower is
    better; 0.0 for equal ones, NaN for no sounds.

    Rows are scaled to sum 1, since a tagger with one sigmoid per class does not give such; 1e-6 is
    added to each probability.
    """
    p, q = (_probabilities(x) for x in (pred, true))
    if p.shape != q.shape:
        raise ValueError(f"probabilities {p.shape} and {q.shape}: give pairs of one shape")
    return float(np.sum(q * np.log(q / p), axis=1).mean()) if len(p) else float("nan")


def inception_score(probabilities: ArrayLike) -> float:
    """exp of the mean KL of each sound's classes [N, C] to those of all together: 1 to C.

    Higher: each sound is surely of one class, and all classes occur. NaN for no sounds.
    """
    p = _probabilities(probabilities)
    if not len(p):
        return float("nan")
    return float(np.exp(np.sum(p * np.log(p / p.mean(axis=0)), axis=1).mean()))


def _probabilities(values: ArrayLike) -> Floats:
    rows = np.asarray(values, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all() or (rows < 0).any():
        raise ValueError(f"probabilities {rows.shape}: give numbers of 0 or more, [N, C]")
    rows = rows + 1e-6
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))
