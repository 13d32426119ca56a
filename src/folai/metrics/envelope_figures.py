"""How well one envelope follows another: E-L1, skill, correlation, lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.envelope.rms import gaussian_smooth

Floats = NDArray[np.float64]


SAMPLE_RATE = 16000  # Hz
RATES = (SAMPLE_RATE, 44100)  # Hz at which E-L1 is published: Video-Foley, and code around Fol-AI
FRAME_LENGTH = 512  # samples
HOP_LENGTH = 128  # samples
RMS_RATE = SAMPLE_RATE / HOP_LENGTH  # 125 Hz
_ROUNDING = 1e-9  # frames: 0.1 s at 120 Hz may be a little below 12 in floating point


@dataclass(frozen=True)
class EnvelopeCorrelation:
    """Correlations, -1 to 1, higher is better; lag in seconds, positive: the prediction is late."""

    at_zero: float
    best: float
    lag: float


def rms_curve(wav: ArrayLike, sample_rate: int = SAMPLE_RATE) -> Floats:
    """RMS [1 + N // 128] of wav [N] at one of `RATES`, zero outside, as the papers measure it.

    Frames of 512 samples, frame i over [128 i - 256, 128 i + 256): 125 Hz at 16 kHz. Empty sound:
    one frame, 0. E-L1 is defined on sound scaled to a peak of 1.
    """
    wav = np.asarray(wav, dtype=np.float64)
    if sample_rate not in RATES or wav.ndim != 1:
        raise ValueError(
            f"wav {wav.shape} at {sample_rate} Hz: give [N] resampled to 16000 or 44100 Hz"
        )
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
    furthest = min(int(max_lag * frame_rate + _ROUNDING), max(len(true) - 2, 0))
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
