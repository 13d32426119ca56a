"""Training the sound model: examples that fit together, a loss that falls, runs that go on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from folai.checkpoints import save_autoencoder
from folai.data.material import MODELLED, SAMPLES, Material, load_material
from folai.data.rough_envelopes import hushed, roughened
from folai.data.sequences import Sequences
from folai.data.sounds import load_sounds
from folai.diffusion.conditioning import LEVEL
from folai.diffusion.foley import FoleyConfig
from folai.diffusion.foley_files import load_base, load_control
from folai.diffusion.sampling import guide, leapt, to_predict
from folai.diffusion.vocabulary import ALL
from folai.media.audio import write_wav
from folai.models.autoencoder import Autoencoder, AutoencoderConfig
from folai.models.conditioner import ConditionerConfig
from folai.models.dit import DiTConfig
from folai.train import denoiser as foley
from folai.train import leaps, small_model
from folai.train import small_control as control

RATE = 44100  # Hz
BANDS = 16
CODEC = AutoencoderConfig(latent_channels=BANDS, dim=16, hidden=32, num_blocks=1)
CONFIG = FoleyConfig(
    DiTConfig(latent_channels=BANDS, dim=32, depth=2, num_heads=2, num_cross_heads=2, hidden=32),
    ConditionerConfig(latent_channels=BANDS, dim=256, words=ALL),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Recordings of two labels: clicks, and a long hum."""
    path = tmp_path_factory.mktemp("recordings")
    rng = np.random.default_rng(0)
    time = np.arange(round(0.2 * RATE)) / RATE
    rows = ["file,start_seconds,seconds,label,split,origin"]
    pieces = []
    for index in range(3):
        pieces.append(np.exp(-time / 0.02) * rng.uniform(-1, 1, time.size))
        rows.append(f"all.wav,{0.2 * index:.1f},0.2,impact/metal,train,me")
    pieces.append(0.1 * np.sin(np.arange(4 * RATE) * 0.05))
    rows.append("all.wav,0.6,4.0,machine/fan,train,me")
    write_wav(path / "all.wav", np.concatenate(pieces)[None], RATE)
    (path / "index.csv").write_text("\n".join(rows) + "\n")
    torch.manual_seed(0)
    save_autoencoder(Autoencoder(CODEC), path / "codec.safetensors", {})
    return path


@pytest.fixture(scope="module")
def material(folder: Path, tmp_path_factory) -> list[Material]:
    cache = tmp_path_factory.mktemp("cache")
    sounds = load_sounds(folder, cache / "sounds")
    said: list[str] = []
    made = load_material(sounds, Autoencoder(CODEC), cache, said.append, objects=1)
    again = load_material(sounds, Autoencoder(CODEC), cache, said.append, objects=1)
    assert len(said) == 1 and len(again) == len(made)  # measured once
    return made


def table(said: list[str]) -> list[list[float]]:
    """The rows of figures among what was logged."""
    rows = (line for line in said if re.fullmatch(r" *\d+( +(nan|\d+\.\d+)){5}", line))
    return [[float(figure) for figure in row.split()] for row in rows]


def test_levels_and_power_say_the_same(material):
    for item in material:
        assert item.power.size == SAMPLES * item.num_frames
    loudest = max(material, key=lambda item: item.power.max())
    assert abs(np.argmax(loudest.power) / SAMPLES - np.argmax(loudest.levels.max(0))) < 4


def test_examples_are_at_the_level_of_training(material):
    sequences = Sequences(material, Autoencoder(CODEC))
    rng = np.random.default_rng(1)
    for _ in range(12):
        target, reference, words = sequences.example(172, 88, rng)
        assert target.power.shape == (BANDS, 172) and reference.curve.shape == (SAMPLES * 88,)
        assert np.sqrt(reference.curve.max()) == pytest.approx(LEVEL, rel=1e-3)
        assert LEVEL * 0.17 < np.sqrt(target.curve.max()) < LEVEL * 1.001
        assert words and np.isfinite(target.power).all()


