"""The judge of the sound model: figures that are known beforehand come out as they must."""

import json

import numpy as np
import pytest
import torch

from folai.checkpoints import AUTOENCODER, CONTROL, save_mapper
from folai.cli import main
from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds
from folai.diffusion.foley import FoleyConfig
from folai.diffusion.foley_files import save_base, save_control
from folai.diffusion.vocabulary import ALL
from folai.envelope import Envelope
from folai.envelope.rms import centred_rms
from folai.evaluate.foley import predicted
from folai.evaluate.foley.comparison import FoleyOptions, evaluate_foley
from folai.evaluate.foley.labels import agreement, examples, label_tasks, learn
from folai.evaluate.foley.scoring import own_nearest
from folai.evaluate.foley.speed import measure_speed
from folai.evaluate.foley.systems import System, baselines, pink_noise
from folai.evaluate.foley.tasks import Task, cut_tasks, partners
from folai.media.audio import write_wav
from folai.media.mux import mux
from folai.models.conditioner import Conditioner, ConditionerConfig
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT, DiTConfig
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper
from folai.preview.impacts import Impactor
from folai.preview.lay import lay
from folai.render import random_scene, write_clip

SECONDS = 4.0
FIGURES = ("correlation", "own", "own_reference", "label")


def blows(material, seconds, seed=0):
    """[T]: one thing struck every third of a second, softly and hard."""
    rng = np.random.default_rng(seed)
    hits = [(time, rng.uniform(0.2, 0.6)) for time in np.arange(0.2, seconds - 0.3, 0.37)]
    return lay(Envelope.from_hits(hits, seconds), sound=material, seed=seed)[0]


