"""What the two trainings of the small sound model share: its data, its loss, its examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from folai.data.material import load_material
from folai.data.sequences import LENGTHS, Batch, Sequences
from folai.data.shards import local_folder
from folai.data.sounds import load_sounds
from folai.diffusion.conditioning import Hints
from folai.diffusion.foley import Foley, Run
from folai.diffusion.options import DiffusionOptions
from folai.diffusion.sampling import alpha_sigma, to_predict
from folai.media.audio import write_wav
from folai.models.autoencoder import Autoencoder
from folai.train import loop
from folai.train.torchrun import Processes

WARM_UP = 60  # steps over which the learning rate rises
AVERAGED = 0.995  # share of the averaged weights that stays in a step

Log = Callable[[str], None]
Losses = loop.Meter[NDArray[np.float64]]
"""A row a step: [B, 2], the time t and the loss of each example."""


def check_run(options: Any) -> None:
    """Raises ValueError for options with which nothing can be trained."""
    loop.check_counts(options, "steps", "threads", "log_every", "objects")
    if not options.batch_seconds > 0:
        raise ValueError(f"batch_seconds is {options.batch_seconds}; give above 0")


def check_shares(options: Any, group: Processes) -> None:
    """Raises ValueError where a batch is too small for each process to have an example of it."""
    if group.count > 1 and round(options.batch_seconds * group.count / max(LENGTHS)) < group.count:
        longest = max(LENGTHS)
        raise ValueError(
            f"batch_seconds is {options.batch_seconds:g} for each of {group.count} processes; "
            f"give {longest:g} or more, an example"
        )


# Data


def load_sequences(
    data: Sequence[Path],
    cache: Path,
    autoencoder: Autoencoder,
    objects: int,
    log: Log,
) -> Sequences:
    if not data:
        raise ValueError("nothing to train on: give --data DIR")
    data = [local_folder(folder, cache) for folder in data]
    sounds = load_sounds(data, cache / "sounds", "train")
    material = load_material(sounds, autoencoder, cache, log, objects)
    sequences = Sequences(material, autoencoder)
    log(
        f"{len(sequences.clips)} clips with parts of {len(sequences.parts)} labels; labels of long "
        f"recordings {len(sequences.long)}, events {len(sequences.pools)}, computed ones "
        f"{len(sequences.modelled)}"
    )
    return sequences


# Loss


def draw(batch: Batch, noise_bias: float) -> tuple[Tensor, Tensor]:
    """(t [B], noise [B, C, T]): the logit of t is normal (arXiv 2403.03206), spread evenly."""
    count = len(batch.latents)
    ranks = (torch.randperm(count) + torch.rand(count)) / count
    t = torch.sigmoid(torch.special.ndtri(ranks.clamp(1e-4, 1 - 1e-4)) + noise_bias)
    return t.to(batch.latents.device), torch.randn_like(batch.latents)


def mixed(batch: Batch, t: Tensor, noise: Tensor, objective: str) -> Tensor:
    """The batch's latents with their share of noise, [B, C, T], at times t [B]."""
    alpha, sigma = alpha_sigma(t[:, None, None], objective)
    return alpha * batch.latents + sigma * noise


def losses_of(prediction: Tensor, batch: Batch, noise: Tensor, t: Tensor, objective: str) -> Tensor:
    """Mean squared error [B] of the model's prediction [B, C, T] at times t [B]."""
    target = to_predict(batch.latents, noise, t[:, None, None], objective)
    return (prediction.float() - target).square().mean((1, 2))


# The run


def make_optimiser(
    models: nn.Module, learning_rate: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW; only matrices decay."""
    trained = [p for p in models.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, learning_rate, betas=(0.9, 0.97), fused=True)


def begin(out: Path, parts: loop.Parts, trained: nn.Module, log: Log) -> int:
    """Resumes the run in `out` if there is one, and starts the log. Returns the step that was
    reached, 0 for a new run.
    """
    state = loop.resume_run(out / "last.pt", parts)
    device = next(trained.parameters()).device
    log(f"{loop.size_of(trained.parameters())} on {device}")
    log(loop.heading("loss", "noisy", "middle", "clean"))
    return int(state["step"])


def keep(
    step: int, options: Any, parts: loop.Parts, meter: Losses, log: Log, group: Processes
) -> None:
    """Logs and saves the run, every `log_every` steps and at the end."""
    if step % options.log_every == 0 or step == options.steps:
        log(loss_line(step, meter))
        if group.is_first:
            loop.save_run(options.out / "last.pt", step, parts)
        meter.restart()


def loss_row(t: Tensor, each: Tensor) -> NDArray[np.float64]:
    """[B, 2] of times and losses [B]."""
    return np.array([t.tolist(), each.tolist()]).T


def loss_line(step: int, meter: Losses) -> str:
    """A line of the loss table: the mean, then by thirds of t from 1 to 0."""
    t, loss = np.concatenate(meter.rows).T
    thirds = [t > 2 / 3, (t > 1 / 3) & (t <= 2 / 3), t <= 1 / 3]
    means = [loss[third].mean() if third.any() else np.nan for third in thirds]
    return loop.line(step, [loss.mean(), *means], meter.seconds)


def show(
    step: int,
    options: Any,
    foley: Foley,
    sequences: Sequences,
    meter: Losses,
    group: Processes,
) -> None:
    """Writes `options.examples` sounds at each fifth of the run, by the averaged weights."""
    if step % max(1, options.steps // 5) or not options.examples or not group.is_first:
        return
    write_examples(foley, sequences, options.examples, options.out / f"step{step:06d}")
    meter.restart_clock()


def write_examples(foley: Foley, sequences: Sequences, count: int, folder: Path) -> None:
    """Writes sounds to listen to: the reference, the target, and the model's take."""
    folder.mkdir(exist_ok=True)
    batch = sequences.batch(count, 344, 172, np.random.default_rng(5)).to(
        foley.dit.project.weight.device
    )
    for index in range(count):
        here = slice(index, index + 1)
        hints = Hints(batch.reference[here].cpu(), batch.words[here].cpu())
        nothing = Hints(None, torch.zeros_like(hints.words))
        run = Run(foley, (hints, nothing), DiffusionOptions(cfg_scale=3.0))
        with torch.inference_mode():
            takes = run.follow(batch.envelope[here], 344, seed=index)
        for name, latents in (
            ("reference", batch.reference[index]),
            ("target", batch.latents[index]),
            ("made", takes[0]),
        ):
            with torch.inference_mode():
                wav = foley.autoencoder.decode(latents[None].float().cpu())[0].numpy()
            write_wav(folder / f"{index}_{name}.wav", wav, foley.sample_rate)
