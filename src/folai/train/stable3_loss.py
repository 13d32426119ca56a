"""The loss of a training beside Stable Audio 3: of a control, of a LoRA, or of both."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from folai.models.lora import add_lora
from folai.models.stable3_control import (
    Stable3Control,
    Stable3ControlConfig,
    Stable3ControlNet,
    make_control,
)
from folai.models.stable3_dit import Hearing
from folai.stable3.model import Stable3
from folai.train.stable3_options import Stable3TrainOptions


@dataclass(frozen=True, eq=False)
class Batch:
    """What is trained on at once, B windows."""

    latents: Tensor  # [B, C, F]
    levels: Tensor  # [B, F * per latent]
    noise: Tensor  # [B, C, F]
    t: Tensor  # [B]
    tokens: Tensor  # [B, L, D] of the prompts and the duration
    counts: Tensor  # [B, L], how often each counts
    is_prompted: Tensor  # [B], 0 where the tokens are dropped
    is_steered: Tensor  # [B], 0 where a light control sees nothing
    keeps: Tensor  # [B, 1, F], 1 where the sound is given


class Trained(nn.Module):
    """The frozen base with what is trained beside or in it; the forward pass is the loss."""

    def __init__(self, stable: Stable3, options: Stable3TrainOptions, duration: float) -> None:
        super().__init__()
        self.dit = stable.dit.requires_grad_(False)
        device = stable.device
        with torch.no_grad():
            seconds = stable.conditioner.duration(torch.tensor([duration], device=device))
        self.register_buffer("seconds", seconds, persistent=False)
        self.net: Stable3Control | None = None
        if not options.is_lora:
            config = Stable3ControlConfig(options.light, options.depth_factor)
            self.net = make_control(config, stable.config.dit).to(device)
        if isinstance(self.net, Stable3ControlNet):
            self.net.copy_from(self.dit)
            self.net.checkpointing = options.checkpointing
        if options.rank:
            add_lora(self.dit, options.rank)
        self.dit.checkpointing = options.checkpointing

    def forward(self, batch: Batch) -> Tensor:
        """Mean squared error of what is made, of each window, [B]."""
        noisy = torch.lerp(batch.latents, batch.noise, batch.t[:, None, None])
        kept = None
        if self.dit.config.fills_gaps:
            kept = torch.cat([batch.keeps, batch.keeps * batch.latents], dim=1)
        said = batch.tokens, batch.counts.log(), kept
        hearing = dropped(self.dit.hear(*said), batch.is_prompted)
        seconds = self.seconds.expand(len(noisy), -1)  # type: ignore[operator]
        given = noisy, batch.t, seconds, hearing
        if self.net is None:
            prediction = self.dit(*given)
        else:
            seen = self.net.see(batch.levels) * batch.is_steered[:, None, None]
            own = self.net.hear(self.dit, *said)
            own = None if own is None else dropped(own, batch.is_prompted)
            prediction = self.net(self.dit, *given, seen, own)
        error = (prediction.float() - (batch.noise - batch.latents)).square().mean(1)  # [B, F]
        made = 1 - batch.keeps[:, 0]
        losses: Tensor = (error * made).sum(1) / made.sum(1)
        return losses


def dropped(hearing: Hearing, is_prompted: Tensor) -> Hearing:
    """Without the tokens of some rows: their values are 0, and so is what is attended to."""
    heard = is_prompted[:, None, None, None]
    memory = [(keys, values * heard.to(values)) for keys, values in hearing.memory]
    return Hearing(memory, hearing.bias, hearing.gaps)


def draw_keeps(chance: torch.Generator, num_frames: int, share: float) -> Tensor:
    """[1, F], 1 where the sound is given: up to three spans, in a `share` of the examples.

    At least one latent is left to make.
    """
    keeps = torch.zeros(1, num_frames)
    if float(torch.rand((), generator=chance)) >= share:
        return keeps
    for _ in range(int(torch.randint(1, 4, (), generator=chance))):
        start, stop = torch.randint(num_frames + 1, (2,), generator=chance).sort().values.tolist()
        keeps[:, start:stop] = 1
    if keeps.all():
        keeps[:, int(torch.randint(num_frames, (), generator=chance))] = 0
    return keeps
