"""Every figure that folai reports, as pure functions on arrays, numpy only.

Conventions. Curves are linear RMS, [T], >= 0, frame i centred at i / frame_rate seconds; the
predicted and the true one have the same length and rate. Onsets are seconds, in any order.
Embeddings are vectors, one row per sound. The prediction comes first, the truth second. A lag is
positive where the prediction is late. Each docstring states range, direction and the result on
empty input; `docs/evaluation.md` the formulas and pitfalls.

    true = rms_curve(wav, 16000)
    pred = envelope.at(np.arange(len(true)) / RMS_RATE)
    envelope_correlation(pred, true, RMS_RATE).best
"""

from folai.metrics.class_figures import inception_score, kl
from folai.metrics.embedding_figures import (
    FrechetAtInfinity,
    cosine,
    cosine_score,
    frechet_at_infinity,
    frechet_distance,
)
from folai.metrics.envelope_figures import (
    RMS_RATE,
    SAMPLE_RATE,
    EnvelopeCorrelation,
    envelope_correlation,
    envelope_l1,
    envelope_skill,
    l1_over_silence,
    rms_curve,
)
from folai.metrics.event_figures import EventScores, event_scores, onset_confidence
from folai.metrics.intervals import bootstrap_interval, wilson_interval
from folai.metrics.log_mel import log_mel_difference
from folai.metrics.lufs import loudness
from folai.metrics.onset_figures import (
    OnsetScores,
    harmonic_mean,
    match_onsets,
    median_onset_error,
    onset_distances,
    onset_scores,
)
from folai.metrics.reliability import expected_calibration_error, share_right_above
from folai.metrics.tonality import Partial, Tonality, partials, spectral_flatness, tonality

__all__ = [
    "RMS_RATE",
    "SAMPLE_RATE",
    "EnvelopeCorrelation",
    "EventScores",
    "FrechetAtInfinity",
    "OnsetScores",
    "Partial",
    "Tonality",
    "bootstrap_interval",
    "cosine",
    "cosine_score",
    "envelope_correlation",
    "envelope_l1",
    "envelope_skill",
    "event_scores",
    "expected_calibration_error",
    "frechet_at_infinity",
    "frechet_distance",
    "harmonic_mean",
    "inception_score",
    "kl",
    "l1_over_silence",
    "log_mel_difference",
    "loudness",
    "match_onsets",
    "median_onset_error",
    "onset_confidence",
    "onset_distances",
    "onset_scores",
    "partials",
    "rms_curve",
    "share_right_above",
    "spectral_flatness",
    "tonality",
    "wilson_interval",
]
