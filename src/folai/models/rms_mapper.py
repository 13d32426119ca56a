"""RMS-Mapper: pictures and flow -> an RMS envelope over 64 mu-law bins, and onsets.

After stage one of Stable-V2A (arXiv 2412.15023, section III-A) and Video-Foley (arXiv 2408.11915):
features of both appearance and flow, convolutions, bidirectional recurrence, up-sampling, then
classification into companded bins. In place of the papers' frozen CLIP features stand statistics of
motion and colour over a coarse grid, or an encoder trained on the pictures beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Inputs = Literal["rgb", "flow", "both"]
PLANES = {"rgb": 4, "flow": 3, "both": 7}  # colour and its change; velocity and speed


@dataclass(frozen=True)
class MapperConfig:
    inputs: Inputs = "both"
    height: int = 64  # pixels of the pictures the encoder sees
    width: int = 86
    channels: tuple[int, ...] = ()  # of convolutions: (48, 96, 128) at 1/4, 1/8, 1/16 size
    dim: int = 192  # of the features, one vector a step
    hidden: int = 128  # of the recurrence, a direction
    num_layers: int = 2
    upsample: int = 4  # envelope frames a step: 4 * 30 = 120 Hz
    num_bins: int = 64
    mu: float = 127.0
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.inputs not in ("rgb", "flow", "both"):
            raise ValueError(f"inputs is {self.inputs!r}; allowed: rgb, flow, both")


class RMSMapper(nn.Module):
    """Pictures of `T` steps -> `T * upsample` envelope frames."""

    def __init__(self, config: MapperConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = FrameEncoder(config)
        dim, hidden = config.dim, config.hidden
        self.convs = nn.ModuleList([TemporalConv(dim + 1, dim, config.dropout)])
        self.convs.extend(TemporalConv(dim, dim, config.dropout) for _ in range(2))
        self.recurrence = nn.GRU(
            dim, hidden, config.num_layers, batch_first=True, bidirectional=True
        )
        self.upsampling = nn.Linear(2 * hidden + dim, config.upsample * dim)
        self.refine = TemporalConv(dim, dim, config.dropout)
        self.bins = nn.Linear(dim, config.num_bins)
        self.onset = nn.Linear(dim, 1)

    def forward(self, rgb: Tensor, flow: Tensor, spans: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures -> (bin logits [B, T * upsample, bins], onset logits [B, T * upsample]).

        rgb: uint8 [B, T, 3, H, W]. flow: [B, T, 2, H, W] in units of the clip's usual speed, since
        the loudest sound of a clip, at peak 1, goes with what is fast in that clip.
        spans: [B, T] seconds that each step lasts.
        """
        return self.decode(self.encoder(rgb, flow), spans)

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


