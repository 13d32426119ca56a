"""The loss of a full-size training: of a ControlNet beside a frozen base, or of a LoRA in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from folai.diffusion.sampling import alpha_sigma, to_predict
from folai.models.lora import add_lora
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.stable.model import StableAudio
from folai.train.full_size_options import StableOptions


@dataclass(frozen=True)
class Batch:
    """[B, C, F] latents, control and noise; [B] times; [B, L, D] tokens; [B, G] seconds."""

    latents: Tensor
    control: Tensor
    noise: Tensor
    t: Tensor
    clap: Tensor | None  # [B, 512]
    text: Tensor | None  # [B, L, D]
    is_conditioned: Tensor  # [B], 0 where conditioning is dropped


class Trained(nn.Module):
    """The base with what is trained beside or in it; the forward pass is the loss."""

    def __init__(self, stable: StableAudio, options: StableOptions, duration: float) -> None:
        super().__init__()
        self.objective, self.duration = stable.config.objective, duration
        self.dit = stable.dit.requires_grad_(options.train_base)
        self.dit.trunk.rates.requires_grad_(False)
        self.seconds = stable.seconds.requires_grad_(False)
        self.net: StableControlNet | None = None
        if options.lora_rank:
            add_lora(self.dit, options.lora_rank)
        else:
            hears = options.clap is not None
            control = StableControlConfig(options.depth_factor, clap=hears)
            self.net = StableControlNet(control, stable.config.dit).to(stable.device)
            self.net.copy_from(self.dit)
            self.net.trunk.rates.requires_grad_(False)
            self.net.trunk.checkpointing = options.checkpointing
        self.dit.trunk.checkpointing = options.checkpointing

    def forward(self, batch: Batch, alone: bool = False) -> Tensor:
        """Mean squared error of each example, [B]; `alone`: the ControlNet is left out."""
        tokens, seconds = self.conditioning(batch)
        times = batch.t[:, None, None]
        alpha, sigma = alpha_sigma(times, self.objective)
        noisy = alpha * batch.latents + sigma * batch.noise
        trunk = self.dit.trunk
        rotary = trunk.rotary(noisy.shape[-1], noisy.device)
        control = None
        if self.net is not None and not alone:
            seen_envelope, control_memory = (
                self.net.look(batch.control),
                self.net.trunk.remember(tokens),
            )
            control = self.net(noisy, batch.t, seconds, seen_envelope, control_memory, rotary)
        memory = trunk.remember(tokens)
        prediction = self.dit(noisy, batch.t, seconds, memory, rotary, control)
        target = to_predict(batch.latents, batch.noise, times, self.objective)
        losses: Tensor = (prediction.float() - target).square().mean((1, 2))
        return losses

    def conditioning(self, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            total = torch.full_like(batch.t, self.duration)
            seconds_token, seconds = self.seconds(torch.zeros_like(total), total)
        parts = [seconds_token]
        if batch.clap is not None and self.net is not None and self.net.clap is not None:
            parts.insert(0, self.net.clap(batch.clap).unsqueeze(1))
        if batch.text is not None:
            parts.insert(0, batch.text.to(seconds_token.dtype))
        tokens = torch.cat(parts, dim=1) * batch.is_conditioned[:, None, None]
        return tokens, seconds
