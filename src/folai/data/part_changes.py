"""Colour, pitch and room, changed in a target and its reference alike.

What the two have in common is then worth copying.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from folai.data.sound_parts import Floats, Part
from folai.diffusion.conditioning import LEVEL
from folai.models.autoencoder import Autoencoder

RECOLOURED, MOVED, ROOMED = 0.7, 0.5, 0.5  # shares that get another colour, pitch, room


def changed_alike(
    target: Part, reference: Part, noise: Floats, rng: Generator
) -> tuple[Part, Part]:
    """Another colour, pitch or room, the same for both; noise: as `noise_levels` gives it."""
    channels = len(noise)
    bands = np.arange(channels)
    if rng.random() < RECOLOURED:
        knots = np.linspace(0, channels - 1, 7)
        tilt = rng.normal(0, 4) * np.linspace(-1, 1, 7)
        gains_db = np.interp(bands, knots, rng.normal(0, 4, 7) + tilt)
        gains = (10 ** (gains_db / 10)).astype(np.float32)
        target, reference = target.filtered(gains), reference.filtered(gains)
    if rng.random() < MOVED:
        source = np.clip(bands - int(rng.integers(-5, 6)), 0, channels - 1)
        target = Part(target.power[source], target.curve)
        reference = Part(reference.power[source], reference.curve)
    if rng.random() < ROOMED:
        colour = np.interp(bands, np.linspace(0, 95, 5), rng.normal(0, 4, 5))
        colour = colour - rng.uniform(0, 25) * bands / channels
        below_db = rng.uniform(35, 70)
        target, reference = (
            _in_room(part.at_level(LEVEL), noise, colour, below_db, rng)
            for part in (target, reference)
        )
    return target, reference


def _in_room(
    part: Part, noise: Floats, colour: NDArray[Any], below_db: float, rng: Generator
) -> Part:
    """Stationary noise of this colour [C], dB, added `below_db` under LEVEL."""
    frames = part.power.shape[1]
    start = int(rng.integers(noise.shape[1] - frames))
    room = 10 ** ((noise[:, start : start + frames] + colour[:, None]) / 10)
    wanted = LEVEL**2 * 10 ** (-below_db / 10)
    # The bands' powers are those of windowed sines: two for each unit of mean square.
    room *= wanted * 2 / room.sum(0).mean()
    return Part((part.power + room).astype(np.float32), part.curve + np.float32(wanted))


def noise_levels(autoencoder: Autoencoder) -> Floats:
    """How white noise fluctuates in the bands, dB about each band's mean: [C, F] of 20 s."""
    generator = torch.Generator().manual_seed(0)
    num_samples = 20 * autoencoder.config.sample_rate
    with torch.inference_mode():
        wav = 0.1 * torch.randn(1, 1, num_samples, generator=generator)
        levels = autoencoder.levels(wav, chunk=2048)[0, :, 4:-4].numpy()
    return np.asarray(levels - levels.mean(axis=1, keepdims=True), np.float32)