def test_the_same_generator_makes_the_same_batches(material):
    sequences = Sequences(material, Autoencoder(CODEC))
    first, second = (sequences.draw(8.0, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(first.latents, second.latents)
    assert first.envelope.shape[1] == SAMPLES * first.latents.shape[2]
    assert first.envelope.max() <= 1.001


def test_modelled_objects_are_labelled(material):
    origins = {item.origin for item in material if item.origin.startswith(MODELLED)}
    assert f"{MODELLED} wood 0" in origins


def test_rough_envelopes_keep_their_peak():
    envelopes = torch.rand(6, 400) * torch.linspace(0.2, 1, 6)[:, None]
    made = roughened(envelopes, 344.5, np.random.default_rng(0))
    assert torch.allclose(made.amax(1), envelopes.amax(1), rtol=1e-4)
    same = [torch.equal(a, b) for a, b in zip(made, envelopes, strict=True)]
    assert any(same) and not all(same)


def test_base_and_control_are_trained_and_resumed(folder, tmp_path):
    given = {
        "data": (folder,),
        "cache": tmp_path / "cache",
        "autoencoder": folder / "codec.safetensors",
    }
    small = {"steps": 2, "batch_seconds": 4.0, "log_every": 1, "objects": 1, "examples": 1}
    said: list[str] = []
    options = foley.TrainOptions(out=tmp_path / "base", config=CONFIG, **given, **small)
    foley.train_foley(options, said.append)
    weights = foley.train_foley(replace(options, steps=4), said.append)
    assert [row[0] for row in table(said)] == [1, 2, 3, 4]
    config, dit, _ = load_base(weights)
    assert config == CONFIG
    assert {path.name for path in (tmp_path / "base" / "step000004").iterdir()} == {
        "0_reference.wav",
        "0_target.wav",
        "0_made.wav",
    }
    before = weights.read_bytes()
    steer = control.TrainOptions(base=weights, out=tmp_path / "control", **given, **small)
    trained = control.train_control(steer, said.append)
    assert load_control(trained, dit).config.samples == SAMPLES
    assert weights.read_bytes() == before  # the base stays as it was


def test_the_loss_falls(folder, tmp_path):
    options = foley.TrainOptions(
        data=(folder,),
        out=tmp_path,
        autoencoder=folder / "codec.safetensors",
        config=CONFIG,
        steps=60,
        batch_seconds=6.0,
        learning_rate=4e-3,
        log_every=10,
        objects=1,
        examples=0,
    )
    said: list[str] = []
    foley.train_foley(options, said.append)
    losses = [row[1] for row in table(said)]
    assert losses[-1] < 0.75 * losses[0]


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory) -> dict:
    """Options that name a base and its ControlNet, trained for a step each."""
    out = tmp_path_factory.mktemp("trained")
    given = {"data": (folder,), "cache": out / "cache", "autoencoder": folder / "codec.safetensors"}
    given |= {"batch_seconds": 4.0, "objects": 1, "examples": 0, "log_every": 1}
    options = foley.TrainOptions(out=out, config=CONFIG, steps=1, **given)
    base = foley.train_foley(options, lambda text: None)
    options = control.TrainOptions(out=out / "control", base=base, steps=1, **given)
    made = control.train_control(options, lambda text: None)
    return {"base": base, "control": made, **given}


def questions(material, config, leaping: bool) -> tuple:
    batch = Sequences(material, Autoencoder(CODEC)).draw(32.0, np.random.default_rng(3))
    torch.manual_seed(0)
    t, noise = small_model.draw(batch, 0.5)
    asked = leaps.draw_questions(batch, t, config, leaping, np.random.default_rng(1))
    return batch, noise, asked


def test_leaps_are_trained_and_resumed(trained, tmp_path):
    said: list[str] = []
    options = leaps.TrainOptions(out=tmp_path, steps=3, small_steps=2, **trained)
    leaps.train_leaps(options, said.append)
    weights = leaps.train_leaps(replace(options, steps=5), said.append)
    assert [row[0] for row in table(said)] == [1, 2, 3, 4, 5]
    config, dit, _ = load_base(weights)
    assert config.dit.leaps and config.leap_steps == leaps.LEAP_STEPS
    load_control(tmp_path / "control.safetensors", dit)
    again, models = leaps.load_models(weights, None)  # and from there on
    assert again == config and models.dit.config.leaps


def test_a_model_that_is_told_of_leaps_begins_as_it_was(trained, material):
    """What tells it the size of a step, and the guidance, adds nothing at first."""
    _, dit, conditioner = load_base(trained["base"])
    config, models = leaps.load_models(trained["base"], trained["control"])
    batch, noise, asked = questions(material, config, leaping=True)
    assert (asked.leap.size > 0).any() and (asked.leap.guidance > 1).any()
    noisy = small_model.mixed(batch, asked.t, noise, config.objective)
    unsteered = asked._replace(steered=torch.zeros_like(asked.steered))
    with torch.no_grad():
        cond = conditioner(batch.reference, batch.is_given, batch.words)
        duration = torch.full_like(asked.t, batch.duration)
        memory = dit.remember(cond.tokens)
        before = dit(noisy, asked.t, duration, cond.pooled, memory, cond.mask)
        assert torch.allclose(models(batch, noisy, unsteered), before, atol=1e-6)


def test_what_a_model_of_leaps_should_say(trained, material):
    """True sound where a step is small and unguided; moved away from what has no hints where it is
    guided; after two steps of the guided teacher where it is large."""
    config, teacher = leaps.load_models(trained["base"], trained["control"])
    batch, noise, asked = questions(material, config, leaping=True)
    target = leaps.target_of(teacher, batch, noise, asked, config)
    t = asked.t[:, None, None]
    noisy = small_model.mixed(batch, asked.t, noise, config.objective)
    true = to_predict(batch.latents, noise, t, config.objective)
    large, held = asked.leap.size > 0, leaps.holds_guidance(batch, asked, config)
    assert large.any() and (held & ~large).any() and (~held & ~large).any()
    plain = ~large & ~held
    assert torch.equal(target[plain], true[plain])
    with torch.no_grad():
        wanted = teacher(batch, noisy, asked.small())
        unwanted = teacher(batch, noisy, asked.small(), hinted=False)
    scale = asked.leap.guidance[:, None, None]
    moved = true + (scale - 1) * (wanted - unwanted)
    only = held & ~large
    assert torch.allclose(target[only], moved[only], atol=1e-5)

    row = int(large.nonzero()[0])
    here = torch.tensor([row])
    part, question, x = batch.part(here), asked.part(here), noisy[here]
    now, half = float(asked.t[row]), float(asked.leap.size[row]) / 2
    with torch.no_grad():
        for at in (now, now - half):
            told = question._replace(t=torch.full((1,), at))
            answer = teacher(part, x, told.small())
            if leaps.holds_guidance(part, told, config):
                without = teacher(part, x, told.small(), hinted=False)
                answer = guide(answer, without, float(asked.leap.guidance[row]))
            x = leapt(x, answer, at, at - half, config.objective)
    led = leapt(noisy[here], target[here], now, now - 2 * half, config.objective)
    assert torch.allclose(led, x, atol=1e-4)


def test_hushed_envelopes_keep_their_peaks_and_lose_their_floors():
    envelopes = torch.full((200, 50), 0.01)
    envelopes[:, 7] = 1.0
    made = hushed(envelopes, np.random.default_rng(0))
    assert torch.allclose(made[:, 7], envelopes[:, 7], atol=0.01)
    between = made[:, 8]
    assert 0.3 < (between == 0.01).float().mean() < 0.7  # not all
    assert (between == 0).float().mean() > 0.1 and (between <= 0.01).all()


@pytest.mark.parametrize("small_steps", [-1, 5, 9])
def test_leaps_need_steps_of_their_own(small_steps):
    with pytest.raises(ValueError, match=f"small_steps is {small_steps}; give 0 to 4"):
        leaps.TrainOptions(steps=5, small_steps=small_steps)


@pytest.mark.parametrize("module", [foley, control, leaps])
def test_options_that_cannot_be_meant(module, tmp_path):
    with pytest.raises(ValueError, match="steps is 0; give 1 or more"):
        module.TrainOptions(steps=0)
    with pytest.raises(ValueError, match="batch_seconds is -1; give above 0"):
        module.TrainOptions(batch_seconds=-1)
