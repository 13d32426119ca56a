"""Trains the sound model on as a whole, and then to take large steps. Read top to bottom.

    folai train leaps --data recordings clips --base runs/foley/foley.safetensors \\
        --control runs/control/control.safetensors

First the DiT, its conditioning and the ControlNet learn together what a small step needs, as each
did alone before. What they have become, in the mean over the last steps, is the teacher of the
second part. There the model goes on with small steps, and learns beside them

- answers that hold guidance already, so that one evaluation replaces two. The target is moved away
  from what the teacher says without hints (arXiv 2210.03142, and 2502.12154 for the move);
- where a large step leads: to where two smaller ones of the guided teacher lead (progressive
  distillation, arXiv 2202.00512, with a size that the network is told, arXiv 2410.12557).

The teacher does not move: away from a mean of its own weights, guidance would feed itself. One
example in ten has no envelope, so that the base alone keeps what it can. An interrupted run is
resumed by the same command.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from folai.checkpoints import AUTOENCODER, CONTROL, FOLEY, load_autoencoder
from folai.data.material import SAMPLES
from folai.data.rough_envelopes import hushed, roughened
from folai.data.sequences import Batch
from folai.diffusion.foley import STRONGEST, Foley, FoleyConfig
from folai.diffusion.foley_files import load_base, load_control, save_base, save_control
from folai.diffusion.sampling import guide, leap_target, leapt, make_times, to_predict
from folai.models import bfloat16
from folai.models.conditioner import Conditioner
from folai.models.controlnet import ControlNet
from folai.models.dit import DiT, Leap
from folai.train import loop, small_model
from folai.train.torchrun import Processes, processes

LEAP_STEPS = (3, 4)  # numbers of steps of a take that large steps are learned for
LEAP_SHARES = (0.25, 0.75)  # of the large steps that belong to each of these takes
LEAPING = 0.5  # share of the examples that ask where a large step leads
UNGUIDED = 0.25  # share of the examples without guidance
USUAL, USUAL_SCALE = 0.5, 4.0  # share of the guided ones with this guidance
WITHOUT_ENVELOPE = 0.1  # share of the examples


@dataclass(frozen=True)
class TrainOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips, or of such folders
    base: Path = FOLEY  # weights of the DiT
    control: Path | None = None  # of the ControlNet; None: those beside the base's
    out: Path = Path("runs/leaps")
    cache: Path | None = None  # where what was measured is kept
    autoencoder: Path = AUTOENCODER
    steps: int = 4000
    small_steps: int | None = None  # of them, before large ones are learned; None: half
    batch_seconds: float = 32.0  # of targets in a step
    learning_rate: float = 6e-4
    weight_decay: float = 0.01
    noise_bias: float = 0.5  # of the logit of t
    objects: int = 10  # computed ones of each material
    seed: int = 0
    threads: int = 1
    log_every: int = 50
    examples: int = 2  # sounds written at each fifth of the run

    def __post_init__(self) -> None:
        small_model.check_run(self)
        if not 0 <= self.first_steps < self.steps:
            raise ValueError(f"small_steps is {self.small_steps}; give 0 to {self.steps - 1}")

    @property
    def first_steps(self) -> int:
        return self.steps // 2 if self.small_steps is None else self.small_steps


class Asked(NamedTuple):
    """What is asked about the examples of a batch; [B] each."""

    t: Tensor
    leap: Leap
    steered: Tensor  # true where the envelope is seen

    def part(self, rows: Tensor | slice) -> Asked:
        """About some of the examples."""
        return Asked(self.t[rows], self.leap.part(rows), self.steered[rows])

    def small(self) -> Asked:
        """The same, of a small step without guidance."""
        return self._replace(leap=Leap(torch.zeros_like(self.t), torch.ones_like(self.t)))


def train_leaps(options: TrainOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the base's weights file; `control.safetensors` lies beside it. Raises
    ValueError if there is nothing to train on."""
    with loop.own_process_state(options.threads), processes() as group:
        weights = _train(options, log if group.is_first else lambda text: None, group)
        group.barrier()  # nobody returns before the weights are written
        return weights


