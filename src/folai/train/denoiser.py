"""Trains the DiT and its conditioning. Read top to bottom: data, models, loss, loop.

    folai train foley --data recordings clips --out runs/foley

The base model learns what things sound like, from a reference, from words, or from neither; when
they sound it is not told, that is the ControlNet's part (`control.py`). Stop the run whenever you
like: the same command goes on from its files.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from folai.checkpoints import AUTOENCODER, load_autoencoder
from folai.data.material import load_material
from folai.data.sequences import Batch, Sequences
from folai.data.sounds import load_sounds
from folai.diffusion.conditioning import Hints
from folai.diffusion.foley import Foley, FoleyConfig, Run
from folai.diffusion.foley_files import save_base
from folai.diffusion.options import DiffusionOptions
from folai.diffusion.sampling import alpha_sigma, training_error
from folai.media.audio import write_wav
from folai.models.autoencoder import Autoencoder
from folai.models.conditioner import Conditioner
from folai.models.dit import DiT
from folai.train.feed import prefetched
from folai.writing import written_whole


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
        check_run(vars(self))


def check_run(options: Mapping[str, Any]) -> None:
    """Raises ValueError for what no run, of the base or of the ControlNet, can be."""
    for name in ("steps", "threads", "log_every", "objects"):
        if options[name] < 1:
            raise ValueError(f"{name} is {options[name]}; give 1 or more")
    if not options["batch_seconds"] > 0:
        raise ValueError(f"batch_seconds is {options['batch_seconds']}; give above 0")


def train_foley(options: TrainOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on."""
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    autoencoder = load_autoencoder(options.autoencoder)
    cache = options.cache or options.out / "cache"
    sequences = load_sequences(options.data, cache, autoencoder, options.objects, log)
    options.out.mkdir(parents=True, exist_ok=True)

    torch.manual_seed(options.seed)
    models = Base(options.config).to(device)
    average = copy.deepcopy(models).eval()  # of the weights over the last few hundred steps
    optimiser = make_optimiser(models, options.learning_rate, options.weight_decay)
    state = options.out / "last.pt"
    first = resume(state, models, average, optimiser)
    log(f"{sum(p.numel() for p in models.parameters()) / 1e6:.2f} M parameters on {device}")
    log(f"{'step':>6} {'loss':>7} {'noisy':>7} {'middle':>7} {'clean':>7} {'s/step':>7}")

    feed = prefetched(
        sequences.batches(options.batch_seconds, np.random.default_rng([options.seed, first]))
    )
    losses: list[tuple[float, float]] = []  # (t, loss) of every example
    began, counted = time.monotonic(), first
    for step in range(first + 1, options.steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * schedule(step, options.steps)
        batch = next(feed).to(device)
        t, noise = draw(batch, options.noise_bias)
        with torch.autocast(device.type, torch.bfloat16):
            said = models(batch, t, noise)
        times = t[:, None, None]
        error = training_error(said.float(), batch.latents, noise, times, options.config.objective)
        each = error.square().mean((1, 2))
        optimiser.zero_grad()
        each.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(models.parameters(), 1.0)
        optimiser.step()
        average_in(average, models, step)
        losses.extend(zip(t.tolist(), each.tolist(), strict=True))
        if step % options.log_every == 0 or step == options.steps:
            log(row(step, losses, (time.monotonic() - began) / (step - counted)))
            save(state, step, models, average, optimiser)
            losses, began, counted = [], time.monotonic(), step
        if step % max(1, options.steps // 5) == 0 and options.examples:
            foley = Foley(options.config, autoencoder, average.dit, average.conditioner)
            write_examples(foley, sequences, options.examples, options.out / f"step{step:06d}")
            began, counted = time.monotonic(), step
    weights = options.out / "foley.safetensors"
    notes = {**plain(options), "trained_steps": options.steps}
    average.cpu()
    save_base(weights, average.dit, average.conditioner, options.config, notes)
    return weights


class Base(nn.Module):
    """What is trained together."""

    def __init__(self, config: FoleyConfig) -> None:
        super().__init__()
        self.objective = config.objective
        self.dit, self.conditioner = DiT(config.dit), Conditioner(config.conditioner)

    def forward(self, batch: Batch, t: Tensor, noise: Tensor) -> Tensor:
        """What the model says of the batch's latents mixed with noise [B, C, T] at times t [B]."""
        given = self.conditioner(batch.reference, batch.is_given, batch.words)
        noisy = mixed(batch, t, noise, self.objective)
        memory = self.dit.remember(given.tokens)
        duration = torch.full_like(t, batch.duration)
        said: Tensor = self.dit(noisy, t, duration, given.pooled, memory, given.mask)
        return said


# Data


def load_sequences(
    data: Sequence[Path],
    cache: Path,
    autoencoder: Autoencoder,
    objects: int,
    log: Callable[[str], None],
) -> Sequences:
    if not data:
        raise ValueError("nothing to train on: give --data DIR")
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


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over 60 steps, then down a half cosine to 3 %."""
    return min(1.0, step / 60) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def average_in(average: nn.Module, models: nn.Module, step: int) -> None:
    """Exponential moving average over a few hundred steps, shorter at the beginning."""
    decay = min(0.995, step / (step + 10))
    with torch.no_grad():
        for mean, now in zip(average.parameters(), models.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)


def row(step: int, losses: list[tuple[float, float]], seconds: float) -> str:
    """A line of the loss table: the mean, then by thirds of t from 1 to 0."""
    t, loss = np.array(losses).T
    thirds = [t > 2 / 3, (t > 1 / 3) & (t <= 2 / 3), t <= 1 / 3]
    means = [loss.mean(), *(loss[third].mean() if third.any() else np.nan for third in thirds)]
    return f"{step:6d}" + "".join(f" {value:7.3f}" for value in means) + f" {seconds:7.2f}"


def save(
    path: Path,
    step: int,
    models: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
) -> None:
    state = {
        "step": step,
        "models": models.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "random": torch.get_rng_state(),
    }
    with written_whole(path) as temporary:
        torch.save(state, temporary)


def resume(
    path: Path, models: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer
) -> int:
    """Puts everything back as `save` found it; the step that was reached, 0 without a file."""
    if not path.is_file():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    models.load_state_dict(state["models"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    torch.set_rng_state(state["random"])
    return int(state["step"])


def write_examples(foley: Foley, sequences: Sequences, count: int, folder: Path) -> None:
    """Sounds to hear: the reference, what it should have led to, and what was made of it."""
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
            made = run.follow(batch.envelope[here], 344, seed=index)
        for name, latents in (
            ("reference", batch.reference[index]),
            ("target", batch.latents[index]),
            ("made", made[0]),
        ):
            with torch.inference_mode():
                wav = foley.autoencoder.decode(latents[None].float().cpu())[0].numpy()
            write_wav(folder / f"{index}_{name}.wav", wav, foley.sample_rate)


def plain(options: Any) -> dict[str, Any]:
    """The options as JSON can hold them, without the machine's own paths and the config."""
    left = ("data", "out", "cache", "autoencoder", "config", "base", "control")
    return {name: value for name, value in asdict(options).items() if name not in left}
