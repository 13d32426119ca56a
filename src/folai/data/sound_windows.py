"""Windows of sounds, and of clicks and bursts, that the autoencoder's decoder learns from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.data.sounds import Sound, pick_window


def split_sounds(sounds: Sequence[Sound]) -> tuple[list[Sound], list[Sound]]:
    """(those to learn from, every fortieth to check with)."""
    if len(sounds) < 40:
        return list(sounds), list(sounds)
    return [s for i, s in enumerate(sounds) if i % 40], list(sounds[::40])


def make_batch(
    sounds: Sequence[Sound],
    weights: NDArray[np.float64],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> Tensor:
    """Windows [B, T], of this shape, of sounds at 0 to -30 dB; three in ten are of two sounds.

    One in eight is of clicks and bursts of noise, which say exactly when.
    """
    wav, num_samples = np.zeros(shape, np.float32), shape[1]
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
