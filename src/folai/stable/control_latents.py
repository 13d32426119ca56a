"""An envelope as a ControlNet of Stable Audio Open sees it: as sound, through the autoencoder.

As in the paper the RMS itself is the wave: interpolated to the sound's rate, the same in all
channels, and encoded. It is centred on its times, as all envelopes here are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.envelope import Envelope
from folai.media.audio import fit_length
from folai.models.autoencoder import Autoencoder
from folai.models.oobleck import Oobleck
from folai.models.same import Same

# The wave of "no envelope". It is not 0: an envelope of 0 asks for silence.
NO_CONTROL = -1.0
ENCODED_AT_ONCE = 128  # latent frames

Codec = Oobleck | Autoencoder | Same


def control_wave(
    envelope: Envelope | None, num_samples: int, sample_rate: int, channels: int, gain: float = 1.0
) -> Tensor:
    """Wave [1, channels, T]: the envelope times `gain`, or NO_CONTROL where there is none."""
    if envelope is None:
        return torch.full((1, channels, num_samples), NO_CONTROL)
    times = np.arange(num_samples) / sample_rate
    wave = torch.from_numpy((gain * envelope.at(times)).astype(np.float32))
    return wave.expand(1, channels, -1)


def encode_control(
    autoencoder: Codec, envelope: Envelope | None, num_frames: int, gain: float = 1.0
) -> Tensor:
    """Latents [1, C, F] of the envelope times `gain`; of NO_CONTROL where there is none."""
    num_samples = num_frames * autoencoder.hop_length
    rate, channels = autoencoder.config.sample_rate, autoencoder.channels
    wave = control_wave(envelope, num_samples, rate, channels, gain)
    return encode(autoencoder, wave)


def encode(autoencoder: Codec, wav: Tensor | NDArray[np.float32]) -> Tensor:
    """Sound [1, C, T] or [C, T] of any number of channels -> latents [1, C, F], on the CPU."""
    wav = torch.as_tensor(wav)
    wav = wav if wav.ndim == 3 else wav.unsqueeze(0)
    if wav.shape[1] != autoencoder.channels:
        wav = wav.mean(1, keepdim=True).expand(-1, autoencoder.channels, -1)
    device = next(autoencoder.parameters()).device
    with torch.inference_mode():
        return autoencoder.encode(wav.to(device), chunk=ENCODED_AT_ONCE).cpu()


def encode_fitted(
    autoencoder: Codec, wav: NDArray[np.floating[Any]], num_frames: int, gain: float
) -> Tensor:
    """Latents [1, C, num_frames] of a sound [C, T] times `gain`; silence follows it."""
    scaled = np.atleast_2d(wav) * np.float32(gain)
    return encode(autoencoder, fit_length(scaled, num_frames * autoencoder.hop_length))


def encode_start(
    autoencoder: Codec,
    wav: NDArray[np.floating[Any]] | None,
    num_frames: int,
    gain: float,
    strength: float,
) -> Tensor | None:
    """Latents [1, C, num_frames] to set out from; None where noise alone is (a strength of 1)."""
    if wav is None or strength >= 1:
        return None
    return encode_fitted(autoencoder, wav, num_frames, gain)
