"""Log-mel bands as torchlibrosa computes them, whose kernels lie in the published weights.

The names of the modules are those of the weights. What a checkpoint holds is used as it is, so the
window, the bands and their edges are right whatever rate the network was trained at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from folai.writing import one_line

QUIETEST = 1e-10  # power below which everything is -100 dB


class STFT(nn.Module):
    """Fourier transform by two convolutions: sound [B, T] -> real, imaginary [B, bins, frames]."""

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.n_fft = n_fft
        bins = n_fft // 2 + 1
        self.conv_real = nn.Conv1d(1, bins, n_fft, stride=hop_length, bias=False)
        self.conv_imag = nn.Conv1d(1, bins, n_fft, stride=hop_length, bias=False)

    def forward(self, wav: Tensor) -> tuple[Tensor, Tensor]:
        half = self.n_fft // 2
        padded = F.pad(wav[:, None], (half, half), mode="reflect")
        return self.conv_real(padded), self.conv_imag(padded)


class Spectrogram(nn.Module):
    """Sound [B, T] -> power [B, 1, frames, bins]; frame i is centred at sample hop_length i."""

    def __init__(self, n_fft: int, hop_length: int) -> None:
        super().__init__()
        self.stft = STFT(n_fft, hop_length)

    def forward(self, wav: Tensor) -> Tensor:
        real, imag = self.stft(wav)
        power: Tensor = real**2 + imag**2
        return power.transpose(1, 2)[:, None]


class LogMel(nn.Module):
    """Power [..., bins] -> dB [..., bands]."""

    def __init__(self, n_fft: int, num_bands: int) -> None:
        super().__init__()
        self.melW = nn.Parameter(torch.zeros(n_fft // 2 + 1, num_bands))

    def forward(self, power: Tensor) -> Tensor:
        return 10 * torch.log10((power @ self.melW).clamp(min=QUIETEST))


def normalised(mel: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """[B, 1, frames, bands], each band by the statistics of the training."""
    bands: Tensor = norm(mel.transpose(1, 3))
    return bands.transpose(1, 3)


def windows(wav: NDArray[Any], length: int, shortest: int) -> NDArray[np.float32]:
    """[N, length] of sound [T]: end to end, the last ending with the sound.

    A shorter sound stays one window, repeated until it has `shortest` samples.
    """
    if len(wav) <= length:
        return np.resize(wav, max(len(wav), shortest))[None].astype(np.float32)
    starts = [*range(0, len(wav) - length, length), len(wav) - length]
    return np.stack([wav[start : start + length] for start in starts]).astype(np.float32)


def read_checkpoint(path: Path, part: str = "model") -> dict[str, Tensor]:
    """The tensors of a .pth, .pt or .safetensors file; `part` is where some keep them.

    Raises ValueError for a file that is none of these. Nothing in it is executed.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        reason = one_line(error, 160)
        raise ValueError(f"{path}: cannot be read as weights ({reason})") from error
    content = content.get(part, content) if isinstance(content, dict) else content
    if not isinstance(content, dict) or not all(isinstance(v, Tensor) for v in content.values()):
        raise ValueError(f"{path}: holds no table of tensors; give the published file")
    return content


def fill(model: nn.Module, tensors: dict[str, Tensor], path: Path) -> None:
    """Strictly. Raises ValueError for a tensor that is missing, left over or of another shape."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        reason = one_line(error, 300)
        raise ValueError(f"{path}: the weights are of another network ({reason})") from error
