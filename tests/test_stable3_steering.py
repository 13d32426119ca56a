"""How an envelope rules Stable Audio 3: kept silence, gaps, and guidance by loudness."""

import json
import shlex

import numpy as np
import pytest
import torch

from folai import Envelope
from folai.cli import main
from folai.envelope.rms import centred_rms
from folai.media.audio import read_audio, write_wav
from folai.models.same import SameConfig
from folai.stable3.base_files import save_base
from folai.stable3.gaps import gap_frames, keeping, kept_latents, sounding
from folai.stable3.loudness_files import load_loudness, loudness_config, save_loudness
from folai.stable3.model import Stable3
from folai.stable3.releveling import Releveling, chosen_steps, level_gain
from folai.stable3.steering import (
    FLOOR,
    Loudness,
    LoudnessConfig,
    Steering,
    moved,
    train_loudness,
    wanted_levels,
)
from stable3_models import TINY, TINY_OTHER, drawn, random_base, save_t5gemma

RATE = 44100


# Gaps


def test_latents_that_a_gap_reaches_into():
    frames = gap_frames([(0.0, 0.1), (0.45, 0.5)], 10, 10.0)
    assert np.flatnonzero(frames).tolist() == [0, 4]
    assert np.flatnonzero(gap_frames([(0.39, 0.41)], 10, 10.0)).tolist() == [3, 4]
    assert gap_frames([(0.95, 99.0)], 10, 10.0).sum() == 1
    with pytest.raises(ValueError, match=r"gap is 2.0 to 1.0 s; give a start"):
        gap_frames([(2.0, 1.0)], 10, 10.0)


def test_what_an_envelope_asks_to_sound():
    envelope = Envelope.from_hits([0.5, 0.6, 2.0], 3.0)
    (first, until), (second, end) = sounding(envelope)
    assert 0.4 < first < 0.5 < 0.6 < until < 1.5 < 1.9 < second < 2.0 < end
    assert sounding(Envelope(np.ones(240), 120.0)) == [(0.0, 2.05)]


def test_what_is_kept_is_heard_as_it_is():
    latents = drawn(1, 1, 8, 6)
    heard = kept_latents(latents, np.array([True, False, False, True, True, False]))
    assert heard.shape == (1, 9, 6)
    assert heard[0, 0].tolist() == [0, 1, 1, 0, 0, 1]
    assert torch.equal(heard[0, 1:, [1, 2, 5]], latents[0, :, [1, 2, 5]])
    assert not heard[0, 1:, [0, 3, 4]].any()


def test_what_is_kept_stays_as_it_is_in_every_step():
    latents, noisy = drawn(1, 1, 8, 4), drawn(2, 1, 8, 4)
    kept = kept_latents(latents, np.array([True, False, False, True]))
    clean = noisy - 0.3 * keeping(lambda x, t: 0.5 * x, kept)(noisy, 0.3)
    assert torch.allclose(clean[..., [1, 2]], latents[..., [1, 2]], atol=1e-6)
    assert torch.equal(clean[..., [0, 3]], (noisy - 0.3 * (0.5 * noisy))[..., [0, 3]])


def model(config=TINY, **others):
    base = random_base(config)
    return Stable3(base.config, base.dit, base.autoencoder, base.conditioner, **others)


def test_the_model_hears_what_is_kept_outside_gaps_alone():
    stable, envelope = model(), Envelope.from_hits([0.5], 0.8)
    wav = 0.2 * np.random.default_rng(0).standard_normal((2, round(0.8 * RATE))).astype("f4")
    given = {"duration": 0.8, "num_steps": 1, "kept_wav": wav, "envelope_lock": 0.0}
    heard = [stable.generate(envelope, gaps=gaps, **given) for gaps in ([], [(0.3, 0.8)])]
    other = wav.copy()
    other[:, round(0.35 * RATE) :] *= -1
    again = stable.generate(envelope, gaps=[(0.3, 0.8)], **{**given, "kept_wav": other})
    assert np.abs(heard[0] - heard[1]).max() > 1e-3
    # Sound within the gap is not heard, but for what SAME's chunks take of it at its edge.
    assert np.abs(again - heard[1]).max() < 0.2 * np.abs(heard[0] - heard[1]).max()
    with pytest.raises(ValueError, match="was not trained to fill gaps"):
        model(TINY_OTHER).generate(envelope, gaps=[(0.3, 0.8)], **given)


