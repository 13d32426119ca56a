"""The metrics: hand-checked numbers, properties, and mir_eval where it is installed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from folai.evaluate.metrics import (
    OnsetScores,
    cosine,
    envelope_correlation,
    envelope_l1,
    envelope_skill,
    frechet_distance,
    l1_over_silence,
    match_onsets,
    median_onset_error,
    onset_scores,
    rms_curve,
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
        rms_curve(np.zeros(100), 44100)
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