class FrameEncoder(nn.Module):
    """Pictures -> features, one vector a step, along one or two ways.

    The means and extremes of the planes over a coarse grid, and how these change, are motion as
    such. Where the config has `channels`, convolutions in space with shifts in time are trained
    beside them and can find small things such as the tip of a stick; they want more recordings
    than a few dozen, which they learn by heart (see the model card), and are off by default.
    Only every other pixel of every other row goes into the grid: it says as much.
    """

    GRID = (4, 5)  # rows and columns over which the planes are averaged

    def __init__(self, config: MapperConfig) -> None:
        super().__init__()
        self.inputs = config.inputs
        planes = PLANES[config.inputs]
        sizes = (planes, *config.channels)
        self.stages = nn.ModuleList(
            Stage(before, after, stride=4 if i == 0 else 2, shifted=before // 8 if i else 0)
            for i, (before, after) in enumerate(pairwise(sizes))
        )
        cells = self.GRID[0] * self.GRID[1]
        statistics = 2 * planes * (cells + 2)  # of each plane and of its change: grid, mean, most
        self.statistics_norm = nn.BatchNorm1d(statistics)
        learned = 2 * sizes[-1] if config.channels else 0
        self.project = nn.Linear(learned + statistics, config.dim)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, rgb: Tensor, flow: Tensor) -> Tensor:
        """rgb uint8 [B, T, 3, H, W], flow [B, T, 2, H, W] -> features [B, T, D]."""
        if not self.stages:
            statistics = self.statistics(self.planes(rgb[..., ::2, ::2], flow[..., ::2, ::2]))
            return self._project(statistics)
        x = self.planes(rgb, flow)  # [B, T, C, H, W]
        statistics = self.statistics(x[..., ::2, ::2])
        for stage in self.stages:
            x = stage(x)
        return self._project(torch.cat([x.mean((-2, -1)), x.amax((-2, -1)), statistics], dim=-1))

    def _project(self, pooled: Tensor) -> Tensor:
        features: Tensor = self.dropout(F.relu(self.project(pooled)))
        return features

    def statistics(self, planes: Tensor) -> Tensor:
        """Grid means, mean and maximum of each plane, and their change a step: [B, T, S]."""
        sizes = planes.shape[:2]
        if self.inputs != "flow":
            planes = planes.clone()
            planes[:, :, 3].abs_()  # change of grey, either way
        grid = F.adaptive_avg_pool2d(planes.flatten(0, 1), self.GRID).flatten(1).view(*sizes, -1)
        now = torch.cat([grid, planes.mean((-2, -1)), planes.amax((-2, -1))], dim=-1).float()
        change = now - torch.cat([now[:, :1], now[:, :-1]], dim=1)
        both = torch.cat([now, change], dim=-1)
        normal: Tensor = self.statistics_norm(both.flatten(0, 1)).view(*sizes, -1)
        return normal

    def planes(self, rgb: Tensor, flow: Tensor) -> Tensor:
        """What the first convolution reads, scaled to about unit range: [B, T, C, H, W].

        Colour, change of grey since the step before, velocity and speed, written in place: at this
        size, copies cost as much as convolutions.
        """
        device = rgb.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        shape = (*rgb.shape[:2], PLANES[self.inputs], *rgb.shape[3:])
        planes = torch.zeros(shape, dtype=dtype or torch.float32, device=rgb.device)
        if self.inputs != "flow":
            torch.mul(rgb, 1 / 127.5, out=planes[:, :, :3]).sub_(1.0)
            grey = planes[:, :, 1]  # green stands for grey
            torch.sub(grey[:, 1:], grey[:, :-1], out=planes[:, 1:, 3])
            planes[:, :, 3].mul_(4.0)
        if self.inputs != "rgb":
            velocity = planes[:, :, -3:-1]
            velocity.copy_(flow)
            squared = velocity.square()
            torch.add(squared[:, :, 0], squared[:, :, 1], out=planes[:, :, -1]).sqrt_()
            planes[:, :, -3:] *= 4.0 / (
                1.0 + planes[:, :, -1:]
            )  # up to 4, and 2 at the usual speed
        return planes


class Stage(nn.Module):
    """Shift in time (Lin et al., arXiv 1811.08383), then a convolution that halves the picture."""

    def __init__(self, before: int, after: int, stride: int, shifted: int) -> None:
        super().__init__()
        self.shifted = shifted  # channels that look back, and as many that look ahead
        self.conv = nn.Conv2d(before, after, stride + 1, stride, padding=stride // 2, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """[B, T, C, H, W] -> [B, T, C', H / 2, W / 2]."""
        sizes = x.shape[:2]  # B, T
        y = self.norm(self.conv(shift_in_time(x, self.shifted).flatten(0, 1)))
        return F.relu(y).view(*sizes, *y.shape[1:])


def shift_in_time(x: Tensor, count: int) -> Tensor:
    """The first `count` channels come from the step before, the next `count` from the one after."""
    if count == 0:
        return x
    past, future, here = x[:, :, :count], x[:, :, count : 2 * count], x[:, :, 2 * count :]
    past = torch.cat([past[:, :1], past[:, :-1]], dim=1)
    future = torch.cat([future[:, 1:], future[:, -1:]], dim=1)
    return torch.cat([past, future, here], dim=2)


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
