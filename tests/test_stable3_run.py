"""Stable Audio 3 as a whole, tiny and with random weights: by itself, and behind the commands."""

import json
import shlex
import shutil

import numpy as np
import pytest
import torch

from folai import Envelope, GenerateOptions
from folai.cli import main
from folai.diffusion.together import Together
from folai.jobs.job import Job
from folai.media.audio import read_audio
from folai.pipeline import play_envelope
from folai.stable3.base_files import save_base
from folai.stable3.model import Stable3, load_stable3
from folai.stable3.options import StableAudio3Options, is_stable3
from stable3_models import TINY, TINY_OTHER, random_base, save_t5gemma

RATE = 44100
HITS = Envelope.from_hits([0.2, 0.5], 0.8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("model")
    save_base(random_base(), folder)
    save_t5gemma(folder)
    return folder


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def stable(config=TINY):
    base = random_base(config)
    return Stable3(base.config, base.dit, base.autoencoder, base.conditioner)


def test_a_take_is_that_of_its_seed_alone():
    model = stable()
    seen = []
    both = model.generate(HITS, duration=0.8, num_steps=2, variations=2, progress=seen.append)
    assert both.shape == (2, 2, round(0.8 * RATE)) and np.isfinite(both).all()
    alone = model.generate(HITS, duration=0.8, num_steps=2, seed=1)
    assert np.array_equal(both[1], alone[0]) and not np.array_equal(both[0], both[1])
    assert seen == [0.25, 0.5, 0.75, 1.0]
    silence = Envelope(np.zeros(96), 120.0)
    assert not model.generate(silence, duration=0.8).any()


def test_only_what_is_heard_is_decoded(monkeypatch):
    """2 s more are sampled, and the sound is that of decoding all of it."""
    model, lengths = stable(), []
    decode = type(model.autoencoder).decode

    def decoding(self, latents, chunk=None):
        lengths.append(latents.shape[-1])
        return decode(self, latents, chunk)

    latents = torch.randn(1, 8, 276 + 689)
    with torch.inference_mode():
        whole = model.autoencoder.decode(latents)[..., : 276 * 128]
        monkeypatch.setattr(type(model.autoencoder), "decode", decoding)
        part = model.decode(latents, 276)
        assert (part - whole).abs().max() <= 1e-5 * whole.abs().max()
        model.generate(HITS, duration=0.8, num_steps=1)
    assert lengths == [278, 278]


def test_audio_to_audio_keeps_what_it_is_told_to():
    model = stable()
    wav = 0.3 * np.random.default_rng(0).standard_normal((1, round(0.8 * RATE))).astype("f4")
    given = {"duration": 0.8, "num_steps": 1, "init_wav": wav, "envelope_lock": 0.0}
    little, other = (model.generate(HITS, init_strength=0.001, seed=s, **given) for s in (0, 1))
    apart = np.abs(little - other).max() / np.abs(little).max()
    far = model.generate(HITS, init_strength=0.9, **given)
    assert apart < 0.01 and np.abs(far - little).max() > 0.05 * np.abs(little).max()


def test_longer_than_the_model_was_trained_for():
    model = stable()
    with pytest.warns(UserWarning, match="24 s are more than the 18 s that the model was"):
        wav = model.generate(Envelope.from_hits([1.0], 24.0), duration=24.0, num_steps=1)
    assert wav.shape == (1, 2, 24 * RATE) and np.isfinite(wav).all()


def test_clips_together_are_as_each_alone():
    model, together = stable(TINY_OTHER), Together()

    def make(seed, together=None):
        given = {"duration": 0.8, "num_steps": 2, "cfg_scale": 3.0, "seed": seed}
        return model.generate(HITS, **given, together=together)

    both = together.do([lambda seed=seed: make(seed, together) for seed in (3, 4)])
    for seed, wav in zip((3, 4), both, strict=True):
        assert np.abs(wav - make(seed)).max() < 1e-4


@pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
def test_compiled_it_sounds_the_same(folder):
    plain, fast = (load_stable3(folder, compile=which) for which in (False, True))
    one, other = (model.generate(HITS, duration=0.8, num_steps=2) for model in (plain, fast))
    assert np.abs(one - other).max() < 1e-3 * np.abs(one).max()


def test_compiling_needs_a_compiler(folder, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(ValueError, match=r"needs a C\+\+ compiler; install g\+\+"):
        load_stable3(folder, compile=True)


def test_prompts_need_the_text_model(folder):
    with pytest.raises(ValueError, match="was loaded without its text model"):
        stable().generate(HITS, duration=0.8, prompt="rain")
    model = load_stable3(folder, text=True, dtype="bfloat16")
    wav = model.generate(
        HITS, duration=0.8, prompt="rain", negative_prompt="hit wood", num_steps=2, cfg_scale=2.0
    )
    assert wav.any() and np.isfinite(wav).all()


def test_what_suits_a_model():
    def settled(options=None, **model):
        sampling = (options or StableAudio3Options()).sampling(
            **{"distilled": True, "described": True, **model}
        )
        return sampling["num_steps"], sampling["cfg_scale"], sampling["init_strength"]

    assert settled() == (8, 1.0, 0.5)
    assert settled(distilled=False) == (50, 7.0, 0.5)
    assert settled(distilled=False, described=False)[1] == 1.0
    assert settled(steered=True)[2] == 1.0
    own = StableAudio3Options(num_steps=9, cfg_scale=3.0, init_strength=0.2)
    assert settled(own) == (9, 3.0, 0.2)


def test_which_models_are_its_own(folder, tmp_path):
    assert is_stable3("stable-audio-3-medium-base") and is_stable3(folder)
    assert is_stable3(folder / "model.safetensors")
    assert not is_stable3("stable-audio-open-1.0") and not is_stable3(tmp_path)
    for model in ("stable-audio-3-small-sfx", folder):
        assert GenerateOptions.of(model=model).engine.engine == "stable_audio_3"
    assert GenerateOptions.of(model="stable-audio-open-small").engine.engine == "stable_audio_open"
    assert GenerateOptions.of(model=folder, control="x").engine.control == "x"
    with pytest.raises(ValueError, match="takes no clap; use the engine stable_audio_open"):
        GenerateOptions.of(model=folder, clap="x")
    assert Job(1, "a.mp4", "a.wav", {"engine": "stable_audio_3"}).is_full_size


# The commands


def test_generate_by_a_prompt(folder, clip, tmp_path, capsys):
    env, out = tmp_path / "env.json", tmp_path / "out.wav"
    Envelope.from_hits([0.5, 1.5], 2.5).save(env)
    command = f"generate {clip} -o {out} --envelope {env} --model {folder} --num-steps 2 --json"
    assert main(shlex.split(f"{command} --prompt 'strange humming'")) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["engine"] == str(folder) and facts["sound"] == "strange humming"
    assert not said.err
    wav, rate = read_audio(out)
    assert rate == RATE and wav.shape == (2, round(2.5 * RATE)) and wav.any()


def test_models_are_listed(capsys):
    assert main(["models", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)["models"]
    for name in ("small-sfx", "small-music", "medium"):
        for base in ("", "-base"):
            model = models[f"stable-audio-3-{name}{base}"]
            assert model["licence"] == "Stability AI Community" and model["gigabytes"] > 3
            assert model["repository"] == f"stabilityai/stable-audio-3-{name}{base}"


def test_a_model_that_is_not_here(clip, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    env = tmp_path / "env.json"
    Envelope.from_hits([0.5], 2.5).save(env)
    command = f"generate {clip} --envelope {env} --prompt rain --offline --model"
    assert main(shlex.split(f"{command} stable-audio-3-small-sfx")) != 0
    said = capsys.readouterr().err
    assert "stable-audio-3-small-sfx: not on this machine" in said and said.count("\n") == 1
    assert main(shlex.split(f"{command} stable-audio-3-huge")) != 0
    assert "is no folder here and no known name: small, stable-" in capsys.readouterr().err


def test_a_model_without_its_text_model(clip, tmp_path, capsys):
    save_base(random_base(), tmp_path / "model")
    env = tmp_path / "env.json"
    Envelope.from_hits([0.5], 2.5).save(env)
    command = f"generate {clip} --envelope {env} --prompt rain --model {tmp_path / 'model'}"
    assert main(shlex.split(command)) != 0
    assert "has no text model; copy the folder t5gemma-b-b-ul2 into it" in capsys.readouterr().err


def test_parts_of_a_take_are_gaps_that_it_fills(folder, monkeypatch):
    """Several at once: the model hears what is kept, and makes what is not."""
    heard = []
    generate_ = Stable3.generate

    def generating(self, envelope, **values):
        heard.append(values)
        return generate_(self, envelope, **values)

    monkeypatch.setattr(Stable3, "generate", generating)
    envelope = Envelope.from_hits([0.3, 1.0, 1.7], 2.0)
    old = 0.1 * np.random.default_rng(0).standard_normal((2, 2 * RATE)).astype(np.float32)
    options = GenerateOptions.of(
        model=folder, reference=old[:1, :RATE], take=old, regenerate="0.2-0.4 1.6-", num_steps=1
    )
    take = play_envelope(envelope, options).wav
    (values,) = heard
    assert np.allclose(values["gaps"], [(0.15, 0.45), (1.55, 2.0)])
    kept = values["kept_wav"]
    part = slice(round(0.5 * RATE), round(1.5 * RATE))
    assert np.array_equal(kept[:, part], old[:, part])
    assert not np.array_equal(kept[:, : RATE // 2], old[:, : RATE // 2])  # the preview is there
    changed = np.flatnonzero((take != old).any(axis=0)) / RATE
    assert changed.min() >= 0.15 and not ((changed > 0.451) & (changed < 1.549)).any()
    silent = GenerateOptions.of(
        model=folder, reference=old[:1, :RATE], take=old, regenerate="0.8-1.4", num_steps=1,
        keep_silence=True, init_strength=1.0,
    )  # fmt: skip
    play_envelope(envelope, silent)
    ((start, stop),) = heard[1]["gaps"]
    assert 0.9 < start < 1.0 < stop < 1.45  # what sounds within the part
