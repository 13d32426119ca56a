"""How sure a predicted envelope is: kept by edits and files, calibrated, said in one line."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from folai.checkpoints import calibrate_mapper, load_calibration, load_mapper, save_mapper
from folai.envelope import Envelope
from folai.envelope.plot import plot_envelope
from folai.envelope.unsure import describe_doubt, unsure_parts
from folai.evaluate.mapper.calibration import Observed, cross_validated, fit_calibration
from folai.mapper.confidence import Calibration, around_each, fit_logistic, log_odds
from folai.mapper.predict import Curves, decode
from folai.metrics import expected_calibration_error, share_right_above
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper
from folai.pipeline import GenerateOptions, generate, predict_envelope
from folai.studio import project_envelopes
from folai.studio.envelope_edits import edited
from folai.studio.schema import check
from folai.studio.shapes import ENVELOPE

ONSETS = [0.5, 1.5, 2.5]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Of a small mapper that has learned nothing."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "mapper.safetensors"
    config = MapperConfig(channels=(8, 8, 8), dim=16, hidden=8, num_layers=1)
    save_mapper([RMSMapper(config).eval()], path, {})
    return path


@pytest.fixture
def predicted() -> Envelope:
    hits = Envelope.from_hits([(time, 0.5) for time in ONSETS], 4.0)
    confidence = np.linspace(0.2, 0.9, hits.num_frames)
    return Envelope(hits.values, 120.0, hits.onsets, confidence, [0.3, 0.6, 0.9])


def confidence_at(envelope: Envelope, time: float) -> float:
    assert envelope.confidence is not None
    return float(envelope.confidence[round(time * envelope.frame_rate)])


def hit_confidence(envelope: Envelope) -> list[float]:
    assert envelope.onset_confidence is not None
    return envelope.onset_confidence.tolist()


def test_nobody_knows_how_sure_a_measured_or_drawn_envelope_is():
    measured = Envelope.from_audio(np.ones(4000, np.float32), 8000)
    for envelope in (measured, Envelope.from_hits([0.5], 1.0), measured.gain(3).mute(0.1, 0.2)):
        assert envelope.confidence is None
        assert envelope.onset_confidence is None
        assert describe_doubt(envelope) is None


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_files_keep_it(predicted, tmp_path, suffix):
    path = tmp_path / f"envelope{suffix}"
    predicted.save(path)
    assert Envelope.load(path) == predicted
    bare = Envelope(predicted.values, 120.0, predicted.onsets)
    assert bare != predicted
    bare.save(path)
    assert Envelope.load(path) == bare


@pytest.mark.parametrize("suffix", ["json", "csv"])
def test_onsets_changed_by_hand_leave_their_confidence_behind(predicted, tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    predicted.save(path)
    if suffix == "json":
        path.write_text(json.dumps({**json.loads(path.read_text()), "onsets": [0.25]}))
    else:
        first, *rows = path.read_text().splitlines()
        rows[30] = ",".join([*rows[30].split(",")[:2], "0.25", *rows[30].split(",")[3:]])
        path.write_text("\n".join([first, *rows]) + "\n")
    with pytest.warns(UserWarning, match="its onset_confidence was written for other numbers"):
        read = Envelope.load(path)
    assert 0.25 in read.onsets and read.onset_confidence is None
    assert np.array_equal(read.confidence, predicted.confidence)


def test_the_files_are_those_of_before_with_more_in_them(predicted, tmp_path):
    predicted.save(tmp_path / "a.json")
    document = json.loads((tmp_path / "a.json").read_text())
    assert (document["format"], document["version"]) == ("folai-envelope", 1)
    predicted.save(tmp_path / "a.csv")
    first = (tmp_path / "a.csv").read_text().splitlines()[0]
    assert first == "time,rms,onset,confidence,onset_confidence"


@pytest.mark.parametrize(
    "shares", [np.full(480, 1.5), np.full(480, np.nan), np.full(479, 0.5)], ids=str
)
def test_what_is_no_share_is_refused(predicted, shares):
    with pytest.raises(ValueError, match="confidence"):
        Envelope(predicted.values, 120.0, confidence=shares)


def test_gain_keeps_it_and_shift_moves_it(predicted):
    assert np.array_equal(predicted.gain(3).confidence, predicted.confidence)
    later = predicted.shift(1.0)
    assert confidence_at(later, 2.0) == pytest.approx(confidence_at(predicted, 1.0), abs=1e-6)
    assert hit_confidence(predicted.shift(1.6)) == pytest.approx([0.3, 0.6])


def test_resampling_follows_the_curve(predicted):
    coarse = predicted.resample(60.0, 2.0)
    assert confidence_at(coarse, 1.0) == pytest.approx(confidence_at(predicted, 1.0), abs=1e-3)
    assert hit_confidence(coarse) == pytest.approx([0.3, 0.6])


def test_what_a_person_does_is_sure(predicted):
    pasted = predicted.paste(predicted.shift(0.25), 1.0, 2.0)
    assert confidence_at(pasted, 1.5) == 1.0
    assert confidence_at(pasted, 2.5) == confidence_at(predicted, 2.5)
    assert hit_confidence(pasted) == pytest.approx([0.3, 1.0, 0.9])
    assert confidence_at(predicted.mute(1.0, 2.0), 1.5) == 1.0
    added = predicted.add_hit(1.0, 0.4)
    assert hit_confidence(added) == pytest.approx([0.3, 1.0, 0.6, 0.9])
    assert confidence_at(added, 1.02) == 1.0
    removed = predicted.remove_hit(1.5)
    assert hit_confidence(removed) == pytest.approx([0.3, 0.9])
    assert confidence_at(removed, 1.5) == 1.0
    moved = predicted.move_hit(0.5, 3.0)
    assert hit_confidence(moved) == pytest.approx([0.6, 0.9, 1.0])
    assert confidence_at(moved, 3.02) == 1.0


def test_gates_keep_what_is_heard(predicted):
    quiet = predicted.scale_region(1.4, 2.0, -60).gate(-50)
    assert quiet.onsets.tolist() == [0.5, 2.5]
    assert hit_confidence(quiet) == pytest.approx([0.3, 0.9])


def test_redrawn_parts_are_sure_and_the_rest_stays(predicted):
    values = predicted.values.copy()
    values[:120] = 0.1
    redrawn = predicted.redrawn(values, [1.5, 1.75])
    assert confidence_at(redrawn, 0.25) == 1.0
    assert confidence_at(redrawn, 3.0) == confidence_at(predicted, 3.0)
    assert hit_confidence(redrawn) == pytest.approx([0.6, 1.0])
    assert predicted.detect_onsets().onset_confidence is None


def flat(*confidences: float) -> Envelope:
    """A second for each confidence."""
    values = np.zeros(120 * len(confidences))
    return Envelope(values, 120.0, confidence=np.repeat(confidences, 120))


def test_unsure_parts_are_named_with_their_times():
    envelope = flat(0.9, 0.9, 0.9, 0.1, 0.2, 0.1, 0.3, 0.9, 0.9, 0.9, 0.9, 0.9)
    assert unsure_parts(envelope) == [(3.0, 7.0)]
    said = "the prediction is unsure here: 0:03-0:07; draw hits or perform them"
    assert describe_doubt(envelope) == said


def test_short_gaps_are_bridged_and_short_parts_not_told():
    envelope = Envelope(
        np.zeros(1200),
        120.0,
        confidence=np.repeat([0.1, 0.9, 0.1, 0.9, 0.1], [120, 60, 120, 880, 20]),
    )
    assert unsure_parts(envelope) == [(0.0, 2.5)]


def test_a_flat_curve_never_passes_as_an_answer():
    said = describe_doubt(flat(*[0.05] * 8))
    assert said is not None
    assert "throughout" in said
    assert describe_doubt(flat(*[0.9] * 8)) is None
    assert describe_doubt(flat(*[0.05] * 8).mute(0, 8)) is None  # a person says so


# Where it comes from


def test_what_is_around_counts_as_much_as_it_is_high():
    times = np.arange(1200) / 120
    bumps = np.zeros(1200)
    for time, height in ((2.0, 0.9), (2.5, 0.1), (3.0, 0.1), (8.0, 0.2)):
        bumps = np.maximum(bumps, height * np.exp(-0.5 * ((times - time) / 0.02) ** 2))
    near_plain, near_faint, alone = around_each(times, bumps, np.array([2.2, 8.5, 5.6]))
    assert near_plain > 0.5
    assert near_faint == pytest.approx(log_odds(0.2), abs=0.01)
    assert alone == log_odds(0.0)


def test_logistic_regression_finds_what_was_put_in():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20_000, 2))
    odds = 0.5 + inputs @ np.array([1.0, -2.0])
    came_true = (rng.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(float)
    found = fit_logistic(inputs, came_true, np.ones(len(odds)))
    assert found == pytest.approx([0.5, 1.0, -2.0], abs=0.1)


def test_calibration_error_and_share_right():
    given = np.array([0.9, 0.9, 0.9, 0.9, 0.1, 0.1])
    right = np.array([1, 1, 1, 0, 0, 0])
    assert expected_calibration_error(given, right) == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert share_right_above(given, right) == (0.75, 4)
    assert np.isnan(expected_calibration_error([], []))
    assert share_right_above([0.2], [1])[1] == 0


def observed(index: int, sureness: float, split: str) -> Observed:
    """A clip whose hits are right as often as its surroundings say."""
    rng = np.random.default_rng(index)
    around = np.full(60, log_odds(sureness))
    own = rng.uniform(0.2, 0.8, 60)
    share = np.full(40, sureness)
    return Observed(
        f"clip-{index}",
        split,
        around,
        own,
        rng.random(60) < sureness,
        np.full(40, around[0]),
        share,
    )


@pytest.fixture(scope="module")
def clips() -> list[Observed]:
    known = [observed(i, s, "val") for i, s in enumerate((0.7, 0.8, 0.85, 0.9, 0.92))]
    return [*known, *(observed(9 + i, s, "wild") for i, s in enumerate((0.1, 0.2, 0.3, 0.4)))]


def test_what_is_given_at_80_percent_holds(clips):
    report = cross_validated(clips)
    *_, everything = report.figures
    assert [figure.clips for figure in report.figures] == ["val", "wild", "all"]
    assert everything.num_hits == 540
    assert everything.num_sure > 100
    assert everything.right >= 0.75
    assert everything.error <= 0.08
    assert everything.error_of_moments <= 0.08
    assert "of them right" in report.table()


def test_splits_count_alike(clips):
    twice = [*clips, *(c for c in clips if c.split == "val")]
    assert fit_calibration(twice).level == pytest.approx(fit_calibration(clips).level, abs=0.1)
    with pytest.raises(ValueError, match="nothing to calibrate on"):
        fit_calibration([replace(clips[0], own=np.zeros(0))])


def test_calibration_travels_with_the_weights(weights, tmp_path):
    assert load_calibration(weights) is None
    calibration = Calibration((0.4, 1.25), (0.5, 0.75, 0.25))
    out = tmp_path / "calibrated.safetensors"
    calibrate_mapper(weights, out, calibration, {"clips": 3})
    assert out.read_bytes() == weights.read_bytes()
    assert load_calibration(out) == calibration
    (model,), (same,) = load_mapper(weights), load_mapper(out)
    assert model.config == same.config
    calibrate_mapper(out, out, Calibration((0.0, 1.0), (0.0, 1.0, 0.0)), {})
    assert load_calibration(out) == Calibration((0.0, 1.0), (0.0, 1.0, 0.0))
    with pytest.raises(ValueError, match="calibrate the weights again"):
        Calibration.from_dict({"level": [1.0]})


def test_a_prediction_is_sure_where_contacts_are_plain():
    times = np.arange(1800) / 120
    onset = np.zeros(1800)
    for time in (1.0, 1.6, 2.2, 2.8):
        onset = np.maximum(onset, 0.95 * np.exp(-0.5 * ((times - time) / 0.02) ** 2))
    curves = Curves(15.0, times, np.full(1800, 0.05), onset, np.zeros(1), np.zeros((1, 4)))
    bare = decode(curves)
    assert bare.confidence is None
    envelope = decode(curves, calibration=Calibration((0.4, 1.4), (0.5, 0.8, 0.5)))
    assert np.array_equal(bare.values, envelope.values)
    assert confidence_at(envelope, 2.0) > 0.8
    assert min(hit_confidence(envelope)) > 0.8
    assert confidence_at(envelope, 10.0) < 0.1
    assert "0:04-0:15" in str(describe_doubt(envelope))


# Where it is shown


def test_a_clip_that_shows_nothing_known_is_said_to_be_unsure(clip, tmp_path, weights):
    sceptical = tmp_path / "sceptical.safetensors"
    calibrate_mapper(weights, sceptical, Calibration((-4.0, 0.1), (-4.0, 0.1, 0.1)), {})
    with pytest.warns(UserWarning, match="unsure throughout.*draw hits or perform them"):
        envelope = predict_envelope(clip, weights=sceptical)
    assert envelope.confidence is not None
    assert envelope.confidence.max() < 0.1
    plot_envelope(envelope, tmp_path / "plot.png")
    options = GenerateOptions(sound="wood", engine="preview", weights=sceptical)
    with pytest.warns(UserWarning, match="unsure"):
        result = generate(clip, options=options)
    assert result.envelope == envelope


def test_an_expectation_is_for_a_prediction(predicted):
    with pytest.raises(ValueError, match="'runs'"):
        GenerateOptions(expect="runs")
    with pytest.raises(ValueError, match="expect is for a prediction"):
        GenerateOptions(envelope=predicted, expect="steps")


def test_the_studio_keeps_it(predicted, tmp_path):
    project_envelopes.write_npz(tmp_path / "curve.npz", predicted)
    assert project_envelopes.read_npz(tmp_path / "curve.npz") == predicted
    bare = Envelope(predicted.values, 120.0, predicted.onsets)
    assert project_envelopes.envelope_id(predicted) != project_envelopes.envelope_id(bare)
    document = project_envelopes.to_json(predicted)
    check(document, ENVELOPE)
    assert "confidence" not in project_envelopes.to_json(bare)
    values = np.full(12, 0.25, "<f4")
    change = {
        "first": 120,
        "onsets": [0.5, 2.5],
        "values": base64.b64encode(values.tobytes()).decode(),
    }
    drawn = project_envelopes.from_json(change, base=predicted)
    assert confidence_at(drawn, 1.05) == 1.0
    assert confidence_at(drawn, 3.0) == confidence_at(predicted, 3.0)
    assert hit_confidence(drawn) == pytest.approx([0.3, 0.9])
    louder = [{"op": "gain", "db": 3, "region": {"start": 1.0, "end": 2.0}}]
    assert hit_confidence(edited(predicted, louder, {}, 4.0)) == pytest.approx([0.3, 0.6, 0.9])
