"""aiSFX (Ma and Lerch, ISMIR 2022), trained to tell sound effects apart: 512 numbers a block.

Used where its package is installed (`pip install --no-deps aisfx==0.1.2`: its code is MIT, its
weights are CC BY 4.0). Only its weights are read, by the lines below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from folai.evaluate.sounds.embedder import Embedder, Floats
from folai.evaluate.sounds.mel_blocks import Blocks, cut_blocks, log_mel

if TYPE_CHECKING:
    from torch import Tensor

_AT_ONCE = 8  # blocks: bounds the memory


def load_aisfx(path: Path) -> Embedder:
    """aiSFX with the weights at `path`, as its package holds them."""
    network = Network.load(path)
    return Embedder("aisfx", lambda wav: network(cut_blocks(log_mel(wav))))


@dataclass(frozen=True)
class Network:
    """aiSFX's convolutions: four pairs of 3x3 with batch norm, pooled over bands and time."""

    weights: dict[str, Tensor]

    @classmethod
    def load(cls, path: Path) -> Network:
        import torch
        from numpy._core.multiarray import scalar

        # Beside tensors the file holds counts as numpy integers; nothing else in it is executed.
        allowed: list[Any] = [(scalar, "numpy.core.multiarray.scalar"), np.dtype]
        allowed.append(type(np.dtype(np.int64)))
        with torch.serialization.safe_globals(allowed):
            weights, _ = torch.load(path, map_location="cpu", weights_only=True)
        return cls(weights)

    def __call__(self, blocks: Blocks) -> Floats:
        import torch

        with torch.inference_mode():
            starts = range(0, len(blocks), _AT_ONCE)
            parts = [self._embed(torch.from_numpy(blocks[i : i + _AT_ONCE])) for i in starts]
        return torch.cat(parts).double().numpy()

    def _embed(self, x: Tensor) -> Tensor:
        """[N, T, bands] -> [N, 512]."""
        import torch.nn.functional as F

        x = x[:, None]
        for block in (1, 2, 3, 4):
            for layer in (1, 2):
                x = self._convolve(x, f"embedding_net.conv_block{block}.", layer)
            if block < 4:
                x = F.max_pool2d(x, 2)
        return x.mean(dim=3).amax(dim=2)

    def _convolve(self, x: Tensor, prefix: str, layer: int) -> Tensor:
        import torch.nn.functional as F

        x = F.conv2d(x, self.weights[f"{prefix}conv{layer}.weight"], padding=1)
        mean, variance, weight, bias = (
            self.weights[f"{prefix}bn{layer}.{name}"]
            for name in ("running_mean", "running_var", "weight", "bias")
        )
        return F.relu(F.batch_norm(x, mean, variance, weight, bias))
