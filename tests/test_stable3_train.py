"""Controls and LoRAs of Stable Audio 3, tiny: what they do untrained, trained, and in files."""

# ruff: noqa: F811

import json
import re
import shlex

import numpy as np
import pytest
import torch

from folai import Envelope
from folai.cli import main
from folai.data.stable_material import encode_material
from folai.diffusion.together import Together
from folai.media.audio import read_audio
from folai.models.controlnet import level_curves
from folai.models.stable3_control import Stable3ControlConfig, make_control
from folai.stable3.base_files import Stable3Base, save_base
from folai.stable3.control_files import load_control, save_control
from folai.stable3.control_levels import draw_width, filter_width, levels_of, softened
from folai.stable3.lora_files import merge_lora
from folai.stable3.model import Stable3, load_stable3
from folai.train.stable3_control import train_stable3_control
from folai.train.stable3_loss import draw_keeps
from folai.train.stable3_options import Stable3TrainOptions
from stable3_models import TINY, TINY_MEDIUM, drawn, random_base, save_t5gemma
from test_stable_train import losses, sounds  # noqa: F401

HITS = Envelope.from_hits([0.2, 0.5], 0.8)
KINDS = {"net": {"depth_factor": 0.4}, "light": {"light": True, "lora_rank": 2}}
RUN = {
    "seconds": 0.5, "windows": 8, "batch_size": 2, "log_every": 1, "learning_rate": 1e-2,
    "prompts": False, "gaps": 0.5,
}  # fmt: skip


def stable(config=TINY, **others):
    base = random_base(config)
    return Stable3(base.config, base.dit, base.autoencoder, base.conditioner, **others)


def train(sounds, out, said=None, model=None, **options):
    options = Stable3TrainOptions(data=(sounds,), cache=out.parent / "cache", out=out,
                                  **{**RUN, **options})  # fmt: skip
    return train_stable3_control(options, (said if said is not None else []).append,
                                 model or stable())  # fmt: skip


# What a control sees


def test_levels_are_at_their_times():
    levels = levels_of(Envelope.from_hits([0.5], 1.0), 12, 12.0, 16, gain=2.0)
    assert levels.shape == (192,) and abs(levels.argmax() / 192 - 0.5) < 0.02
    assert levels.max() == pytest.approx(2 * levels_of(HITS, 12, 12.0, 16).max(), rel=0.05)
    seen = level_curves(torch.tensor([[0.0, 1.0, 0.001, 9.0]]), 2)
    assert torch.allclose(seen, torch.tensor([[[0, 0, 1, 1], [0.001**0.5, 0, 2, 1.2007]]]), 1e-3)


def test_a_filter_leaves_slow_changes_and_takes_short_hits():
    levels = torch.zeros(1, 200)
    levels[:, 50:54], levels[:, 100:160] = 1, 0.5
    narrow, wide = softened(levels, 1), softened(levels, filter_width(0.5, 172.0))
    assert torch.equal(narrow, levels)
    assert not wide[:, :90].any() and torch.equal(wide[:, 95:165], levels[:, 95:165])
    assert filter_width(1.0, 172.0) == filter_width(3.0, 172.0) == 1
    assert filter_width(0.0, 172.0) == 45
    widths = [draw_width(torch.Generator().manual_seed(n), 172.0) for n in range(40)]
    assert 10 < widths.count(1) < 30 and max(widths) > 30 and all(w % 2 for w in widths)


def test_parts_that_are_given_leave_something_to_make():
    keeps = [draw_keeps(torch.Generator().manual_seed(n), 6, 0.9) for n in range(60)]
    assert all(keep.shape == (1, 6) and keep.sum() < 6 for keep in keeps)
    assert sum(bool(keep.any()) for keep in keeps) > 30
    assert not draw_keeps(torch.Generator().manual_seed(0), 6, 0.0).any()


# Untrained and loaded


@pytest.mark.parametrize("config", [TINY, TINY_MEDIUM], ids=["small", "medium"])
@pytest.mark.parametrize("light", [False, True], ids=["net", "light"])
def test_before_training_a_control_changes_nothing(light, config):
    model = stable(config)
    control = make_control(Stable3ControlConfig(light, 0.4), config.dit)
    if not light:
        control.copy_from(model.dit)
        assert len(control.blocks) == 1
    given = {"duration": 0.8, "num_steps": 2, "envelope_lock": 0.0}
    before = model.generate(HITS, **given)
    after = stable(config, control=control).generate(HITS, **given)
    assert np.abs(before - after).max() <= 1e-6


def random_control(light):
    torch.manual_seed(3)
    control = make_control(Stable3ControlConfig(light, 0.7), TINY.dit)
    for parameter in control.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return control.requires_grad_(False)


@pytest.mark.parametrize("light", [False, True], ids=["net", "light"])
def test_a_control_there_and_back_and_clips_together(light, tmp_path):
    path = tmp_path / "control.safetensors"
    save_control(path, random_control(light), TINY.dit, {})
    model = stable(control=load_control(path, base_of(stable())))
    given = {"duration": 0.8, "num_steps": 2, "cfg_scale": 2.0, "envelope_lock": 0.0}
    other = Envelope.from_hits([0.4], 0.8)
    together = Together()
    tasks = [(HITS, 3), (other, 4)]
    alone = [model.generate(envelope, seed=seed, **given) for envelope, seed in tasks]
    both = together.do([
        lambda envelope=envelope, seed=seed: model.generate(
            envelope, seed=seed, together=together, **given
        )
        for envelope, seed in tasks
    ])  # fmt: skip
    for one, two in zip(alone, both, strict=True):
        assert np.abs(one - two).max() < 1e-4
    off = model.generate(HITS, seed=3, control_scale=0.0, **given)
    assert np.array_equal(off, stable().generate(HITS, seed=3, **given))
    half = model.generate(HITS, seed=3, control_scale=0.5, **given)
    assert np.abs(half - alone[0]).max() > 1e-4 and np.abs(half - off).max() > 1e-4
    with pytest.raises(ValueError, match="made for a base of twin False, this one has True"):
        load_control(path, random_base(TINY_MEDIUM))
    with pytest.raises(ValueError, match="control not found"):
        load_stable3(tmp_path, control=tmp_path / "no.safetensors")


