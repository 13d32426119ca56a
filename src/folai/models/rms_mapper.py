"""RMS-Mapper: cells of motion and look -> an RMS envelope over 64 mu-law bins, and onsets.

After stage one of Stable-V2A (arXiv 2412.15023, section III-A) and Video-Foley (arXiv 2408.11915):
features of both appearance and flow, convolutions, bidirectional recurrence, up-sampling, then
classification into companded bins. In place of the papers' frozen CLIP features stands a small
encoder, trained with the rest, over the grid of cells of `folai.models.cells`.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from folai.models.cells import CHANNELS, FLOW_CHANNELS, MOVING
from folai.models.mapper_config import MapperConfig

_FLOW = len(FLOW_CHANNELS)


class RMSMapper(nn.Module):
    """Cells of `T` steps -> `T * upsample` envelope frames."""

    def __init__(self, config: MapperConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = GridEncoder(config)
        dim, hidden = config.dim, config.hidden
        self.convs = nn.ModuleList([TemporalConv(dim + 1, dim, config.dropout)])
        self.convs.extend(TemporalConv(dim, dim, config.dropout) for _ in range(2))
        self.recurrence = nn.GRU(
            dim,
            hidden,
            config.num_layers,
            batch_first=True,
            bidirectional=True,
            dropout=0.2 if config.num_layers > 1 else 0.0,
        )
        self.upsampling = nn.Linear(2 * hidden + dim, config.upsample * dim)
        self.refine = TemporalConv(dim, dim, config.dropout)
        self.bins = nn.Linear(dim, config.num_bins)
        self.onset = nn.Linear(dim, 1)

    def forward(self, cells: Tensor, spans: Tensor) -> tuple[Tensor, Tensor]:
        """Cells -> (bin logits [B, T * upsample, bins], onset logits [B, T * upsample]).

        cells: [B, T, C, rows, columns] as `folai.models.cells` names them, flow in units of the
        clip's usual speed, since the loudest sound of a clip, at peak 1, goes with what is fast in
        that clip. spans: [B, T] seconds that each step lasts.
        """
        return self.decode(self.encoder(cells), spans)

    def decode(self, features: Tensor, spans: Tensor) -> tuple[Tensor, Tensor]:
        """Features [B, T, D] of any length -> logits as `forward` gives them."""
        span = torch.log(spans * 30.0).unsqueeze(-1).to(features.dtype)
        x = torch.cat([features, span], dim=-1)  # [B, T, D + 1]
        for conv in self.convs:
            x = conv(x)
        recurrent, _ = self.recurrence(x)
        x = self.upsampling(torch.cat([recurrent, x], dim=-1))  # [B, T, upsample * D]
        x = x.unflatten(-1, (self.config.upsample, -1)).flatten(1, 2)  # [B, T * upsample, D]
        x = self.refine(F.relu(x))
        return self.bins(x), self.onset(x).squeeze(-1)

    def features(self, cells: NDArray[np.float32]) -> NDArray[np.float32]:
        """What `LightMapper.features` computes, on this module's device."""
        with torch.inference_mode():
            seen = self.encoder(torch.from_numpy(cells)[None].to(self.bins.weight.device))
        return np.asarray(seen[0].cpu().numpy(), np.float32)

    def logits(
        self, features: NDArray[np.float32], spans: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What `LightMapper.logits` computes, on this module's device."""
        device = self.bins.weight.device
        with torch.inference_mode():
            inputs = (torch.from_numpy(array)[None].to(device) for array in (features, spans))
            bins, onset = self.decode(*inputs)
        return bins[0].cpu().numpy(), onset[0].cpu().numpy()


class GridEncoder(nn.Module):
    """Cells -> features, one vector a step.

    The same small convolutions look at every place of the grid, and see the step before and the one
    after it: what stops, wherever it stops. What they find is pooled over the grid by its mean, its
    maximum and four learned weightings, so that where it was found hardly matters: a few dozen
    recordings teach little about places. Beside it stand plain statistics, which do know places:
    the channels' means over coarse parts of the picture, mean and maximum, and how these change.
    """

    HEADS = 4
    PLACES = (4, 4)  # rows and columns of the statistics

    def __init__(self, config: MapperConfig) -> None:
        super().__init__()
        self.inputs = config.inputs
        self.norm = nn.BatchNorm2d(len(CHANNELS))
        sizes = config.channels
        self.mix = nn.Conv2d(len(CHANNELS) + 2 * MOVING, sizes[0], 1)
        self.mix_norm = nn.BatchNorm2d(sizes[0])
        self.stages = nn.ModuleList(
            Stage(before, after, stride=1 if i else 2)
            for i, (before, after) in enumerate(pairwise(sizes))
        )
        self.attention = nn.Conv2d(sizes[-1], self.HEADS, 1)
        statistics = 2 * len(CHANNELS) * (self.PLACES[0] * self.PLACES[1] + 2)
        self.statistics_norm = nn.BatchNorm1d(statistics)
        self.project = nn.Linear((2 + self.HEADS) * sizes[-1] + statistics, config.dim)
        self.dropout = nn.Dropout(config.dropout)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # twice as fast

    def forward(self, cells: Tensor) -> Tensor:
        """[B, T, C, rows, columns] -> features [B, T, D]."""
        sizes = cells.shape[:2]
        x = self.norm(self.scaled(cells).flatten(0, 1)).reshape(cells.shape)
        statistics = self.statistics(x)
        moving = x[:, :, :MOVING]
        x = torch.cat([x, _later(moving, 1), _later(moving, -1)], dim=2).flatten(0, 1)
        x = F.relu(self.mix_norm(self.mix(x.contiguous(memory_format=torch.channels_last))))
        for stage in self.stages:
            x = stage(x, sizes[1])
        x = F.dropout2d(x, 0.1, self.training)
        weights = self.attention(x).flatten(2).softmax(-1)  # [N, heads, places]
        places = x.flatten(2)  # [N, C, places]
        pooled = [places.mean(-1), places.amax(-1), (weights @ places.mT).flatten(1), statistics]
        features: Tensor = self.dropout(F.relu(self.project(torch.cat(pooled, dim=1))))
        return features.view(*sizes, -1)

    def statistics(self, cells: Tensor) -> Tensor:
        """Of normalised cells [B, T, C, rows, columns]: [B * T, S]."""
        coarse = F.adaptive_avg_pool2d(cells.flatten(0, 1), self.PLACES).reshape(
            *cells.shape[:2], -1
        )
        now = torch.cat([coarse, cells.mean((-2, -1)), cells.amax((-2, -1))], dim=-1).float()
        change = now - _later(now, 1)
        normal: Tensor = self.statistics_norm(torch.cat([now, change], dim=-1).flatten(0, 1))
        return normal

    def scaled(self, cells: Tensor) -> Tensor:
        """About unit range, fast motion compressed; what `inputs` leaves out is 0."""
        flow, look = torch.asinh(2.0 * cells[:, :, :_FLOW]), cells[:, :, _FLOW:]
        look = torch.cat([(8.0 * look[:, :, :3]).clamp(-3, 3), 2.0 * look[:, :, 3:] - 1.0], dim=2)
        if self.inputs == "rgb":
            flow = torch.zeros_like(flow)
        if self.inputs == "flow":
            look = torch.zeros_like(look)
        return torch.cat([flow, look], dim=2)


class Stage(nn.Module):
    """Shift in time (Lin et al., arXiv 1811.08383), then a convolution over the grid."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.shifted = before // 4  # channels that look back, and as many that look ahead
        self.conv = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor, steps: int) -> Tensor:
        """[B * T, C, rows, columns] of `steps` = T -> [B * T, C', rows', columns']."""
        count, apart = self.shifted, x.reshape(-1, steps, *x.shape[1:])
        past, future = _later(apart[:, :, :count], 1), _later(apart[:, :, count : 2 * count], -1)
        x = torch.cat([past, future, apart[:, :, 2 * count :]], dim=2).flatten(0, 1)
        y: Tensor = F.relu(self.norm(self.conv(x.contiguous(memory_format=torch.channels_last))))
        return y


def _later(x: Tensor, steps: int) -> Tensor:
    """x [B, T, ...] delayed by one step (1) or advanced (-1); the end repeats."""
    if steps > 0:
        return torch.cat([x[:, :1], x[:, :-1]], dim=1)
    return torch.cat([x[:, 1:], x[:, -1:]], dim=1)


class TemporalConv(nn.Module):
    """Convolution over time, batch norm, ReLU, dropout; added to its input where sizes allow."""

    def __init__(self, before: int, after: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(before, after, 5, padding=2)
        self.norm = nn.BatchNorm1d(after)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, D] -> [B, T, D']."""
        y: Tensor = self.dropout(F.relu(self.norm(self.conv(x.transpose(1, 2))))).transpose(1, 2)
        return x + y if x.shape == y.shape else y
