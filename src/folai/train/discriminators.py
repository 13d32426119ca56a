"""Judges of the autoencoder's sound: small networks on complex spectra at several resolutions.

After the discriminators of UnivNet (arXiv 2106.07889) and Vocos (arXiv 2306.00814), with real and
imaginary parts as in EnCodec (arXiv 2210.13438). Spectra are compressed to the power of 0.3, so
that the tail of a hit counts beside its attack; levels are relative to the true sound's peak.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from folai.train.loop import ALONE
from folai.train.torchrun import Processes

WINDOWS = (2048, 1024, 512, 256)  # samples


class Discriminators(nn.Module):
    def __init__(self, channels: int = 12) -> None:
        super().__init__()
        self.judges = nn.ModuleList(Discriminator(window, channels) for window in WINDOWS)

    def forward(self, wav: Tensor) -> list[list[Tensor]]:
        """[B, T] -> for each resolution the features of its layers; the last are the verdicts."""
        return [judge(wav) for judge in self.judges]


class Discriminator(nn.Module):
    window: Tensor

    def __init__(self, window: int, channels: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window), persistent=False)
        many = 2 * channels
        shapes = (
            (2, channels, (3, 9), (1, 4)),
            (channels, many, (3, 5), (2, 2)),
            (many, many, (3, 5), (1, 2)),
            (many, many, (3, 3), (1, 1)),
            (many, 1, (3, 3), (1, 1)),
        )
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(
                nn.Conv2d(before, after, size, stride, padding=(size[0] // 2, size[1] // 2))
            )
            for before, after, size, stride in shapes
        )

    def forward(self, wav: Tensor) -> list[Tensor]:
        """[B, T] -> features of each layer, [B, C, frames, bins]."""
        length = len(self.window)
        frames = wav.unfold(-1, length, length // 4) * self.window
        spectra = torch.view_as_real(torch.fft.rfft(frames) * (2 / self.window.sum()))
        loudness = (spectra.square().sum(-1, keepdim=True) + 1e-10).sqrt()
        x = (spectra * loudness**-0.7).permute(0, 3, 1, 2)  # [B, 2, frames, bins]
        features = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index < len(self.layers) - 1:
                x = F.leaky_relu(x, 0.1)
            features.append(x)
        return features


def judge_loss(real: list[list[Tensor]], decoded: list[list[Tensor]]) -> Tensor:
    """Hinge loss of the discriminators: true sounds above 1, decoded ones below -1."""
    terms = [
        F.relu(1 - true[-1].float()).mean() + F.relu(1 + ours[-1].float()).mean()
        for true, ours in zip(real, decoded, strict=True)
    ]
    return torch.stack(terms).mean()


def deceive_loss(verdicts: list[list[Tensor]]) -> Tensor:
    """The decoder's adversarial loss: minus the mean verdict on its sounds."""
    return torch.stack([-verdict[-1].float().mean() for verdict in verdicts]).mean()


def feature_loss(
    real: list[list[Tensor]], decoded: list[list[Tensor]], group: Processes = ALONE
) -> Tensor:
    """Distance of the features of decoded sounds to those of the true ones, relative to these.

    group: the processes over whose sounds the latter is the mean.
    """
    terms = [
        (a.detach().float() - b.float()).abs().mean() / group.mean(a.detach().float().abs().mean())
        for true, ours in zip(real, decoded, strict=True)
        for a, b in zip(true[:-1], ours[:-1], strict=True)
    ]
    return torch.stack(terms).mean()
