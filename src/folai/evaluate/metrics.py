"""How well an envelope and its onsets agree with the truth. Pure functions on arrays, numpy only.

Conventions. Sound is 16 kHz mono. Curves are linear RMS, [T], >= 0, frame i centred at
i / frame_rate seconds; the predicted and the true one have the same length and rate. Onsets are
seconds, in any order. Embeddings are vectors, a row a sound. The prediction comes first, the truth
second. A lag is positive where the prediction is late.

    true = rms_curve(wav, 16000)
    pred = envelope.at(np.arange(len(true)) / RMS_RATE)
    envelope_correlation(pred, true, RMS_RATE).best
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.rms import gaussian_smooth

Floats = NDArray[np.float64]

SAMPLE_RATE = 16000  # Hz
FRAME_LENGTH = 512  # samples
HOP_LENGTH = 128  # samples
RMS_RATE = SAMPLE_RATE / HOP_LENGTH  # 125 Hz
ROUNDING = 1e-9  # seconds: 1.05 - 1.00 is a little above 0.05 in floating point, and yet a match


@dataclass(frozen=True)
class EnvelopeCorrelation:
    """Correlations, -1 to 1, higher is better; lag in seconds, positive: the prediction is late."""

    at_zero: float
    best: float
    lag: float


@dataclass(frozen=True)
class OnsetScores:
    """Each 0 to 1, higher is better."""

    precision: float
    recall: float
    f1: float


def rms_curve(wav: ArrayLike, sample_rate: int = SAMPLE_RATE) -> Floats:
    """RMS [1 + N // 128] at 125 Hz of wav [N] at 16 kHz, zero outside, as the papers measure it.

    Frames of 512 samples, frame i over [128 i - 256, 128 i + 256). Empty sound: one frame, 0.
    E-L1 is defined on sound scaled to a peak of 1, which is left to the caller.
    """
    wav = np.asarray(wav, dtype=np.float64)
    if sample_rate != SAMPLE_RATE or wav.ndim != 1:
        raise ValueError(f"wav {wav.shape} at {sample_rate} Hz: give [N] resampled to 16000 Hz")
    padded = np.pad(wav**2, FRAME_LENGTH // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_LENGTH)[::HOP_LENGTH]
    return np.asarray(np.sqrt(frames.mean(axis=-1)))


def envelope_correlation(
    pred: ArrayLike,
    true: ArrayLike,
    frame_rate: float = RMS_RATE,
    *,
    smooth: float = 4.0,
    max_lag: float = 0.1,
) -> EnvelopeCorrelation:
    """Pearson correlation of the square roots of two curves, each blurred by smooth frames.

    Taken at lag 0 and at the best lag within max_lag seconds, in whole frames, over the frames the
    two then share; of equal ones the shortest lag. A constant or empty curve correlates 0.0.
    """
    pred, true = (gaussian_smooth(np.sqrt(curve), smooth) for curve in _curves(pred, true))
    furthest = min(int(max_lag * frame_rate + ROUNDING), max(len(true) - 2, 0))
    best = EnvelopeCorrelation(at_zero := _pearson(pred, true), at_zero, 0.0)
    for lag in sorted(range(-furthest, furthest + 1), key=abs):
        late, early = max(lag, 0), max(-lag, 0)
        shared = len(true) - abs(lag)
        score = _pearson(pred[late : late + shared], true[early : early + shared])
        if score > best.best:
            best = EnvelopeCorrelation(at_zero, score, lag / frame_rate)
    return best


def envelope_l1(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean absolute difference of two curves (E-L1). >= 0, lower is better; 0.0 if empty."""
    pred, true = _curves(pred, true)
    return float(np.abs(pred - true).mean()) if true.size else 0.0


def l1_over_silence(pred: ArrayLike, true: ArrayLike) -> float:
    """envelope_l1 over what a silent prediction would score. >= 0, lower is better, 1 as silence.

    Where the truth is silent or empty: 1.0 for a silent prediction, infinity for any other.
    """
    distance, silence = envelope_l1(pred, true), envelope_l1(np.zeros_like(true), true)
    if silence > 0:
        return distance / silence
    return 1.0 if distance == 0 else float("inf")


def envelope_skill(pred: ArrayLike, true: ArrayLike) -> float:
    """1 - l1_over_silence: at most 1, higher is better; 0 is as good as silence, below is worse."""
    return 1.0 - l1_over_silence(pred, true)


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


def match_onsets(pred: ArrayLike, true: ArrayLike, window: float) -> list[tuple[int, int]]:
    """Index pairs (pred, true) of two sorted lists: the most that fit, then the least distance.

    Such a matching never crosses, so it is an alignment: table[i, j] is the best of the first i and
    j, where a match earns 1 less a share of its distance so small that all of them cost under 1.
    """
    pred, true = np.asarray(pred, dtype=np.float64), np.asarray(true, dtype=np.float64)
    distance = np.abs(pred[:, None] - true)
    earned = 1 - distance / (max(window, ROUNDING) * 2 * (min(distance.shape, default=0) + 1))
    earned[distance > window + ROUNDING] = -np.inf
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


def cosine(a: ArrayLike, b: ArrayLike) -> Floats:
    """Cosine of vectors [..., D] and [..., D], -1 to 1, higher is more alike. Zeros: 0.0."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    length = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.asarray(np.clip(np.sum(a * b, axis=-1) / np.maximum(length, 1e-12), -1.0, 1.0))


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """Squared Frechet distance of Gaussians fitted to vectors [N, D] and [M, D]; N, M >= 2.

    |mean difference|^2 + tr(A + B - 2 (A B)^1/2) with covariances A and B. >= 0, lower is nearer,
    0.0 for the same set. Biased upward where N or M is not far above D: compare sets of one size.

    The trace of the root needs no D x D matrix: with A = X'X and B = Y'Y, the eigenvalues of AB are
    the squared singular values of XY', so it is the sum of those.
    """
    a, b = (_vectors(x) for x in (a, b))
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"vectors {a.shape} and {b.shape}: bring both to one length")
    between = a.mean(axis=0) - b.mean(axis=0)
    x, y = ((v - v.mean(axis=0)) / np.sqrt(len(v) - 1) for v in (a, b))
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(max(between @ between + np.sum(x**2) + np.sum(y**2) - 2 * root, 0.0))


def _vectors(given: ArrayLike) -> Floats:
    vectors = np.asarray(given, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) < 2 or not np.isfinite(vectors).all():
        raise ValueError(f"vectors {vectors.shape}: give finite numbers [N, D] with N of 2 or more")
    return vectors


def _pearson(a: Floats, b: Floats) -> float:
    if any(x.size == 0 or np.ptp(x) <= 1e-9 * x.max() for x in (a, b)):
        return 0.0  # constant, but for rounding
    a, b = a - a.mean(), b - b.mean()
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def _curves(pred: ArrayLike, true: ArrayLike) -> tuple[Floats, Floats]:
    pred, true = np.asarray(pred, dtype=np.float64), np.asarray(true, dtype=np.float64)
    if pred.ndim != 1 or pred.shape != true.shape:
        raise ValueError(f"curves {pred.shape} and {true.shape}: bring both to one [T]")
    if not all(np.isfinite(x).all() and (x >= 0).all() for x in (pred, true)):
        raise ValueError("a curve holds NaN, infinite or negative values: RMS is 0 or more")
    return pred, true


def _sorted_onsets(onsets: ArrayLike) -> Floats:
    onsets = np.sort(np.asarray(onsets, dtype=np.float64).reshape(-1))
    if not np.isfinite(onsets).all():
        raise ValueError("onsets hold NaN or infinite values: give seconds")
    return onsets
