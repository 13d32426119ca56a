"""Reports of the mapper's scores: figures right where the answer is known, and nothing lost."""

import json

import numpy as np
import pytest
import torch

from folai import pipeline
from folai.checkpoints import calibrate_mapper, save_mapper
from folai.cli import main
from folai.data.clips import TRUTH_RATE, Clip
from folai.envelope import Envelope
from folai.evaluate.mapper.clip_scores import MapperReport, evaluate_mapper, score_clip
from folai.evaluate.mapper.rendered import (
    FIRST_SEED,
    apart,
    evaluate_rendered,
    frame_times,
    sounding_scenes,
)
from folai.mapper.confidence import Calibration
from folai.mapper.features import Pictures
from folai.media.clip import probe
from folai.media.mux import mux
from folai.models.cells import CHANNELS, GRID
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper
from folai.render import random_scene, write_clip

SMALL = (86, 64)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    config = MapperConfig(channels=(8, 8), dim=8, hidden=8, num_layers=1, num_bins=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RMSMapper(config)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_mapper([model], path, {})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clips with sound: one annotated, one not, and four that cannot be scored."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(random_scene(3, duration=1.0), folder / "mute.mp4", size=SMALL, exposures=1)
    wav = np.zeros((1, 44_100), np.float32)
    mux(folder / "mute.mp4", wav, 44_100, folder / "silent.mp4")
    for onset in (13_230, 30_870):
        wav[0, onset : onset + 4410] = np.random.default_rng(0).uniform(-0.5, 0.5, 4410)
    for name in ("annotated.mp4", "other.mp4"):
        mux(folder / "mute.mp4", wav, 44_100, folder / name)
    (folder / "text.mp4").write_text("not a video")
    listed = ("annotated", "text", "other", "mute", "silent", "missing")
    rows = [f"{name}.mp4,{'train' if name == 'text' else 'val'}" for name in listed]
    (folder / "clips.csv").write_text("\n".join(["path,split", *rows]))
    (folder / "onsets.csv").write_text(
        "path,time_seconds\nannotated.mp4,0.32\nannotated.mp4,0.68\nannotated.mp4,0.1\n"
    )
    return folder


def clip_with_hits(times, offset, annotated=False):
    """(clip whose sound is late, the envelope of that sound on the picture's clock)."""
    wanted = Envelope.from_hits([(time, 0.5) for time in times], 4.0, frame_rate=TRUTH_RATE)
    steps = 119
    cells = np.zeros((steps, len(CHANNELS), *GRID), np.float16)
    pictures = Pictures(np.arange(steps + 1) / 30, cells)
    heard = wanted.shift(offset).values
    marks = np.array(times) + offset + 0.01 if annotated else None
    return Clip("clip", 30.0, pictures, heard, marks), wanted.resample(120.0)


@pytest.mark.parametrize("annotated", [False, True])
@pytest.mark.parametrize("offset", [-0.06, 0.0, 0.05])
def test_a_right_answer_is_right_once_the_offset_is_corrected(offset, annotated):
    clip, envelope = clip_with_hits([0.5, 1.3, 2.2, 3.1], offset, annotated)
    score = score_clip(clip, envelope, offset)
    assert score.correlation > 0.995 and score.best > 0.995 and score.lag == 0
    assert score.precision == score.recall == score.f1 == 1.0
    assert score.l1 < 0.05
    assert score.truth == ("annotated" if annotated else "sound")
    assert (score.uncorrected > 0.99) == (offset == 0)


def test_the_lag_of_a_late_answer():
    clip, envelope = clip_with_hits([0.5, 1.3, 2.2, 3.1], 0.0)
    score = score_clip(clip, envelope.shift(0.04), 0.0)
    assert score.lag == pytest.approx(0.04) and score.best > 0.99 > score.correlation
    early = score_clip(clip, envelope.shift(-0.064), 0.0)
    assert early.lag == pytest.approx(-0.064) and early.f1 == 0.0


def test_extra_and_missing_onsets():
    clip, envelope = clip_with_hits([0.5, 1.3, 2.2, 3.1], 0.0)
    score = score_clip(clip, envelope.with_onsets([0.5, 0.9, 1.31]), 0.0)
    assert (score.precision, score.recall) == pytest.approx((2 / 3, 2 / 4))


def test_beyond_the_annotations_nothing_is_right_or_wrong():
    clip, envelope = clip_with_hits([1.0, 2.0], 0.0, annotated=True)
    score = score_clip(clip, envelope.with_onsets([0.5, 1.0, 2.0, 3.0, 3.5]), 0.0)
    assert score.f1 == 1.0
    assert score.f1_all == pytest.approx(2 * 0.4 * 1.0 / 1.4)
    between = score_clip(clip, envelope.with_onsets([1.0, 1.5, 2.0]), 0.0)
    assert between.precision == pytest.approx(2 / 3)


def test_clips_without_onsets_do_not_count_in_the_mean_of_onsets():
    clip, envelope = clip_with_hits([1.0, 2.0], 0.0)
    first = score_clip(clip, envelope, 0.0)
    unmarked = Clip("none", 30.0, clip.pictures, clip.rms, np.zeros(0))
    second = score_clip(unmarked, envelope, 0.0)
    assert np.isnan(second.f1)
    mean = MapperReport((first, second), {}).mean
    assert mean.f1 == first.f1 and mean.correlation == pytest.approx(first.correlation)
    assert MapperReport((second,), {}).to_dict()["mean"]["f1"] is None


def test_report_of_a_folder(folder, weights, tmp_path):
    told = []
    report = evaluate_mapper(folder, None, weights, told.append, cache=tmp_path)
    assert [score.name for score in report.scores] == ["annotated.mp4", "other.mp4"]
    assert [score.truth for score in report.scores] == ["annotated", "sound"]
    assert sorted(report.unread) == ["missing.mp4", "mute.mp4", "silent.mp4", "text.mp4"]
    assert "no such file" in report.unread["missing.mp4"]
    assert "silent" in report.unread["silent.mp4"]
    assert told == sorted(told) and told[-1] == 1.0
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert facts["num_clips"] == 2 and len(facts["clips"]) == 2
    assert facts["mean"]["l1"] == pytest.approx(np.mean([score.l1 for score in report.scores]))
    table = report.table()
    assert table.count("not scored: ") == 4 and "mean of 2 clips" in table
    rows = [line for line in table.splitlines() if line.endswith((".mp4", "clips"))]
    assert len({line.rindex("  ") for line in rows[:2]}) == 1
    assert len(list(tmp_path.glob("*.npz"))) == 3  # of what has sound, silence included


def test_one_split_of_a_folder(folder, weights):
    assert len(evaluate_mapper(folder, "val", weights).scores) == 2
    with pytest.raises(ValueError, match=r"no clip can be scored; .*text\.mp4"):
        evaluate_mapper(folder, "train", weights)
    with pytest.raises(ValueError, match="no split 'test'"):
        evaluate_mapper(folder, "test", weights)


def test_report_of_rendered_clips(weights):
    told = []
    report = evaluate_rendered(7, weights, told.append, duration=1.0, size=SMALL)
    *rates, everything = report.rates
    assert [rate.frame_rate for rate in rates] == ["24", "25", "29.97", "30", "60", "variable"]
    assert [rate.num_clips for rate in rates] == [2, 1, 1, 1, 1, 1]
    assert everything.num_clips == 7
    assert everything.num_contacts == sum(rate.num_contacts for rate in rates) >= 7
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert facts["all"]["num_clips"] == 7 and len(facts["rates"]) == 6
    assert len(report.table().splitlines()) == 9
    assert told == pytest.approx(np.arange(1, 8) / 7)
    with pytest.raises(ValueError, match="give 1 or more"):
        evaluate_rendered(0, weights)


def test_the_right_onsets_score_full_marks(weights, monkeypatch):
    scenes = sounding_scenes(2.0)

    def know(path, *, weights):
        scene, duration = next(scenes), probe(path).duration
        levels = np.array([contact.level for contact in scene.contacts])
        onsets = apart(np.array([contact.time for contact in scene.contacts]), levels)
        return Envelope(np.zeros(round(duration * 120)), 120.0, onsets[onsets <= duration])

    monkeypatch.setattr(pipeline, "predict_envelope", know)
    everything = evaluate_rendered(3, weights, duration=2.0, size=SMALL).rates[-1]
    assert everything.median_error == pytest.approx(0.0, abs=1e-6)
    assert everything.precision == everything.recall == everything.f1 == 1.0


def test_scenes_have_contacts_and_are_not_those_of_training():
    scenes = [scene for scene, _ in zip(sounding_scenes(2.0), range(8), strict=False)]
    assert all(scene.contacts and scene.kind != "none" for scene in scenes)
    assert min(scene.seed for scene in scenes) >= FIRST_SEED
    assert len({scene.seed for scene in scenes}) == 8


def test_frame_times():
    assert frame_times("29.97", 1.0, 0) == pytest.approx(np.arange(30) * 1001 / 30000)
    variable = frame_times("variable", 5.0, 7)
    intervals = np.diff(variable)
    assert variable[0] == 0 and 4.9 < variable[-1] < 5.0
    assert 1 / 48 <= intervals.min() < 0.025 and 0.045 < intervals.max() <= 1 / 20
    assert np.array_equal(variable, frame_times("variable", 5.0, 7))


def test_contacts_closer_than_60_ms_count_as_the_loudest_of_them():
    times, levels = np.array([1.0, 1.05, 1.1, 2.0, 2.07]), np.array([0.2, 0.9, 0.3, 0.5, 0.5])
    assert apart(times, levels).tolist() == [1.05, 2.0, 2.07]


def test_clips_beside_tell_the_offset_and_are_not_scored(folder, weights):
    report = evaluate_mapper(folder, "val", weights)
    assert "text.mp4" not in {score.name for score in report.scores} | set(report.unread)


def test_calibrated_weights_are_told_how_reliable_they_are(folder, weights, tmp_path, capsys):
    calibrated = tmp_path / "calibrated.safetensors"
    calibrate_mapper(weights, calibrated, Calibration((0.0, 1.0), (0.0, 0.5, 0.5)), {})
    assert evaluate_mapper(folder, "val", weights).reliability is None
    report = evaluate_mapper(folder, "val", calibrated)
    assert report.reliability is not None
    assert "calibration: " in report.table()
    assert "num_sure" in report.to_dict()["reliability"]
    arguments = ["--data", str(folder), "--split", "val", "--weights", str(weights)]
    code = main(["train", "calibrate", *arguments, "-o", str(tmp_path / "new.safetensors")])
    assert code == 1 or (tmp_path / "new.safetensors").exists()
    assert "nothing to calibrate on" in capsys.readouterr().err or code == 0
