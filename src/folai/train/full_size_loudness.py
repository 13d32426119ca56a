"""Trains the reader of loudness by which an envelope guides Stable Audio 3.

Recordings are encoded by the model's own autoencoder, and the levels within each latent are
measured. The reader learns the one from the other; no denoiser takes part, so a CPU is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds
from folai.data.stable_material import lay_window
from folai.diffusion.conditioning import LEVEL
from folai.envelope import Envelope
from folai.envelope.rms import centred_rms
from folai.media.audio import resample
from folai.models.same import Same
from folai.stable.control_latents import encode
from folai.stable3.loudness_files import loudness_config, save_loudness
from folai.stable3.model import load_stable3
from folai.stable3.steering import LoudnessConfig, train_loudness, wanted_levels

DECIBELS = 8.686  # of a difference of 1 between natural logarithms


@dataclass(frozen=True)
class LoudnessOptions:
    """Raises ValueError for numbers that are too small."""

    data: tuple[Path, ...]
    model: str | Path = "stable-audio-3-small-sfx"
    out: Path = Path("runs/loudness")
    steps: int = 1500
    windows: int = 600  # pieces of recordings, encoded once
    seconds: float = 4.0  # of each
    seed: int = 0
    offline: bool = False

    def __post_init__(self) -> None:
        for name, lowest in (("steps", 1), ("windows", 10), ("seconds", 0.5)):
            if getattr(self, name) < lowest:
                raise ValueError(f"{name} is {getattr(self, name)}; give {lowest} or more")


def train_stable3_loudness(options: LoudnessOptions, log: Callable[[str], None] = print) -> Path:
    """Writes `loudness.safetensors` into the run's folder, and logs how far it is off."""
    codec = load_stable3(options.model, offline=options.offline).autoencoder
    sounds = load_sounds(list(options.data), options.out / "cache" / "sounds", "train")
    config = loudness_config(codec.config)
    latents, levels = _windows(options, codec, config, sounds, log)
    held_out = max(1, len(latents) // 10)
    loudness = train_loudness(
        config, latents[held_out:], levels[held_out:], steps=options.steps, seed=options.seed
    )
    with torch.inference_mode():
        off = loudness(latents[:held_out].float()) - levels[:held_out]
    error = DECIBELS * off.square().mean().sqrt().item()
    log(f"off by {error:.1f} dB on windows that it has not seen")
    path = options.out / "loudness.safetensors"
    save_loudness(path, loudness, {"windows": len(latents), "error_db": round(error, 2)})
    return path


def _windows(
    options: LoudnessOptions,
    codec: Same,
    config: LoudnessConfig,
    sounds: Sequence[Sound],
    log: Callable[[str], None],
) -> tuple[Tensor, Tensor]:
    """Latents [N, C, F] and levels [N, F * per_latent] of pieces of recordings at one level."""
    num_frames = max(2, round(options.seconds * codec.config.frame_rate))
    num_samples = round(num_frames * codec.hop_length / codec.config.sample_rate * SAMPLE_RATE)
    latents, levels = [], []
    for index in range(options.windows):
        rng = np.random.default_rng([options.seed, index])
        first = sounds[int(rng.integers(len(sounds)))]
        pool = [sound for sound in sounds if sound.label == first.label]
        wav = lay_window(first, pool, num_samples, rng)
        wav = wav * np.float32(LEVEL / max(centred_rms(wav, SAMPLE_RATE, 250.0).max(), 1e-6))
        envelope = Envelope.from_audio(wav, SAMPLE_RATE)
        own = resample(np.atleast_2d(wav), SAMPLE_RATE, codec.config.sample_rate)
        latents.append(encode(codec, own)[0, :, :num_frames])
        levels.append(wanted_levels(config, envelope, num_frames)[0])
        if (index + 1) % 100 == 0:
            log(f"{index + 1} of {options.windows} windows encoded")
    return torch.stack(latents), torch.stack(levels)
