"""Makes the sound follow an envelope: a ControlNet (arXiv 2302.05543) on the DiT.

A copy of the first `depth_factor` of the DiT's blocks sees the envelope beside the noisy latents.
What each copy gives passes through a linear layer that begins at zero and is added after the
matching block, so that training starts from the base model exactly (arXiv 2412.15023, III-B).
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.models.dit import DiT, Memory, remember, rotary_table, zeroed

CEILING = 4.0  # of the envelope: four times the level to which sounds are brought
FLOOR_DB = -60.0


@dataclass(frozen=True)
class ControlConfig:
    depth_factor: float = 0.5  # share of the DiT's blocks that are copied
    samples: int = 4  # of the envelope in a latent frame

    def __post_init__(self) -> None:
        if not 0 < self.depth_factor <= 1:
            raise ValueError(f"depth_factor is {self.depth_factor}; give above 0, at most 1")
        if self.samples < 1:
            raise ValueError(f"samples is {self.samples}; give 1 or more")


class ControlNet(nn.Module):
    def __init__(self, config: ControlConfig, base: DiT) -> None:
        super().__init__()
        self.config = config
        dim, patch = base.config.dim, base.config.patch
        self.patch, self.head_dim = patch, dim // base.config.num_heads
        count = max(1, round(config.depth_factor * base.config.depth))
        self.blocks = nn.ModuleList(copy.deepcopy(block) for block in list(base.blocks)[:count])
        self.embed = nn.Linear(2 * config.samples * patch, dim)
        self.spread = nn.ModuleList(nn.Conv1d(dim, dim, 3, padding=1) for _ in range(2))
        self.outward = nn.ModuleList(zeroed(nn.Linear(dim, dim)) for _ in range(count))

    def remember(self, tokens: Tensor) -> Memory:
        """Keys and values of conditioning tokens [B, L, D] for the copied blocks."""
        return remember(self.blocks, tokens)

    def look(self, envelope: Tensor) -> Tensor:
        """The envelope as tokens [B, N, D], once a clip.

        envelope: RMS [B, samples * T], samples a latent frame, 1 being the level of training.
        """
        padded = F.pad(envelope, (0, -envelope.shape[-1] % (self.patch * self.config.samples)))
        x = self.embed(level_curves(padded, self.patch * self.config.samples))
        for conv in self.spread:
            x = x + conv(F.silu(x).transpose(1, 2)).transpose(1, 2)
        return x  # type: ignore[no-any-return]

    def forward(
        self,
        x: Tensor,
        modulation: Tensor,
        envelope: Tensor,
        memory: Memory,
        mask: Tensor,
        present: Tensor | None = None,
    ) -> list[Tensor]:
        """What to add after each of the DiT's first blocks, [B, N, D] each.

        x, modulation: from `DiT.begin`. envelope: tokens from `look`. The others: as for the DiT.
        """
        rotary = rotary_table(x.shape[1], self.head_dim, x.device)
        x = x + math.sqrt(0.5) * envelope
        additions = []
        for block, outward, pair in zip(self.blocks, self.outward, memory, strict=True):
            x = block(x, modulation, rotary, pair, mask, present)
            additions.append(outward(x))
        return additions


def level_curves(levels: Tensor, together: int) -> Tensor:
    """Levels [B, T * together], 1 being that of training -> [B, T, 2 together].

    Of each its root and its decibels: roots tell loud levels apart, decibels soft ones; silence is
    0 in both.
    """
    level = levels.clamp(0, CEILING)
    decibels = 20 * level.clamp(min=10 ** (FLOOR_DB / 20)).log10()
    both = torch.stack([level.sqrt(), 1 - decibels / FLOOR_DB], dim=-1)  # [B, S, 2]
    return both.reshape(len(levels), -1, 2 * together)
