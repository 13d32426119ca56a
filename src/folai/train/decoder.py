"""Trains the autoencoder's decoder. Read top to bottom: options, loop, data, the run.

    folai train autoencoder --data recordings --out runs/autoencoder

The analysis is fixed: only how far each band usually varies is measured first. Spectral distances
at six resolutions lead alone for the first part of the run; then discriminators join, which ask
for what such distances do not see. Stop the run whenever you like: the same command goes on from
its files.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.checkpoints import save_autoencoder
from folai.data.sounds import Sound, load_sounds, pick_weights, pick_window
from folai.media.audio import write_wav
from folai.metrics import log_mel_difference
from folai.models.autoencoder import NOISE_LENGTH, Autoencoder, AutoencoderConfig
from folai.train.discriminators import Discriminators, deceive_loss, feature_loss, judge_loss
from folai.train.spectra import spectral_loss
from folai.writing import written_whole

EDGE = 4  # frames at either end of a window on which nothing is asked: the convolutions' padding
EXAMPLES = 8  # sounds written, original and decoded, each time the state is


@dataclass(frozen=True)
class AutoencoderOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips; their `train` split is used
    out: Path = Path("runs/autoencoder")
    config: AutoencoderConfig = field(default_factory=AutoencoderConfig)
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
        for name in ("steps", "batch_size", "frames", "threads", "log_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more")
        if not 0 <= self.adversarial_from <= 1:
            raise ValueError(f"adversarial_from is {self.adversarial_from}; allowed: 0 to 1")


def train_autoencoder(options: AutoencoderOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file. Raises ValueError if there is nothing to train on."""
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sounds = load_sounds(options.data, options.cache or options.out / "cache", "train")
    learned, kept = split_sounds(sounds)
    options.out.mkdir(parents=True, exist_ok=True)

    run = _Run(options, device)
    first = run.resume()
    if not first:
        measure_bands(run.model, learned, options.seed)
        run.average.load_state_dict(run.model.state_dict())
    log(f"{len(learned)} sounds to learn from, {len(kept)} to check with, on {device}")
    log(f"{sum(p.numel() for p in run.model.parameters()) / 1e6:.2f} M parameters")
    log(
        f"{'step':>6} {'dB':>7} {'shape':>7} {'feature':>7} {'judge':>7} {'check':>7} {'s/step':>7}"
    )

    rows, began = [], time.monotonic()
    weights = pick_weights(learned)
    for step in range(first + 1, options.steps + 1):
        adversarial = step > options.adversarial_from * options.steps
        rng = np.random.default_rng([options.seed, step])  # the same however often interrupted
        torch.manual_seed(int(rng.integers(2**31)))
        truth = make_batch(learned, weights, options, rng).to(device)
        rows.append(run.step(truth, step, adversarial))
        if step % options.log_every == 0 or step == options.steps:
            figures = [*np.mean(rows, axis=0), check(run.average, kept, device)]
            spent = (time.monotonic() - began) / len(rows)
            run.save(step)
            write_examples(run.average, kept, options.out / "examples", device)
            log(f"{step:6d}" + "".join(f" {x:7.3f}" for x in figures) + f" {spent:7.2f}")
            rows, began = [], time.monotonic()
    path = options.out / "autoencoder.safetensors"
    save_autoencoder(run.average, path, {**_plain(options), "trained_steps": options.steps})
    return path


