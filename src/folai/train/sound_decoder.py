"""Trains the autoencoder's decoder. Read top to bottom: options, loop, a step, data.

    folai train autoencoder --data recordings --out runs/autoencoder

The analysis is fixed: only how far each band usually varies is measured first. For the first part
of the run the loss is spectral distances at six resolutions; then discriminators join, which judge
what such distances miss. Weights that are trained on (`--init`) keep their analysis; there the
discriminators first learn alone, since new ones would teach the decoder noise. An interrupted run
is resumed by the same command.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from folai.checkpoints import load_autoencoder, save_autoencoder
from folai.data.shards import local_folder
from folai.data.sound_windows import make_batch, split_sounds
from folai.data.sounds import Sound, load_sounds, pick_weights, pick_window
from folai.media.audio import write_wav
from folai.metrics import log_mel_difference
from folai.models import bfloat16
from folai.models.autoencoder import NOISE_LENGTH, Autoencoder, AutoencoderConfig
from folai.train import loop
from folai.train.discriminators import Discriminators, deceive_loss, feature_loss, judge_loss
from folai.train.spectra import spectral_loss
from folai.train.torchrun import Processes, processes

WARM_UP = 50  # steps over which the learning rate rises
AVERAGED = 0.998  # share of the averaged weights that stays in a step
STEEPEST = 10.0  # norm to which gradients are clipped
EDGE = 4  # frames at either end of a window without a loss: the convolutions' padding
JUDGES_ALONE = 150  # steps in which new discriminators learn what a trained decoder gives
EXAMPLES = 8  # sounds written, original and decoded, each time the state is


@dataclass(frozen=True)
class AutoencoderOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips; their `train` split is used
    out: Path = Path("runs/autoencoder")
    init: Path | None = None  # weights to train on
    config: AutoencoderConfig = field(default_factory=AutoencoderConfig)  # without `init`
    steps: int = 3000
    batch_size: int = 8
    frames: int = 64  # latent frames in a window, 0.74 s
    learning_rate: float = 6e-4
    adversarial_from: float = 0.5  # share of the run after which the discriminators join
    spectral_weight: float = 20.0  # of 10 dB of difference, beside the discriminators
    feature_weight: float = 2.0
    roughness: float = 0.03  # deviations of noise on the latents, which generated ones have too
    seed: int = 0
    threads: int = 1
    cache: Path | None = None  # where decoded recordings are kept
    log_every: int = 100

    def __post_init__(self) -> None:
        loop.check_counts(self, "steps", "batch_size", "frames", "threads", "log_every")
        if not 0 <= self.adversarial_from <= 1:
            raise ValueError(f"adversarial_from is {self.adversarial_from}; allowed: 0 to 1")


def train_autoencoder(options: AutoencoderOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on."""
    with loop.own_process_state(options.threads), processes() as group:
        weights = _train(options, log if group.is_first else lambda text: None, group)
        group.barrier()  # nobody returns before the weights are written
        return weights


