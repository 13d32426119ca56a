"""The denoiser: a diffusion transformer over latents, steered by conditioning.

Blocks as in Stable Audio Open's (arXiv 2407.14358): self-attention with rotary positions (arXiv
2104.09864), cross-attention to conditioning tokens, a SwiGLU (arXiv 2002.05202). Time, duration and
pooled conditioning shift, scale and gate each block (arXiv 2212.09748). Sizes are config alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Memory = list[tuple[Tensor, Tensor]]  # keys and values of each block, [B, H, L, D]


@dataclass(frozen=True)
class DiTConfig:
    latent_channels: int = 96
    patch: int = 2  # latent frames that make one token
    dim: int = 256
    depth: int = 6
    num_heads: int = 4
    num_cross_heads: int = 4  # of keys and values in cross-attention, shared by the queries'
    cond_dim: int = 256  # of conditioning tokens and of pooled conditioning
    hidden: int = 704  # of the SwiGLU
    leaps: bool = False  # is told the size of a step and the guidance, see `Leap`

    def __post_init__(self) -> None:
        if self.dim % (2 * self.num_heads):
            raise ValueError(f"dim is {self.dim}; give a multiple of 2 * {self.num_heads} heads")
        if self.num_heads % self.num_cross_heads:
            value = f"num_cross_heads is {self.num_cross_heads}"
            raise ValueError(f"{value}; give a divisor of {self.num_heads} heads")
        if min(self.patch, self.depth) < 1:
            raise ValueError(f"patch {self.patch} and depth {self.depth} must be 1 or more")


@dataclass(frozen=True)
class Leap:
    """What is asked of a model that takes large steps.

    size: [B] of the step in t that its answer is for; 0: the direction at this very t. guidance:
    [B], the scale of guidance toward the hints that the answer holds already; 1: none.
    """

    size: Tensor
    guidance: Tensor

    def part(self, rows: Tensor | slice) -> Leap:
        """Of some of the rows."""
        return Leap(self.size[rows], self.guidance[rows])


class DiT(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.latent_channels * config.patch
        self.embed = nn.Linear(channels, config.dim)
        self.time = Moment(config.dim)
        self.duration = Moment(config.dim)
        self.pooled = nn.Linear(config.cond_dim, config.dim)
        if config.leaps:  # what they add begins as nothing
            self.size, self.guidance = Moment(config.dim, zero=True), Moment(config.dim, zero=True)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = nn.LayerNorm(config.dim, elementwise_affine=False)
        self.modulation = zeroed(nn.Linear(config.dim, 2 * config.dim))
        self.project = zeroed(nn.Linear(config.dim, channels))

    def remember(self, tokens: Tensor) -> Memory:
        """Keys and values of conditioning tokens [B, L, D]: once a clip, not once a step."""
        return remember(self.blocks, tokens)

    def begin(
        self,
        latents: Tensor,
        time: Tensor,
        duration: Tensor,
        pooled: Tensor,
        leap: Leap | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Tokens [B, N, D] and modulation [B, D], which a ControlNet shares.

        time: [B] in [0, 1], 1 is noise. duration: [B] seconds. leap: None asks for no size and no
        guidance.
        """
        patch = self.config.patch
        padded = F.pad(latents, (0, -latents.shape[-1] % patch))
        x = padded.view(*latents.shape[:2], -1, patch).permute(0, 2, 1, 3).flatten(2)
        modulation = self.time(time) + self.duration(duration / 10) + self.pooled(pooled)
        if self.config.leaps:
            leap = leap or Leap(torch.zeros_like(time), torch.ones_like(time))
            modulation = modulation + self.size(leap.size) + self.guidance(leap.guidance / 10)
        return self.embed(x), F.silu(modulation)

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        duration: Tensor,
        pooled: Tensor,
        memory: Memory,
        mask: Tensor,
        control: list[Tensor] | None = None,
        present: Tensor | None = None,
        leap: Leap | None = None,
    ) -> Tensor:
        """Noisy latents [B, C, T] -> the objective's output, of the same shape.

        mask: [B, L], true for conditioning tokens that are there. control: of the first blocks,
        [B, N, D] each, added to what they give. present: [B, N], true for tokens that are there,
        where the clips of a batch differ in length.
        """
        x, modulation = self.begin(latents, time, duration, pooled, leap)
        rotary = rotary_table(x.shape[1], self.config.dim // self.config.num_heads, x.device)
        for index, block in enumerate(self.blocks):
            x = block(x, modulation, rotary, memory[index], mask, present)
            if control is not None and index < len(control):
                x = x + control[index]
        shift, scale = self.modulation(modulation).unsqueeze(1).chunk(2, dim=-1)
        y = self.project(self.norm(x) * (1 + scale) + shift)
        y = y.unflatten(-1, (-1, self.config.patch)).permute(0, 2, 1, 3).flatten(2)
        return y[..., : latents.shape[-1]]  # type: ignore[no-any-return]


class Block(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        dim = config.dim
        self.modulation = zeroed(nn.Linear(dim, 6 * dim))
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.attention = SelfAttention(dim, config.num_heads)
        self.cross_norm = nn.LayerNorm(dim)
        self.cross = CrossAttention(config)
        self.widen = nn.Linear(dim, 2 * config.hidden, bias=False)
        self.narrow = nn.Linear(config.hidden, dim, bias=False)

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        rotary: Tensor,
        memory: tuple[Tensor, Tensor],
        mask: Tensor,
        present: Tensor | None = None,
    ) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        parts = self.modulation(modulation).unsqueeze(1).chunk(6, dim=-1)
        shift, scale, gate, wide_shift, wide_scale, wide_gate = parts
        x = x + gate * self.attention(self.norm(x) * (1 + scale) + shift, rotary, present)
        x = x + self.cross(self.cross_norm(x), memory, mask)
        value, gated = self.widen(self.norm(x) * (1 + wide_scale) + wide_shift).chunk(2, dim=-1)
        y: Tensor = x + wide_gate * self.narrow(value * F.silu(gated))
        return y


class SelfAttention(nn.Module):
    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.inward = nn.Linear(dim, 3 * dim, bias=False)
        self.outward = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, rotary: Tensor, present: Tensor | None = None) -> Tensor:
        """[B, N, D] -> [B, N, D]; every token attends to every other that is `present` [B, N]."""
        parts = self.inward(x).unflatten(-1, (3, self.num_heads, -1))  # [B, N, 3, H, D / H]
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        query, key = rotate(unit(query), rotary), rotate(unit(key), rotary)
        y = attend(query, key, value, None if present is None else present[:, None, None])
        return self.outward(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class CrossAttention(nn.Module):
    def __init__(self, config: DiTConfig) -> None:
        super().__init__()
        self.num_heads, self.num_shared_heads = config.num_heads, config.num_cross_heads
        width = config.dim // config.num_heads * config.num_cross_heads
        self.query = nn.Linear(config.dim, config.dim, bias=False)
        self.memory = nn.Linear(config.cond_dim, 2 * width, bias=False)
        self.outward = nn.Linear(config.dim, config.dim, bias=False)

    def remember(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Conditioning tokens [B, L, D] -> keys and values, [B, H, L, D / H] each."""
        parts = self.memory(tokens).unflatten(-1, (2, self.num_shared_heads, -1))
        key, value = parts.permute(2, 0, 3, 1, 4)
        shared = self.num_heads // self.num_shared_heads
        return unit(key).repeat_interleave(shared, 1), value.repeat_interleave(shared, 1)

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
        """[B, N, D] -> [B, N, D]; mask [B, L] is true where there is a token."""
        query = unit(self.query(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2))
        key, value = (part.to(query.dtype) for part in memory)
        y = attend(query, key, value, mask[:, None, None])
        return self.outward(y.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Moment(nn.Module):
    """A number in [0, 1] as a vector: sines of 1 to 1000 radians, then two layers."""

    def __init__(self, dim: int, zero: bool = False) -> None:
        super().__init__()
        last = nn.Linear(dim, dim)
        self.layers = nn.Sequential(nn.Linear(128, dim), nn.SiLU(), zeroed(last) if zero else last)

    def forward(self, number: Tensor) -> Tensor:
        """[B] -> [B, D]."""
        rates = torch.logspace(0, 3, 64, device=number.device)
        angles = number.float().unsqueeze(-1) * rates
        y: Tensor = self.layers(torch.cat([angles.sin(), angles.cos()], dim=-1))
        return y


def attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """Attention [B, H, N, D]; mask is true where a key may be attended to.

    Written out where a CPU trains: there the fused one takes over three times as long. Where
    nothing is trained it takes a seventh less.
    """
    if query.is_cuda or torch.is_inference_mode_enabled():
        return F.scaled_dot_product_attention(query, key, value, mask)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    mixed: Tensor = scores.softmax(-1).to(value.dtype) @ value
    return mixed


def remember(blocks: nn.ModuleList, tokens: Tensor) -> Memory:
    """Keys and values [B, H, L, D] of conditioning tokens for each of these blocks."""
    return [block.cross.remember(tokens) for block in blocks if isinstance(block, Block)]


def zeroed(layer: nn.Linear) -> nn.Linear:
    """Weights and bias zero: what it adds begins as nothing."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def unit(x: Tensor) -> Tensor:
    """Vectors of RMS 1, so that attention cannot saturate whatever the learning rate."""
    return F.rms_norm(x, x.shape[-1:])


def rotary_table(length: int, dim: int, device: torch.device) -> Tensor:
    """Cosine and sine of each position's angles: [2, N, D / 2], radians of 1 to 1/10 000 a step."""
    rates = 10_000 ** -(torch.arange(dim // 2, device=device) / (dim // 2))
    angles = torch.arange(length, device=device).unsqueeze(-1) * rates
    return torch.stack([angles.cos(), angles.sin()])


def rotate(x: Tensor, rotary: Tensor) -> Tensor:
    """Turns pairs of [B, H, N, D] by their position's angles (rotary embedding)."""
    first, second = x.chunk(2, dim=-1)
    cosine, sine = rotary.to(x.dtype)
    return torch.cat([first * cosine - second * sine, second * cosine + first * sine], dim=-1)