# Guidance


CONFIG = LoudnessConfig(8, 128, RATE, per_latent=4, dim=32)


def test_levels_are_at_their_times():
    envelope = Envelope.from_hits([0.5], 1.0)
    levels = wanted_levels(CONFIG, envelope, 345, gain=2.0)[0].exp() - FLOOR
    assert CONFIG.rate == pytest.approx(4 * RATE / 128) and levels.shape == (1380,)
    at = (int(levels.argmax()) + 0.5) / CONFIG.rate
    assert abs(at - envelope.values.argmax() / envelope.frame_rate) < 0.01
    assert float(levels.max()) == pytest.approx(2 * envelope.values.max(), rel=0.02)


@pytest.fixture(scope="module")
def loudness():
    """Of latents whose first channel is the level, and whose others are nothing."""
    latents = drawn(2, 64, 8, 20)
    levels = (0.7 * latents[:, :1] - 2).repeat_interleave(4, -1)[:, 0]
    return train_loudness(CONFIG, latents, levels, steps=300)


def test_the_reader_learns_and_the_caller_keeps_its_noise(loudness):
    latents = drawn(3, 4, 8, 20)
    levels = (0.7 * latents[:, :1] - 2).repeat_interleave(4, -1)[:, 0]
    assert (loudness(latents) - levels).square().mean() < 0.25 * levels.var()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    train_loudness(CONFIG, latents, levels, steps=2)
    assert torch.equal(torch.random.get_rng_state(), before)


@torch.inference_mode()
def test_clean_latents_are_moved_to_the_wanted_loudness(loudness):
    clean, wanted = drawn(4, 1, 8, 20), drawn(5, 1, 20).repeat_interleave(4, -1) * 0.3 - 2
    off = (loudness(clean) - wanted).square().mean()
    full, half = (moved(loudness, clean, wanted, s) for s in (1.0, 0.5))
    assert (loudness(full) - wanted).square().mean() < 0.1 * off
    assert 0.1 * off < (loudness(half) - wanted).square().mean() < off
    assert moved(loudness, clean, wanted, 0.0) is clean
    assert torch.allclose(half - clean, (full - clean) / 2, atol=1e-5)


@torch.inference_mode()
def test_steering_changes_what_the_model_says(loudness):
    wanted, noisy = torch.full((1, 80), -1.0), drawn(6, 1, 8, 20)
    steered = Steering(loudness, wanted, 1.0).of(lambda x, t: 0.5 * x, 4, 14)
    part = noisy[..., 4:14]
    clean = part - 0.6 * steered(part, 0.6)
    assert torch.allclose(clean, moved(loudness, 0.7 * part, wanted[:, 16:56], 1.0), atol=1e-4)


# The level, drawn through the autoencoder


class Patches(torch.nn.Module):
    """An autoencoder whose latents are the samples themselves, 512 in each."""

    channels, latent_channels, hop_length = 1, 512, 512
    config = SameConfig()

    def __init__(self):
        super().__init__()
        self.any = torch.nn.Parameter(torch.zeros(1))

    def decode(self, latents, chunk=None):
        return latents.transpose(1, 2).flatten(1).unsqueeze(1)

    def encode(self, wav, chunk=None):
        return wav[:, 0].unflatten(1, (-1, 512)).transpose(1, 2)


def test_steps_at_which_the_level_is_drawn():
    assert chosen_steps(3, 8) == {3, 6, 8} and chosen_steps(5, 20) == {4, 8, 12, 16, 20}
    assert chosen_steps(9, 2) == {1, 2}


