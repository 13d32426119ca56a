"""Trains the ControlNet: the base model, frozen, learns to follow envelopes. Read top to bottom.

    folai train control --data recordings clips --base runs/foley/foley.safetensors

Envelopes are measured from the target sound, then for most examples roughened as a mapper's
predictions are: blurred, early or late, of the wrong level, with hits missed and made up. So it
follows a true envelope exactly and forgives a predicted one.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from folai.checkpoints import AUTOENCODER, FOLEY, load_autoencoder
from folai.data.material import SAMPLES
from folai.data.sequences import Batch
from folai.diffusion.foley import Foley
from folai.diffusion.foley_files import load_base, save_control
from folai.diffusion.sampling import training_error
from folai.envelope.rms import gaussian_smooth
from folai.models.conditioner import Conditioner
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT
from folai.train.denoiser import (
    average_in,
    check_run,
    draw,
    load_sequences,
    make_optimiser,
    mixed,
    plain,
    resume,
    row,
    save,
    schedule,
    write_examples,
)
from folai.train.feed import prefetched

Curve = NDArray[np.float64]

EXACT = 0.4  # share of the envelopes that are not roughened


@dataclass(frozen=True)
class TrainOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips, or of such folders
    base: Path = FOLEY  # weights of the DiT
    out: Path = Path("runs/control")
    cache: Path | None = None  # where what was measured is kept
    autoencoder: Path = AUTOENCODER
    control: ControlConfig = field(default_factory=lambda: ControlConfig(samples=SAMPLES))
    steps: int = 1200
    batch_seconds: float = 32.0  # of targets in a step
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.01
    noise_bias: float = 0.5  # of the logit of t
    objects: int = 10  # computed ones of each material
    seed: int = 0
    threads: int = 1
    log_every: int = 50
    examples: int = 2  # sounds written at each fifth of the run

    def __post_init__(self) -> None:
        check_run(vars(self))


def train_control(options: TrainOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on."""
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    autoencoder = load_autoencoder(options.autoencoder)
    config, dit, conditioner = load_base(options.base)
    cache = options.cache or options.out / "cache"
    sequences = load_sequences(options.data, cache, autoencoder, options.objects, log)
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    dit = dit.to(device).requires_grad_(False)
    conditioner = conditioner.to(device).requires_grad_(False)
    controlnet = ControlNet(options.control, dit).to(device).requires_grad_(True)
    average = copy.deepcopy(controlnet).eval()
    optimiser = make_optimiser(controlnet, options.learning_rate, options.weight_decay)
    state = options.out / "last.pt"
    first = resume(state, controlnet, average, optimiser)
    log(f"{sum(p.numel() for p in controlnet.parameters()) / 1e6:.2f} M parameters on {device}")
    log(f"{'step':>6} {'loss':>7} {'noisy':>7} {'middle':>7} {'clean':>7} {'s/step':>7}")

    rng = np.random.default_rng([options.seed, first, 1])
    feed = prefetched(
        sequences.batches(options.batch_seconds, np.random.default_rng([options.seed + 1, first]))
    )
    losses: list[tuple[float, float]] = []  # (t, loss) of every example
    began, counted = time.monotonic(), first
    for step in range(first + 1, options.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * schedule(step, options.steps)
        batch = next(feed)
        rough = roughened(batch.envelope, sequences.rate * SAMPLES, rng).to(device)
        batch = batch.to(device)
        t, noise = draw(batch, options.noise_bias)
        with torch.autocast(device.type, torch.bfloat16):
            said = denoise(dit, conditioner, controlnet, batch, rough, t, noise, config.objective)
        times = t[:, None, None]
        error = training_error(said.float(), batch.latents, noise, times, config.objective)
        each = error.square().mean((1, 2))
        optimiser.zero_grad()
        each.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(controlnet.parameters(), 1.0)
        optimiser.step()
        average_in(average, controlnet, step)
        losses.extend(zip(t.tolist(), each.tolist(), strict=True))
        if step % options.log_every == 0 or step == options.steps:
            log(row(step, losses, (time.monotonic() - began) / (step - counted)))
            save(state, step, controlnet, average, optimiser)
            losses, began, counted = [], time.monotonic(), step
        if step % max(1, options.steps // 5) == 0 and options.examples:
            foley = Foley(config, autoencoder, dit, conditioner, average)
            write_examples(foley, sequences, options.examples, options.out / f"step{step:06d}")
            began, counted = time.monotonic(), step
    weights = options.out / "control.safetensors"
    save_control(weights, average.cpu(), {**plain(options), "trained_steps": options.steps})
    return weights


def denoise(
    dit: DiT,
    conditioner: Conditioner,
    controlnet: ControlNet,
    batch: Batch,
    envelope: Tensor,
    t: Tensor,
    noise: Tensor,
    objective: str,
) -> Tensor:
    """What the frozen model says [B, C, T] with the ControlNet's help; envelope [B, S]."""
    with torch.no_grad():
        given = conditioner(batch.reference, batch.is_given, batch.words)
        memory = dit.remember(given.tokens)
        noisy = mixed(batch, t, noise, objective)
        duration = torch.full_like(t, batch.duration)
        x, modulation = dit.begin(noisy, t, duration, given.pooled)
    looked = controlnet.look(envelope)
    kept = controlnet.remember(given.tokens)
    control = controlnet(x, modulation, looked, kept, given.mask)
    said: Tensor = dit(noisy, t, duration, given.pooled, memory, given.mask, control)
    return said


# Envelopes as a mapper would have predicted them


def roughened(envelopes: Tensor, rate: float, rng: Generator) -> Tensor:
    """Envelopes [B, S] at `rate` Hz, each with its own errors and its own peak as before."""
    rows = [row.numpy().astype(np.float64) for row in envelopes]
    made = [row if rng.random() < EXACT else rough(row, rate, rng) for row in rows]
    return torch.from_numpy(np.stack(made).astype(np.float32))


def rough(curve: Curve, rate: float, rng: Generator) -> Curve:
    """[S] blurred, moved by some milliseconds, of another level here and there; hits lost, added.

    The errors are about those of our mapper on held-out recordings, or a little milder: what is
    wrong altogether teaches to ignore the envelope.
    """
    peak, frames = curve.max(), np.arange(len(curve))
    made = gaussian_smooth(curve, rng.uniform(0, 0.02) * rate)
    late = 0.012 * rate * wander(len(curve), 0.3 * rate, rng) + rng.normal(0, 0.008) * rate
    made = np.interp(frames - late, frames, made)
    made = made * 10 ** (rng.uniform(0, 4) * wander(len(curve), 0.25 * rate, rng) / 20)
    if rng.random() < 0.3:  # a hit is missed
        place = int(np.argmax(made * rng.uniform(0, 1, len(curve))))
        dip = np.exp(-0.5 * ((frames - place) / (0.05 * rate)) ** 2)
        made = made * (1 - rng.uniform(0.5, 0.95) * dip)
    if rng.random() < 0.3:  # one is made up
        since = (frames - rng.integers(len(curve))) / rate
        hit = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.06), 0.0)
        made = made + peak * rng.uniform(0.05, 0.3) * gaussian_smooth(hit, 0.008 * rate)
    if rng.random() < 0.3:
        made = made + peak * rng.uniform(0, 0.04)
    return np.asarray(made * (peak / max(float(made.max()), 1e-9)))


def wander(length: int, every: float, rng: Generator) -> Curve:
    """A smooth random curve of standard deviation about 1, with a new value each `every` frames."""
    knots = rng.standard_normal(max(2, round(length / every) + 2))
    places = np.linspace(0, length, len(knots))
    return gaussian_smooth(np.interp(np.arange(length), places, knots), every / 4)
