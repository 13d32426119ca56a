"""An envelope as a control of Stable Audio 3 sees it: levels, many within each latent.

A light control sees envelopes through median filters of random widths while it is trained, as in
Sketch2Sound (arXiv 2412.08550). So the width at generation says how strictly the envelope is
followed: slow changes are asked for through any filter, and a short hit through a narrow one alone.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from folai.diffusion.conditioning import LEVEL
from folai.envelope import Envelope

WIDEST = 0.25  # seconds of the widest filter


def levels_of(
    envelope: Envelope, num_frames: int, rate: float, per_latent: int, gain: float = 1.0
) -> NDArray[np.float32]:
    """RMS [num_frames * per_latent] of an envelope times `gain`, over the level of training.

    rate: latents per second.
    """
    times = (np.arange(num_frames * per_latent) + 0.5) / (rate * per_latent)
    return (gain / LEVEL * envelope.at(times)).astype(np.float32)


def softened(levels: Tensor, width: int) -> Tensor:
    """Levels [B, N] through a median filter of an odd number of them."""
    if width == 1:
        return levels
    half = width // 2
    padded = F.pad(levels.unsqueeze(1), (half, half), mode="replicate")[:, 0]
    return padded.unfold(-1, width, 1).median(-1).values


def filter_width(strictness: float, rate: float) -> int:
    """Levels that a filter takes in: 1 for a strictness of 1 or more, WIDEST for nearly 0.

    rate: levels per second.
    """
    share = 1 - min(max(strictness, 0.0), 1.0)
    return 2 * round(share * WIDEST * rate / 2) + 1


def draw_width(chance: torch.Generator, rate: float) -> int:
    """That of an example in training: half of them are not filtered."""
    drawn = torch.rand(2, generator=chance)
    return 1 if drawn[0] < 0.5 else filter_width(float(drawn[1]), rate)
