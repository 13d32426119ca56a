"""Trainings under torchrun: two processes are as one with twice the batch."""

import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from folai.diffusion.foley_files import save_base, save_control
from folai.models import mapper_config
from folai.models.controlnet import ControlConfig, ControlNet
from folai.stable3.model import Stable3
from folai.train import denoiser, leaps, mapper, small_control, sound_decoder
from folai.train.stable3_control import train_stable3_control
from folai.train.stable3_options import Stable3TrainOptions
from folai.train.torchrun import Processes
from stable3_models import random_base
from test_train_foley import CODEC, CONFIG, folder  # noqa: F401

STEPS = 2
KINDS = ("mapper", "autoencoder", "foley", "control", "leaps", "stable3")
WEIGHTS = {
    "mapper": "model", "autoencoder": "model", "foley": "models", "control": "models",
    "leaps": "models", "stable3": "trained",
}  # fmt: skip


def train(kind, recordings, out, times, patch):
    """A run of some steps, with `times` the batch.

    In float32, as bfloat16 rounds whole batches otherwise than their halves, and without dropout,
    which each process draws. patch: a `MonkeyPatch`.
    """
    patch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    given = {"out": out / kind, "steps": STEPS, "log_every": 1, "cache": recordings / "cache"}
    if kind == "mapper":
        for size, config in [*mapper_config.SIZES.items()]:
            patch.setitem(mapper_config.SIZES, size, replace(config, dropout=0.0, num_layers=1))
        patch.setattr(torch.nn.functional, "dropout2d", lambda x, share, training: x)
        patch.setattr(mapper, "load_examples", lambda options, log: examples())
        options = mapper.TrainOptions(batch_size=2 * times, window=24, **given)
        mapper.train_mapper(options, silent)
    elif kind == "autoencoder":
        options = sound_decoder.AutoencoderOptions(
            data=(recordings,),
            config=CODEC,
            batch_size=2 * times,
            frames=24,
            adversarial_from=0.4,
            **given,
        )
        sound_decoder.train_autoencoder(options, silent)
    elif kind == "stable3":
        base = random_base()
        stable = Stable3(base.config, base.dit, base.autoencoder, base.conditioner)
        options = Stable3TrainOptions(
            data=(recordings,), batch_size=2 * times, windows=8, seconds=0.5, depth_factor=0.4,
            prompts=False, learning_rate=1e-2, **given,
        )  # fmt: skip
        train_stable3_control(options, silent, stable)
    else:
        given |= {"data": (recordings,), "objects": 1, "examples": 0}
        given |= {"batch_seconds": 9.0 * times, "autoencoder": recordings / "codec.safetensors"}
        if kind == "foley":
            denoiser.train_foley(denoiser.TrainOptions(config=CONFIG, **given), silent)
            return
        given["base"] = recordings / "base.safetensors"
        if kind == "control":
            small_control.train_control(small_control.TrainOptions(**given), silent)
        else:  # a small step, then a large one
            leaps.train_leaps(leaps.TrainOptions(small_steps=1, **given), silent)


def examples():
    """Clips of noise, each with its own contacts."""
    from folai.data.examples import Example
    from folai.mapper.features import Pictures
    from folai.models.cells import CHANNELS, GRID

    rng = np.random.default_rng(0)
    made = []
    for index in range(4):
        cells = rng.uniform(0, 1, (60, len(CHANNELS), *GRID)).astype(np.float16)
        rms = (0.3 * rng.uniform(0, 1, 960) ** 4).astype(np.float32)
        onsets = np.sort(rng.uniform(0, 2, 3)) if index else None
        pictures = Pictures(np.arange(61) / 30, cells)
        made.append(Example(f"{index}", (pictures,), (1.0,), rms, onsets, 0.0))
    return made


def silent(text):
    """Instead of a log."""


SCRIPT = """
import os, sys
from pathlib import Path
import pytest
import torch.distributed as dist
sys.path.insert(0, {tests!r})
from test_torchrun import KINDS, train
assert os.environ["WORLD_SIZE"] == "2"
dist.init_process_group("gloo")
for kind in KINDS:
    train(kind, Path({recordings!r}), Path({out!r}), 1, pytest.MonkeyPatch())
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def runs(folder, tmp_path_factory):  # noqa: F811
    """(folder of the runs of one process, of those of two)."""
    out = tmp_path_factory.mktemp("runs")
    torch.manual_seed(0)
    base = denoiser.Base(CONFIG)
    with torch.no_grad():
        for weight in base.parameters():  # its output is no longer 0, so that control matters
            weight += 0.05 * torch.randn_like(weight)
    save_base(folder / "base.safetensors", base.dit, base.conditioner, CONFIG, {})
    save_control(folder / "control.safetensors", ControlNet(ControlConfig(), base.dit), {})
    for kind in KINDS:
        with pytest.MonkeyPatch.context() as patch:
            train(kind, folder, out / "one", 2, patch)
    script = out / "two.py"
    paths = {"recordings": str(folder), "out": str(out / "two")}
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parent), **paths))
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run([sys.executable, *torchrun, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return out / "one", out / "two"


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_as_one_with_twice_the_batch(runs, kind):
    one, two = (torch.load(run / kind / "last.pt", weights_only=True) for run in runs)
    assert one["step"] == two["step"] == STEPS
    ours, theirs = one[WEIGHTS[kind]], two[WEIGHTS[kind]]
    assert distance(ours, theirs) < 1e-3
    assert all(
        torch.allclose(w.float(), theirs[name].float(), atol=1e-3) for name, w in ours.items()
    )
    gradients = [
        {index: state["exp_avg"] for index, state in run["optimiser"]["state"].items()}
        for run in (one, two)
    ]
    assert distance(*gradients) < 1e-2  # weights have hardly moved: these tell more
    files = [{path.name for path in (run / kind).glob("*.safetensors")} for run in runs]
    assert files[0] == files[1] and files[0]


def distance(ours, theirs):
    """Of two sets of tensors, relative to their norm."""
    assert ours.keys() == theirs.keys()
    flat, other = (
        torch.cat([part[key].float().flatten() for key in ours]) for part in (ours, theirs)
    )
    assert flat.norm() > 0
    return float((flat - other).norm() / flat.norm())


def test_rows_are_shared_out():
    shares = [Processes(rank, 3).rows(8) for rank in range(3)]
    assert [list(range(8))[share] for share in shares] == [[0, 1], [2, 3, 4], [5, 6, 7]]
    alone, rows = Processes(), torch.ones(3, 2, requires_grad=True)
    assert alone.rows(5) == slice(0, 5) and alone.gather(rows, 3) is rows
    assert alone.mean(rows) is rows
    alone.share_gradients(nn.Linear(2, 2))
