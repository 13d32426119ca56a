"""Stereo sound <-> latents, learned both ways: Stable Audio Open's autoencoder, called Oobleck.

Convolutions of stride 2, 4, 4, 8 and 8 lead to 64 channels at 21.5 Hz and back (arXiv 2407.14358,
2402.04825). Each is weight-normalised (arXiv 1602.07868), with Snake activations (arXiv 2006.08195)
between. Latents are the means that the encoder says: encoding is the same every time.

Inside, sound is a picture [B, C, 1, T] of one row whose channels lie side by side in memory: on a
CPU no convolution then has to sort them first, which takes longer than bfloat16 itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DILATIONS = (1, 3, 9)
KERNEL = 7


@dataclass(frozen=True)
class OobleckConfig:
    sample_rate: int = 44_100  # Hz
    channels: int = 2  # of sound
    latent_channels: int = 64
    strides: tuple[int, ...] = (2, 4, 4, 8, 8)  # of the encoder
    widths: tuple[int, ...] = (1, 2, 4, 8, 16)  # after each stride, in multiples
    encoder_dim: int = 128
    decoder_dim: int = 128

    def __post_init__(self) -> None:
        if len(self.strides) != len(self.widths) or any(s % 2 for s in self.strides):
            value = f"strides are {self.strides}"
            raise ValueError(f"{value}; give even numbers, as many as widths {self.widths}")

    @property
    def hop_length(self) -> int:
        """Samples a latent frame."""
        return math.prod(self.strides)

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.sample_rate / self.hop_length


class Oobleck(nn.Module):
    """Waveform `[B, C, T]` <-> latents `[B, latent_channels, ceil(T / hop_length)]`."""

    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    @property
    def hop_length(self) -> int:
        return self.config.hop_length

    @property
    def latent_channels(self) -> int:
        return self.config.latent_channels

    @property
    def channels(self) -> int:
        return self.config.channels

    @property
    def context(self) -> int:
        """Latent frames on either side that a sample depends on, in both directions."""
        frames, scale = 0.0, 1.0
        for stride in reversed(self.config.strides):
            frames += 2 * scale  # the strided convolution reaches into its neighbours
            scale /= stride
            frames += scale * sum(d * (KERNEL // 2) for d in DILATIONS)
        return math.ceil(frames + scale * KERNEL) + KERNEL // 2 + 1

    def encode(self, wav: Tensor, chunk: int | None = None) -> Tensor:
        """[B, C, T] -> latents [B, latent_channels, ceil(T / hop)], `chunk` frames at a time.

        Computed in the precision of what comes in, here and in `decode`.
        """
        if wav.ndim != 3 or wav.shape[1] != self.channels or wav.shape[2] == 0:
            raise ValueError(
                f"wav is {tuple(wav.shape)}; expected [B, {self.channels}, T] with T above 0"
            )
        hop = self.hop_length
        wav = F.pad(wav, (0, -wav.shape[-1] % hop))
        pieces = []
        for first, last, start, stop in self._pieces(wav.shape[-1] // hop, chunk):
            means = self.encoder(wav[..., start * hop : stop * hop]).chunk(2, dim=1)[0]
            pieces.append(means[..., first - start : last - start])
        return torch.cat(pieces, dim=-1)

    def decode(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """Latents [B, latent_channels, F] -> [B, C, F * hop_length], `chunk` frames at a time."""
        if latents.ndim != 3 or latents.shape[1] != self.latent_channels or not latents.shape[2]:
            raise ValueError(
                f"latents are {tuple(latents.shape)}; expected [B, {self.latent_channels}, F > 0]"
            )
        hop = self.hop_length
        pieces = []
        for first, last, start, stop in self._pieces(latents.shape[-1], chunk):
            wav = self.decoder(latents[..., start:stop])
            pieces.append(wav[..., (first - start) * hop : (last - start) * hop])
        return torch.cat(pieces, dim=-1)

    def _pieces(self, num_frames: int, chunk: int | None) -> list[tuple[int, int, int, int]]:
        """(first, last) frames to return, and (start, stop) of those to compute them from."""
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk is {chunk} frames; give 1 or more")
        step = chunk or num_frames
        return [
            (
                first,
                min(first + step, num_frames),
                max(first - self.context, 0),
                min(first + step + self.context, num_frames),
            )
            for first in range(0, num_frames, step)
        ]


class Encoder(nn.Module):
    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        dims = [config.encoder_dim * width for width in (1, *config.widths)]
        self.first = NormedConv(config.channels, dims[0], KERNEL)
        self.blocks = nn.ModuleList(
            Down(*sizes) for sizes in zip(dims, dims[1:], config.strides, strict=False)
        )
        self.snake = Snake(dims[-1])
        self.last = NormedConv(dims[-1], 2 * config.latent_channels, 3)

    def forward(self, wav: Tensor) -> Tensor:
        """[B, C, T] -> means and scales [B, 2 * latent_channels, T / hop]."""
        x = self.first(as_row(wav))
        for block in self.blocks:
            x = block(x)
        return self.last(self.snake(x)).squeeze(2)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    def __init__(self, config: OobleckConfig) -> None:
        super().__init__()
        dims = [config.decoder_dim * width for width in reversed((1, *config.widths))]
        self.first = NormedConv(config.latent_channels, dims[0], KERNEL)
        self.blocks = nn.ModuleList(
            Up(*sizes) for sizes in zip(dims, dims[1:], reversed(config.strides), strict=False)
        )
        self.snake = Snake(dims[-1])
        self.last = NormedConv(dims[-1], config.channels, KERNEL, bias=False)

    def forward(self, latents: Tensor) -> Tensor:
        """[B, latent_channels, F] -> [B, C, F * hop]."""
        x = self.first(as_row(latents))
        for block in self.blocks:
            x = block(x)
        return self.last(self.snake(x)).squeeze(2)  # type: ignore[no-any-return]


def as_row(x: Tensor) -> Tensor:
    """[B, C, T] -> [B, C, 1, T], with the channels of each moment side by side in memory."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class Down(nn.Module):
    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.units = nn.ModuleList(Unit(inward, dilation) for dilation in DILATIONS)
        self.snake = Snake(inward)
        self.conv = NormedConv(inward, outward, 2 * stride, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        for unit in self.units:
            x = unit(x)
        return self.conv(self.snake(x))  # type: ignore[no-any-return]


class Up(nn.Module):
    def __init__(self, inward: int, outward: int, stride: int) -> None:
        super().__init__()
        self.snake = Snake(inward)
        self.conv = NormedConv(inward, outward, 2 * stride, stride=stride, transposed=True)
        self.units = nn.ModuleList(Unit(outward, dilation) for dilation in DILATIONS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(self.snake(x))
        for unit in self.units:
            x = unit(x)
        return x


class Unit(nn.Module):
    """Two convolutions with a residual connection."""

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.snake = Snake(dim)
        self.conv = NormedConv(dim, dim, KERNEL, dilation=dilation)
        self.last_snake = Snake(dim)
        self.last = NormedConv(dim, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.last_snake(self.conv(self.snake(x))))
        return x + y if torch.is_grad_enabled() else y.add_(x)  # one large array less


class Snake(nn.Module):
    """x + sin(a x)^2 / b, with learned a and b, stored as logarithms."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(dim))
        self.beta = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, 1, T] -> [B, C, 1, T]."""
        alpha = self.alpha.exp().to(x.dtype).view(-1, 1, 1)
        share = (self.beta.exp() + 1e-9).reciprocal().to(x.dtype).view(-1, 1, 1)
        if torch.is_grad_enabled():
            return torch.addcmul(x, share, torch.sin(alpha * x).square())
        waves = (alpha * x).sin_()  # one array of the size of the sound, not four
        return torch.addcmul(x, share, waves.square_(), out=waves)


class NormedConv(nn.Module):
    """A convolution whose weight is a direction v and a length g, as long as it is wide."""

    def __init__(
        self,
        inward: int,
        outward: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        transposed: bool = False,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.stride, self.dilation, self.transposed = stride, dilation, transposed
        self.padding = stride // 2 if stride > 1 else dilation * (kernel // 2)
        first = (inward, outward) if transposed else (outward, inward)
        direction = torch.empty(*first, kernel)
        nn.init.kaiming_uniform_(direction, a=math.sqrt(5))
        self.direction = nn.Parameter(direction)
        self.length = nn.Parameter(direction.flatten(1).norm(dim=1)[:, None, None].clone())
        self.bias = nn.Parameter(torch.zeros(outward)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, inward, 1, T] -> [B, outward, 1, T / stride], transposed T * stride."""
        weight = torch._weight_norm(self.direction, self.length, 0).to(x.dtype)
        weight = as_row(weight)
        bias = None if self.bias is None else self.bias.to(x.dtype)
        stride, padding, dilation = (1, self.stride), (0, self.padding), (1, self.dilation)
        if self.transposed:
            return F.conv_transpose2d(x, weight, bias, stride, padding)
        return F.conv2d(x, weight, bias, stride, padding, dilation)
