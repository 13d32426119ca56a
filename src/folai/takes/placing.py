"""Stereo by sight: a take placed between the loudspeakers along an envelope's pan."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope

Wav = NDArray[np.float32]


def placed(wav: Wav, sample_rate: int, envelope: Envelope) -> Wav:
    """[1, T] or [2, T] -> [2, T], at each moment where `envelope.pan` says, -1 left to 1 right.

    Of equal power: the gains are sqrt(2) times cosine and sine of an angle, so that both are 1 in
    the middle, where a mono sound stays as it was. A stereo sound keeps its width and is balanced.
    """
    if envelope.pan is None:
        return wav
    stereo = np.repeat(wav, 2, axis=0) if wav.shape[0] == 1 else wav.copy()
    angles = (envelope.pan.astype(np.float64) + 1) * (np.pi / 4)
    gains = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)])  # [2, frames]
    for first in range(0, wav.shape[1], 1 << 18):
        part = stereo[:, first : first + (1 << 18)]
        at = (first + np.arange(part.shape[1])) / sample_rate
        for channel, gain in zip(part, gains, strict=True):
            channel *= np.interp(at, envelope.times, gain).astype(np.float32)
    return stereo
