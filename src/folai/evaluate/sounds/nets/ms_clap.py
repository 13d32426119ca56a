"""The audio half of MS-CLAP (Elizalde et al., arXiv 2206.04769 and 2309.05767): 1024 numbers.

`CLAP_weights_2023.pth` holds an HTSAT, `CLAP_weights_2022.pth` a CNN14; the names of the tensors
tell which. Both take 44.1 kHz. The text half is not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.nets.frontend import fill, read_checkpoint, windows
from folai.evaluate.sounds.nets.htsat import HTSAT, htsat_like
from folai.evaluate.sounds.nets.panns import Cnn14, cnn14_like
from folai.metrics.log_mel import SAMPLE_RATE

BASE, PROJECTION = "audio_encoder.base.", "audio_encoder.projection."
SECONDS = {"2023": 7.0, "2022": 5.0}  # of what each was trained on


class Projection(nn.Module):
    """[B, D] -> [B, E]."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(dim, out, bias=False)
        self.linear2 = nn.Linear(out, out, bias=False)
        self.layer_norm = nn.LayerNorm(out)

    def forward(self, x: Tensor) -> Tensor:
        first = self.linear1(x)
        projected: Tensor = self.layer_norm(first + self.linear2(F.gelu(first)))
        return projected


def load_ms_clap(path: Path) -> Embedder:
    """For FAD-C. Raises ValueError where the weights do not fit."""
    tensors = read_checkpoint(path)
    base, projected = (_part(tensors, prefix, path) for prefix in (BASE, PROJECTION))
    net: HTSAT | Cnn14
    if any(name.startswith("htsat.") for name in base):
        net, version = htsat_like(_part(base, "htsat.", path), path), "2023"
    else:
        net, version = cnn14_like(base, path), "2022"
    out, dim = projected["linear1.weight"].shape
    projection = Projection(dim, out)
    fill(projection, projected, path)
    projection.eval()
    length = round(SECONDS[version] * SAMPLE_RATE)

    def vectors(wav: NDArray[Any]) -> NDArray[np.float64]:
        # Published practice: a sound shorter than the window is repeated until it fills it.
        parts = torch.from_numpy(windows(wav, length, length))
        with torch.inference_mode():
            found = torch.cat([projection(net(part[None])[0]) for part in parts])
        return np.asarray(found.double().numpy())

    return Embedder(f"MS-CLAP {version}", vectors)


def _part(tensors: dict[str, Tensor], prefix: str, path: Path) -> dict[str, Tensor]:
    """Those whose names begin with `prefix`, without it."""
    found = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
    if not found:
        raise ValueError(f"{path}: no tensors called {prefix}*, as MS-CLAP has them")
    return found