def _train(options: AutoencoderOptions, log: Callable[[str], None], group: Processes) -> Path:
    device = loop.best_device()
    with group.first_alone():
        cache = options.cache or options.out / "cache"
        data = [local_folder(folder, cache) for folder in options.data]
        sounds = load_sounds(data, cache, "train")
    learned, held_out = split_sounds(sounds)
    options.out.mkdir(parents=True, exist_ok=True)

    run = _Run(options, device, group)
    first = loop.resume_run(options.out / "last.pt", run.parts)["step"]
    if not first and options.init is None:
        measure_bands(run.model, learned, options.seed)
        run.average.load_state_dict(run.model.state_dict())
    for module in (run.model, run.average, run.judges):
        group.align(module)
    log(f"{len(learned)} sounds to learn from, {len(held_out)} to check with, on {device}")
    log(loop.size_of(run.model.parameters()))
    log(loop.heading("dB", "shape", "feature", "judge", "check"))

    meter: loop.Meter[list[float]] = loop.Meter()
    weights = pick_weights(learned)
    total = options.batch_size * group.count
    shape = (total, (options.frames + 2 * EDGE) * run.model.hop_length)
    for step in range(first + 1, options.steps + 1):
        adversarial = options.init is not None or step > options.adversarial_from * options.steps
        rng = np.random.default_rng([options.seed, step])  # the same however often interrupted
        torch.manual_seed(int(rng.integers(2**31)))
        truth = make_batch(learned, weights, shape, rng)[group.rows(total)].to(device)
        meter.add(run.step(truth, step, adversarial))
        if group.is_first and (step % options.log_every == 0 or step == options.steps):
            figures = [*np.mean(meter.rows, axis=0), check(run.average, held_out, device)]
            seconds = meter.seconds
            loop.save_run(options.out / "last.pt", step, run.parts)
            write_examples(run.average, held_out, options.out / "examples", device)
            log(loop.line(step, figures, seconds))
            meter.restart()
    path = options.out / "autoencoder.safetensors"
    notes = loop.notes_of(
        options, "data", "out", "init", "cache", "config"
    )  # the machine's own paths
    if group.is_first:
        save_autoencoder(run.average, path, {**notes, "trained_steps": options.steps})
    return path


