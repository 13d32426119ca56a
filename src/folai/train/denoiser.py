"""Trains the DiT and its conditioning. Read top to bottom: options, loop, model.

    folai train foley --data recordings clips --out runs/foley

The base model learns what things sound like, from a reference, from words, or from neither. When
they sound is the ControlNet's part (`small_control.py`). An interrupted run is resumed by the same
command. `torchrun -m folai train foley ...` spreads it over processes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from folai.checkpoints import AUTOENCODER, load_autoencoder
from folai.data.sequences import Batch
from folai.diffusion.foley import Foley, FoleyConfig
from folai.diffusion.foley_files import save_base
from folai.models import bfloat16
from folai.models.conditioner import Conditioner
from folai.models.dit import DiT
from folai.train import loop, small_model
from folai.train.torchrun import Processes, processes


@dataclass(frozen=True)
class TrainOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips, or of such folders
    out: Path = Path("runs/foley")
    cache: Path | None = None  # where what was measured is kept
    autoencoder: Path = AUTOENCODER
    config: FoleyConfig = field(default_factory=FoleyConfig)
    steps: int = 2000
    batch_seconds: float = 32.0  # of targets in a step
    learning_rate: float = 1.2e-3
    weight_decay: float = 0.01
    noise_bias: float = 0.5  # of the logit of t: above 0 more of the time is spent on noise
    objects: int = 10  # computed ones of each material
    seed: int = 0
    threads: int = 1
    log_every: int = 50
    examples: int = 2  # sounds written at each fifth of the run

    def __post_init__(self) -> None:
        small_model.check_run(self)


def train_foley(options: TrainOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on."""
    with loop.own_process_state(options.threads), processes() as group:
        weights = _train(options, log if group.is_first else lambda text: None, group)
        group.barrier()  # nobody returns before the weights are written
        return weights


def _train(options: TrainOptions, log: Callable[[str], None], group: Processes) -> Path:
    small_model.check_shares(options, group)
    device = loop.best_device()
    autoencoder = load_autoencoder(options.autoencoder)
    cache = options.cache or options.out / "cache"
    with group.first_alone():
        sequences = small_model.load_sequences(
            options.data, cache, autoencoder, options.objects, log
        )
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    models = Base(options.config).to(device)
    average = copy.deepcopy(models).eval()  # of the weights over the last few hundred steps
    optimiser = small_model.make_optimiser(models, options.learning_rate, options.weight_decay)
    parts: loop.Parts = {"models": models, "average": average, "optimiser": optimiser}
    first = small_model.begin(options.out, parts, models, log)
    group.align(models)
    group.align(average)

    seconds = options.batch_seconds * group.count
    feed = loop.feed(partial(sequences.draw, seconds), options.seed, first)
    meter = small_model.Losses()
    foley = Foley(options.config, autoencoder, average.dit, average.conditioner)
    for step in range(first + 1, options.steps + 1):
        share = loop.cosine(step, options.steps, small_model.WARM_UP)
        loop.set_rate(optimiser, options.learning_rate * share)
        batch = next(feed).to(device)
        loop.seed_step(options.seed, step)
        t, noise = small_model.draw(batch, options.noise_bias)
        own = group.rows(len(t))
        part, part_noise = batch.part(own), noise[own]
        with bfloat16.mixed(device):
            prediction = models(part, t[own], part_noise)
        each = small_model.losses_of(prediction, part, part_noise, t[own], options.config.objective)
        each = group.gather(each, len(t))
        loop.descend(each.mean(), optimiser, models, group=group)
        loop.average_in(average.parameters(), models.parameters(), step, small_model.AVERAGED)
        meter.add(small_model.loss_row(t, each))
        small_model.keep(step, options, parts, meter, log, group)
        small_model.show(step, options, foley, sequences, meter, group)
    weights = options.out / "foley.safetensors"
    notes = loop.notes_of(options, "data", "out", "cache", "autoencoder", "config")
    notes["trained_steps"] = options.steps
    average.cpu()
    if group.is_first:
        save_base(weights, average.dit, average.conditioner, options.config, notes)
    return weights


class Base(nn.Module):
    """The models that are trained together."""

    def __init__(self, config: FoleyConfig) -> None:
        super().__init__()
        self.objective = config.objective
        self.dit, self.conditioner = DiT(config.dit), Conditioner(config.conditioner)

    def forward(self, batch: Batch, t: Tensor, noise: Tensor) -> Tensor:
        """The prediction for the batch's latents mixed with noise [B, C, T] at times t [B]."""
        cond = self.conditioner(batch.reference, batch.is_given, batch.words)
        noisy = small_model.mixed(batch, t, noise, self.objective)
        memory = self.dit.remember(cond.tokens)
        duration = torch.full_like(t, batch.duration)
        prediction: Tensor = self.dit(noisy, t, duration, cond.pooled, memory, cond.mask)
        return prediction
