"""The denoiser of Stable Audio 3 (arXiv 2605.17991): a transformer over latents of SAME.

Beside `stable_dit.py` it differs so: time and duration scale, shift and gate each block (arXiv
2212.09748); learned tokens stand in front of the latents; the sound around a gap is added in every
block; attention comes in pairs in the medium model. The default is the small one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from folai.models.dit import rotary_table
from folai.models.stable_dit import two_layers
from folai.models.twin_attention import CrossAttention, SelfAttention, SwiGLU

TIME_FEATURES = 256  # sines and cosines of the time
SLOWEST, FASTEST = 0.5, 10_000.0  # turns of them
LEAST_TURNED = 32  # numbers of a head that positions turn, where half of it would be fewer
LOUDEST, FAINTEST = 5.0, -12.0  # logarithm of sound over noise, between which time is told


@dataclass(frozen=True)
class Stable3DiTConfig:
    latent_channels: int = 256
    dim: int = 1024
    depth: int = 20
    num_heads: int = 16
    hidden: int = 4096  # of the SwiGLU
    cond_token_dim: int = 768  # of conditioning tokens as they come in
    global_dim: int = 768  # of the duration as a vector
    front_tokens: int = 64  # learned ones, in front of the latents
    fills_gaps: bool = True  # hears what is to be kept, and where
    twin: bool = False  # attention in pairs
    log_time: bool = False  # the time is told as a logarithm of sound over noise

    def __post_init__(self) -> None:
        if self.dim % self.num_heads or self.head_dim % 2 or self.head_dim < LEAST_TURNED:
            allowed = f"a multiple of {self.num_heads} heads of {LEAST_TURNED} or more"
            raise ValueError(f"dim is {self.dim}; give {allowed}")
        for name in ("depth", "front_tokens"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more")

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads


@dataclass(frozen=True, eq=False)
class Hearing:
    """What the blocks hear of a clip, the same in all steps."""

    memory: list[tuple[Tensor, Tensor]]  # of each block: keys and values of the tokens
    bias: Tensor | None  # [B, L], log of how often each token counts
    gaps: list[Tensor]  # of each block: what is kept, [B, T or 1, D]; empty if it fills no gaps


@dataclass(frozen=True, eq=False)
class Begun:
    """Noisy latents at a time, as the blocks take them."""

    tokens: Tensor  # [B, front + T, D]
    modulation: Tensor  # [B, 6 D]
    rotary: Tensor
    front: int  # learned tokens in front of the latents


class Stable3DiT(nn.Module):
    checkpointing = False  # in training: blocks are computed again on the way back, for less memory

    def __init__(self, config: Stable3DiTConfig) -> None:
        super().__init__()
        self.config = config
        dim, channels = config.dim, config.latent_channels
        self.time = two_layers(TIME_FEATURES, dim, bias=True)
        self.duration = two_layers(config.global_dim, dim)
        self.modulation = two_layers(dim, dim, bias=True)
        self.modulation[2] = nn.Linear(dim, 6 * dim)
        self.tokens = two_layers(config.cond_token_dim, dim)
        self.prepare = nn.Conv1d(channels, channels, 1, bias=False)
        self.embed = nn.Linear(channels, dim, bias=False)
        self.front = nn.Parameter(torch.randn(config.front_tokens, dim))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.project = nn.Linear(dim, channels, bias=False)
        self.finish = nn.Conv1d(channels, channels, 1, bias=False)

    def hear(
        self,
        tokens: Tensor,
        bias: Tensor | None,
        kept: Tensor | None = None,
        blocks: Iterable[nn.Module] | None = None,
    ) -> Hearing:
        """Once a clip.

        tokens: [B, L, cond_token_dim]; bias: [B, L]. kept: 1 where the sound is kept and 0 in gaps,
        then its latents there, [B, 1 + C, T]; None: everything is a gap. blocks: those that hear;
        None: this denoiser's own.
        """
        hearers: list[Any] = list(self.blocks if blocks is None else blocks)
        attended = self.tokens(tokens)
        memory = [block.cross.remember(attended) for block in hearers]
        if not self.config.fills_gaps:
            return Hearing(memory, bias, [])
        if kept is None:
            kept = tokens.new_zeros(1, 1 + self.config.latent_channels, 1)
        frames = kept.transpose(1, 2).to(tokens.dtype)
        return Hearing(memory, bias, [block.gaps(frames) for block in hearers])

    def forward(self, latents: Tensor, time: Tensor, duration: Tensor, hearing: Hearing) -> Tensor:
        """Noisy latents [B, C, T] -> noise - clean, of the same shape.

        time: [B] in [0, 1], fp32, 1 is noise. duration: [B, global_dim]. Rows of the batch beyond
        those of the memory are unconditional.
        """
        return self.through(self.begin(latents, time, duration), hearing)

    def begin(self, latents: Tensor, time: Tensor, duration: Tensor) -> Begun:
        """What the blocks take; as for `forward`."""
        moment = self.duration(duration) + self.time(self._sines(time).to(latents.dtype))
        x = self.embed((latents + self.prepare(latents)).transpose(1, 2))
        x = torch.cat([self.front.expand(len(x), -1, -1), x], dim=1)
        turned = max(self.config.head_dim // 2, LEAST_TURNED)
        rotary = rotary_table(x.shape[1], turned, x.device)
        return Begun(x, self.modulation(moment), rotary, self.config.front_tokens)

    def through(self, begun: Begun, hearing: Hearing, additions: Sequence[Tensor] = ()) -> Tensor:
        """The rest of `forward`; `additions` [B, N, D] are added behind the first blocks."""
        x = begun.tokens
        for index, block in enumerate(self.blocks):
            x = run_block(block, x, begun, hearing, index, self.checkpointing)
            if index < len(additions):
                x = x + additions[index]
        y = self.project(x[:, begun.front :]).transpose(1, 2)
        return y + self.finish(y)  # type: ignore[no-any-return]

    def _sines(self, time: Tensor) -> Tensor:
        """[B] -> [B, TIME_FEATURES], in fp32."""
        time = time.float()
        if self.config.log_time:
            inside = time.clamp(1e-7, 1 - 1e-7)
            ratio = torch.log((1 - inside) / inside).clamp(FAINTEST, LOUDEST)
            time = (LOUDEST - ratio) / (LOUDEST - FAINTEST)
        return sines(time, TIME_FEATURES)


class Block(nn.Module):
    def __init__(self, config: Stable3DiTConfig) -> None:
        super().__init__()
        dim = config.dim
        self.norm = nn.RMSNorm(dim, eps=1e-5)
        self.attention = SelfAttention(dim, config.num_heads, config.twin, 1e-6, tanh=False)
        self.cross_norm = nn.RMSNorm(dim, eps=1e-5)
        self.cross = CrossAttention(dim, dim, config.num_heads, config.twin, 1e-6)
        self.wide_norm = nn.RMSNorm(dim, eps=1e-5)
        self.wide = SwiGLU(dim, config.hidden)
        self.modulation = nn.Parameter(torch.randn(6 * dim) / dim**0.5)
        kept = config.latent_channels + 1
        self.gaps = two_layers(kept, dim, bias=True) if config.fills_gaps else nn.Identity()

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        rotary: Tensor,
        memory: tuple[Tensor, Tensor],
        bias: Tensor | None,
        gap: Tensor | None,
        front: int,
    ) -> Tensor:
        """[B, N, D] -> [B, N, D]; `gap` is added behind the `front` tokens.

        Rows of the batch beyond those of the memory are unconditional: their conditioning tokens
        would be 0, and so would be what is attended to in them. It is not computed.
        """
        parts = (self.modulation + modulation).unsqueeze(1).chunk(6, dim=-1)
        scale, shift, gate, wide_scale, wide_shift, wide_gate = parts
        attended = self.attention(self.norm(x) * (1 + scale) + shift, rotary)
        x = x + attended * torch.sigmoid(1 - gate)
        conditioned, rest = x[: len(memory[1])], x[len(memory[1]) :]
        conditioned = conditioned + self.cross(self.cross_norm(conditioned), memory, bias)
        x = torch.cat([conditioned, rest]) if len(rest) else conditioned
        if gap is not None:
            x = torch.cat([x[:, :front], x[:, front:] + gap], dim=1)
        widened: Tensor = self.wide(self.wide_norm(x) * (1 + wide_scale) + wide_shift)
        return x + widened * torch.sigmoid(1 - wide_gate)


def run_block(
    block: nn.Module, x: Tensor, begun: Begun, hearing: Hearing, index: int, checkpointing: bool
) -> Tensor:
    """[B, N, D] -> [B, N, D] through the block that hears what is at `index`."""
    gap = hearing.gaps[index] if hearing.gaps else None
    heard = hearing.memory[index], hearing.bias, gap, begun.front
    if checkpointing and torch.is_grad_enabled():
        again: Tensor = checkpoint(
            block, x, begun.modulation, begun.rotary, *heard, use_reentrant=False
        )
        return again
    return block(x, begun.modulation, begun.rotary, *heard)  # type: ignore[no-any-return]


def sines(number: Tensor, count: int) -> Tensor:
    """[B] in [0, 1] -> cosines and sines [B, count] of SLOWEST to FASTEST turns, in fp32."""
    ramp = torch.linspace(0, 1, count // 2, device=number.device)
    low, high = math.log(SLOWEST), math.log(FASTEST)
    rates = torch.exp(ramp * (high - low) + low)
    angles = number.float().unsqueeze(-1) * rates * 2 * torch.pi
    return torch.cat([angles.cos(), angles.sin()], dim=-1)
