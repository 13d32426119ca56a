"""Which times a sampler passes: evenly spaced ones, shifted toward noise as the model was trained.

The four shifts are those that published configs name: none; "flux" (arXiv 2403.03206, equation 23);
"full", the same shift with its factor given as a logarithm; and "logsnr", even steps of the
logarithm of sound over noise. All but none may depend on the number of latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

KINDS = ("none", "flux", "full", "logsnr")


@dataclass(frozen=True)
class Shift:
    """The default is what a config without one means."""

    kind: str = "logsnr"
    min_length: int = 256  # latents
    max_length: int = 4096
    at_min: float = 1.0  # flux: factor; full: its logarithm
    at_max: float = 1.0
    curved: bool = False  # full: a sine follows
    anchor_length: int = 2000  # latents at which logsnr begins at its anchor
    anchor_logsnr: float = -6.2
    rate: float = 0.0  # how much lower it begins where the length doubles
    logsnr_end: float = 2.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"distribution shift is {self.kind!r}; allowed: {', '.join(KINDS)}")

    def times(self, num_steps: int, length: int, first: float = 1.0) -> list[float]:
        """num_steps + 1 values of t from `first`, in (0, 1], to 0, for so many latents.

        They are computed in fp32, as published: the denoiser is told the time by sines of up to
        10 000 turns, to which the last bit of a time makes a difference.
        """
        even = torch.linspace(first, 0, num_steps + 1)[1:-1]
        shifted = self._shifted(even, torch.tensor(float(max(length, 1))))
        return [first, *shifted.tolist(), 0.0]

    def shifted(self, t: Tensor, length: int) -> Tensor:
        """Times in (0, 1) that were drawn for so many latents, moved as those of sampling are."""
        return self._shifted(t, torch.tensor(float(max(length, 1))))

    def _shifted(self, t: Tensor, length: Tensor) -> Tensor:
        within = length.clamp(self.min_length, self.max_length)
        if self.kind == "flux":
            span = math.log(self.max_length) - math.log(self.min_length) or 1e-8
            share = (torch.log(within) - math.log(self.min_length)) / span
            low, high = math.log(self.at_min), math.log(self.at_max)
            factor = torch.exp(low + share * (high - low))
            return factor * t / (1 + (factor - 1) * t)
        if self.kind == "full":
            share = (within - self.min_length) / (self.max_length - self.min_length)
            factor = torch.exp(-(self.at_min + (self.at_max - self.at_min) * share))
            shifted = 1 - factor / (factor + (1 / (1 - t) - 1))
            return torch.sin(shifted * math.pi / 2) if self.curved else shifted
        if self.kind == "logsnr":
            begin = self.anchor_logsnr - self.rate * torch.log2(length / self.anchor_length)
            return torch.sigmoid(-(self.logsnr_end - t * (self.logsnr_end - begin)))
        return t
