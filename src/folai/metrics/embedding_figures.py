"""How alike sounds are by their embeddings: cosine and Frechet distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def cosine(a: ArrayLike, b: ArrayLike) -> Floats:
    """Cosine of vectors [..., D] and [..., D], -1 to 1, higher is more alike. Zeros: 0.0."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray(np.clip(np.sum(a * b, axis=-1) / np.maximum(length, 1e-12), -1.0, 1.0))


def cosine_score(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean cosine of N pairs of vectors [N, D]: the CLAP score, -1 to 1, higher is better.

    NaN for no pairs.
    """
    alike = cosine(pred, true)
    return float(alike.mean()) if alike.size else float("nan")


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Squared Frechet distance of Gaussians fitted to vectors [N, D] and [M, D]; N, M >= 2.

    |mean difference|^2 + tr(A + B - 2 (A B)^1/2) with covariances A and B. >= 0, lower is nearer,
    0.0 for the same set. Biased upward where N or M is not far above D: compare sets of one size.

    The trace of the root needs no root: with A = X'X and B = Y'Y, the eigenvalues of AB are the
    squared singular values of XY', so it is the sum of those. Tall X and Y are first made square.
    """
    a, b = (_vectors(x) for x in (a, b))
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"vectors {a.shape} and {b.shape}: bring both to one length")
    between = a.mean(axis=0) - b.mean(axis=0)
    x, y = ((v - v.mean(axis=0)) / np.sqrt(len(v) - 1) for v in (a, b))
    root = np.linalg.svd(_squared(x) @ _squared(y).T, compute_uv=False).sum()
    return float(max(between @ between + np.sum(x**2) + np.sum(y**2) - 2 * root, 0.0))


@dataclass(frozen=True)
class FrechetAtInfinity:
    """Frechet distance extrapolated to sets of infinite size: the line over 1 / size at 0."""

    value: float  # may fall below 0 by chance; lower is nearer
    r2: float  # of the line: near 1 where the extrapolation can be believed


def frechet_at_infinity(
    pred: ArrayLike, true: ArrayLike, *, sizes: int = 12, seed: int = 0
) -> FrechetAtInfinity:
    """FAD-infinity (arXiv 2311.01616): the bias of few samples taken out by extrapolation.

    `sizes` sets of N / 4 to N of the N predicted vectors are drawn without repetition. NaN where
    there are fewer than 16 of them.
    """
    pred, true = (_vectors(x) for x in (pred, true))
    if len(pred) < 16:
        return FrechetAtInfinity(float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    numbers = np.unique(np.linspace(max(len(pred) // 4, 4), len(pred), sizes).round().astype(int))
    y = np.array(
        [frechet_distance(pred[rng.choice(len(pred), n, replace=False)], true) for n in numbers]
    )
    x = 1 / numbers
    slope, intercept = np.polyfit(x, y, 1)
    spread = float(np.sum((y - y.mean()) ** 2))
    left = float(np.sum((y - slope * x - intercept) ** 2))
    return FrechetAtInfinity(float(intercept), 1 - left / spread if spread > 0 else 1.0)


def _squared(x: Floats) -> Floats:
    """R of x = QR where x is tall: the singular values of products with it stay the same."""
    return np.asarray(np.linalg.qr(x, mode="r")) if len(x) > x.shape[1] else x


def _vectors(values: ArrayLike) -> Floats:
    vectors = np.asarray(values, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) < 2 or not np.isfinite(vectors).all():
        raise ValueError(f"vectors {vectors.shape}: give finite numbers [N, D] with N of 2 or more")
    return vectors
