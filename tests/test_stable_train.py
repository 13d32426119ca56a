"""Training at full size, tiny: the ControlNet, a LoRA, resumed runs, several processes."""

import csv
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from folai import Envelope
from folai.data.stable_material import encode_material
from folai.media.audio import write_wav
from folai.stable.base_files import load_base, save_base
from folai.stable.control_files import load_control
from folai.stable.model import StableAudio, load_stable
from folai.train.full_size_control import train_stable_control
from folai.train.full_size_loss import Trained
from folai.train.full_size_options import StableOptions
from stable_models import TINY, random_base, save_text_model

RATE = 44100


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """A folder of short and long recordings."""
    folder = tmp_path_factory.mktemp("sounds")
    rng = np.random.default_rng(0)
    columns = ("file", "start_seconds", "seconds", "label", "split", "origin")
    with (folder / "index.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        for label, seconds in (("hit/wood", 0.3), ("rain/metal", 4.0)):
            time = np.arange(round(seconds * RATE)) / RATE
            wav = np.exp(-8 * (time % 0.9)) * rng.uniform(-0.5, 0.5, time.size)
            name = f"{label.replace('/', '_')}.wav"
            write_wav(folder / name, wav[None].astype(np.float32), RATE)
            table.writerow((name, 0.0, seconds, label, "train", "us"))
    return folder


@pytest.fixture
def stable():
    base = random_base()
    return StableAudio(base.config, base.dit, base.autoencoder, base.seconds)


SMALL_RUN = {
    "clap": None, "seconds": 0.5, "windows": 12, "batch_size": 2, "accumulate": 2, "log_every": 1,
    "learning_rate": 1e-2, "depth_factor": 0.4,
}  # fmt: skip


def losses(lines):
    return [float(line.split()[1]) for line in lines if re.match(r" +\d+ +\d+\.\d+ ", line)]


def test_the_published_recipe_is_the_default():
    options = StableOptions()
    assert (options.depth_factor, options.learning_rate, options.weight_decay) == (0.2, 1e-4, 1e-3)
    assert (options.batch_size, options.accumulate, options.dropout) == (12, 4, 0.1)
    assert options.model == "stable-audio-open-1.0" and options.checkpointing
    for wrong, message in (
        ({"batch_size": 0}, "batch_size is 0; give 1 or more"),
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"lora_rank": -1}, "lora_rank is -1"),
    ):
        with pytest.raises(ValueError, match=message):
            StableOptions(**wrong)


def test_windows_are_encoded_once(sounds, stable, tmp_path):
    said = []
    options = {"seconds": 0.5, "count": 6, "log": said.append}
    material = encode_material((sounds,), stable.autoencoder, tmp_path, **options)
    frames = round(0.5 * RATE / 512)
    assert material.latents.shape == material.control.shape == (6, 8, frames)
    assert material.no_control.shape == (8, frames) and material.clap is None
    assert set(material.prompts) == {"hit wood", "rain metal"}
    assert said == ["6 of 6 windows encoded"]
    again = encode_material((sounds,), stable.autoencoder, tmp_path, **options)
    assert len(said) == 1 and np.array_equal(again.latents, material.latents)
    assert not np.allclose(material.control[0], material.no_control, atol=1e-3)


def test_only_the_controlnet_is_trained_and_a_run_goes_on(sounds, stable, tmp_path):
    before = {name: p.clone() for name, p in stable.dit.named_parameters()}
    whole, first, second = [], [], []

    def options(out, steps):
        return StableOptions(
            data=(sounds,), out=tmp_path / out, cache=tmp_path / "cache", steps=steps, **SMALL_RUN
        )

    path = train_stable_control(options("whole", 4), whole.append, stable)
    assert all(torch.equal(p, before[name]) for name, p in stable.dit.named_parameters())
    net = load_control(path, TINY)
    assert len(net.outward) == 2 and float(net.outward[0].weight.abs().max()) > 0
    train_stable_control(options("parts", 2), first.append, stable)
    train_stable_control(options("parts", 4), second.append, stable)
    assert len(losses(whole)) == 4
    assert losses(first) + losses(second) == losses(whole)
    with pytest.raises(ValueError, match="trained something else; give another --out"):
        other = StableOptions(
            data=(sounds,), out=tmp_path / "parts", steps=9, **{**SMALL_RUN, "depth_factor": 0.8}
        )
        train_stable_control(other, first.append, stable)


def test_the_loss_of_an_untrained_controlnet_is_that_of_the_base(sounds, stable, tmp_path):
    options = StableOptions(data=(sounds,), out=tmp_path, steps=1, **SMALL_RUN)
    trained = Trained(stable, options, 0.5)
    from folai.train.full_size_control import Loop

    material = encode_material((sounds,), stable.autoencoder, tmp_path, seconds=0.5, count=4)
    loop = Loop(options, stable, material, None, trained, trained, 0, 1)
    batch = loop.batch(1, 0)
    assert torch.equal(trained(batch), trained(batch, alone=True))
    assert batch.latents.shape == (2, 8, 43) and float(batch.t.min()) > 0


