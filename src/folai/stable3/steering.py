"""An envelope rules a model that was never trained to follow one: loss guidance.

In each step the denoiser's estimate of the clean latents is moved so that its loudness becomes the
envelope's, and sampling goes on from there (arXiv 2210.11427; for music 2401.12179; here the
gradient ends at the estimate and does not go through the denoiser, as in 2311.16424). Loudness is
read off latents by a small network, which learns it from encoded recordings in minutes; it tells
the level many times within each latent, so that hits land between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.envelope import Envelope

FLOOR = 0.003  # RMS that is as good as silence
ROUNDS = 12  # steps of each correction
Model = Callable[[Tensor, float], Tensor]


@dataclass(frozen=True)
class LoudnessConfig:
    latent_channels: int
    hop_length: int  # samples of a latent
    sample_rate: int
    per_latent: int = 16  # levels told within a latent
    dim: int = 256

    @property
    def rate(self) -> float:
        """Levels per second."""
        return self.per_latent * self.sample_rate / self.hop_length


class Loudness(nn.Module):
    """Latents -> the logarithm of RMS + FLOOR, many times in each latent."""

    def __init__(self, config: LoudnessConfig) -> None:
        super().__init__()
        self.config = config
        self.look = nn.Conv1d(config.latent_channels, config.dim, 3, padding=1)
        self.mix = nn.Conv1d(config.dim, config.dim, 1)
        self.tell = nn.Conv1d(config.dim, config.per_latent, 1)

    def forward(self, latents: Tensor) -> Tensor:
        """[B, C, F] -> [B, F * per_latent]."""
        hidden = F.silu(self.mix(F.silu(self.look(latents))))
        return self.tell(hidden).transpose(1, 2).flatten(1)  # type: ignore[no-any-return]


def wanted_levels(
    config: LoudnessConfig, envelope: Envelope, num_frames: int, gain: float = 1.0
) -> Tensor:
    """The levels [1, F * per_latent] that an envelope times `gain` asks for."""
    times = (np.arange(num_frames * config.per_latent) + 0.5) / config.rate
    rms = gain * envelope.at(times)
    return torch.from_numpy(np.log(rms + FLOOR).astype(np.float32)).unsqueeze(0)


@dataclass(frozen=True, eq=False)
class Steering:
    """What a clip should be as loud as."""

    loudness: Loudness
    wanted: Tensor  # [1, F * per_latent]
    strength: float  # 0 leaves the model alone, 1 corrects fully

    def of(self, model: Model, start: int, stop: int) -> Model:
        """A rectified-flow model of the latents from `start` to `stop`, as loud as wanted."""
        per_latent = self.loudness.config.per_latent
        wanted = self.wanted[:, start * per_latent : stop * per_latent]

        def steered(noisy: Tensor, t: float) -> Tensor:
            clean = noisy - t * model(noisy, t)
            return (noisy - moved(self.loudness, clean, wanted, self.strength)) / t

        return steered


def moved(loudness: Loudness, clean: Tensor, wanted: Tensor, strength: float) -> Tensor:
    """Clean latents [B, C, F] moved along the gradient until their loudness is the wanted one.

    Each step is as long as it would take if the loudness were linear (Polyak): loss over the
    gradient's squared length.
    """
    if strength == 0:
        return clean
    with torch.inference_mode(False), torch.enable_grad():
        latents = clean.clone().float()
        for _ in range(ROUNDS):
            latents = latents.detach().requires_grad_()
            loss = (loudness(latents) - wanted).square().mean()
            (gradient,) = torch.autograd.grad(loss, latents)
            length = gradient.square().sum().clamp(min=1e-12)
            latents = latents - loss.detach() / length * gradient
    return clean + strength * (latents.detach().to(clean.dtype) - clean)


def train_loudness(
    config: LoudnessConfig,
    latents: Tensor,
    levels: Tensor,
    *,
    steps: int = 1500,
    batch_size: int = 32,
    seed: int = 0,
) -> Loudness:
    """Learns to read loudness off latents [N, C, F], whose levels are [N, F * per_latent].

    Some noise is added to latents, since those that will be read are estimates.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loudness = Loudness(config)
    optimizer = torch.optim.AdamW(loudness.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(len(latents), (batch_size,), generator=generator)
        batch = latents[chosen].float()
        noise = 0.1 * torch.randn(batch.shape, generator=generator)
        loss = (loudness(batch + noise) - levels[chosen].float()).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return loudness.requires_grad_(False).eval()
