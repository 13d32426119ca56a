"""The mapper's losses: bins, onsets, and the shape of the envelope."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from folai.data.dataset import Batch
from folai.envelope.rms import from_bins
from folai.models.mapper_config import MapperConfig

LABEL_SIGMA = 1.5  # bins; width of the Gaussian label smoothing


def loss_terms(
    bins: Tensor, onset: Tensor, batch: Batch, config: MapperConfig, sigma: float = LABEL_SIGMA
) -> tuple[Tensor, Tensor, Tensor]:
    """(cross-entropy over bins, binary cross-entropy of onsets, 1 - correlation of envelopes)."""
    valid = batch.valid / batch.valid.sum()
    target = soft_bins(batch.rms, sigma, config)
    cross_entropy = -((target * bins.log_softmax(-1)).sum(-1) * valid).sum()
    seldom = onset.new_tensor(3.0)  # onsets take a small share of the time
    entropy = F.binary_cross_entropy_with_logits(
        onset, batch.onset, reduction="none", pos_weight=seldom
    )
    levels = torch.from_numpy(from_bins(np.arange(config.num_bins), config.num_bins, config.mu))
    roots = levels.sqrt().to(bins)
    predicted = _blurred((bins.softmax(-1) * roots).sum(-1) * batch.valid)
    true = _blurred(batch.rms.sqrt() * batch.valid)
    predicted, true = (x - x.mean(1, keepdim=True) for x in (predicted, true))
    # The constant keeps windows in which next to nothing sounds from dominating the gradient.
    norm = predicted.norm(dim=1) * true.norm(dim=1) + 0.3
    shape = (1 - (predicted * true).sum(1) / norm).mean()
    onsets = (entropy * batch.known).sum() / batch.known.sum().clamp(min=1.0)
    return cross_entropy, onsets, shape


def soft_bins(rms: Tensor, sigma: float, config: MapperConfig) -> Tensor:
    """Gaussian label smoothing about the continuous bin position: [B, T] -> [B, T, bins]."""
    position = torch.log1p(config.mu * rms.clamp(0, 1)) / math.log1p(config.mu)
    index = torch.arange(config.num_bins, device=rms.device)
    distance = index - (config.num_bins - 1) * position.unsqueeze(-1)
    return torch.softmax(-0.5 * (distance / sigma) ** 2, dim=-1)


def _blurred(x: Tensor, sigma: float = 3.84) -> Tensor:
    """Gaussian over time, in envelope frames; the default is the metric's 4 frames at 125 Hz."""
    reach = math.ceil(3 * sigma)
    taps = torch.arange(-reach, reach + 1, device=x.device)
    kernel = torch.softmax(-0.5 * (taps / sigma) ** 2, dim=0).view(1, 1, -1)
    return F.conv1d(x.unsqueeze(1), kernel, padding=reach).squeeze(1)
