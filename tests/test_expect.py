"""What a person expects to hear decides how a prediction is decoded."""

import numpy as np
import pytest

from folai.envelope.rms import find_onsets
from folai.mapper.expect import (
    RATE,
    check_expectation,
    place_steps,
    step_evidence,
    usual_interval,
    walking_signals,
    with_hits,
    without_floor_between,
)
from folai.mapper.features import Pictures
from folai.mapper.predict import Curves, decode
from folai.metrics import onset_scores
from folai.models.cells import CHANNELS, GRID

Floats = np.ndarray
STEPS = np.arange(0.6, 7.8, 0.55)


def evidence_of(steps: Floats, duration: float, *, noise: float = 0.3, seed: int = 0) -> Floats:
    """Bumps of evidence at the steps, and noise."""
    times = np.arange(round(duration * RATE)) / RATE
    curve = np.random.default_rng(seed).normal(0, noise, len(times)) - 0.2
    for step in steps:
        curve += 2.0 * np.exp(-0.5 * ((times - step) / 0.03) ** 2)
    return curve


def test_a_steady_walk_is_found():
    steps = np.arange(0.4, 9.8, 0.55)
    placed = place_steps(evidence_of(steps, 10.0))
    assert onset_scores(placed, steps, 0.05).f1 > 0.95


def test_the_rhythm_places_steps_that_nothing_shows():
    steps = np.arange(0.4, 9.8, 0.55)
    shown = np.delete(steps, [3, 6, 7, 11, 14])
    placed = place_steps(evidence_of(shown, 10.0))
    assert onset_scores(placed, steps, 0.1).f1 > 0.95


@pytest.mark.parametrize("last", [0.35, 0.75])
def test_the_tempo_may_drift(last):
    steps = 0.3 + np.cumsum(np.linspace(0.5, last, 18))
    placed = place_steps(evidence_of(steps, float(steps[-1]) + 0.5))
    assert onset_scores(placed, steps, 0.05).f1 > 0.9


def test_where_nobody_walks_there_are_no_steps():
    assert place_steps(np.full(600, -0.2)).size == 0
    assert place_steps(np.zeros(1)).size == 0
    still = step_evidence(
        np.arange(1200) / 120, np.zeros(1200), np.arange(300) / 30, np.zeros((300, 4)), 10.0
    )
    assert place_steps(still).size == 0


def test_cadence_of_the_evidence():
    assert usual_interval(evidence_of(np.arange(0.4, 9.8, 0.65), 10.0)) == pytest.approx(
        0.65, abs=0.02
    )


def walker(steps: Floats, duration: float) -> Pictures:
    """Two feet in turns: each comes down for a while, and stops."""
    edges = np.arange(round(duration * 30) + 1) / 30
    cells = np.random.default_rng(0).uniform(0, 0.02, (len(edges) - 1, len(CHANNELS), *GRID))
    for number, step in enumerate(steps):
        falling = (edges[:-1] > step - 0.2) & (edges[:-1] < step - 0.03)
        column = 4 + 6 * (number % 2)
        for name in ("mean_y", "down"):
            cells[falling, CHANNELS.index(name), 8:11, column : column + 3] += 1.0
    return Pictures(edges, cells.astype(np.float16))


def curves_of(pictures: Pictures, onset: Floats | None = None) -> Curves:
    times = (np.arange(pictures.num_steps * 4) + 0.5) / 120
    return Curves(
        duration=pictures.duration,
        times=times,
        levels=np.full(len(times), 0.01),
        onset=(np.zeros(len(times)) if onset is None else onset).astype(np.float32),
        moments=(pictures.edges[1:] + pictures.edges[:-1]) / 2,
        signals=walking_signals(pictures),
    )


def one_hit() -> Curves:
    times = (np.arange(960) + 0.5) / 120
    hit = 0.9 * np.exp(-0.5 * ((times - 2.0) / 0.012) ** 2)
    return curves_of(walker(STEPS, 8.0), hit)


def test_a_walker_whose_contacts_the_mapper_does_not_know():
    curves = curves_of(walker(STEPS, 8.0))
    assert decode(curves).onsets.size == 0
    walked = decode(curves, expect="steps")
    assert onset_scores(walked.onsets, STEPS, 0.1).f1 > 0.9
    heard = find_onsets(walked.values, walked.frame_rate)
    assert onset_scores(heard, walked.onsets, 0.05).f1 > 0.9  # the flat curve has become steps


def test_one_may_stop_and_go_on():
    steps = np.concatenate([np.arange(0.6, 5.0, 0.5), np.arange(10.0, 14.5, 0.5)])
    placed = decode(curves_of(walker(steps, 15.0)), expect="steps").onsets
    assert onset_scores(placed, steps, 0.1).f1 > 0.85
    assert not np.any((placed > 6.5) & (placed < 8.5))


def test_plain_contacts_stay_where_they_are():
    times = (np.arange(960) + 0.5) / 120
    late = STEPS[::2] + 0.2  # every other step, and not where the feet stop
    onset = 0.95 * np.exp(-0.5 * ((times[:, None] - late) / 0.012) ** 2).max(axis=1)
    curves = curves_of(walker(STEPS, 8.0), onset)
    assert np.array_equal(decode(curves, expect="steps").onsets, decode(curves).onsets)


def test_a_contact_beside_the_walk_stays():
    times = (np.arange(2160) + 0.5) / 120
    door = 0.9 * np.exp(-0.5 * ((times - 15.0) / 0.012) ** 2)
    onsets = decode(curves_of(walker(STEPS, 18.0), door), expect="steps").onsets
    assert np.abs(onsets - 15.0).min() < 0.02
    assert not np.any((onsets > 9.0) & (onsets < 13.0))


def test_continuous_has_no_onsets_and_the_same_curve():
    curves = one_hit()
    assert decode(curves).onsets.size == 1
    continuous = decode(curves, expect="continuous")
    assert continuous.onsets.size == 0
    assert np.array_equal(continuous.values, decode(curves).values)


def test_hits_have_silence_between_them():
    curves = one_hit()
    hits = decode(curves, expect="hits")
    assert hits.onsets == pytest.approx([2.0], abs=0.01)
    assert hits.at(2.02) > 0.1
    assert hits.at(1.0) == 0
    assert hits.at(6.0) < 1e-6


def test_hits_that_are_there_stay_as_they_are():
    values = np.full(480, 0.01)
    values[120:130] = 0.6
    laid = with_hits(values, np.array([1.0, 3.0]), 120.0)
    assert np.array_equal(laid[:300], values[:300])
    assert laid[360:375].max() == pytest.approx(0.6, rel=0.1)
    assert without_floor_between(values, np.zeros(0), 120.0).max() == 0


def test_other_expectations_are_refused():
    with pytest.raises(ValueError, match="'runs'; use one of steps, hits, continuous"):
        check_expectation("runs")
