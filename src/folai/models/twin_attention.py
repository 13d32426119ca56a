"""Attention as Stable Audio 3 has it: normalised heads, half of each turned, and often in pairs.

A pair of attentions shares its values, and what the second one mixes is subtracted from what the
first one mixes (arXiv 2410.05258, here without its learned weight): what both attend to cancels.
"""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.models.dit import rotate


class DynamicTanh(nn.Module):
    """gamma tanh(alpha x) + beta in place of a norm (arXiv 2503.10622)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.full((1,), 4.0))
        self.gamma = nn.Parameter(torch.ones(dim))
        self.beta = nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]."""
        return torch.addcmul(self.beta, self.gamma, torch.tanh(self.alpha * x))


def make_norm(dim: int, eps: float, tanh: bool) -> nn.Module:
    return DynamicTanh(dim) if tanh else nn.RMSNorm(dim, eps=eps)


class SelfAttention(nn.Module):
    def __init__(self, dim: int, num_heads: int, twin: bool, eps: float, tanh: bool) -> None:
        super().__init__()
        self.num_heads, self.twin = num_heads, twin
        self.inward = nn.Linear(dim, (5 if twin else 3) * dim, bias=False)
        self.outward = nn.Linear(dim, dim, bias=False)
        self.query_norm = make_norm(dim // num_heads, eps, tanh)
        self.key_norm = make_norm(dim // num_heads, eps, tanh)

    def forward(self, x: Tensor, rotary: Tensor, window: int | None = None) -> Tensor:
        """[B, N, D] -> [B, N, D]; a token attends to all, or to those `window` tokens around it."""
        heads = self.inward(x).unflatten(-1, (-1, self.num_heads, x.shape[-1] // self.num_heads))
        parts = heads.permute(2, 0, 3, 1, 4)  # [3 or 5, B, H, N, D / H]
        value = parts[2]
        mixed = self._mix(parts[0], parts[1], value, rotary, window)
        if self.twin:
            mixed = mixed - self._mix(parts[3], parts[4], value, rotary, window)
        return self.outward(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _mix(
        self, query: Tensor, key: Tensor, value: Tensor, rotary: Tensor, window: int | None
    ) -> Tensor:
        query = turned(self.query_norm(query), rotary)
        key = turned(self.key_norm(key), rotary)
        if window is not None:
            return mix_nearby(query, key, value, window)
        return mix(query, key, value)


class CrossAttention(nn.Module):
    def __init__(self, dim: int, cond_dim: int, num_heads: int, twin: bool, eps: float) -> None:
        super().__init__()
        self.num_heads, self.twin = num_heads, twin
        self.query = nn.Linear(dim, (2 if twin else 1) * dim, bias=False)
        self.memory = nn.Linear(cond_dim, (3 if twin else 2) * cond_dim, bias=False)
        self.outward = nn.Linear(dim, dim, bias=False)
        self.query_norm = nn.RMSNorm(dim // num_heads, eps=eps)
        self.key_norm = nn.RMSNorm(dim // num_heads, eps=eps)

    def remember(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Conditioning tokens [B, L, D] -> keys [B, 1 or 2, H, L, D / H], values [B, H, L, .]."""
        parts = self.memory(tokens).unflatten(-1, (3 if self.twin else 2, self.num_heads, -1))
        parts = parts.permute(0, 2, 3, 1, 4)
        return self.key_norm(parts[:, :-1]), parts[:, -1]

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], bias: Tensor | None) -> Tensor:
        """[B, N, D] -> [B, N, D]; bias [B, L] is added to the scores of the conditioning tokens."""
        queries = self.query(x).unflatten(-1, (-1, self.num_heads, x.shape[-1] // self.num_heads))
        queries = self.query_norm(queries.permute(0, 2, 3, 1, 4))  # [B, 1 or 2, H, N, D / H]
        keys, value = memory
        own = None if bias is None else bias[:, None, None].to(x.dtype)
        mixed = mix(queries[:, 0], keys[:, 0], value, own)
        if self.twin:
            mixed = mixed - mix(queries[:, 1], keys[:, 1], value, own)
        return self.outward(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class SwiGLU(nn.Module):
    """Two layers, gated by SiLU or, in some blocks of autoencoders, by a sine."""

    def __init__(self, dim: int, hidden: int, sine: bool = False) -> None:
        super().__init__()
        self.sine = sine
        self.widen = nn.Linear(dim, 2 * hidden)
        self.narrow = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> [..., D]."""
        value, gate = self.widen(x).chunk(2, dim=-1)
        opened = torch.sin(torch.pi * gate) if self.sine else F.silu(gate)
        return self.narrow(value * opened)  # type: ignore[no-any-return]


def turned(x: Tensor, rotary: Tensor) -> Tensor:
    """Turns the first numbers of each head [B, H, N, D] by their position, in fp32.

    rotary: [2, N, R / 2], for the first R numbers.
    """
    count = 2 * rotary.shape[-1]
    if count == x.shape[-1]:
        return rotate(x.float(), rotary).to(x.dtype)
    first = rotate(x[..., :count].float(), rotary).to(x.dtype)
    return torch.cat([first, x[..., count:]], dim=-1)


def mix(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None = None) -> Tensor:
    """Attention of heads [B, H, N, D]; `bias` is added to the scores.

    Written out where a CPU trains: there the fused one takes over three times as long.
    """
    if query.is_cuda or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(query, key, value, bias)
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
    mixed: Tensor = (scores if bias is None else scores + bias).softmax(-1) @ value
    return mixed


def mix_nearby(query: Tensor, key: Tensor, value: Tensor, window: int) -> Tensor:
    """Attention of heads [B, H, N, D] to the tokens at most `window` before or after.

    Tokens are taken in blocks of 2 `window`, and each block sees its own and `window` on either
    side: half of the scores of a block are needed, and none is computed twice.
    """
    batch, heads, length, dim = query.shape
    size = 2 * window
    count = -(-length // size)
    rest = count * size - length
    blocks = F.pad(query, (0, 0, 0, rest)).view(batch, heads, count, size, dim)
    around = [
        F.pad(part, (0, 0, window, rest + window)).unfold(2, size + 2 * window, size).mT
        for part in (key, value)
    ]  # [B, H, blocks, size + 2 window, D]
    query, key, value = (part.transpose(1, 2).flatten(0, 1) for part in (blocks, *around))
    bias = nearby_bias(length, window, query.device).to(query.dtype).repeat(batch, 1, 1, 1)
    mixed = mix(query, key, value, bias).view(batch, count, heads, size, dim)
    return mixed.transpose(1, 2).reshape(batch, heads, -1, dim)[:, :, :length]


@cache
def nearby_bias(length: int, window: int, device: torch.device) -> Tensor:
    """[blocks, 1, size, size + 2 window]: 0 where a key is near enough and there, else -inf."""
    size = 2 * window
    count = -(-length // size)
    own = torch.arange(count * size, device=device).view(count, 1, size, 1)
    begins = torch.arange(count, device=device).view(count, 1, 1, 1) * size - window
    other = begins + torch.arange(size + 2 * window, device=device)
    near = ((other - own).abs() <= window) & (other >= 0) & (other < length)
    near = near | (own >= length)  # what is cut off must not be NaN
    return torch.zeros(near.shape, device=device).masked_fill(~near, float("-inf"))