def test_a_lora_is_trained_and_merged(sounds, tmp_path):
    pytest.importorskip("transformers")
    save_base(random_base(), tmp_path / "model", "diffusers")
    save_text_model(tmp_path / "model")
    options = StableOptions(
        data=(sounds,), model=tmp_path / "model", out=tmp_path / "lora", steps=2, lora_rank=4,
        **SMALL_RUN,
    )  # fmt: skip
    said = []
    path = train_stable_control(options, said.append)
    base = (tmp_path / "model" / "transformer" / "diffusion_pytorch_model.safetensors").stat()
    assert path.name == "lora.safetensors" and path.stat().st_size < base.st_size / 8
    merged = load_stable(tmp_path / "model", lora=path, text=True)
    plain = load_base(tmp_path / "model")
    name = "trunk.blocks.0.attention.inward.weight"
    assert not torch.equal(merged.dit.state_dict()[name], plain.dit.state_dict()[name])
    assert torch.equal(merged.dit.project.weight, plain.dit.project.weight)
    wav = merged.generate(
        Envelope.from_hits([0.2], 2.0), duration=2.0, prompt="hit wood", num_steps=1
    )
    assert np.isfinite(wav).all()


def test_a_lora_as_peft_merges_it():
    peft = pytest.importorskip("peft")
    from folai.models.lora import LoRA

    torch.manual_seed(0)
    layer = torch.nn.Linear(6, 5, bias=False)
    ours = LoRA(torch.nn.Linear(6, 5, bias=False), 2)
    ours.layer.load_state_dict(layer.state_dict())
    model = peft.get_peft_model(
        torch.nn.Sequential(layer), peft.LoraConfig(r=2, lora_alpha=2, target_modules=["0"])
    )
    theirs = dict(model.named_parameters())
    with torch.no_grad():
        torch.nn.init.normal_(ours.up)
        for name, parameter in theirs.items():
            if "lora_" in name:
                parameter.copy_(ours.down if "lora_A" in name else ours.up)
        x = torch.randn(3, 6)
        assert torch.allclose(ours(x), model.merge_and_unload()(x), atol=1e-6)


TWO_PROCESSES = """
    import json, sys
    from pathlib import Path
    import torch
    sys.path.insert(0, {tests!r})
    from stable_models import random_base
    from folai.stable.model import StableAudio
    from folai.train.full_size_control import train_stable_control
    from folai.train.full_size_options import StableOptions

    base = random_base()
    stable = StableAudio(base.config, base.dit, base.autoencoder, base.seconds)
    given = json.loads({options!r})
    paths = dict(data=(Path({data!r}),), out=Path({out!r}), cache=Path({cache!r}))
    options = StableOptions(**paths, **given)
    train_stable_control(options, print, stable)
"""


def test_two_processes_are_as_one_with_twice_the_batch(sounds, stable, tmp_path):
    cache = tmp_path / "cache"
    one = []
    options = StableOptions(
        data=(sounds,), out=tmp_path / "one", cache=cache, steps=3,
        **{**SMALL_RUN, "batch_size": 4},
    )  # fmt: skip
    train_stable_control(options, one.append, stable)
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(TWO_PROCESSES).format(
            tests=str(Path(__file__).parent),
            options=json.dumps({**SMALL_RUN, "steps": 3}),
            data=str(sounds),
            out=str(tmp_path / "two"),
            cache=str(cache),
        )
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([*command, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    two = done.stdout.splitlines()
    assert "on cpu, 2 processes" in done.stdout
    assert len(losses(one)) == 3 and losses(two) == pytest.approx(losses(one), rel=1e-3)
    ours, theirs = (
        load_control(tmp_path / name / "control.safetensors", TINY).state_dict()
        for name in ("one", "two")
    )
    assert all(torch.allclose(t, theirs[name], atol=2e-3) for name, t in ours.items())


def test_training_in_bf16(sounds, tmp_path):
    save_base(random_base(), tmp_path, "tools")
    base = load_base(tmp_path, dtype=torch.bfloat16)
    stable = StableAudio(base.config, base.dit, base.autoencoder, base.seconds)
    said = []
    options = StableOptions(
        data=(sounds,), out=tmp_path, steps=2, dtype="bfloat16", **SMALL_RUN
    )  # fmt: skip
    net = load_control(train_stable_control(options, said.append, stable), TINY)
    assert np.isfinite(losses(said)).all() and len(losses(said)) == 2
    assert net.outward[0].weight.dtype == torch.float32