class _Run:
    """What changes during training: the decoder, its average, the judges, their optimisers."""

    def __init__(self, options: AutoencoderOptions, device: torch.device, group: Processes) -> None:
        torch.manual_seed(options.seed)
        self.options, self.group = options, group
        self.device = device
        self.model = begun(options).to(device)
        self.average = copy.deepcopy(self.model).eval()  # over the last several hundred steps
        self.judges = Discriminators().to(device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), betas=(0.8, 0.99), weight_decay=0.01
        )
        self.judges_optimiser = torch.optim.AdamW(self.judges.parameters(), betas=(0.8, 0.99))
        self.parts: loop.Parts = {
            "model": self.model,
            "average": self.average,
            "judges": self.judges,
            "optimiser": self.optimiser,
            "judges_optimiser": self.judges_optimiser,
        }

    def step(self, truth: Tensor, step: int, adversarial: bool) -> list[float]:
        """One update on sounds [B, T]; (dB, shape, feature, judge) losses."""
        options = self.options
        rate = options.learning_rate * loop.cosine(step, options.steps, WARM_UP)
        loop.set_rate(self.optimiser, rate)
        loop.set_rate(self.judges_optimiser, 0.5 * rate)
        if options.init is not None and step <= JUDGES_ALONE:
            return self.step_of_judges(truth)
        decoded, truth = self.decoded(truth)
        difference, shape = spectral_loss(decoded, truth)
        loss = options.spectral_weight * (difference / 10 + shape)
        feature, verdict = 0.0, 0.0
        if adversarial:
            ours, theirs = halves(decoded, truth)  # the judges cost most of a step
            verdict = self.train_judges(ours.detach(), theirs)
            self.judges.requires_grad_(False)  # they learn in their own step
            with bfloat16.mixed(self.device):
                verdicts = self.judges(ours)
                with torch.no_grad():
                    expected = self.judges(theirs)
            feature_term = feature_loss(expected, verdicts, self.group)
            loss = loss + deceive_loss(verdicts) + options.feature_weight * feature_term
            feature = feature_term.item()
        loop.descend(loss, self.optimiser, self.model, STEEPEST, self.group)
        seen = step if options.init is None else loop.TRAINED
        loop.average_in(self.average.parameters(), self.model.parameters(), seen, AVERAGED)
        return [difference.item(), shape.item(), feature, verdict]

    @torch.no_grad()
    def step_of_judges(self, truth: Tensor) -> list[float]:
        """One update of the discriminators alone, as `step`."""
        decoded, truth = self.decoded(truth)
        difference, shape = spectral_loss(decoded, truth)
        with torch.enable_grad():
            verdict = self.train_judges(*halves(decoded, truth))
        return [difference.item(), shape.item(), 0.0, verdict]

    def decoded(self, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Sounds [B, T] decoded from their latents, and the sounds, both without their ends."""
        with torch.no_grad():
            latents = self.model.encode(truth.unsqueeze(1))
            rows = self.group.rows(len(latents) * self.group.count)
            whole = torch.randn(len(latents) * self.group.count, *latents.shape[1:])
            latents = latents + self.options.roughness * whole[rows].to(latents)
        with bfloat16.mixed(self.device):
            decoded = self.model.synthesise(latents, int(torch.randint(NOISE_LENGTH, ())))
        edge = EDGE * self.model.hop_length
        return decoded[:, edge:-edge], truth[:, edge:-edge]

    def train_judges(self, decoded: Tensor, truth: Tensor) -> float:
        self.judges.requires_grad_(True)
        with bfloat16.mixed(self.device):
            loss = judge_loss(self.judges(truth), self.judges(decoded))
        loop.descend(loss, self.judges_optimiser, self.judges, STEEPEST, self.group)
        return loss.item()


def begun(options: AutoencoderOptions) -> Autoencoder:
    """The model to begin with, untrained or as its file has it."""
    if options.init is None:
        return Autoencoder(options.config)
    return load_autoencoder(options.init).train().requires_grad_(True)


def halves(decoded: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """The same random half of each, [B, T / 2], scaled so that the true sound has a peak of 1."""
    length = truth.shape[1] // 2
    first = int(torch.randint(truth.shape[1] - length + 1, ()))
    ours, theirs = (wav[:, first : first + length] for wav in (decoded, truth))
    scale = 1 / theirs.abs().amax(1, keepdim=True).clamp(min=0.01)
    return ours * scale, theirs * scale


# Data


def measure_bands(model: Autoencoder, sounds: Sequence[Sound], seed: int) -> None:
    """Sets the mean and deviation by which the model normalises its bands, from windows of 1 s.

    Each window is at peak 1. Values are rounded to half precision, as the weights file has them.
    """
    rng = np.random.default_rng([seed, 0])
    count = min(800, 20 * len(sounds))
    levels = []
    for index in rng.choice(len(sounds), count, p=pick_weights(sounds)):
        sound = sounds[index]
        wav = pick_window(sound, min(len(sound.samples), model.config.sample_rate), rng)
        wav /= max(float(np.abs(wav).max()), 1e-3)
        window = torch.from_numpy(wav)[None, None].to(model.band_mean.device)
        levels.append(model.levels(window)[0])
    joined = torch.cat(levels, dim=1)
    model.band_mean.copy_(joined.mean(1, keepdim=True).half())
    model.band_std.copy_(joined.std(1, keepdim=True).half())


@torch.no_grad()
def check(model: Autoencoder, sounds: Sequence[Sound], device: torch.device) -> float:
    """Mean difference in dB, as `folai evaluate autoencoder` has it, of the starts of sounds."""
    differences = []
    for sound in sounds:
        wav = sound.wav[: model.config.sample_rate]
        latents = model.encode(torch.from_numpy(wav)[None, None].to(device))
        decoded = model.decode(latents)[0, 0, : len(wav)].cpu().numpy()
        differences.append(log_mel_difference(decoded, wav))
    return float(np.mean(differences))


@torch.no_grad()
def write_examples(
    model: Autoencoder, sounds: Sequence[Sound], folder: Path, device: torch.device
) -> None:
    folder.mkdir(exist_ok=True)
    for index, sound in enumerate(sounds[:: max(len(sounds) // EXAMPLES, 1)][:EXAMPLES]):
        wav = torch.from_numpy(sound.wav[: 5 * model.config.sample_rate])[None].to(device)
        decoded = model.decode(model.encode(wav[None]))[0]
        for name, samples in (("true", wav), ("decoded", decoded)):
            write_wav(folder / f"{index}-{name}.wav", samples.cpu().numpy(), 44_100)
