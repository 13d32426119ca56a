"""Envelopes as a mapper would have predicted them: blurred, moved, of the wrong level."""

from __future__ import annotations

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from folai.envelope.rms import gaussian_smooth

Curve = NDArray[np.float64]

EXACT = 0.4  # share of the envelopes that are not roughened
HUSHED = 0.5  # share of those without a noise floor


def roughened(envelopes: Tensor, rate: float, rng: Generator) -> Tensor:
    """Envelopes [B, S] at `rate` Hz, each with its own errors and its own peak as before."""
    rows = [row.numpy().astype(np.float64) for row in envelopes]
    results = [row if rng.random() < EXACT else rough(row, rate, rng) for row in rows]
    return torch.from_numpy(np.stack(results).astype(np.float32))


def rough(curve: Curve, rate: float, rng: Generator) -> Curve:
    """[S] blurred, shifted by some milliseconds, with a level that drifts; hits lost and added.

    The errors are about those of the mapper on held-out recordings, or a little smaller: larger
    ones would teach the model to ignore the envelope.
    """
    peak, frames = curve.max(), np.arange(len(curve))
    result = gaussian_smooth(curve, rng.uniform(0, 0.02) * rate)
    late = 0.012 * rate * wander(len(curve), 0.3 * rate, rng) + rng.normal(0, 0.008) * rate
    result = np.interp(frames - late, frames, result)
    result = result * 10 ** (rng.uniform(0, 4) * wander(len(curve), 0.25 * rate, rng) / 20)
    if rng.random() < 0.3:  # a hit is missed
        place = int(np.argmax(result * rng.uniform(0, 1, len(curve))))
        dip = np.exp(-0.5 * ((frames - place) / (0.05 * rate)) ** 2)
        result = result * (1 - rng.uniform(0.5, 0.95) * dip)
    if rng.random() < 0.3:  # one is made up
        since = (frames - rng.integers(len(curve))) / rate
        hit = np.where(since >= 0, np.exp(-np.maximum(since, 0) / 0.06), 0.0)
        result = result + peak * rng.uniform(0.05, 0.3) * gaussian_smooth(hit, 0.008 * rate)
    if rng.random() < 0.3:
        result = result + peak * rng.uniform(0, 0.04)
    return np.asarray(result * (peak / max(float(result.max()), 1e-9)))


def hushed(envelopes: Tensor, rng: Generator) -> Tensor:
    """Envelopes [B, S] of which half no longer tell how loud it is between the events.

    A recording's noise is in its envelope, but the sound that is asked for has a noise of its own:
    a model that learned it from the envelope would give any reference the noise of another.
    """
    peaks = envelopes.amax(1, keepdim=True)
    below = 10 ** (-rng.uniform(20, 60, (len(envelopes), 1)) / 20)
    below = np.where(rng.random((len(envelopes), 1)) < HUSHED, below, 0.0)
    floors = peaks * torch.from_numpy(below.astype(np.float32))
    return (envelopes.square() - floors.square()).clamp(min=0).sqrt()


def wander(length: int, every: float, rng: Generator) -> Curve:
    """A smooth random curve of standard deviation about 1, with a new value each `every` frames."""
    knots = rng.standard_normal(max(2, round(length / every) + 2))
    places = np.linspace(0, length, len(knots))
    return gaussian_smooth(np.interp(np.arange(length), places, knots), every / 4)