def _train(options: TrainOptions, log: Callable[[str], None], group: Processes) -> Path:
    small_model.check_shares(options, group)
    device = loop.best_device()
    autoencoder = load_autoencoder(options.autoencoder)
    torch.manual_seed(options.seed)  # what a base has never heard of begins at random
    config, models = load_models(options.base, options.control)
    cache = options.cache or options.out / "cache"
    with group.first_alone():
        sequences = small_model.load_sequences(
            options.data, cache, autoencoder, options.objects, log
        )
    options.out.mkdir(parents=True, exist_ok=True)

    models = models.to(device).requires_grad_(True)
    average = copy.deepcopy(models).requires_grad_(False).eval()
    teacher = copy.deepcopy(average)  # the average as it was after the small steps
    optimiser = small_model.make_optimiser(models, options.learning_rate, options.weight_decay)
    parts: loop.Parts = {
        "models": models,
        "average": average,
        "teacher": teacher,
        "optimiser": optimiser,
    }
    first = small_model.begin(options.out, parts, models, log)
    group.align(models)
    group.align(average)

    seconds = options.batch_seconds * group.count
    feed = loop.feed(partial(sequences.draw, seconds), options.seed + 2, first)
    meter = small_model.Losses()
    foley = Foley(config, autoencoder, average.dit, average.conditioner, average.controlnet)
    for step in range(first + 1, options.steps + 1):
        loop.set_rate(optimiser, options.learning_rate * rate_share(step, options))
        batch, rng = next(feed), np.random.default_rng([options.seed, step, 2])
        envelope = hushed(roughened(batch.envelope, sequences.rate * SAMPLES, rng), rng)
        batch = replace(batch, envelope=envelope).to(device)
        loop.seed_step(options.seed, step)
        t, noise = small_model.draw(batch, options.noise_bias)
        asked = draw_questions(batch, t, config, step > options.first_steps, rng)
        times, own = asked.t, group.rows(len(t))  # of the whole batch, and this process's share
        part, noise, asked = batch.part(own), noise[own], asked.part(own)
        with bfloat16.mixed(device):
            target = target_of(teacher, part, noise, asked, config)
            noisy = small_model.mixed(part, asked.t, noise, config.objective)
            prediction = models(part, noisy, asked)
        each = (prediction.float() - target).square().mean((1, 2))
        each = group.gather(each, len(t))
        loop.descend(each.mean(), optimiser, models, group=group)
        loop.average_in(
            average.parameters(), models.parameters(), loop.TRAINED, small_model.AVERAGED
        )
        if step == options.first_steps:
            teacher.load_state_dict(average.state_dict())
        meter.add(small_model.loss_row(times, each))
        small_model.keep(step, options, parts, meter, log, group)
        small_model.show(step, options, foley, sequences, meter, group)
    notes = loop.notes_of(options, "data", "out", "cache", "autoencoder", "base", "control")
    notes["trained_steps"] = options.steps
    if group.is_first:
        save_models(options.out, average.cpu(), config, notes)
    return options.out / FOLEY.name


# The models


class Model(nn.Module):
    """The DiT, its conditioning and the ControlNet, which are trained together."""

    def __init__(
        self, dit: DiT, conditioner: Conditioner, controlnet: ControlNet, objective: str
    ) -> None:
        super().__init__()
        self.dit, self.conditioner, self.controlnet = dit, conditioner, controlnet
        self.objective = objective

    def forward(self, batch: Batch, noisy: Tensor, asked: Asked, *, hinted: bool = True) -> Tensor:
        """The prediction for noisy latents [B, C, T]; not `hinted`: without reference and words."""
        words = batch.words if hinted else torch.zeros_like(batch.words)
        is_given = batch.is_given if hinted else torch.zeros_like(batch.is_given)
        cond = self.conditioner(batch.reference, is_given, words)
        duration = torch.full_like(asked.t, batch.duration)
        x, modulation = self.dit.begin(noisy, asked.t, duration, cond.pooled, asked.leap)
        seen = self.controlnet.look(batch.envelope)
        memory = self.controlnet.remember(cond.tokens)
        added = self.controlnet(x, modulation, seen, memory, cond.mask)
        steered = asked.steered[:, None, None]
        control = [steered * one for one in added]
        memory = self.dit.remember(cond.tokens)
        prediction: Tensor = self.dit(
            noisy, asked.t, duration, cond.pooled, memory, cond.mask, control, leap=asked.leap
        )
        return prediction


def rate_share(step: int, options: TrainOptions) -> float:
    """Of the learning rate: a cosine over the small steps, and another over the rest."""
    small, rest = options.first_steps, options.steps - options.first_steps
    if step <= small:
        return loop.cosine(step, small, small_model.WARM_UP)
    return loop.cosine(step - small, rest, small_model.WARM_UP)


def load_models(base: Path, control: Path | None) -> tuple[FoleyConfig, Model]:
    """Weights to begin with, which may never have heard of large steps. Raises ValueError for
    files that cannot be read, or that do not belong together."""
    config, dit, conditioner = load_base(base)
    controlnet = load_control(control or base.with_name(CONTROL.name), dit)
    if not config.dit.leaps:
        config = replace(config, dit=replace(config.dit, leaps=True))
        told = DiT(config.dit)
        told.load_state_dict(dit.state_dict(), strict=False)
        dit = told
    return config, Model(dit, conditioner, controlnet, config.objective)