def base_of(model):
    base = Stable3Base(model.config)
    base.dit, base.autoencoder, base.conditioner = model.dit, model.autoencoder, model.conditioner
    return base


# Training


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_control_is_trained_and_its_file_steers(kind, sounds, tmp_path):
    model, said = stable(), []
    before = {name: p.clone() for name, p in model.dit.named_parameters()}
    path = train(sounds, tmp_path / "run", said, model, steps=3, **KINDS[kind])
    now = dict(model.dit.named_parameters())
    for name, parameter in before.items():
        held = now.get(name, now.get(f"{name.removesuffix('weight')}layer.weight"))
        assert torch.equal(held, parameter)
    assert len(losses(said)) == 3
    base = random_base()
    control = load_control(path, base)
    changed = [n for n, p in base.dit.named_parameters() if not torch.equal(p, before[n])]
    assert all(re.search("attention|cross", name) for name in changed)
    assert bool(changed) == (kind == "light")
    steered = Stable3(base.config, base.dit, base.autoencoder, base.conditioner, control=control)
    given = {"duration": 0.8, "num_steps": 2, "envelope_lock": 0.0}
    one, other = (steered.generate(e, **given) for e in (HITS, Envelope.from_hits([0.7], 0.8)))
    assert np.abs(one - other).max() > 1e-4 and np.isfinite(one).all()


def test_a_resumed_run_is_as_one_that_was_not_stopped(sounds, tmp_path):
    whole, first, second = [], [], []
    train(sounds, tmp_path / "whole", whole, steps=3, **KINDS["net"])
    train(sounds, tmp_path / "parts", first, steps=2, **KINDS["net"])
    path = train(sounds, tmp_path / "parts", second, steps=3, **KINDS["net"])
    assert len(losses(whole)) == 3 and losses(first) + losses(second) == losses(whole)
    assert path.read_bytes() == (tmp_path / "whole" / path.name).read_bytes()
    with pytest.raises(ValueError, match="trained something else; give another --out"):
        train(sounds, tmp_path / "parts", steps=9, **KINDS["light"])


def test_a_lora_is_merged_as_it_was_trained(sounds, tmp_path):
    model = stable()
    path = train(sounds, tmp_path / "run", model=model, steps=2, lora_rank=4, ema=0.0)
    base = random_base()
    merge_lora(path, base)
    hearing = drawn(1, 1, 3, 768), None
    given = drawn(2, 1, 8, 6), torch.tensor([0.5]), drawn(3, 1, 768)
    with torch.no_grad():
        trained, merged, plain = (
            dit(*given, dit.hear(*hearing)) for dit in (model.dit, base.dit, random_base().dit)
        )
    apart = (trained - plain).abs().max()
    assert (trained - merged).abs().max() < 0.01 * apart and apart > 1e-3


def test_windows_hold_levels(sounds, tmp_path):
    codec = stable().autoencoder
    material = encode_material(
        (sounds,), codec, tmp_path, seconds=0.5, count=4, levels=16, log=lambda text: None
    )
    frames = round(0.5 * codec.config.frame_rate)
    assert material.latents.shape == (4, 8, frames) and material.control.shape == (4, 16 * frames)
    assert material.control.max() == pytest.approx(1.0, rel=0.1)


def test_trained_and_used_by_the_commands(sounds, clip, tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "prompts"))
    folder, env, out = tmp_path / "model", tmp_path / "env.json", tmp_path / "out.wav"
    save_base(random_base(), folder)
    save_t5gemma(folder)
    Envelope.from_hits([0.5, 1.5], 2.5).save(env)
    run = f"train control --model {folder} --data {sounds} --cache {tmp_path / 'cache'} --steps 1"
    run += " --windows 4 --seconds 0.5 --batch-size 2 --dtype bfloat16 --json"
    generate = f"generate {clip} -o {out} --envelope {env} --model {folder} --num-steps 1"
    heard = []
    for name, kind in (("control", ""), ("control", "--light"), ("lora", "--lora-rank 2")):
        assert main(shlex.split(f"{run} --out {tmp_path / 'run'}{kind[:6]} {kind}")) == 0
        path = json.loads(capsys.readouterr().out)["output"]
        assert path.endswith(f"{name}.safetensors")
        assert main(shlex.split(f"{generate} --sound wood --{name} {path}")) == 0
        capsys.readouterr()
        heard.append(read_audio(out)[0])
        assert heard[-1].any() and np.isfinite(heard[-1]).all()
    assert not np.array_equal(heard[0], heard[2])
    for wrong, message in (
        ("--no-clap", "--no-clap is of stable-audio-open-1.0; leave it out"),
        ("--base x", "--base is of the small model"),
        ("--library wood", "both data and library are given; name one"),
        ("--lora-rank 0", "lora_rank is 0; give 1 or more"),
    ):
        assert main(shlex.split(f"{run} {wrong}")) != 0
        assert message in capsys.readouterr().err
    assert main(shlex.split(f"train control --data {sounds} --light")) != 0
    assert "--light is of Stable Audio 3; name such a --model" in capsys.readouterr().err