def test_the_level_is_drawn_onto_the_envelope_of_the_window():
    envelope, codec = Envelope.from_hits([0.5, 1.4], 2.0), Patches()
    releveling = Releveling(codec, envelope, 2.0, 1.0, 1, 2)
    noise = 0.1 * drawn(8, 1, 512, 86)  # 1 s, from 0.96 s on
    model = releveling.of(lambda noisy, t: torch.zeros_like(noisy), 83, 169)
    assert not model(noise, 0.9).any(), "only the last step is drawn"
    made = codec.decode(noise - 0.5 * model(noise, 0.5))[0].numpy()
    measured = centred_rms(made, RATE, 120.0)
    asked = 2.0 * envelope.at(83 * 512 / RATE + np.arange(len(measured)) / 120.0)
    assert np.corrcoef(measured, asked)[0, 1] > 0.97
    assert measured.max() == pytest.approx(asked.max(), rel=0.25)
    gain = level_gain(made, RATE, envelope, 2.0, 0.5, 83 * 512 / RATE)
    assert np.median(np.abs(20 * np.log10(gain))) < 1.5, "it is there already"


def test_a_take_whose_level_is_drawn_is_another():
    stable, envelope = model(), Envelope.from_hits([0.2, 0.5], 0.8)
    given = {"duration": 0.8, "num_steps": 2, "envelope_lock": 0.0}
    plain = stable.generate(envelope, **given)
    drawn_twice = stable.generate(envelope, relevel=2, **given)
    assert np.isfinite(drawn_twice).all() and np.abs(drawn_twice - plain).max() > 1e-3
    assert np.array_equal(stable.generate(envelope, relevel=2, control_scale=0.0, **given), plain)


# A reader's file


def test_a_reader_there_and_back(loudness, tmp_path):
    codec = TINY.autoencoder
    own = Loudness(loudness_config(codec))
    save_loudness(tmp_path / "own.safetensors", own, {})
    loaded = load_loudness(tmp_path / "own.safetensors", codec)
    assert all(
        torch.allclose(a, b, atol=1e-3)
        for a, b in zip(loaded.parameters(), own.parameters(), strict=True)
    )
    save_loudness(tmp_path / "other.safetensors", loudness, {})
    with pytest.raises(ValueError, match="reads the latents of another model"):
        load_loudness(tmp_path / "other.safetensors", codec)


def test_trained_and_used_by_the_commands(clip, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, sounds = tmp_path / "model", tmp_path / "sounds"
    pytest.importorskip("transformers")
    save_base(random_base(), folder)
    save_t5gemma(folder)
    sounds.mkdir()
    rng, lines = np.random.default_rng(0), ["file,start_seconds,seconds,label,split,origin"]
    for number in range(3):
        wav = rng.standard_normal(RATE) * np.exp(-np.arange(RATE) / 4000) * 0.3
        write_wav(sounds / f"{number}.wav", wav.astype("f4")[None], RATE)
        lines.append(f"{number}.wav,0,1,hit/wood,train,me")
    (sounds / "index.csv").write_text("\n".join(lines) + "\n")
    run = f"train loudness --model {folder} --data {sounds} --out {tmp_path / 'run'}"
    assert main(shlex.split(f"{run} --windows 12 --steps 5 --json")) == 0
    path = json.loads(capsys.readouterr().out)["output"]
    env, out = tmp_path / "env.json", tmp_path / "out.wav"
    Envelope.from_hits([0.5, 1.5], 2.5).save(env)
    command = f"generate {clip} -o {out} --envelope {env} --model {folder} --sound wood"
    steer = f"--loudness {path} --control-scale 1 --num-steps 2"
    made = []
    for more in ("--control-scale 0 --num-steps 2", steer, f"{steer} --keep-silence"):
        assert main(shlex.split(f"{command} {more}")) == 0, capsys.readouterr().err
        made.append(read_audio(out)[0])
    assert all(np.isfinite(wav).all() and wav.any() for wav in made)
    assert not np.array_equal(made[0], made[1]) and not np.array_equal(made[1], made[2])
    assert centred_rms(made[0][0], RATE, 120.0).max() > 0
