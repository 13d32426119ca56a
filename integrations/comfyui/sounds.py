"""ComfyUI's AUDIO, `{"waveform": tensor [B, C, T], "sample_rate": Hz}`, from and to arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from folai.media.audio import resample

Wav = NDArray[np.float32]  # [C, T]


def audio_of(takes: Sequence[Wav], sample_rate: int) -> dict[str, Any]:
    """Takes [C, T] of one length as a batch; mono among stereo is doubled."""
    channels = max(take.shape[0] for take in takes)
    batch = np.stack([np.broadcast_to(take, (channels, take.shape[1])) for take in takes])
    return {"waveform": torch.from_numpy(batch.copy()), "sample_rate": sample_rate}


def take_of(audio: dict[str, Any], number: int) -> tuple[Wav, int]:
    """(the take [C, T], its rate in Hz). Raises ValueError unless the batch has that many."""
    waveform = audio["waveform"]
    if not 1 <= number <= waveform.shape[0]:
        raise ValueError(f"take is {number}, but the audio has {waveform.shape[0]}; choose another")
    wav = waveform[number - 1].detach().to("cpu", torch.float32).numpy()
    return wav, int(audio["sample_rate"])


def reference_of(audio: dict[str, Any], sample_rate: int) -> Wav:
    """The first sound of a batch, [C, T] at `sample_rate` in Hz."""
    wav, own_rate = take_of(audio, 1)
    return resample(wav, own_rate, sample_rate)
