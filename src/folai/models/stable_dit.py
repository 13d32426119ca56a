"""The denoiser at full size: Stable Audio Open's diffusion transformer (arXiv 2407.14358).

Beside `dit.py` it differs in what surrounds the attention: time and seconds enter as one token in
front of the others, norms have their own weights, positions turn half of each head, keys and values
of cross-attention are shared by several heads, and nothing is gated. Sizes are config alone: 1.0 is
the default, `SMALL` is Stable Audio Open Small.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from folai.models.dit import Memory, attend, rotary_table, rotate

TIME_FEATURES = 256  # sines and cosines of the time


@dataclass(frozen=True)
class StableDiTConfig:
    latent_channels: int = 64
    dim: int = 1536
    depth: int = 24
    num_heads: int = 24
    cond_token_dim: int = 768  # of conditioning tokens as they come in
    cond_dim: int = 768  # of conditioning tokens as they are attended to
    global_dim: int = 1536  # of what is added to the time: seconds, as vectors
    qk_norm: bool = False  # queries and keys normalised, head by head

    def __post_init__(self) -> None:
        if self.dim % (4 * self.num_heads):
            raise ValueError(f"dim is {self.dim}; give a multiple of 4 * {self.num_heads} heads")
        if self.cond_dim % self.head_dim or self.num_heads % self.num_cross_heads:
            allowed = f"a multiple of {self.head_dim} whose heads divide {self.num_heads}"
            raise ValueError(f"cond_dim is {self.cond_dim}; give {allowed}")
        if self.depth < 1:
            raise ValueError(f"depth is {self.depth}; give 1 or more")

    @property
    def head_dim(self) -> int:
        return self.dim // self.num_heads

    @property
    def num_cross_heads(self) -> int:
        """Of keys and values in cross-attention."""
        return self.cond_dim // self.head_dim


class StableDiT(nn.Module):
    def __init__(self, config: StableDiTConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = Trunk(config)
        self.project = nn.Linear(config.dim, config.latent_channels, bias=False)
        self.finish = nn.Conv1d(config.latent_channels, config.latent_channels, 1, bias=False)

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        seconds: Tensor,
        memory: Memory,
        rotary: Tensor,
        control: list[Tensor] | None = None,
        before: bool = False,
        present: Tensor | None = None,
    ) -> Tensor:
        """Noisy latents [B, C, T] -> the objective's output, of the same shape.

        time: [B] in [0, 1], fp32, 1 is noise. seconds: [B, global_dim]. memory, rotary: from the
        trunk, once per clip. control: [B, T + 1, D] each, added after the first blocks, or
        `before` them. present: [B, T + 1], true for tokens that are there, where the clips of a
        batch differ in length.
        """
        x = self.trunk.begin(latents, time, seconds)
        for index, block in enumerate(self.trunk.blocks):
            added = control[index] if control is not None and index < len(control) else None
            if added is not None and before:
                x = x + added
            x = self.trunk.through(block, x, rotary, memory[index], present)
            if added is not None and not before:
                x = x + added
        y = self.project(x)[:, 1:].transpose(1, 2)
        return y + self.finish(y)  # type: ignore[no-any-return]


class Trunk(nn.Module):
    """What the denoiser and its ControlNet have in common: the input layers and the blocks."""

    def __init__(self, config: StableDiTConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.rates = nn.Parameter(torch.randn(TIME_FEATURES // 2))  # turns, one for each pair
        self.time = two_layers(TIME_FEATURES, dim, bias=True)
        self.seconds = two_layers(config.global_dim, dim)
        self.tokens = two_layers(config.cond_token_dim, config.cond_dim)
        self.prepare = nn.Conv1d(config.latent_channels, config.latent_channels, 1, bias=False)
        self.embed = nn.Linear(config.latent_channels, dim, bias=False)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.checkpointing = False  # recomputes blocks in the backward pass instead of storing them

    def remember(self, tokens: Tensor) -> Memory:
        """Keys and values of conditioning tokens [B, L, cond_token_dim]: once a clip."""
        attended = self.tokens(tokens)
        return [block.cross.remember(attended) for block in self.blocks]  # type: ignore[union-attr,operator]

    def rotary(self, num_frames: int, device: torch.device) -> Tensor:
        """Angles of the token in front and of so many latent frames, once a clip."""
        return rotary_table(num_frames + 1, self.config.head_dim // 2, device)

    def begin(
        self, latents: Tensor, time: Tensor, seconds: Tensor, look: Tensor | None = None
    ) -> Tensor:
        """Tokens [B, T + 1, D]; `look` [B, C, T] is added to the latents."""
        # In bf16 neighbouring times of a fine schedule would be one and the same.
        angles = 2 * torch.pi * time.float().unsqueeze(-1) * self.rates.float()
        features = torch.cat([angles.cos(), angles.sin()], dim=-1).to(latents.dtype)
        first = self.seconds(seconds) + self.time(features)
        x = latents + self.prepare(latents)
        if look is not None:
            x = x + look
        return torch.cat([first.unsqueeze(1), self.embed(x.transpose(1, 2))], dim=1)

    def through(
        self,
        block: nn.Module,
        x: Tensor,
        rotary: Tensor,
        memory: tuple[Tensor, Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """One block, [B, N, D] -> [B, N, D]."""
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, x, rotary, memory, use_reentrant=False)  # type: ignore[no-any-return]
        return block(x, rotary, memory, present)  # type: ignore[no-any-return]


class Block(nn.Module):
    def __init__(self, config: StableDiTConfig) -> None:
        super().__init__()
        dim = config.dim
        self.norm = nn.LayerNorm(dim)
        self.attention = SelfAttention(config)
        self.cross_norm = nn.LayerNorm(dim)
        self.cross = CrossAttention(config)
        self.wide_norm = nn.LayerNorm(dim)
        self.widen = nn.Linear(dim, 8 * dim)
        self.narrow = nn.Linear(4 * dim, dim)

    def forward(
        self,
        x: Tensor,
        rotary: Tensor,
        memory: tuple[Tensor, Tensor],
        present: Tensor | None = None,
    ) -> Tensor:
        """[B, N, D] -> [B, N, D]. Rows of the batch beyond those of the memory are unconditional.

        Their conditioning tokens would be 0, and so would be what is attended to in them: it is not
        computed.
        """
        x = x + self.attention(self.norm(x), rotary, present)
        conditioned, rest = x[: len(memory[0])], x[len(memory[0]) :]
        conditioned = conditioned + self.cross(self.cross_norm(conditioned), memory)
        x = torch.cat([conditioned, rest]) if len(rest) else conditioned
        value, gate = self.widen(self.wide_norm(x)).chunk(2, dim=-1)
        return x + self.narrow(value * F.silu(gate))  # type: ignore[no-any-return]


class SelfAttention(nn.Module):
    def __init__(self, config: StableDiTConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.inward = nn.Linear(config.dim, 3 * config.dim, bias=False)
        self.outward = nn.Linear(config.dim, config.dim, bias=False)
        self.query_norm, self.key_norm = head_norms(config)

    def forward(self, x: Tensor, rotary: Tensor, present: Tensor | None = None) -> Tensor:
        """[B, N, D] -> [B, N, D]; every token attends to every other that is `present` [B, N]."""
        parts = self.inward(x).unflatten(-1, (3, self.num_heads, -1))  # [B, N, 3, H, D / H]
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        query = rotate_half(self.query_norm(query), rotary)
        key = rotate_half(self.key_norm(key), rotary)
        return self.outward(mix(query, key, value, present))  # type: ignore[no-any-return]


class CrossAttention(nn.Module):
    def __init__(self, config: StableDiTConfig) -> None:
        super().__init__()
        self.num_heads, self.num_kept = config.num_heads, config.num_cross_heads
        self.query = nn.Linear(config.dim, config.dim, bias=False)
        self.memory = nn.Linear(config.cond_dim, 2 * config.cond_dim, bias=False)
        self.outward = nn.Linear(config.dim, config.dim, bias=False)
        self.query_norm, self.key_norm = head_norms(config)

    def remember(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Conditioning tokens [B, L, cond_dim] -> keys and values, [B, H, L, D / H] each."""
        parts = self.memory(tokens).unflatten(-1, (2, self.num_kept, -1))
        key, value = parts.permute(2, 0, 3, 1, 4)
        shared = self.num_heads // self.num_kept
        key = self.key_norm(key).repeat_interleave(shared, 1)
        return key, value.repeat_interleave(shared, 1)

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor]) -> Tensor:
        """[B, N, D] -> [B, N, D]."""
        query = self.query(x).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
        return self.outward(mix(self.query_norm(query), *memory))  # type: ignore[no-any-return]


def mix(query: Tensor, key: Tensor, value: Tensor, present: Tensor | None = None) -> Tensor:
    """Attention of heads [B, H, N, D / H] -> [B, N, D], to keys that are `present` [B, N].

    Fused where nothing is trained: on the CPU, written out costs less with gradients, more without.
    """
    if torch.is_grad_enabled():
        mixed = attend(query, key, value)
    else:
        mask = None if present is None else present[:, None, None]
        mixed = F.scaled_dot_product_attention(query, key, value, mask)
    return mixed.transpose(1, 2).flatten(2)


def rotate_half(x: Tensor, rotary: Tensor) -> Tensor:
    """Turns the first half of each head [B, H, N, D] by its position, in fp32."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([rotate(first.float(), rotary).to(x.dtype), second], dim=-1)


def head_norms(config: StableDiTConfig) -> tuple[nn.Module, nn.Module]:
    """Of queries and keys."""
    if not config.qk_norm:
        return nn.Identity(), nn.Identity()
    return nn.LayerNorm(config.head_dim, eps=1e-6), nn.LayerNorm(config.head_dim, eps=1e-6)


def two_layers(inward: int, dim: int, bias: bool = False) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inward, dim, bias), nn.SiLU(), nn.Linear(dim, dim, bias))
