"""Spectral distances of a decoded sound to the true one, with windows from 46 ms to 1.5 ms."""

from __future__ import annotations

import torch
from torch import Tensor

from folai.models.autoencoder import AutoencoderConfig, mel_filters

WINDOWS = {2048: 160, 1024: 160, 512: 40, 256: 20, 128: 10, 64: 5}  # samples: mel bands
RANGE_DB = 70.0  # below the loudest band, where differences cease to count


def spectral_loss(decoded: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """(difference of log-mel bands in dB, relative distance of their magnitudes), over WINDOWS."""
    differences, shapes = [], []
    for window, num_bands in WINDOWS.items():
        ours, theirs = (mel_power(x, window, num_bands) for x in (decoded, truth))
        floor = theirs.amax((1, 2), keepdim=True) * 10 ** (-RANGE_DB / 10) + 1e-11
        difference = 10 * (torch.log10(ours + floor) - torch.log10(theirs + floor)).abs()
        differences.append(difference.mean())
        ours, theirs = (ours + 1e-11).sqrt(), (theirs + 1e-11).sqrt()
        distance = (ours - theirs).flatten(1).norm(dim=1) / (theirs.flatten(1).norm(dim=1) + 1e-3)
        shapes.append(distance.mean())
    return torch.stack(differences).mean(), torch.stack(shapes).mean()


def mel_power(wav: Tensor, window: int, num_bands: int) -> Tensor:
    """[B, T] -> power of mel bands [B, F, bands], hop window / 4, of windows that fit in whole."""
    taper = torch.hann_window(window, device=wav.device)
    spectra = torch.fft.rfft(wav.unfold(-1, window, window // 4) * taper) * (2 / taper.sum())
    power = torch.view_as_real(spectra).square().sum(-1)
    filters = mel_filters(window, AutoencoderConfig.sample_rate, num_bands).to(wav.device)
    return power @ filters.T