class _Run:
    """What changes during training, and how it is kept on disk."""

    def __init__(self, options: AutoencoderOptions, device: torch.device) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.device = device
        self.model = Autoencoder(options.config).to(device)
        self.average = copy.deepcopy(self.model).eval()  # over the last several hundred steps
        self.judges = Discriminators().to(device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), betas=(0.8, 0.99), weight_decay=0.01
        )
        self.judges_optimiser = torch.optim.AdamW(self.judges.parameters(), betas=(0.8, 0.99))
        self.parts: dict[str, Any] = {
            "model": self.model,
            "average": self.average,
            "judges": self.judges,
            "optimiser": self.optimiser,
            "judges_optimiser": self.judges_optimiser,
        }

    def step(self, truth: Tensor, step: int, adversarial: bool) -> list[float]:
        """One update on sounds [B, T]; (dB, shape, feature, judge) losses."""
        options = self.options
        rate = options.learning_rate * schedule(step, options.steps)
        for optimiser in (self.optimiser, self.judges_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = rate if optimiser is self.optimiser else 0.5 * rate
        decoded, truth = self.decoded(truth)
        difference, shape = spectral_loss(decoded, truth)
        loss = options.spectral_weight * (difference / 10 + shape)
        feature, verdict = 0.0, 0.0
        if adversarial:
            made, real = halves(decoded, truth)  # the judges cost most of a step
            verdict = self.train_judges(made.detach(), real)
            self.judges.requires_grad_(False)  # they learn in their own step
            with torch.autocast(self.device.type, torch.bfloat16):
                heard = self.judges(made)
                with torch.no_grad():
                    expected = self.judges(real)
            feature_term = feature_loss(expected, heard)
            loss = loss + deceive_loss(heard) + options.feature_weight * feature_term
            feature = feature_term.item()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimiser.step()
        self.update_average(step)
        return [difference.item(), shape.item(), feature, verdict]

    def decoded(self, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Sounds [B, T] decoded from their latents, and the sounds, both without their ends."""
        with torch.no_grad():
            latents = self.model.encode(truth.unsqueeze(1))
            latents = latents + self.options.roughness * torch.randn_like(latents)
        with torch.autocast(self.device.type, torch.bfloat16):
            decoded = self.model.synthesise(latents, int(torch.randint(NOISE_LENGTH, ())))
        edge = EDGE * self.model.hop_length
        return decoded[:, edge:-edge], truth[:, edge:-edge]

    def train_judges(self, decoded: Tensor, truth: Tensor) -> float:
        self.judges.requires_grad_(True)
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = judge_loss(self.judges(truth), self.judges(decoded))
        self.judges_optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.judges.parameters(), 10.0)
        self.judges_optimiser.step()
        return loss.item()

    def update_average(self, step: int) -> None:
        decay = min(0.998, step / (step + 10))
        with torch.no_grad():
            for mean, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1 - decay)

    def save(self, step: int) -> None:
        with written_whole(self.options.out / "last.pt") as temporary:
            state = {name: part.state_dict() for name, part in self.parts.items()}
            torch.save({"step": step, **state}, temporary)

    def resume(self) -> int:
        """Puts everything back as `save` found it; the step that was reached, 0 at the start."""
        path = self.options.out / "last.pt"
        if not path.is_file():
            return 0
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ValueError(
                f"{path}: is of a run with another config; give another out"
            ) from error
        return int(state["step"])


def halves(decoded: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """The same random half of each, [B, T / 2], and the true ones' peaks at 1."""
    length = truth.shape[1] // 2
    first = int(torch.randint(truth.shape[1] - length + 1, ()))
    made, true = (wav[:, first : first + length] for wav in (decoded, truth))
    scale = 1 / true.abs().amax(1, keepdim=True).clamp(min=0.01)
    return made * scale, true * scale


# Data


def split_sounds(sounds: Sequence[Sound]) -> tuple[list[Sound], list[Sound]]:
    """(those to learn from, every fortieth to check with)."""
    if len(sounds) < 40:
        return list(sounds), list(sounds)
    return [s for i, s in enumerate(sounds) if i % 40], list(sounds[::40])


def make_batch(
    sounds: Sequence[Sound],
    weights: NDArray[np.float64],
    options: AutoencoderOptions,
    rng: np.random.Generator,
) -> Tensor:
    """Windows [B, T] of sounds at 0 to -30 dB; in three of ten another sounds along.

    One in eight is of clicks and bursts of noise, which say exactly when.
    """
    num_samples = (options.frames + 2 * EDGE) * options.config.hop_length
    wav = np.zeros((options.batch_size, num_samples), np.float32)
    for row in wav:
        for _ in range(1 + int(rng.random() < 0.3)):
            if rng.random() < 0.125:
                part = make_bursts(num_samples, rng)
            else:
                sound = sounds[rng.choice(len(sounds), p=weights)]
                part = pick_window(sound, num_samples, rng)
            row += 10 ** (rng.uniform(-30, 0) / 20) * part
        row *= 1 / max(1.0, float(np.abs(row).max()))
    return torch.from_numpy(wav)


def make_bursts(num_samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """[T] with one to six bursts of noise at random moments, from single samples to 50 ms."""
    wav = np.zeros(num_samples, np.float32)
    for start in rng.integers(0, num_samples, rng.integers(1, 7)):
        decay = 10 ** rng.uniform(-1, 3.3)  # samples
        time = np.arange(min(num_samples - start, 1 + int(7 * decay)))
        noise = rng.uniform(-1, 1, time.size)
        noise[0] = rng.choice([-1, 1])
        burst = np.exp(-time / decay) * noise
        if rng.random() < 0.5:  # darker: an average over some samples
            width = int(rng.integers(2, 12))
            burst = np.convolve(burst, np.ones(width) / np.sqrt(width))[: time.size]
        wav[start : start + time.size] += 10 ** (rng.uniform(-20, 0) / 20) * burst
    return wav


def measure_bands(model: Autoencoder, sounds: Sequence[Sound], seed: int) -> None:
    """Sets the mean and deviation by which the model normalises its bands, from windows of 1 s.

    Each window is at peak 1. Values are rounded as they are kept on disk.
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


# The run


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over 50 steps, then down a half cosine to 3 %."""
    return min(1.0, step / 50) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / steps)))


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


def _plain(options: AutoencoderOptions) -> dict[str, Any]:
    """The options as JSON can hold them, without the machine's own paths."""
    left_out = ("data", "out", "cache", "config")
    kept = {k: v for k, v in asdict(options).items() if k not in left_out}
    return json.loads(json.dumps(kept))  # type: ignore[no-any-return]
