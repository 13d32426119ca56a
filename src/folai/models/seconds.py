"""Seconds as vectors: where in a recording a sound starts, and how long the recording is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

FEATURES = 256


@dataclass(frozen=True)
class SecondsConfig:
    names: tuple[str, ...] = ("seconds_start", "seconds_total")  # in the model's order
    dim: int = 768
    longest: float = 512.0  # seconds that stand for 1
    text_dim: int | None = None  # of a text model that is wider or narrower than dim


class Seconds(nn.Module):
    """The numbers that condition Stable Audio Open and, where it has one, its layer for text."""

    def __init__(self, config: SecondsConfig) -> None:
        super().__init__()
        self.config = config
        self.numbers = nn.ModuleDict(
            {name: Number(config.dim, config.longest) for name in config.names}
        )
        self.text = None if config.text_dim is None else nn.Linear(config.text_dim, config.dim)

    def forward(self, start: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        """Seconds [B] each -> tokens [B, L, dim], and the same side by side, [B, L * dim]."""
        numbers = {"seconds_start": start, "seconds_total": total}
        vectors = [self.numbers[name](numbers[name]) for name in self.config.names]
        tokens = torch.stack(vectors, dim=1)
        return tokens, tokens.flatten(1)


class Number(nn.Module):
    """A number as itself and as sines of learned rates, then one layer."""

    def __init__(self, dim: int, longest: float) -> None:
        super().__init__()
        self.longest = longest
        self.rates = nn.Parameter(torch.randn(FEATURES // 2))
        self.layer = nn.Linear(FEATURES + 1, dim)

    def forward(self, seconds: Tensor) -> Tensor:
        """[B] -> [B, dim]."""
        number = (seconds.float().clamp(0, self.longest) / self.longest).unsqueeze(-1)
        angles = 2 * torch.pi * number * self.rates.float()
        features = torch.cat([number, angles.sin(), angles.cos()], dim=-1)
        return self.layer(features.to(self.layer.weight.dtype))  # type: ignore[no-any-return]