def save_models(out: Path, models: Model, config: FoleyConfig, notes: dict[str, object]) -> None:
    config = replace(config, leap_steps=LEAP_STEPS)
    save_base(out / FOLEY.name, models.dit, models.conditioner, config, notes)
    save_control(out / CONTROL.name, models.controlnet, notes)


# What is asked, and the answer


def draw_questions(
    batch: Batch, t: Tensor, config: FoleyConfig, leaping: bool, rng: Generator
) -> Asked:
    """Draws which examples see their envelope and, if `leaping`, guidance and large steps.

    t: [B], of the small steps.
    """
    count = len(t)
    time, size, guidance = t.cpu().numpy().astype(np.float64), np.zeros(count), np.ones(count)
    steered = rng.random(count) >= WITHOUT_ENVELOPE
    if leaping:
        takes = [make_times(n, config.time_shift, config.last_time) for n in LEAP_STEPS]
        for row in np.flatnonzero(rng.random(count) < LEAPING):
            times = takes[int(rng.choice(len(takes), p=LEAP_SHARES))]
            at = int(rng.integers(len(times) - 1))
            time[row], size[row] = times[at], times[at] - times[at + 1]
        drawn = rng.uniform(1, STRONGEST, count)
        drawn = np.where(rng.random(count) < USUAL, USUAL_SCALE, drawn)
        guidance = np.where(rng.random(count) < UNGUIDED, 1.0, drawn)

    def to_tensor(values: NDArray[np.float64]) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(t.device)

    hinted = batch.is_given | (batch.words > 0).any(1)
    guidance_of = torch.where(hinted, to_tensor(guidance), 1.0)
    return Asked(
        to_tensor(time), Leap(to_tensor(size), guidance_of), torch.from_numpy(steered).to(t.device)
    )


@torch.no_grad()
def target_of(
    teacher: Model, batch: Batch, noise: Tensor, asked: Asked, config: FoleyConfig
) -> Tensor:
    """What the model should say, [B, C, T]."""
    t = asked.t[:, None, None]
    target = to_predict(batch.latents, noise, t, config.objective)
    noisy = small_model.mixed(batch, asked.t, noise, config.objective)
    is_large = asked.leap.size > 0
    (rows,) = (~is_large & holds_guidance(batch, asked, config)).nonzero().T
    if len(rows):
        part, question = batch.part(rows), asked.part(rows)
        answer = teacher(part, noisy[rows], question.small()).float()
        target[rows] += guided(teacher, answer, part, noisy[rows], question, config) - answer
    (rows,) = is_large.nonzero().T
    if len(rows):
        after = two_steps(teacher, batch.part(rows), noisy[rows], asked.part(rows), config)
        following = t[rows] - asked.leap.size[rows][:, None, None]
        target[rows] = leap_target(noisy[rows], after, t[rows], following, config.objective)
    return target


def two_steps(
    teacher: Model, batch: Batch, noisy: Tensor, asked: Asked, config: FoleyConfig
) -> Tensor:
    """Where two guided steps of half the size lead, [B, C, T]."""
    half = asked.leap.size / 2
    for t in (asked.t, asked.t - half):
        question = asked._replace(t=t)
        answer = teacher(batch, noisy, question.small()).float()
        answer = guided(teacher, answer, batch, noisy, question, config)
        now, following = t[:, None, None], (t - half)[:, None, None]
        noisy = leapt(noisy, answer, now, following, config.objective)
    return noisy


def guided(
    teacher: Model,
    answer: Tensor,
    batch: Batch,
    noisy: Tensor,
    asked: Asked,
    config: FoleyConfig,
) -> Tensor:
    """The teacher's answer [B, C, T], moved away from the one without hints where that is asked."""
    (rows,) = holds_guidance(batch, asked, config).nonzero().T
    if not len(rows):
        return answer
    part, question = batch.part(rows), asked.part(rows)
    unwanted = teacher(part, noisy[rows], question.small(), hinted=False).float()
    scale = question.leap.guidance[:, None, None]
    return answer.index_copy(0, rows, guide(answer[rows], unwanted, scale))


def holds_guidance(batch: Batch, asked: Asked, config: FoleyConfig) -> Tensor:
    """[B], true where there is guidance at this time: see `folai.diffusion.foley`."""
    ends = torch.tensor([config.guided_by_words, config.guided], device=asked.t.device)
    first, last = ends[batch.is_given.long()].T
    holds: Tensor = (asked.leap.guidance > 1) & (first <= asked.t) & (asked.t <= last)
    return holds
