"""Trains the ControlNet: the frozen base model learns to follow envelopes. Read top to bottom.

    folai train control --data recordings clips --base runs/foley/foley.safetensors

Envelopes are measured from the target sound. Most are then roughened as a mapper's predictions are:
blurred, early or late, of the wrong level, with hits missed and added. The model learns to follow a
true envelope exactly and to tolerate a predicted one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from folai.checkpoints import AUTOENCODER, FOLEY, load_autoencoder
from folai.data.material import SAMPLES
from folai.data.rough_envelopes import roughened
from folai.data.sequences import Batch
from folai.diffusion.foley import Foley
from folai.diffusion.foley_files import load_base, save_control
from folai.models import bfloat16
from folai.models.conditioner import Conditioner
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT
from folai.train import loop, small_model
from folai.train.torchrun import Processes, processes


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
        small_model.check_run(self)


def train_control(options: TrainOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on."""
    with loop.own_process_state(options.threads), processes() as group:
        weights = _train(options, log if group.is_first else lambda text: None, group)
        group.barrier()  # nobody returns before the weights are written
        return weights


def _train(options: TrainOptions, log: Callable[[str], None], group: Processes) -> Path:
    small_model.check_shares(options, group)
    device = loop.best_device()
    autoencoder = load_autoencoder(options.autoencoder)
    config, dit, conditioner = load_base(options.base)
    cache = options.cache or options.out / "cache"
    with group.first_alone():
        sequences = small_model.load_sequences(
            options.data, cache, autoencoder, options.objects, log
        )
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    dit = dit.to(device).requires_grad_(False)
    conditioner = conditioner.to(device).requires_grad_(False)
    controlnet = ControlNet(options.control, dit).to(device).requires_grad_(True)
    average = copy.deepcopy(controlnet).eval()
    optimiser = small_model.make_optimiser(controlnet, options.learning_rate, options.weight_decay)
    parts: loop.Parts = {
        "models": controlnet,
        "average": average,
        "optimiser": optimiser,
    }
    first = small_model.begin(options.out, parts, controlnet, log)
    group.align(controlnet)
    group.align(average)

    seconds = options.batch_seconds * group.count
    feed = loop.feed(partial(sequences.draw, seconds), options.seed + 1, first)
    meter = small_model.Losses()
    foley = Foley(config, autoencoder, dit, conditioner, average)
    for step in range(first + 1, options.steps + 1):
        share = loop.cosine(step, options.steps, small_model.WARM_UP)
        loop.set_rate(optimiser, options.learning_rate * share)
        batch, rng = next(feed), np.random.default_rng([options.seed, step, 1])
        rough = roughened(batch.envelope, sequences.rate * SAMPLES, rng).to(device)
        batch = batch.to(device)
        loop.seed_step(options.seed, step)
        t, noise = small_model.draw(batch, options.noise_bias)
        own = group.rows(len(t))
        part, seen, drawn = batch.part(own), rough[own], (t[own], noise[own])
        with bfloat16.mixed(device):
            prediction = denoise(dit, conditioner, controlnet, part, seen, *drawn, config.objective)
        each = small_model.losses_of(prediction, part, noise[own], t[own], config.objective)
        each = group.gather(each, len(t))
        loop.descend(each.mean(), optimiser, controlnet, group=group)
        loop.average_in(average.parameters(), controlnet.parameters(), step, small_model.AVERAGED)
        meter.add(small_model.loss_row(t, each))
        small_model.keep(step, options, parts, meter, log, group)
        small_model.show(step, options, foley, sequences, meter, group)
    weights = options.out / "control.safetensors"
    notes = loop.notes_of(options, "data", "out", "cache", "autoencoder", "base", "control")
    if group.is_first:
        save_control(weights, average.cpu(), {**notes, "trained_steps": options.steps})
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
    """The frozen model's prediction [B, C, T] with the ControlNet's control; envelope [B, S]."""
    with torch.no_grad():
        cond = conditioner(batch.reference, batch.is_given, batch.words)
        memory = dit.remember(cond.tokens)
        noisy = small_model.mixed(batch, t, noise, objective)
        duration = torch.full_like(t, batch.duration)
        x, modulation = dit.begin(noisy, t, duration, cond.pooled)
    seen_envelope = controlnet.look(envelope)
    control_memory = controlnet.remember(cond.tokens)
    control = controlnet(x, modulation, seen_envelope, control_memory, cond.mask)
    prediction: Tensor = dit(noisy, t, duration, cond.pooled, memory, cond.mask, control)
    return prediction
