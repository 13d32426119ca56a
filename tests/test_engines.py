"""The trained engine in the pipeline and on the command line, with tiny untrained weights."""

import json
import shlex

import numpy as np
import pytest
import torch

from folai import Envelope, GenerateOptions, generate
from folai.cli import main
from folai.diffusion.foley import FoleyConfig
from folai.diffusion.foley_files import save_base, save_control
from folai.diffusion.naming import prompt_of_sound
from folai.diffusion.vocabulary import ALL, find_words
from folai.engines import choose_engine
from folai.media.audio import read_audio, write_wav
from folai.models.conditioner import Conditioner, ConditionerConfig
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT, DiTConfig
from folai.preview.materials import MATERIALS

RATE = 44100  # Hz


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """foley.safetensors with control.safetensors beside it, for the latents of ours."""
    path = tmp_path_factory.mktemp("weights") / "foley.safetensors"
    torch.manual_seed(0)
    config = FoleyConfig(
        DiTConfig(dim=32, depth=2, num_heads=2, num_cross_heads=2, hidden=32),
        ConditionerConfig(words=ALL),
    )
    base = DiT(config.dit)
    save_base(path, base, Conditioner(config.conditioner), config, {})
    save_control(path.with_name("control.safetensors"), ControlNet(ControlConfig(), base), {})
    return path


@pytest.fixture
def envelope():
    return Envelope.from_hits([0.5, 1.5], 2.5)


def test_the_trained_engine_gives_each_take_a_file(clip, hit, envelope, weights, tmp_path):
    options = {"envelope": envelope, "reference": hit, "foley_weights": weights, "num_steps": 1}
    result = generate(
        clip, tmp_path / "out.wav", GenerateOptions.of(**options, seed=2, variations=2)
    )
    assert result.engine == "diffusion"
    assert [path.name for path in result.paths] == ["out.wav", "out.take2.wav"]
    assert result.path == result.paths[0] and result.wav is result.takes[0]
    wav, rate = read_audio(result.paths[1])
    assert rate == RATE and np.allclose(wav, result.takes[1], atol=1e-6)
    other = generate(clip, options=GenerateOptions.of(**options, seed=3))
    assert np.array_equal(other.wav, result.takes[1])
    assert other.wav.shape == (1, round(2.5 * RATE))


def test_another_rate_and_more_channels(clip, envelope, weights):
    reference = np.random.default_rng(0).uniform(-0.1, 0.1, (2, 48000)).astype(np.float32)
    options = GenerateOptions.of(
        reference=reference,
        sample_rate=48000,
        envelope=envelope,
        foley_weights=weights,
        num_steps=1,
    )
    result = generate(clip, options=options)
    assert result.wav.shape == (1, round(2.5 * 48000)) and result.sample_rate == 48000


def test_what_is_done_to_a_reference_is_said(clip, envelope, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    envelope.save("env.json")
    noise = np.random.default_rng(0).uniform(-0.1, 0.1, (3, 16000)).astype(np.float32)
    write_wav("three.wav", noise, 16000)
    command = f"generate {clip} -o out.wav --envelope env.json --engine preview"
    assert main(shlex.split(f"{command} --reference three.wav --verbose")) == 0
    assert capsys.readouterr().out.splitlines()[:2] == [
        "three.wav: resampled from 16000 to 44100 Hz",
        "three.wav: 3 channels folded into two",
    ]


def test_words_on_the_command_line(clip, envelope, weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    envelope.save("env.json")
    command = f"generate {clip} -o out.wav --envelope env.json --foley-weights {weights}"
    words = "--prompt 'hitting glas on wood' --negative-prompt water --num-steps 1 --json"
    assert main(shlex.split(f"{command} {words}")) == 0
    said = capsys.readouterr()
    assert "'glas' is taken for glass" in said.err and said.err.count("\n") == 1
    facts = json.loads(said.out)
    assert (
        facts["engine"] == "diffusion"
        and facts["sound"] == "hitting glas on wood (hit, glass, wood)"
    )
    assert facts["outputs"] == ["out.wav"]


def test_which_engine_is_used():
    assert choose_engine(None, sound=None, prompt=None) == "diffusion"
    assert choose_engine("preview", sound=None, prompt=None) == "preview"
    assert choose_engine(None, sound="metal", prompt=None) == "preview"
    assert choose_engine("diffusion", sound="metal", prompt=None) == "diffusion"
    assert choose_engine(None, sound="metal", prompt="water") == "diffusion"  # a negative one


def test_every_built_in_sound_can_be_asked_of_the_model():
    assert all(find_words(prompt_of_sound(sound)) for sound in MATERIALS)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"engine": "magic"}, "engine is 'magic'; use one of diffusion, preview"),
        ({"engine": "preview", "prompt": "hit"}, "the preview engine takes no prompt"),
        ({"sound": "wood", "prompt": "hit"}, "both sound 'wood' and a prompt"),
        ({"negative_prompt": "xyzzy"}, "negative prompt 'xyzzy' has no word"),
        ({"variations": 0}, "variations is 0"),
        ({"cfg_scale": float("inf")}, "cfg_scale is inf; give 0 to 20"),
    ],
)
def test_options_that_cannot_be_meant(wrong, message):
    with pytest.raises(ValueError, match=message):
        GenerateOptions.of(**wrong)
