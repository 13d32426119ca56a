"""Stable Audio Open behind the same commands, with a tiny model from a folder."""

import json
import shlex

import numpy as np
import pytest
import torch

from folai import Envelope, GenerateOptions, generate
from folai.cli import main
from folai.diffusion.naming import prompt_or_default, sound_of_prompt
from folai.media.audio import read_audio
from folai.models import bfloat16
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.stable.base_files import save_base
from folai.stable.control_files import save_control
from folai.stable.options import StableAudioOpenOptions
from stable_models import TINY, random_base, save_text_model

RATE = 44100


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """Of prompts, apart from the user's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("model")
    save_base(random_base(), folder, "diffusers")
    save_text_model(folder)
    net = StableControlNet(StableControlConfig(clap=False), TINY.dit)
    net.copy_from(random_base().dit)
    torch.nn.init.normal_(net.outward[0].weight, 0, 0.1)
    save_control(folder / "control.safetensors", net, {})
    return folder


@pytest.fixture
def env(tmp_path):
    path = tmp_path / "env.json"
    Envelope.from_hits([0.5, 1.5], 2.5).save(path)
    return path


def test_generate_by_a_prompt(model, clip, env, tmp_path, capsys):
    out = tmp_path / "out.wav"
    command = f"generate {clip} -o {out} --envelope {env} --model {model} --num-steps 2 --json"
    assert main(shlex.split(f"{command} --prompt 'strange humming'")) == 0  # in any words
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert facts["engine"] == str(model) and facts["sound"] == "strange humming"
    assert not said.err
    wav, rate = read_audio(out)
    assert rate == RATE and wav.shape == (2, round(2.5 * RATE)) and wav.any()


def test_generate_by_a_reference(model, clip, env, hit, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(bfloat16, "_cpu_has_instructions", lambda: True)
    out = tmp_path / "out.wav"
    command = f"generate {clip} -o {out} --envelope {env} --model {model} --reference {hit}"
    assert main(shlex.split(f"{command} --num-steps 2 --offline --dtype bfloat16")) == 0
    said = capsys.readouterr()
    assert "heard through the preview alone" in said.err and said.err.count("\n") == 1
    assert read_audio(out)[0].any()


def test_with_a_controlnet_the_preview_is_not_asked(model, clip, env, monkeypatch):
    monkeypatch.setattr("folai.preview.lay.lay_kit", lambda *a, **k: pytest.fail("was asked"))
    given = {"envelope": env, "model": model, "prompt": "rain", "num_steps": 1}
    result = generate(
        clip, options=GenerateOptions.of(**given, control=model / "control.safetensors")
    )
    assert result.wav.shape == (2, round(2.5 * RATE)) and np.isfinite(result.wav).all()


def test_what_suits_a_model():
    def settled(options=StableAudioOpenOptions(), **model):
        sampling = options.sampling(**{"distilled": False, "described": True, **model})
        return sampling["num_steps"], sampling["cfg_scale"], sampling["init_strength"]

    assert settled(steered=False) == (100, 7.0, 0.5)
    assert settled(steered=True) == (150, 2.0, 1.0)
    assert settled(steered=True, unheard=True) == (150, 2.0, 0.5)
    assert settled(steered=False, distilled=True) == (8, 1.0, 0.5)
    assert settled(steered=False, described=False)[1] == 1.0
    own = StableAudioOpenOptions(num_steps=9, cfg_scale=3.0, init_strength=0.2)
    assert settled(own, steered=True) == (9, 3.0, 0.2)


def test_which_sound_is_laid_for_a_prompt():
    assert sound_of_prompt("footsteps on gravel") == "footstep"
    assert sound_of_prompt("hitting a metal rail") == "metal"
    assert sound_of_prompt("whales singing") == sound_of_prompt(None) == "wood"
    assert prompt_or_default(None, None, "glass") == "hit glass"
    assert prompt_or_default(None, "hit.wav", None) is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model": "x", "engine": "preview"},
            "preview engine takes no model; use the engine stable",
        ),
        (
            {"model": "x", "foley_weights": "y"},
            "takes no foley_weights; use the engine diff",
        ),
        ({"control": "x"}, "takes no control; use the engine stable"),
        (
            {"model": "small", "dtype": "float16"},
            "takes no dtype; use the engine stable",
        ),
        ({"init_strength": 1.5}, "init_strength is 1.5; give 0 to 1"),
    ],
)
def test_options_that_cannot_be_meant(options, message):
    with pytest.raises(ValueError, match=message):
        GenerateOptions.of(**options)


def test_a_model_that_is_not_here(clip, env, monkeypatch, capsys):
    given = f"generate {clip} --envelope {env} --model stable-audio-open-1.0 --prompt rain"
    assert main(shlex.split(f"{given} --offline")) == 2
    error = capsys.readouterr().err
    assert "stable-audio-open-1.0: not on this machine" in error and error.count("\n") == 1


def test_models_are_listed(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:2]] == ["small", "stable-audio-open-1.0"]
    assert " here " in lines[0] and "Stability AI Community" in lines[1]
    assert [line.split()[0] for line in lines[-2:]] == ["all", "open"]  # mappers
    assert main(["models", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["models"]
    assert facts["small"]["path"] and facts["clap"]["repository"] == "laion/clap-htsat-fused"


def test_train_at_full_size_from_the_command_line(model, tmp_path, capsys):
    from folai.media.audio import write_wav

    table = "file,start_seconds,seconds,label,split,origin\nhit.wav,0,0.5,hit/wood,train,us\n"
    (tmp_path / "index.csv").write_text(table)
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (1, RATE // 2)).astype(np.float32)
    write_wav(tmp_path / "hit.wav", noise, RATE)
    command = f"train control --model {model} --data {tmp_path} --out {tmp_path / 'run'} --no-clap"
    sizes = "--steps 1 --windows 2 --seconds 0.5 --batch-size 1 --accumulate 1 --quiet"
    assert main(shlex.split(f"{command} {sizes}")) == 0
    assert (tmp_path / "run" / "control.safetensors").is_file()
    assert (tmp_path / "run" / "control.json").is_file() and not capsys.readouterr().out
