"""Lets Stable Audio 3 follow an envelope: a ControlNet, or a light layer beside low-rank additions.

The ControlNet (arXiv 2302.05543, 2412.15023) is a copy of the first blocks that sees the envelope
beside the noisy latents; what each copy gives passes a layer that begins at zero. The light one
(Sketch2Sound, arXiv 2412.08550) is one linear layer from the envelope to what is added to the
noisy latents. Both leave the stock model exactly as it is before they are trained.

A latent lasts 93 ms, so each of them sees many levels: a hit is placed within it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.models.controlnet import level_curves
from folai.models.dit import zeroed
from folai.models.stable3_dit import Block, Hearing, Stable3DiT, run_block

if TYPE_CHECKING:
    from folai.models.stable3_dit import Stable3DiTConfig


@dataclass(frozen=True)
class Stable3ControlConfig:
    light: bool = False  # one linear layer; else a ControlNet
    depth_factor: float = 0.2  # share of the denoiser's blocks that a ControlNet copies
    per_latent: int = 16  # levels in each latent

    def __post_init__(self) -> None:
        if not 0 < self.depth_factor <= 1:
            raise ValueError(f"depth_factor is {self.depth_factor}; give above 0, at most 1")
        if self.per_latent < 1:
            raise ValueError(f"per_latent is {self.per_latent}; give 1 or more")


class Stable3ControlNet(nn.Module):
    def __init__(self, config: Stable3ControlConfig, base: Stable3DiTConfig) -> None:
        super().__init__()
        self.config, dim = config, base.dim
        count = max(1, int(config.depth_factor * base.depth + 1e-9))
        self.blocks = nn.ModuleList(Block(base) for _ in range(count))
        self.embed = nn.Linear(2 * config.per_latent, dim)
        self.mix = nn.Linear(dim, dim)
        self.outward = nn.ModuleList(zeroed(nn.Linear(dim, dim)) for _ in range(count))
        self.checkpointing = False

    def copy_from(self, base: Stable3DiT) -> None:
        """Begins as a copy of the denoiser's first blocks."""
        for own, block in zip(self.blocks, base.blocks, strict=False):
            own.load_state_dict(block.state_dict())

    def see(self, levels: Tensor) -> Tensor:
        """Levels [B, T * per_latent], 1 being that of training, -> [B, T, D], once a clip."""
        hidden: Tensor = self.embed(
            level_curves(levels, self.config.per_latent).to(self.embed.weight)
        )
        return self.mix(F.silu(hidden))  # type: ignore[no-any-return]

    def hear(
        self, base: Stable3DiT, tokens: Tensor, bias: Tensor | None, kept: Tensor | None
    ) -> Hearing:
        """What the copied blocks hear; as `Stable3DiT.hear`."""
        return base.hear(tokens, bias, kept, self.blocks)

    def forward(
        self,
        base: Stable3DiT,
        latents: Tensor,
        time: Tensor,
        duration: Tensor,
        hearing: Hearing,
        seen: Tensor,
        own: Hearing | None,
        scale: float = 1.0,
    ) -> Tensor:
        """What the denoiser gives where it is steered; as for `Stable3DiT.forward`.

        seen: from `see`, [B, T, D]; own: from `hear`. scale: of what is added, 0 for nothing.
        """
        begun = base.begin(latents, time, duration)
        assert own is not None
        x = torch.cat([begun.tokens[:, : begun.front], begun.tokens[:, begun.front :] + seen], 1)
        additions = []
        for index, (block, outward) in enumerate(zip(self.blocks, self.outward, strict=True)):
            x = run_block(block, x, begun, own, index, self.checkpointing)
            additions.append(scale * outward(x))
        return base.through(begun, hearing, additions)


class Stable3LightControl(nn.Module):
    """What is learned beside it are low-rank additions to the denoiser, not held here."""

    def __init__(self, config: Stable3ControlConfig, base: Stable3DiTConfig) -> None:
        super().__init__()
        self.config = config
        self.layer = zeroed(nn.Linear(2 * config.per_latent, base.latent_channels))

    def see(self, levels: Tensor) -> Tensor:
        """Levels [B, T * per_latent], 1 being that of training, -> [B, C, T], once a clip."""
        inputs = level_curves(levels, self.config.per_latent).to(self.layer.weight)
        return self.layer(inputs).transpose(1, 2)  # type: ignore[no-any-return]

    def hear(
        self, base: Stable3DiT, tokens: Tensor, bias: Tensor | None, kept: Tensor | None
    ) -> None:
        """It has no blocks that hear."""

    def forward(
        self,
        base: Stable3DiT,
        latents: Tensor,
        time: Tensor,
        duration: Tensor,
        hearing: Hearing,
        seen: Tensor,
        own: Hearing | None,
        scale: float = 1.0,
    ) -> Tensor:
        """As `Stable3ControlNet.forward`; seen: [B, C, T]."""
        return base(latents + scale * seen, time, duration, hearing)  # type: ignore[no-any-return]


Stable3Control = Stable3ControlNet | Stable3LightControl


def make_control(config: Stable3ControlConfig, base: Stable3DiTConfig) -> Stable3Control:
    return (Stable3LightControl if config.light else Stable3ControlNet)(config, base)
