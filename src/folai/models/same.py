"""SAME, the autoencoder of Stable Audio 3 (arXiv 2605.18613): sound <-> latents by transformers.

Sound is cut into patches. Each group of patches gets a learned token beside it, whose output is the
latent; on the way back each latent gets a learned token for each of its patches. Tokens attend to
those near them: in SAME-S within chunks, which move by half a chunk after half of the blocks, in
SAME-L within a window that slides. So a piece of a sound, with enough around it, gives exactly
what the whole would give there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.models.dit import rotary_table
from folai.models.twin_attention import SelfAttention, SwiGLU, make_norm

EPS = 1e-3  # of norms
CHANNELS = 2


@dataclass(frozen=True)
class SameConfig:
    """The default is SAME-S; of SAME-L: 1536, 12 and 12 blocks, window 1, 8 blocks with sines."""

    sample_rate: int = 44100
    latent_channels: int = 256
    patch: int = 256  # samples
    stride: int = 16  # patches that make one latent
    dim: int = 768
    head_dim: int = 64
    hidden: int = 2304  # of the SwiGLU
    encoder_depth: int = 6
    decoder_depth: int = 6
    chunk: int = 2  # latents that are attended to together; unused with a window
    shifted: bool = True  # chunks move by half after half of the blocks
    window: int | None = None  # latents on either side that are attended to
    twin: bool = True  # attention in pairs
    tanh: bool = True  # in place of norms
    scaled: bool = False  # each branch has a learned scale
    sines: int = 0  # the last blocks of the decoder but one, gated by sines
    one_token: bool = True  # the same learned token stands for all patches of a latent
    smooth_in: bool = False  # patches are mapped together with their neighbours
    smooth_out: bool = True
    clipped: bool = False  # a tanh at the end

    def __post_init__(self) -> None:
        if self.dim % self.head_dim:
            raise ValueError(f"dim is {self.dim}; give a multiple of {self.head_dim}, a head's")
        if self.dim == CHANNELS * self.patch:
            raise ValueError(f"dim is {self.dim}; give other than {CHANNELS} channels' patch")
        if self.window is None and (self.shifted and self.chunk * (self.stride + 1) % 2):
            raise ValueError(f"chunk is {self.chunk} latents; give an even number")

    @property
    def hop_length(self) -> int:
        """Samples of a latent."""
        return self.patch * self.stride

    @property
    def frame_rate(self) -> float:
        """Latents per second."""
        return self.sample_rate / self.hop_length

    @property
    def context(self) -> int:
        """Latents around a piece that it can depend on."""
        if self.window is None:
            return self.chunk
        return max(self.encoder_depth, self.decoder_depth) * self.window + 1


class Same(nn.Module):
    channels = CHANNELS

    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.scale = nn.Parameter(torch.ones(config.latent_channels))
        self.offset = nn.Parameter(torch.zeros(config.latent_channels))
        self.deviation = nn.Parameter(torch.ones(1))  # of latents, before they are divided by it

    @property
    def hop_length(self) -> int:
        return self.config.hop_length

    @property
    def latent_channels(self) -> int:
        return self.config.latent_channels

    def encode(self, wav: Tensor, chunk: int | None = None) -> Tensor:
        """Sound [B, 2, T] -> latents [B, C, ceil(T / hop_length)], `chunk` latents at a time."""
        if wav.ndim != 3 or wav.shape[1] != CHANNELS or not wav.shape[2]:
            raise ValueError(f"sound is {tuple(wav.shape)}; expected [B, {CHANNELS}, T > 0]")
        hop = self.hop_length
        wav = F.pad(wav, (0, -wav.shape[-1] % hop))
        pieces = []
        for first, last, start, stop in self._pieces(wav.shape[-1] // hop, chunk):
            piece = wav[..., start * hop : stop * hop]
            patches = piece.reshape(*piece.shape[:2], -1, self.config.patch)  # [B, 2, P, patch]
            means = self.encoder(patches.transpose(1, 2).flatten(2))
            pieces.append(means[..., first - start : last - start])
        latents = torch.cat(pieces, dim=-1)
        return (latents * self.scale[:, None] + self.offset[:, None]) / self.deviation

    def decode(self, latents: Tensor, chunk: int | None = None) -> Tensor:
        """Latents [B, C, F] -> sound [B, 2, F * hop_length], `chunk` latents at a time."""
        if latents.ndim != 3 or latents.shape[1] != self.latent_channels or not latents.shape[2]:
            raise ValueError(
                f"latents are {tuple(latents.shape)}; expected [B, {self.latent_channels}, F > 0]"
            )
        hop, latents = self.hop_length, latents * self.deviation
        pieces = []
        for first, last, start, stop in self._pieces(latents.shape[-1], chunk):
            patches = self.decoder(latents[..., start:stop])
            wav = patches.unflatten(-1, (CHANNELS, -1)).transpose(1, 2).flatten(2)
            pieces.append(wav[..., (first - start) * hop : (last - start) * hop])
        wav = torch.cat(pieces, dim=-1)
        return torch.tanh(wav) if self.config.clipped else wav

    def _pieces(self, num_frames: int, chunk: int | None) -> Iterator[tuple[int, int, int, int]]:
        """(first, last) latents to return, and (start, stop) of those to compute them from."""
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk is {chunk} latents; give 1 or more")
        step, context = chunk or num_frames, self.config.context
        if self.config.window is None:  # a piece begins where a chunk begins
            step = -(-step // self.config.chunk) * self.config.chunk
        for first in range(0, num_frames, step):
            last = min(first + step, num_frames)
            yield first, last, max(first - context, 0), min(last + context, num_frames)


class Encoder(nn.Module):
    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = Mapping(CHANNELS * config.patch, config.dim, config.smooth_in)
        self.token = nn.Parameter(1e-5 * torch.randn(1, config.dim))
        self.blocks = make_blocks(config, config.encoder_depth)
        self.project = nn.Linear(config.dim, config.latent_channels)

    def forward(self, patches: Tensor) -> Tensor:
        """[B, P, 2 patch] -> [B, C, P / stride]."""
        config, count = self.config, patches.shape[1] // self.config.stride
        if config.window is None:  # silence is mapped, too
            patches = F.pad(patches, (0, 0, 0, -count % config.chunk * config.stride))
        groups = self.mapping(patches).unflatten(1, (-1, config.stride))
        token = self.token.expand(*groups.shape[:2], 1, -1)
        x = through(self.blocks, torch.cat([groups, token], dim=2), config)
        return self.project(x[:, :count, -1]).transpose(1, 2)  # type: ignore[no-any-return]


class Decoder(nn.Module):
    def __init__(self, config: SameConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.latent_channels, config.dim)
        self.token = nn.Parameter(
            1e-5 * torch.randn(1 if config.one_token else config.stride, config.dim)
        )
        self.blocks = make_blocks(config, config.decoder_depth, config.sines)
        self.mapping = Mapping(config.dim, CHANNELS * config.patch, config.smooth_out)

    def forward(self, latents: Tensor) -> Tensor:
        """[B, C, F] -> [B, F * stride, 2 patch]."""
        config, count = self.config, latents.shape[-1]
        x = self.embed(latents.transpose(1, 2))
        if config.window is None:
            x = F.pad(x, (0, 0, 0, -count % config.chunk))
        token = self.token.expand(*x.shape[:2], config.stride, -1)
        groups = through(self.blocks, torch.cat([x.unsqueeze(2), token], dim=2), config)
        patches = self.mapping(groups[:, :, 1:].flatten(1, 2))
        return patches[:, : count * config.stride]  # type: ignore[no-any-return]


def make_blocks(config: SameConfig, depth: int, sines: int = 0) -> nn.ModuleList:
    return nn.ModuleList(Block(config, sine=depth - index < sines) for index in range(depth))


def through(blocks: nn.ModuleList, groups: Tensor, config: SameConfig) -> Tensor:
    """Groups of tokens [B, F, 1 + stride, D] through all blocks, of the same shape.

    Chunks are items of the batch. When they move by half a chunk, the halves at both ends are
    filled with a copy of themselves.
    """
    shape, size, x = groups.shape, groups.shape[2], groups.flatten(1, 2)
    if config.window is not None:
        rotary = rotary_table(x.shape[1], config.head_dim // 2, x.device)
        for block in blocks:
            x = block(x, rotary, config.window * size)
        return x.view(shape)
    chunk, half = config.chunk * size, len(blocks) // 2 if config.shifted else len(blocks)
    rotary = rotary_table(chunk, config.head_dim // 2, x.device)
    x = _in_chunks(list(blocks)[:half], x, chunk, rotary)
    if config.shifted:
        shift = chunk // 2
        x = torch.cat([x[:, :shift], x, x[:, -shift:]], dim=1)
        x = _in_chunks(list(blocks)[half:], x, chunk, rotary)[:, shift:-shift]
    return x.reshape(shape)


def _in_chunks(blocks: list[nn.Module], x: Tensor, chunk: int, rotary: Tensor) -> Tensor:
    shape = x.shape
    x = x.reshape(-1, chunk, shape[-1])
    for block in blocks:
        x = block(x, rotary)
    return x.view(shape)


class Block(nn.Module):
    def __init__(self, config: SameConfig, sine: bool) -> None:
        super().__init__()
        dim, heads = config.dim, config.dim // config.head_dim
        self.norm = make_norm(dim, EPS, config.tanh)
        self.attention = SelfAttention(dim, heads, config.twin, EPS, config.tanh)
        self.wide_norm = make_norm(dim, EPS, config.tanh)
        self.wide = SwiGLU(dim, config.hidden, sine)
        self.scale = nn.Parameter(torch.full((dim,), 1e-5)) if config.scaled else None
        self.wide_scale = nn.Parameter(torch.full((dim,), 1e-5)) if config.scaled else None

    def forward(self, x: Tensor, rotary: Tensor, window: int | None = None) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        attended = self.attention(self.norm(x), rotary, window)
        x = x + (attended if self.scale is None else attended * self.scale)
        widened = self.wide(self.wide_norm(x))
        scaled: Tensor = widened if self.wide_scale is None else widened * self.wide_scale
        return x + scaled


class Mapping(nn.Module):
    """A convolution over patches whose weight is a direction and a length."""

    def __init__(self, inward: int, outward: int, smooth: bool) -> None:
        super().__init__()
        self.width = 3 if smooth else 1
        direction = torch.empty(outward, inward, self.width)
        nn.init.kaiming_uniform_(direction, a=5**0.5)
        self.direction = nn.Parameter(direction)
        self.length = nn.Parameter(direction.flatten(1).norm(dim=1)[:, None, None].clone())
        self.bias = nn.Parameter(torch.zeros(outward))

    def forward(self, x: Tensor) -> Tensor:
        """[B, P, inward] -> [B, P, outward]."""
        weight = torch._weight_norm(self.direction, self.length, 0)
        if self.width == 1:
            return F.linear(x, weight[..., 0], self.bias)
        return F.conv1d(x.transpose(1, 2), weight, self.bias, padding=1).transpose(1, 2)
