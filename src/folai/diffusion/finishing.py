"""The finished sound: finite, at the envelope's level, never above full scale."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.envelope import Envelope
from folai.envelope.rms import centred_rms, gaussian_smooth

LOCK_RATE = 250.0  # Hz at which the finished level is compared with the envelope
LOCK_DB = 12.0  # most that `envelope_lock` changes
CEILING = 0.99  # highest sample


def finite(values: Tensor, stage: str) -> Tensor:
    """Stops NaN and infinity before they reach a file."""
    if not torch.isfinite(values).all():
        fix = "use fewer guidance (cfg_scale) or other weights"
        raise ValueError(f"{stage} gave NaN or infinite values; {fix}")
    return values


def finished(
    wav: NDArray[np.float32], sample_rate: int, envelope: Envelope, gain: float, lock: float
) -> NDArray[np.float32]:
    """[1, T] at the envelope's level, pulled onto it by `lock`, and nowhere above CEILING."""
    wav = wav * np.float32(gain)
    if lock > 0:
        lock_level(wav, sample_rate, envelope, lock)
    wav *= np.float32(min(1.0, CEILING / max(float(wav.max()), -float(wav.min()), 1e-9)))
    return wav


def lock_level(wav: NDArray[np.float32], sample_rate: int, envelope: Envelope, lock: float) -> None:
    """Draws the level of wav [1, T] smoothly toward the envelope, within +-LOCK_DB, in place."""
    measured = centred_rms(wav, sample_rate, LOCK_RATE)
    target = envelope.at(np.arange(len(measured)) / LOCK_RATE)
    floor = 1e-3 * float(envelope.values.max())  # below it nobody hears the difference
    ratio = (target + floor) / (measured + floor)
    decibels = lock * np.clip(20 * np.log10(ratio), -LOCK_DB, LOCK_DB)
    gain = 10 ** (gaussian_smooth(decibels, 0.004 * LOCK_RATE) / 20)
    frames = np.arange(len(gain))
    for first in range(0, wav.shape[1], 1 << 18):  # some seconds at a time, to bound the memory
        part = wav[:, first : first + (1 << 18)]
        at = (first + np.arange(part.shape[1])) * (LOCK_RATE / sample_rate)
        part *= np.interp(at, frames, gain).astype(np.float32)
