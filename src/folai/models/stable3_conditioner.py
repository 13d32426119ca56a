"""Text and duration as the denoiser of Stable Audio 3 takes them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from folai.models.stable3_dit import TIME_FEATURES, sines

PADDINGS = ("learned", "zero")


@dataclass(frozen=True)
class Stable3ConditionerConfig:
    text_dim: int = 768  # of the text model
    dim: int = 768  # of conditioning tokens
    projected: bool = False  # text passes a layer
    padding: str = "learned"  # what stands behind the end of a text
    text_length: int = 256  # tokens
    shortest: float = 0.0  # seconds that stand for 0
    longest: float = 384.0  # seconds that stand for 1

    def __post_init__(self) -> None:
        if self.padding not in PADDINGS:
            raise ValueError(f"padding is {self.padding!r}; allowed: {', '.join(PADDINGS)}")
        if self.text_dim != self.dim and not self.projected:
            raise ValueError(f"text_dim is {self.text_dim}; give {self.dim}, or a projection")
        if self.longest <= self.shortest:
            raise ValueError(f"longest is {self.longest} s; give more than {self.shortest} s")


class Stable3Conditioner(nn.Module):
    def __init__(self, config: Stable3ConditionerConfig) -> None:
        super().__init__()
        self.config = config
        self.project = nn.Linear(config.text_dim, config.dim) if config.projected else None
        learned = config.padding == "learned"
        self.padding = nn.Parameter(0.02 * torch.randn(config.dim)) if learned else None
        self.seconds = nn.Linear(TIME_FEATURES, config.dim)

    def duration(self, seconds: Tensor) -> Tensor:
        """Seconds [B] -> [B, dim]."""
        low, high = self.config.shortest, self.config.longest
        share = (seconds.float().clamp(low, high) - low) / (high - low)
        return self.seconds(sines(share, TIME_FEATURES).to(self.seconds.weight))  # type: ignore[no-any-return]

    def text(self, words: Tensor, negative: bool = False) -> tuple[Tensor, Tensor]:
        """Tokens [1, L, dim] of a text, and how often each counts, [1, L].

        words: the text model's output for them [1, W, text_dim]; W may be 0, and more than
        text_length are cut. All tokens behind the end are alike, and positions are not told apart:
        one of them, counted as often as it stands there, says the same. Behind the end of a
        negative text there is nothing.
        """
        tokens = words[:, : self.config.text_length].to(self.seconds.weight)
        if self.project is not None:
            tokens = self.project(tokens)
        counts = tokens.new_ones(tokens.shape[:2])
        rest = self.config.text_length - tokens.shape[1]
        if rest == 0:
            return tokens, counts
        nothing = negative or self.padding is None
        blank = tokens.new_zeros(self.config.dim) if nothing else self.padding
        tokens = torch.cat([tokens, blank.expand(1, 1, -1)], dim=1)  # type: ignore[union-attr]
        return tokens, torch.cat([counts, counts.new_full((1, 1), rest)], dim=1)
