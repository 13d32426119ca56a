"""Teaching the mapper a clip: it learns what it is shown, changes nothing else, and refuses what
cannot teach."""

import copy
import json
import shlex

import numpy as np
import pytest
import torch

from folai import pipeline
from folai.checkpoints import MAPPER, load_mapper, save_mapper
from folai.cli import main, make_parser
from folai.data.clips import TRUTH_RATE, Clip
from folai.data.examples import lesson_of, part_between
from folai.envelope import Envelope
from folai.evaluate.mapper import adapted
from folai.evaluate.mapper.clip_scores import score_clip
from folai.mapper.features import Pictures
from folai.mapper.predict import predict_envelope
from folai.media.audio import write_wav
from folai.media.mux import mux
from folai.models.cells import CHANNELS, GRID
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper
from folai.train.adapt import AdaptOptions, adapt_mapper, read_lesson, taught

TINY = MapperConfig(channels=(8, 8), dim=16, hidden=8, num_layers=1, num_bins=16)


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return RMSMapper(TINY).eval()


@pytest.fixture(scope="module")
def weights(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_mapper([model], path, {})
    return path


@pytest.fixture
def at_work(clip, weights, tmp_path, monkeypatch):
    """A folder with clip.mp4, its right envelope, and weights that know nothing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    for suffix in (".safetensors", ".json"):
        path = weights.with_suffix(suffix)
        (tmp_path / path.name).write_bytes(path.read_bytes())
    Envelope.from_hits([(0.5, 0.4), (1.5, 0.4)], 2.5).save("env.json")
    return tmp_path


def moving_clip(hits, seconds=8.0, late=0.0):
    """A clip in which the picture moves just where it sounds."""
    wanted = Envelope.from_hits([(hit, 0.5) for hit in hits], seconds, frame_rate=TRUTH_RATE)
    steps = round(seconds * 30)
    edges = np.arange(steps + 1) / 30
    cells = np.full((steps, len(CHANNELS), *GRID), 0.1, np.float16)
    cells[:, :, 4:8, 4:8] += wanted.at(edges[:-1] + 1 / 60)[:, None, None, None].astype(np.float16)
    onsets = np.array(hits) + late
    return Clip("clip", 30.0, Pictures(edges, cells), wanted.shift(late).values, onsets)


def test_it_learns_what_it_is_shown_and_the_rest_like_it(model):
    clip = moving_clip([0.7, 1.9, 2.6, 3.4, 4.6, 5.2, 6.1, 7.3])
    shown = part_between(clip.pictures, 0.0, 4.0)
    lesson = lesson_of("clip", shown, clip.rms, clip.annotated)
    options = AdaptOptions(steps=120, learning_rate=1e-2)
    told = []
    learned = taught([model, model], [lesson], options, told.append)
    assert told == sorted(told) and told[-1] == 1.0 and len(told) == 2 * options.rounds == 252
    before, after = score(clip, [model]), score(clip, learned)
    assert after.best > 0.8 > before.best + 0.2
    assert after.l1 < 0.6 * before.l1


def score(clip, models):
    return score_clip(clip, predict_envelope([clip.pictures], models), 0.0, since=4.0)


def test_the_teacher_is_not_changed_and_a_seed_tells_all(model):
    before = copy.deepcopy(model.state_dict())
    clip = moving_clip([0.7, 1.9, 2.6, 3.4])
    lesson = lesson_of("clip", clip.pictures, clip.rms, clip.annotated)
    options = AdaptOptions(steps=3)
    torch.manual_seed(7)
    first = taught([model], [lesson], options)[0].state_dict()
    drawn = torch.rand(1)
    again = taught([model], [lesson], options)[0].state_dict()
    other = taught([model], [lesson], AdaptOptions(steps=3, seed=1))[0].state_dict()
    torch.manual_seed(7)
    assert torch.equal(drawn, torch.rand(1))  # nobody else's random numbers are used
    changed = [name for name in before if not torch.equal(before[name], first[name])]
    assert changed and not any("running" in name for name in changed)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_a_share_of_what_was_learned_is_kept(model):
    clip = moving_clip([0.7, 1.9, 2.6, 3.4])
    lesson = lesson_of("clip", clip.pictures, clip.rms, clip.annotated)
    half, whole = (
        taught([model], [lesson], AdaptOptions(steps=3, share=share))[0].state_dict()
        for share in (0.5, 1.0)
    )
    for name, was in model.state_dict().items():
        if was.is_floating_point():
            assert torch.allclose(half[name], (was + whole[name]) / 2, atol=1e-6), name


def test_what_is_thrown_in_the_progress_stops_it(model):
    clip = moving_clip([0.7, 1.9])
    lesson = lesson_of("clip", clip.pictures, clip.rms, clip.annotated)

    def stop(share):
        raise KeyboardInterrupt

    usual = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        taught([model], [lesson], AdaptOptions(steps=2, threads=usual + 1), stop)
    assert torch.get_num_threads() == usual


def test_a_lesson_is_the_part_that_was_named(clip):
    envelope = Envelope.from_hits([0.3, 1.5], 2.5)
    lesson = read_lesson(clip, envelope, 0.25, 2.3)
    (seen,) = lesson.views
    assert 0.25 - 1e-6 <= seen.edges[0] < 0.29 and 2.26 < seen.edges[-1] <= 2.3 + 1e-6
    assert lesson.onsets.tolist() == [0.3, 1.5] and lesson.offset == 0.0
    at = np.round(np.array([0.3, 0.35, 1.55]) * TRUTH_RATE).astype(int)
    assert np.allclose(lesson.rms[at], envelope.at(at / TRUTH_RATE), atol=1e-6)


def test_where_nobody_marked_onsets_none_are_taught(clip):
    curve = Envelope.from_hits([0.3, 1.5], 2.5).with_onsets([])
    assert read_lesson(clip, curve).onsets is None


def test_a_sound_is_as_good_as_an_envelope(clip, tmp_path):
    wav = np.zeros((2, 44_100 * 5 // 2), np.float32)
    wav[:, 44_100 : 44_100 + 4410] = 0.1 * np.random.default_rng(0).standard_normal(4410)
    mux(clip, wav, 44_100, tmp_path / "sounding.mov")
    lesson = read_lesson(clip, tmp_path / "sounding.mov")
    assert lesson.onsets == pytest.approx([1.0], abs=0.01)
    assert 0.15 < lesson.rms.max() < 0.6  # at peak 1, however quiet it was
    write_wav(tmp_path / "short.wav", wav[:, :44_100], 44_100)
    with pytest.raises(ValueError, match=r"lasts 1\.00 s, the clip 2\.50 s"):
        read_lesson(clip, tmp_path / "short.wav")


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        (2.0, 1.0, "is not within it"),
        (-1.0, 2.0, "is not within it"),
        (0.0, 9.0, "lasts 2.50 s; 0 to 9 s is not within it"),
        (1.0, 2.0, "give 2 to 180 s"),
        (float("nan"), None, "is not within it"),
    ],
)
def test_parts_that_cannot_teach(clip, start, end, said):
    with pytest.raises(ValueError, match=said):
        read_lesson(clip, Envelope.from_hits([0.5], 2.5), start, end)


def test_silence_and_other_lengths_cannot_teach(clip):
    with pytest.raises(ValueError, match="the envelope is silent: nothing to learn"):
        read_lesson(clip, Envelope(np.zeros(300, np.float32)))
    with pytest.raises(ValueError, match=r"lasts 4\.000 s, not 2\.500 s"):
        read_lesson(clip, Envelope.from_hits([0.5], 4.0))
    with pytest.raises(ValueError, match="steps is 0"):
        AdaptOptions(steps=0)
    with pytest.raises(ValueError, match="share is 0"):
        AdaptOptions(share=0.0)


# ---- the command


def test_adapt_then_envelope(at_work, capsys):
    command = (
        "adapt clip.mp4 env.json --to 2.4 --steps 2 --weights tiny.safetensors -o mine.safetensors"
    )
    assert main([*shlex.split(command), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["output"] == "mine.safetensors" and facts["learned"] == pytest.approx(
        2.4, abs=0.05
    )
    notes = json.loads((at_work / "mine.json").read_text())["notes"]
    assert notes["adapted"]["steps"] == 2 and notes["adapted"]["end"] == 2.4
    assert main(shlex.split("envelope clip.mp4 -o new.json --weights mine.safetensors")) == 0
    assert main(shlex.split("envelope clip.mp4 -o old.json --weights tiny.safetensors")) == 0
    assert Envelope.load("new.json") != Envelope.load("old.json")


def test_the_command_learns_by_default_as_its_options_say():
    parsed = make_parser().parse_args(["adapt", "clip.mp4", "env.json", "-o", "mine.safetensors"])
    assert AdaptOptions(steps=parsed.steps, seed=parsed.seed) == AdaptOptions()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("adapt clip.mp4 env.json -o mine.bin", "mine.bin: weights are .safetensors files"),
        ("adapt clip.mp4 env.json -o tiny.safetensors --weights tiny.safetensors", "is the input"),
        ("adapt clip.mp4 env.json -o no/mine.safetensors", "no does not exist"),
        ("adapt clip.mp4 gone.json -o mine.safetensors", "gone.json: no such file"),
        ("adapt gone.mp4 env.json -o mine.safetensors", "gone.mp4: does not exist"),
        ("adapt clip.mp4 clip.mp4 -o mine.safetensors", "clip.mp4: has no sound"),
        ("adapt clip.mp4 env.json --from 1 --to 2 -o mine.safetensors", "give 2 to 180 s"),
        ("adapt clip.mp4 env.json --steps 0 -o mine.safetensors", "steps is 0"),
        ("adapt clip.mp4 env.json --weights env.json -o mine.safetensors", "env.json"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_line(at_work, capsys, command, said):
    before = sorted(path.name for path in at_work.iterdir())
    assert main(shlex.split(command)) == 2
    told = capsys.readouterr().err
    assert told.startswith("folai: ") and told.count("\n") == 1 and said in told
    assert sorted(path.name for path in at_work.iterdir()) == before


def test_envelopes_are_pasted(at_work, capsys):
    Envelope.from_hits([(0.6, 0.2), (1.0, 0.2), (2.0, 0.2)], 2.5).save("other.csv")
    assert main(shlex.split("edit env.json -o both.json --paste other.csv 0.8 2.2 --gain 6")) == 0
    both = Envelope.load("both.json")
    assert both.onsets.tolist() == [0.5, 1.0, 2.0]
    expected = Envelope.load("other.csv").gain(6)
    inside = (both.times > 0.82) & (both.times < 2.18)
    assert np.allclose(both.values[inside], expected.values[inside], atol=1e-6)
    with pytest.raises(SystemExit):
        main(shlex.split("edit env.json -o both.json --paste other.csv now 2.2"))
    assert "START and END are seconds" in capsys.readouterr().err


# ---- the measure


def test_only_what_follows_the_lesson_is_scored():
    clip = moving_clip([0.7, 1.9, 4.6, 6.1], late=0.02)
    wrong = [(0.2, 0.5), (1.0, 0.5), (4.6, 0.5), (6.1, 0.5)]  # before 3 s all is wrong
    envelope = Envelope.from_hits(wrong, 8.0)
    rest, whole = (score_clip(clip, envelope, 0.02, since) for since in (3.0, 0.0))
    assert rest.f1 == rest.f1_all == 1.0 and rest.best > 0.98
    assert whole.f1 < 0.8 and whole.best < 0.8


def test_the_report_tells_before_and_after(weights, monkeypatch, tmp_path):
    clips = [moving_clip([0.7, 1.9, 2.6, 3.4, 5.2, 7.3]), moving_clip([0.5], 5.0)]

    def known(data, split, unread, progress, **_):
        yield from ((clip, 0.0) for clip in clips)

    monkeypatch.setattr(adapted, "aligned_clips", known)
    report = adapted.evaluate_adapted(tmp_path, "val", weights, 3.5, teach=taught_long)
    assert len(report.before.scores) == len(report.after.scores) == 1
    assert report.after.mean.best > report.before.mean.best
    assert list(report.before.unread.values()) == ["clip: lasts less than 7.5 s"]
    text = report.table()
    assert "what follows the first 3.5 s, as it was:" in text and "having learned" in text
    json.dumps(report.to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="no clip can be scored"):
        adapted.evaluate_adapted(tmp_path, "val", weights, 60.0, teach=taught)
    for seconds in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="give the seconds"):
            adapted.evaluate_adapted(tmp_path, "val", weights, seconds, teach=taught)


def taught_long(models, lessons):
    return taught(models, lessons, AdaptOptions(steps=120, learning_rate=1e-2))


def test_what_ships_can_learn(clip, tmp_path):
    """Both of its sizes, and its predictions go on."""
    out = tmp_path / "mine.safetensors"
    envelope = Envelope.from_hits([0.5, 1.5], 2.5)
    adapt_mapper(clip, envelope, out, options=AdaptOptions(steps=2, batch_size=1))
    assert [m.config for m in load_mapper(out)] == [m.config for m in load_mapper(MAPPER)]
    assert pipeline.predict_envelope(clip, weights=out).duration == pytest.approx(2.5, abs=0.01)
