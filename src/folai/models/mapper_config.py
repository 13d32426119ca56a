"""The sizes of an RMS-Mapper: what its weights are kept with, and what both of its forms read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Inputs = Literal["rgb", "flow", "both"]


@dataclass(frozen=True)
class MapperConfig:
    inputs: Inputs = "both"
    channels: tuple[int, ...] = (48, 64, 96)  # of the encoder's convolutions
    dim: int = 128  # of the features, one vector a step
    hidden: int = 96  # of the recurrence, a direction
    num_layers: int = 2
    upsample: int = 4  # envelope frames a step: 4 * 30 = 120 Hz
    num_bins: int = 64
    mu: float = 127.0
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.inputs not in ("rgb", "flow", "both"):
            raise ValueError(f"inputs is {self.inputs!r}; allowed: rgb, flow, both")


SIZES = {
    "base": MapperConfig(),
    "wide": MapperConfig(channels=(96, 128, 192), dim=192, hidden=160),
}