def sound(name, wav, label=""):
    return Sound(name, label, "test", "val", np.round(wav * 32767).astype(np.int16))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Clips of wood and metal, `val`, and beside them single blows of both, `train` and `val`."""
    root = tmp_path_factory.mktemp("data")
    clips, sounds = root / "clips", root / "sfx"
    clips.mkdir()
    sounds.mkdir()
    scene = random_scene(3, kind="strike", duration=SECONDS)
    write_clip(scene, clips / "mute.mp4", size=(86, 64), exposures=1)
    rows = ["path,split,dataset"]
    for material in ("wood", "metal"):
        wav = blows(material, SECONDS)[None]
        mux(clips / "mute.mp4", wav, SAMPLE_RATE, clips / f"{material}.mp4")
        rows += [f"{material}.mp4,val,test", f"{material}.mp4,train,test"]
    (clips / "clips.csv").write_text("\n".join(rows))
    index = ["file,start_seconds,seconds,label,split,origin"]
    for material in ("wood", "metal"):
        thing = Impactor.of(material, SAMPLE_RATE, np.random.default_rng(1))
        struck = [thing.strike(np.random.default_rng(i), level=0.5)[:22050] for i in range(6)]
        struck = [np.pad(blow, (0, 22050 - len(blow))) for blow in struck]
        write_wav(sounds / f"{material}.wav", np.concatenate(struck)[None], SAMPLE_RATE)
        for i in range(6):
            split = "train" if i < 4 else "val"
            index.append(f"{material}.wav,{i / 2},0.5,impact/{material},{split},test")
    (sounds / "index.csv").write_text("\n".join(index))
    return clips


@pytest.fixture(scope="module")
def mapper(tmp_path_factory):
    config = MapperConfig(channels=(8, 8), dim=8, hidden=8, num_layers=1, num_bins=16)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = RMSMapper(config)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_mapper([model], path, {})
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory, folder):
    """An untrained sound model, small enough to play two clips in a moment."""
    path = tmp_path_factory.mktemp("foley") / "foley.safetensors"
    dit = DiTConfig(dim=16, depth=2, num_heads=2, num_cross_heads=2, cond_dim=16, hidden=16)
    conditioner = ConditionerConfig(dim=16, words=ALL)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        base = DiT(dit)
        controlnet = ControlNet(ControlConfig(), base)
        save_base(path, base, Conditioner(conditioner), FoleyConfig(dit, conditioner), {})
        save_control(path.with_name(CONTROL.name), controlnet, {})
    return path


def options(folder, **given):
    plain = {"embedding": "log-mel", "predicted": False, "generator": False}
    return FoleyOptions(folder, **(plain | given))


def test_targets_and_references_are_apart():
    wav = np.concatenate([blows("wood", 10.0), np.zeros(5 * SAMPLE_RATE), blows("wood", 5.0, 1)])
    tasks = cut_tasks([sound("one", wav), sound("two", blows("metal", 12.0))])
    assert [task.recording for task in tasks] == ["one"] * 3 + ["two"] * 2  # silence is no task
    for task in tasks:
        assert task.duration == pytest.approx(5.0, abs=1.1)
        assert abs(task.start - task.reference_start) >= task.duration - 1e-6
        assert task.envelope.duration == pytest.approx(task.duration, abs=0.01)
        assert len(task.reference) == len(task.target)
    again = cut_tasks([sound("one", wav), sound("two", blows("metal", 12.0))])
    assert [task.reference_start for task in again] == [task.reference_start for task in tasks]
    assert [tasks[i].recording for i in partners(tasks)] == ["two"] * 3 + ["one"] * 2
    assert len(cut_tasks([sound("one", wav), sound("two", wav)], limit=2)) == 2
    with pytest.raises(ValueError, match="at least two"):
        cut_tasks([sound("one", wav)])
    with pytest.raises(ValueError, match="give 2 or more"):
        cut_tasks([sound("one", wav), sound("two", wav)], limit=1)


def test_a_reference_is_of_the_same_thing_where_that_is_known():
    wav = np.concatenate([blows("wood", 5.0), blows("metal", 5.0), blows("wood", 5.0, 1)])
    labels = ["hit/wood", "hit/metal", "hit/wood"]
    parts = [
        sound(f"one@{start}", wav[: round(4.9 * SAMPLE_RATE)], label)
        for start, label in zip((0.05, 5.05, 10.05), labels, strict=True)
    ]
    tasks = cut_tasks([sound("one", wav), sound("two", blows("rock", 10.0)), *parts])
    assert [round(task.reference_start) for task in tasks][:3:2] == [10, 0]


def test_noise_follows_the_envelope_and_is_pink(folder, tmp_path):
    tasks = cut_tasks(load_sounds(folder, tmp_path, "val"))
    noise, preview, reference, truth = baselines()
    for task in tasks:
        assert np.array_equal(truth(task), task.target)
        assert np.array_equal(noise(task), noise(task))
        assert np.array_equal(reference(task), task.reference)
        assert preview(task).shape == task.target.shape
    power = np.abs(np.fft.rfft(pink_noise(1 << 17, np.random.default_rng(0)))) ** 2
    hertz = np.fft.rfftfreq(1 << 17, 1 / SAMPLE_RATE)
    low, high = (power[(hertz > f) & (hertz < 2 * f)].mean() for f in (200, 3200))
    assert 10 * np.log10(low / high) == pytest.approx(12, abs=1)  # 4 octaves
    broken = System("broken", lambda task: task.target * np.float32(np.nan))
    with pytest.raises(ValueError, match="broken: gave sound"):
        broken(tasks[0])


def test_engines_play_with_the_room_of_their_reference():
    noise = 0.01 * np.random.default_rng(0).standard_normal(round(SECONDS * SAMPLE_RATE))
    reference = blows("wood", SECONDS) + noise.astype(np.float32)
    envelope = Envelope.from_hits([(0.5, 0.1)], SECONDS)
    target = np.zeros(len(noise), np.float32)
    _, preview, *_ = baselines()
    wav = preview(Task("one", "one", 0.0, envelope, target, reference))
    wanted = np.std(noise) / centred_rms(reference[None], SAMPLE_RATE, 250.0).max()
    pause = wav[3 * SAMPLE_RATE :]
    assert np.std(pause) / centred_rms(wav[None], SAMPLE_RATE, 250.0).max() == pytest.approx(
        wanted, rel=0.2
    )
    assert not preview(Task("one", "one", 0.0, envelope, target, None, sound="wood"))[-9:].any()


def test_truth_beats_everything(folder, mapper, tmp_path, monkeypatch):
    def cheat(task: Task):  # late by 16 ms, silent without a reference
        return np.roll(task.target, 706) if task.reference is not None else 0 * task.target

    # An untrained mapper hears next to nothing: what noise makes of that is chance.
    seen = Envelope.from_hits([0.2, 0.94, 1.68], SECONDS)
    monkeypatch.setattr(predicted, "predict_envelope", lambda blocks, models: seen)
    *others, truth = baselines()
    systems = [*others, System("late", cheat), truth]
    told = []
    given = options(folder, predicted=True, mapper=mapper, cache=tmp_path / "cache")
    report = evaluate_foley(given, systems, told.append)
    scores = {score.name: score for score in report.scores}
    assert list(scores) == ["noise", "preview", "reference", "late", "truth"]
    assert (report.num_tasks, report.num_recordings, report.embedding) == (4, 2, "log-mel")
    best = scores["truth"]
    assert best.correlation == 1.0 and best.lag == 0.0 and best.frechet < 1e-9
    assert best.own == best.own_reference == best.label == 1.0 and np.isnan(best.predicted)
    assert scores["noise"].over_noise == scores["preview"].over_preview == 1.0
    assert scores["noise"].correlation > 0.95 > scores["noise"].own_reference
    assert scores["late"].lag == pytest.approx(0.016) and scores["late"].best > 0.99
    assert scores["late"].label == 0.5  # silence is always heard as the same class
    assert scores["preview"].own_reference == 1.0
    for name in FIGURES:
        assert all(not getattr(other, name) > getattr(best, name) for other in report.scores)
    assert scores["noise"].predicted == pytest.approx(report.mapper, abs=0.05)
    assert np.isfinite(report.mapper) and np.isnan(scores["reference"].label)
    facts = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert facts["scores"][2]["label"] is None and len(facts["scores"][0]["tasks"]) == 4
    table = report.table().splitlines()
    rows = [line for line in table if line.startswith(tuple(scores)) and ":" not in line]
    assert len(rows) == 5 and len({len(row) for row in rows}) == 1
    assert told == sorted(told) and told[-1] == 1.0


def test_predicted_envelopes_are_on_the_clock_of_the_sound(folder, mapper, tmp_path, monkeypatch):
    """The mapper sees a hit at 2.5 s, and the sound is 50 ms late: it is asked for at 2.55 s."""
    seen = Envelope.from_hits([2.5], SECONDS)
    monkeypatch.setattr(predicted, "predict_envelope", lambda blocks, models: seen)
    late = {"wood.mp4": 0.05, "metal.mp4": 0.0}
    monkeypatch.setattr(predicted, "estimate_offsets", lambda clips: late)
    tasks = cut_tasks(load_sounds(folder, tmp_path, "val"))
    for task in predicted.predicted_tasks(tasks, folder, mapper, tmp_path):
        at = task.start + task.envelope.onsets
        hit = 2.5 + late[task.recording]
        inside = task.start <= hit < task.start + task.duration
        assert at == pytest.approx([hit] if inside else [], abs=0.002)
        assert task.envelope.duration == pytest.approx(task.duration, abs=0.01)
        if inside:
            loudest = task.start + task.envelope.times[task.envelope.values.argmax()]
            assert hit < loudest < hit + 0.02


def test_the_same_seed_gives_the_same_report(folder, tmp_path):
    first, second = (evaluate_foley(options(folder, cache=tmp_path)) for _ in range(2))
    assert json.dumps(first.to_dict()) == json.dumps(second.to_dict())


def test_the_command_writes_pictures_and_sounds(folder, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    command = ["evaluate", "foley", "--data", str(folder), "--baselines", "--true-only", "--json"]
    command += ["--embedding", "log-mel", "--limit", "2", "--plot", str(tmp_path / "plots")]
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out)["num_tasks"] == 2
    names = {path.name for path in (tmp_path / "plots").iterdir()}
    assert {"spectrograms.png", "1-truth.wav", "2-preview.wav"} <= names
    assert main([*command, "--speed", "10"]) == 2
    assert "do not leave it out" in capsys.readouterr().err
    assert main(["evaluate", "foley", "--data", str(tmp_path / "no")]) == 2


def test_the_trained_generator_is_played(folder, weights, tmp_path):
    if not AUTOENCODER.is_file():
        pytest.skip("the autoencoder has no weights yet")
    given = options(folder, generator=True, weights=weights, limit=2, sampling={"num_steps": 1})
    report = evaluate_foley(given)
    names = [score.name for score in report.scores]
    assert names == ["noise", "preview", "reference", "no control", "folai", "decoded", "truth"]
    control, folai = report.scores[3:5]
    assert np.isfinite([folai.correlation, folai.frechet, folai.own_reference, folai.label]).all()
    assert np.isnan(control.label) and np.isfinite(control.correlation)
    assert folai.correlation > control.correlation  # it has hits of its own


def test_speed_is_measured_in_a_process_of_its_own(weights):
    if not AUTOENCODER.is_file():
        pytest.skip("the autoencoder has no weights yet")
    speed = measure_speed(2.0, weights, {"num_steps": 1})
    assert speed.duration == 2.0 and 0 < speed.wall < 20
    assert 1e8 < speed.peak_bytes < 4e9
    assert "2 s: " in speed.row() and "GB" in speed.row()


def test_own_nearest_leaves_the_target_out():
    truths = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    names = np.array(["a", "a", "b", "b"])
    assert own_nearest(truths, truths, names) == 1.0
    assert own_nearest(truths, truths, np.array(["a", "b", "a", "b"])) == 0.0


def test_logistic_regression_separates_what_can_be():
    rng = np.random.default_rng(0)
    centres = {"a": [0, 0, 0], "b": [4, 0, 0], "c": [0, 4, 4]}
    vectors = np.concatenate([rng.standard_normal((40, 3)) * 0.5 + c for c in centres.values()])
    names = [name for name in centres for _ in range(40)]
    heard = learn(vectors, names)(vectors)
    assert np.mean(np.array(heard) == names) > 0.98
    with pytest.raises(ValueError, match="two or more"):
        learn(vectors[:40], names[:40])


def test_label_tasks(folder, tmp_path):
    val = load_sounds(folder.parent / "sfx", tmp_path, "val")
    found = examples(val, 3, seed=0)
    assert {name: len(wavs) for name, wavs in found.items()} == {"wood": 3, "metal": 3}
    assert all(np.abs(wav).max() == pytest.approx(1.0) for wavs in found.values() for wav in wavs)
    tasks = label_tasks(val, ["wood", "metal"], trials=3)
    assert [task.prompt for task in tasks] == ["wood"] * 3 + ["metal"] * 3
    assert all(task.reference is None and len(task.envelope.onsets) > 2 for task in tasks)
    share, shares = agreement(["wood", "wood", "metal", "metal", "metal", "metal"], tasks)
    assert shares == {"wood": pytest.approx(2 / 3), "metal": 1.0}
    assert share == pytest.approx(5 / 6)
