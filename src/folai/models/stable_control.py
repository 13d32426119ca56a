"""Lets Stable Audio Open follow an envelope: the ControlNet of arXiv 2412.15023 at full size.

A copy of the way in and of the first blocks sees the noisy latents with the envelope's latents
added by a convolution that begins at zero. What each copied block gives passes a linear layer that
begins at zero, so that training starts from the stock model exactly. CLAP's embedding becomes a
conditioning token here, by a layer that is trained along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor, nn

from folai.models.dit import Memory
from folai.models.stable_dit import StableDiT, StableDiTConfig, Trunk

CLAP_DIM = 512


@dataclass(frozen=True)
class StableControlConfig:
    depth_factor: float = 0.2  # share of the denoiser's blocks that are copied, rounded down
    before: bool = False  # added before the denoiser's blocks, as some published code does
    clap: bool = True  # has the layer for CLAP's embedding
    seconds_tokens: bool = True  # trained with seconds as conditioning tokens, too

    def __post_init__(self) -> None:
        if not 0 < self.depth_factor <= 1:
            raise ValueError(f"depth_factor is {self.depth_factor}; give above 0, at most 1")

    def count(self, depth: int) -> int:
        """The number of blocks that are copied from a denoiser of `depth` blocks."""
        return max(1, int(self.depth_factor * depth + 1e-9))


class StableControlNet(nn.Module):
    def __init__(self, config: StableControlConfig, base: StableDiTConfig) -> None:
        super().__init__()
        self.config, self.base = config, base
        count = config.count(base.depth)
        self.trunk = Trunk(replace(base, depth=count))
        self.look = nn.Conv1d(base.latent_channels, base.latent_channels, 1, bias=False)
        nn.init.zeros_(self.look.weight)
        self.outward = nn.ModuleList(
            nn.Linear(base.dim, base.dim, bias=False) for _ in range(count)
        )
        for layer in self.outward:
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
        self.clap = nn.Linear(CLAP_DIM, base.cond_token_dim) if config.clap else None

    def copy_from(self, dit: StableDiT) -> None:
        """Begins as a copy of the denoiser's input layers and first blocks."""
        source = dit.trunk.state_dict()
        self.trunk.load_state_dict({name: source[name] for name in self.trunk.state_dict()})

    def forward(
        self,
        latents: Tensor,
        time: Tensor,
        seconds: Tensor,
        envelope: Tensor,
        memory: Memory,
        rotary: Tensor,
        present: Tensor | None = None,
    ) -> list[Tensor]:
        """What to add at each of the denoiser's first blocks, [B, T + 1, D] each.

        envelope: its latents through `look`, [B, C, T], once a clip. memory: from this
        trunk. The others: as for the denoiser.
        """
        x = self.trunk.begin(latents, time, seconds, envelope)
        additions = []
        for block, outward, pair in zip(self.trunk.blocks, self.outward, memory, strict=True):
            x = self.trunk.through(block, x, rotary, pair, present)
            additions.append(outward(x))
        return additions
