"""Draws a finished sound nearer to its reference: at each loudness the bands it has there.

What a mixing engineer does by ear with an equaliser ("match EQ"), done apart for loud and quiet
moments: a struck thing's hits, its ringing and the room between them have different colours. Works
on band levels, which are what the small autoencoder's latents are, before they are decoded. Each
moment keeps its loudness, so the envelope stays.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

STEP, DEPTH = 5.0, 60.0  # dB between the loudnesses that are compared; below the loudest
ENOUGH = 4.0  # frames of one loudness from which a colour is believed by half
MOST = 15.0  # dB that a band is changed by at most
_DECIBELS = 10 / math.log(10)  # a power's natural logarithm times this


def match_bands(levels: Tensor, reference: Tensor, strength: float = 1.0) -> Tensor:
    """`levels` [C, T] dB, coloured as `reference` [C, N] dB is where it is as loud.

    Loudness counts from the loudest frame of each of the two. strength: share of the difference
    that is taken, 0 to 1.
    """
    if strength == 0:
        return levels
    loudness = loudness_of(levels)
    wanted, sure = colours(reference)
    present, here = colours(levels)
    change = (sure * here).unsqueeze(1) * (wanted - present)  # [K, C]
    change = _smooth(change).clamp(-MOST, MOST) * strength
    place = ((loudness.max() - loudness) / STEP).clamp(0, len(change) - 1.001)  # of K, [T]
    below = place.floor().long()
    share = (place - below).unsqueeze(0)
    result = levels + torch.lerp(change[below].T, change[below + 1].T, share)
    return result + (loudness - loudness_of(result))


def loudness_of(levels: Tensor) -> Tensor:
    """dB [T] of all bands of [C, T] together."""
    return _DECIBELS * torch.logsumexp(levels / _DECIBELS, 0)


def colours(levels: Tensor) -> tuple[Tensor, Tensor]:
    """(mean level of each band re the frame's loudness [K, C] dB, how far to believe it [K]).

    For each of K loudnesses, the loudest first. One that hardly occurs takes those of the nearest
    that do.
    """
    loudness = loudness_of(levels)
    knots = torch.arange(0, DEPTH + STEP / 2, STEP)  # [K] below the loudest
    distance = (loudness.max() - loudness).clamp(max=DEPTH) - knots.unsqueeze(1)  # [K, T]
    near = torch.exp(-0.5 * (distance / (0.6 * STEP)) ** 2) + 1e-4 * torch.exp(
        -distance.abs() / STEP
    )
    count = near.sum(1)
    mean = near @ (levels - loudness).T / count.unsqueeze(1)
    believed = torch.maximum(count, F.max_pool1d(count[None], 3, 1, 1)[0] / 2)
    return mean, believed / (believed + ENOUGH)


def _smooth(change: Tensor) -> Tensor:
    """[K, C] blurred a little over bands."""
    kernel = torch.tensor([0.25, 0.5, 0.25]).view(1, 1, 3)
    return F.conv1d(F.pad(change.unsqueeze(1), (1, 1), mode="replicate"), kernel).squeeze(1)
