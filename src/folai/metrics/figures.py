"""Every figure that folai reports, as pure functions on arrays, numpy only.

Conventions. Curves are linear RMS, [T], >= 0, frame i centred at i / frame_rate seconds; the
predicted and the true one have the same length and rate. Onsets are seconds, in any order.
Embeddings are vectors, a row a sound. The prediction comes first, the truth second. A lag is
positive where the prediction is late. Each docstring states range, direction and what comes of
nothing; `docs/evaluation.md` the formulas and pitfalls.

    true = rms_curve(wav, 16000)
    pred = envelope.at(np.arange(len(true)) / RMS_RATE)
    envelope_correlation(pred, true, RMS_RATE).best
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.envelope.rms import gaussian_smooth
from folai.metrics.hits import EventScores as EventScores
from folai.metrics.hits import event_scores as event_scores
from folai.metrics.hits import onset_confidence as onset_confidence
from folai.metrics.loudness import loudness as loudness

Floats = NDArray[np.float64]

SAMPLE_RATE = 16000  # Hz
RATES = (SAMPLE_RATE, 44100)  # Hz at which E-L1 is published: Video-Foley, and code around Fol-AI
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
    """RMS [1 + N // 128] of wav [N] at one of `RATES`, zero outside, as the papers measure it.

    Frames of 512 samples, frame i over [128 i - 256, 128 i + 256): 125 Hz at 16 kHz. Empty sound:
    one frame, 0. E-L1 is defined on sound scaled to a peak of 1, see `sound_l1`.
    """
    wav = np.asarray(wav, dtype=np.float64)
    if sample_rate not in RATES or wav.ndim != 1:
        raise ValueError(
            f"wav {wav.shape} at {sample_rate} Hz: give [N] resampled to 16000 or 44100 Hz"
        )
    padded = np.pad(wav**2, FRAME_LENGTH // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME_LENGTH)[::HOP_LENGTH]
    return np.asarray(np.sqrt(frames.mean(axis=-1)))


def sound_l1(
    pred: ArrayLike,
    true: ArrayLike,
    sample_rate: int = SAMPLE_RATE,
    *,
    peak_normalised: bool = True,
) -> float:
    """E-L1 of two sounds [N] at one of `RATES`, trimmed to the shorter. >= 0, lower is better.

    peak_normalised: each is scaled to a peak of 1 first; silence stays silence. 0.0 if empty.
    """
    return envelope_l1(*_sound_curves(pred, true, sample_rate, peak_normalised))


def sound_skill(
    pred: ArrayLike,
    true: ArrayLike,
    sample_rate: int = SAMPLE_RATE,
    *,
    peak_normalised: bool = True,
) -> float:
    """`envelope_skill` of two sounds, compared as `sound_l1` does; -inf for a silent truth."""
    return envelope_skill(*_sound_curves(pred, true, sample_rate, peak_normalised))


def _sound_curves(
    pred: ArrayLike, true: ArrayLike, sample_rate: int, peak_normalised: bool
) -> tuple[Floats, Floats]:
    wavs = [np.asarray(wav, dtype=np.float64) for wav in (pred, true)]
    length = min(len(wav) for wav in wavs)
    wavs = [wav[:length] for wav in wavs]
    if peak_normalised:
        wavs = [wav / (np.abs(wav).max(initial=0.0) or 1.0) for wav in wavs]
    pred_curve, true_curve = (rms_curve(wav, sample_rate) for wav in wavs)
    return pred_curve, true_curve


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
    """Where the line through the distances of growing sets, over 1 / size, meets 1 / size = 0."""

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


def kl(pred: ArrayLike, true: ArrayLike) -> float:
    """Mean over N sounds of KL(true || pred), nats, of class probabilities [N, C]: >= 0, lower is
    better; 0.0 for the same ones, NaN for no sounds. Rows are scaled to sum 1, as the outputs of a
    tagger with a sigmoid a class do not; 1e-6 is added to each probability."""
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


def _probabilities(given: ArrayLike) -> Floats:
    rows = np.asarray(given, dtype=np.float64)
    if rows.ndim != 2 or not np.isfinite(rows).all() or (rows < 0).any():
        raise ValueError(f"probabilities {rows.shape}: give numbers of 0 or more, [N, C]")
    rows = rows + 1e-6
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def bootstrap_interval(
    values: Sequence[float] | Floats, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """(low, high) within which the mean of the values [N] lies, were other clips drawn.

    Percentiles of the means of `resamples` samples with repetition; NaN twice below two values.
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

    Equals may count as half a success. No answers: 0.0 and 1.0, nothing is known.
    """
    if count == 0:
        return 0.0, 1.0
    share, slack = successes / count, z**2 / count
    centre = (share + slack / 2) / (1 + slack)
    half = z / (1 + slack) * float(np.sqrt(share * (1 - share) / count + slack / (4 * count)))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def _squared(x: Floats) -> Floats:
    """R of x = QR where x is tall: the singular values of products with it stay the same."""
    return np.asarray(np.linalg.qr(x, mode="r")) if len(x) > x.shape[1] else x


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
