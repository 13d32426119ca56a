"""PANNs CNN14 (Kong et al., arXiv 1912.10211; weights CC BY 4.0): 2048 numbers, 527 classes.

Weights as published, such as `Cnn14_mAP=0.431.pth` (32 kHz) or `Cnn14_16k_mAP=0.438.pth`: which it
is shows in the length of the Fourier kernels.
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
from folai.evaluate.sounds.nets.frontend import (
    LogMel,
    Spectrogram,
    fill,
    normalised,
    read_checkpoint,
    windows,
)
from folai.media.audio import resample
from folai.metrics.log_mel import SAMPLE_RATE

Floats = NDArray[np.float64]

RATES = {1024: 32_000, 512: 16_000, 256: 8_000}  # n_fft: Hz, as published
CHANNELS = (64, 128, 256, 512, 1024, 2048)
SECONDS = 10.0  # of a window, as in training
SHORTEST_WINDOW = 1.0  # seconds; five poolings need half of it


class ConvBlock(nn.Module):
    """[B, C, T, F] -> [B, D, T / pool, F / pool]."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(out), nn.BatchNorm2d(out)

    def forward(self, x: Tensor, pool: int) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        return F.avg_pool2d(F.relu(self.bn2(self.conv2(x))), pool)


class Cnn14(nn.Module):
    """Sound [B, T] -> (vector [B, D], class probabilities [B, classes])."""

    def __init__(
        self,
        n_fft: int = 1024,
        hop_length: int = 320,
        num_bands: int = 64,
        channels: tuple[int, ...] = CHANNELS,
        classes: int = 527,
    ) -> None:
        super().__init__()
        self.spectrogram_extractor = Spectrogram(n_fft, hop_length)
        self.logmel_extractor = LogMel(n_fft, num_bands)
        self.bn0 = nn.BatchNorm2d(num_bands)
        pairs = zip((1, *channels[:-1]), channels, strict=True)
        for index, (before, after) in enumerate(pairs, start=1):
            self.add_module(f"conv_block{index}", ConvBlock(before, after))
        self.fc1 = nn.Linear(channels[-1], channels[-1])
        self.fc_audioset = nn.Linear(channels[-1], classes)

    def forward(self, wav: Tensor) -> tuple[Tensor, Tensor]:
        x = normalised(self.logmel_extractor(self.spectrogram_extractor(wav)), self.bn0)
        for index in range(1, 7):
            x = self.get_submodule(f"conv_block{index}")(x, 1 if index == 6 else 2)
        x = x.mean(dim=3)
        x = F.relu(self.fc1(x.amax(dim=2) + x.mean(dim=2)))
        return x, self.fc_audioset(x).sigmoid()


def cnn14_like(tensors: dict[str, Tensor], path: Path) -> Cnn14:
    """The network that these weights are of, filled with them."""
    try:
        n_fft = tensors["spectrogram_extractor.stft.conv_real.weight"].shape[-1]
        num_bands = tensors["logmel_extractor.melW"].shape[1]
        channels = tuple(len(tensors[f"conv_block{i}.conv2.weight"]) for i in range(1, 7))
        classes = len(tensors["fc_audioset.weight"])
    except KeyError as error:
        raise ValueError(f"{path}: no tensor {error} as a CNN14 of PANNs has it") from error
    model = Cnn14(n_fft, n_fft * 320 // 1024, num_bands, channels, classes)
    fill(model, tensors, path)
    return model.eval()


def load_panns(path: Path) -> Embedder:
    """For FAD-P, KL and the inception score. Raises ValueError where the weights do not fit."""
    model = cnn14_like(read_checkpoint(path), path)
    rate = RATES.get(model.spectrogram_extractor.stft.n_fft, RATES[1024])

    def look(wav: NDArray[Any]) -> tuple[Tensor, Tensor]:
        at_rate = resample(wav[None], SAMPLE_RATE, rate)[0]
        parts = windows(at_rate, round(SECONDS * rate), round(SHORTEST_WINDOW * rate))
        with torch.inference_mode():
            found = [model(torch.from_numpy(part[None])) for part in parts]
        return torch.cat([v for v, _ in found]), torch.cat([t for _, t in found])

    def vectors(wav: NDArray[Any]) -> Floats:
        return np.asarray(look(wav)[0].double().numpy())

    def tags(wav: NDArray[Any]) -> Floats:
        return np.asarray(look(wav)[1].mean(dim=0).double().numpy())

    return Embedder(f"PANNs CNN14 {rate // 1000} kHz", vectors, tags)
