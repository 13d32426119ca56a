"""The metrics: hand-checked numbers, properties, and mir_eval where it is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from folai.metrics import (
    OnsetScores,
    bootstrap_interval,
    cosine,
    cosine_score,
    envelope_correlation,
    envelope_l1,
    envelope_skill,
    event_scores,
    frechet_at_infinity,
    frechet_distance,
    harmonic_mean,
    inception_score,
    kl,
    l1_over_silence,
    loudness,
    match_onsets,
    median_onset_error,
    onset_confidence,
    onset_distances,
    onset_scores,
    rms_curve,
    wilson_interval,
)

GOLDEN: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "golden" / "metrics.json").read_text()
)


def golden(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", GOLDEN[name], ids=lambda case: case["why"][:40])


@golden("onset_scores")
def test_onset_scores(case: dict[str, Any]) -> None:
    scores = onset_scores(case["pred"], case["true"], case["window"])
    expected = (case["precision"], case["recall"], case["f1"])
    assert (scores.precision, scores.recall, scores.f1) == pytest.approx(expected, abs=1e-9)


@golden("median_onset_error")
def test_median_onset_error(case: dict[str, Any]) -> None:
    assert median_onset_error(case["pred"], case["true"]) == pytest.approx(case["expected"])


@golden("envelope_l1")
def test_envelope_l1(case: dict[str, Any]) -> None:
    pred, true = case["pred"], case["true"]
    assert envelope_l1(pred, true) == pytest.approx(case["l1"])
    assert l1_over_silence(pred, true) == pytest.approx(case["over_silence"])
    assert envelope_skill(pred, true) == pytest.approx(case["skill"])


@golden("envelope_correlation")
def test_envelope_correlation(case: dict[str, Any]) -> None:
    result = envelope_correlation(
        case["pred"], case["true"], case["frame_rate"], smooth=0, max_lag=case["max_lag"]
    )
    expected = (case["at_zero"], case["best"], case["lag"])
    assert (result.at_zero, result.best, result.lag) == pytest.approx(expected, abs=1e-9)


@golden("rms_curve")
def test_rms_curve(case: dict[str, Any]) -> None:
    wav = np.concatenate([np.zeros(case["zeros"]), np.ones(case["ones"])])
    np.testing.assert_allclose(rms_curve(wav) ** 2, case["squares"], atol=1e-12)


@pytest.mark.parametrize("frames", [-12, -3, 0, 5, 12])
def test_a_late_prediction_has_a_positive_lag(frames: int) -> None:
    true = np.random.default_rng(0).random(500) ** 3
    result = envelope_correlation(np.roll(true, frames), true, 125.0)
    assert result.lag == pytest.approx(frames / 125)
    assert result.best > 0.98 and result.best >= result.at_zero


def test_lag_stays_within_its_bound() -> None:
    true = np.zeros(400)
    true[100] = 1.0
    assert abs(envelope_correlation(np.roll(true, 40), true, 125.0, max_lag=0.1).lag) <= 0.1


def test_correlation_ignores_gain_and_constant_curves_score_zero() -> None:
    true = np.random.default_rng(1).random(300)
    assert envelope_correlation(0.01 * true, true).at_zero == pytest.approx(1.0)
    assert envelope_correlation(np.full(300, 0.3), true).best == 0.0
    assert envelope_correlation([], []).at_zero == 0.0


def test_empty_and_silent() -> None:
    assert envelope_l1([], []) == 0.0
    assert l1_over_silence([0.0, 0.0], [0.0, 0.0]) == 1.0
    assert l1_over_silence([0.1, 0.0], [0.0, 0.0]) == float("inf")
    assert onset_scores([1.0], []) == OnsetScores(0.0, 0.0, 0.0)
    assert np.isnan(median_onset_error([1.0], [2.0]))
    assert rms_curve([]).tolist() == [0.0]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="bring both to one"):
        envelope_l1([0.1], [0.1, 0.2])
    with pytest.raises(ValueError, match="NaN"):
        envelope_l1([float("nan")], [0.1])
    with pytest.raises(ValueError, match="16000"):
        rms_curve(np.zeros(100), 48000)
    with pytest.raises(ValueError, match="seconds"):
        onset_scores([float("inf")], [1.0])


def test_matching_agrees_with_optimal_assignment() -> None:
    from scipy.optimize import linear_sum_assignment

    rng = np.random.default_rng(2)
    for _ in range(50):
        pred, true = np.sort(rng.random(rng.integers(1, 25))), np.sort(rng.random(15))
        distance = np.abs(pred[:, None] - true)
        cost = np.where(distance <= 0.05, distance, 1e3)
        rows, columns = linear_sum_assignment(cost)
        fits = cost[rows, columns] < 1e3
        pairs = match_onsets(pred, true, 0.05)
        assert len(pairs) == fits.sum()
        spent = sum(distance[i, j] for i, j in pairs)
        assert spent == pytest.approx(cost[rows, columns][fits].sum())


def test_onset_scores_agree_with_mir_eval() -> None:
    onset = pytest.importorskip("mir_eval.onset", reason="mir_eval is not installed")
    rng = np.random.default_rng(3)
    for _ in range(20):
        pred, true = np.sort(rng.random(30)) * 5, np.sort(rng.random(25)) * 5
        f1, precision, recall = onset.f_measure(true, pred, window=0.05)
        scores = onset_scores(pred, true)
        assert (scores.f1, scores.precision, scores.recall) == pytest.approx(
            (f1, precision, recall)
        )


def test_rms_curve_agrees_with_a_plain_loop() -> None:
    wav = np.random.default_rng(4).standard_normal(3000)
    curve = rms_curve(wav)
    assert len(curve) == 1 + 3000 // 128
    for i, value in enumerate(curve):
        part = wav[max(128 * i - 256, 0) : 128 * i + 256]
        assert value == pytest.approx(np.sqrt(np.sum(part**2) / 512))


@pytest.mark.parametrize("counts", [(200, 150), (6, 9)])  # more vectors than numbers, and fewer
def test_frechet_distance_agrees_with_the_matrix_square_root(counts: tuple[int, int]) -> None:
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(5)
    mix = rng.standard_normal((12, 12))
    a, b = rng.standard_normal((counts[0], 12)), rng.standard_normal((counts[1], 12)) @ mix + 1
    covariances = np.cov(a.T), np.cov(b.T)
    root = np.real(np.trace(sqrtm(covariances[0] @ covariances[1])))
    between = np.sum((a.mean(0) - b.mean(0)) ** 2)
    expected = between + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-5)


def test_frechet_distance_of_known_sets() -> None:
    line = np.array([[-1.0], [0.0], [1.0]])  # variance 1
    assert frechet_distance(line, line) == 0.0
    assert frechet_distance(line, 3 * line + 2) == pytest.approx(2**2 + (3 - 1) ** 2)
    with pytest.raises(ValueError, match="N of 2 or more"):
        frechet_distance([[1.0, 2.0]], [[1.0, 2.0]])
    with pytest.raises(ValueError, match="one length"):
        frechet_distance(np.ones((3, 2)), np.ones((3, 4)))


def test_cosine() -> None:
    a = [[1.0, 0.0], [2.0, 2.0], [0.0, 0.0]]
    assert cosine(a, [[-3.0, 0.0], [1.0, 0.0], [1.0, 1.0]]) == pytest.approx([-1, 0.5**0.5, 0])


@golden("event_scores")
def test_event_scores(case: dict[str, Any]) -> None:
    scores = event_scores(case["pred"], case["confidence"], case["true"])
    found = (scores.same_count, scores.accuracy, scores.average_precision)
    assert found == pytest.approx((case["same_count"], case["accuracy"], case["precision"]))


def test_average_precision_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")
    rng = np.random.default_rng(6)
    for _ in range(20):
        true = np.arange(6.0)  # so far apart that each can only take its own
        hit = rng.random(6) < 0.6
        pred = np.concatenate([true[hit] + 0.02, 10.0 + np.arange(4)])
        confidence = rng.integers(1, 5, len(pred)) / 5  # with equal ones
        missed = np.count_nonzero(~hit)
        right = [1] * int(hit.sum()) + [0] * 4 + [1] * missed
        expected = metrics.average_precision_score(right, [*confidence, *([0.0] * missed)])
        found = event_scores(pred, confidence, true).average_precision
        assert found == pytest.approx(expected)


def test_onset_confidence_is_the_peak_nearby() -> None:
    wav = np.zeros(16000)
    wav[4000], wav[12000] = 0.2, -0.8
    assert onset_confidence(wav, 16000, [0.24, 0.75, 0.5]) == pytest.approx([0.25, 1.0, 0.0])
    assert event_scores([], [], [1.0, 2.0]).average_precision == 1.0  # the published quirk
    assert event_scores([1.0], [1.0], []).accuracy == 0.0
    with pytest.raises(ValueError, match="give one for each"):
        event_scores([1.0], [], [1.0])


def test_onset_distances() -> None:
    assert onset_distances([1.0, 2.5], [0.9, 2.0, 2.4]) == pytest.approx([0.1, 0.5, 0.1])
    assert onset_distances([], [1.0]).size == onset_distances([1.0], []).size == 0
    assert harmonic_mean(0.5, 1.0) == pytest.approx(2 / 3) and harmonic_mean(0.0, 1.0) == 0.0


@pytest.mark.parametrize("sample_rate", [16000, 44100])
def test_e_l1_of_sounds_in_both_published_forms(sample_rate: int) -> None:
    rng = np.random.default_rng(7)
    true = rng.standard_normal(sample_rate) * np.linspace(0, 1, sample_rate)
    peak = np.abs(true).max()
    silence = rms_curve(np.zeros(sample_rate), sample_rate)
    curve = rms_curve(true / peak, sample_rate)
    assert envelope_l1(silence, curve) == pytest.approx(curve.mean())
    assert envelope_skill(silence, curve) == 0.0
    assert envelope_skill(curve, curve) == 1.0
    softer = rms_curve(0.1 * true, sample_rate)
    assert envelope_l1(softer, peak * curve) == pytest.approx(0.9 * curve.mean() * peak)
    assert envelope_skill(curve, silence) == -np.inf
    assert envelope_l1(rms_curve([]), rms_curve([])) == 0.0


def test_rms_curve_agrees_with_librosa() -> None:
    librosa = pytest.importorskip("librosa", reason="librosa is not installed")
    for sample_rate in (16000, 44100):
        wav = np.random.default_rng(8).standard_normal(sample_rate)
        expected = librosa.feature.rms(y=wav, frame_length=512, hop_length=128, center=True)[0]
        np.testing.assert_allclose(rms_curve(wav, sample_rate), expected, rtol=1e-6)


def test_loudness_of_a_sine_is_what_the_standard_says() -> None:
    sine = np.sin(2 * np.pi * 997 * np.arange(3 * 48000) / 48000)
    assert loudness(sine, 48000) == pytest.approx(-3.01, abs=0.01)
    assert loudness(np.stack([sine, sine]), 48000) == pytest.approx(0.0, abs=0.01)
    quiet = np.concatenate([sine, 0.001 * sine])  # gated away
    assert loudness(quiet, 48000) == pytest.approx(-3.01, abs=0.3)
    assert loudness(np.zeros(48000), 48000) == loudness(sine[:1000], 48000) == -np.inf
    with pytest.raises(ValueError, match="one or two channels"):
        loudness(np.ones((3, 48000)), 48000)


@pytest.mark.parametrize("sample_rate", [16000, 44100, 48000])
def test_loudness_agrees_with_ffmpeg(sample_rate: int) -> None:
    from fractions import Fraction

    import av

    time = np.arange(6 * sample_rate) / sample_rate
    swell = 0.1 * (1 + np.sin(2 * np.pi * 0.4 * time)) * np.where(time < 2, 0.01, 1.0)
    wav = swell * np.random.default_rng(9).standard_normal(time.size)
    unit = Fraction(1, sample_rate)
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=sample_rate, format="dbl", layout="mono", time_base=unit)
    meter, sink = graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(wav[None], format="dbl", layout="mono")
    frame.sample_rate, frame.time_base, frame.pts = sample_rate, unit, 0
    graph.push(frame)
    graph.push(None)
    heard = None
    while True:
        try:
            heard = float(graph.pull().metadata["lavfi.r128.I"])
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    assert loudness(wav, sample_rate) == pytest.approx(heard, abs=0.02)


def test_frechet_at_infinity_takes_the_bias_out() -> None:
    rng = np.random.default_rng(10)
    true, pred = rng.standard_normal((2000, 20)), rng.standard_normal((300, 20))
    exact, found = frechet_distance(pred, true), frechet_at_infinity(pred, true)
    assert 0 < abs(found.value) < exact / 3 and found.r2 > 0.9
    assert found == frechet_at_infinity(pred, true)  # the same draws again
    assert np.isnan(frechet_at_infinity(pred[:10], true).value)


def test_kl_and_inception_score() -> None:
    from scipy.stats import entropy

    rng = np.random.default_rng(11)
    p, q = rng.random((30, 7)), rng.random((30, 7))
    rows = [x / x.sum(axis=1, keepdims=True) for x in (q, p)]
    expected = np.mean([entropy(a, b) for a, b in zip(*rows, strict=True)])
    assert kl(p, q) == pytest.approx(expected, rel=1e-3)
    assert kl(p, p) == 0.0 and np.isnan(kl(np.ones((0, 3)), np.ones((0, 3))))
    assert inception_score(np.eye(5)) == pytest.approx(5.0, rel=1e-3)
    assert inception_score(np.ones((4, 5))) == pytest.approx(1.0)
    assert np.isnan(inception_score(np.ones((0, 5))))
    with pytest.raises(ValueError, match="0 or more"):
        kl([[-0.1, 1.0]], [[0.5, 0.5]])


def test_bootstrap_interval() -> None:
    values = np.random.default_rng(12).normal(3.0, 2.0, 400)
    low, high = bootstrap_interval(values)
    half = 1.96 * values.std() / 20
    assert (values.mean() - low, high - values.mean()) == pytest.approx((half, half), rel=0.15)
    assert bootstrap_interval(values) == (low, high)
    assert np.isnan(bootstrap_interval([1.0])).all()
    assert bootstrap_interval([2.0, 2.0, float("nan")]) == (2.0, 2.0)


def test_cosine_score() -> None:
    assert cosine_score([[1.0, 0.0], [0.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]) == pytest.approx(
        (0.5**0.5 + 1) / 2
    )
    assert np.isnan(cosine_score(np.ones((0, 2)), np.ones((0, 2))))


@golden("kl")
def test_kl(case: dict[str, Any]) -> None:
    assert kl(case["pred"], case["true"]) == pytest.approx(case["expected"], abs=1e-5)


@golden("inception_score")
def test_inception_score(case: dict[str, Any]) -> None:
    assert inception_score(case["probabilities"]) == pytest.approx(case["expected"], abs=1e-4)


@golden("frechet_distance")
def test_frechet_distance(case: dict[str, Any]) -> None:
    assert frechet_distance(case["a"], case["b"]) == pytest.approx(case["expected"])


@golden("wilson_interval")
def test_wilson_interval(case: dict[str, Any]) -> None:
    found = wilson_interval(case["successes"], case["count"])
    assert found == pytest.approx((case["low"], case["high"]), abs=1e-6)
