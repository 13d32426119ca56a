"""Log-mel bands of sounds, cut into blocks: the input of aiSFX, and an embedding of their own.

The input is that of aiSFX's published training, as Essentia computes it: 44.1 kHz, symmetric Hann
windows of 2048 every 1024, HTK mel filters of unit sum, log10(1 + 10^4 power) over 9.4578. Sounds
are brought to peak 1 first, so that level says nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.evaluate.sounds.embedder import Floats, checked
from folai.metrics.log_mel import htk_mel_filters, power_spectra

Blocks = NDArray[np.float32]

N_FFT, HOP_LENGTH, NUM_BANDS = 2048, 1024, 96
SCALE = 9.457798957824707  # the highest value in the published training
BLOCK, BLOCK_HOP = 100, 50  # frames: 2.3 s, and 1.2 s from one to the next


def describe(wav: ArrayLike) -> Floats:
    """[N, 2 NUM_BANDS]: mean and deviation of the log-mel bands of each block of sound [T]."""
    return _statistics(cut_blocks(log_mel(wav)))


def log_mel(wav: ArrayLike) -> Blocks:
    """[frames, NUM_BANDS], about 0 to 1, of sound [T] or [1, T]; frame i is centred at 1024 i."""
    samples = checked(wav)
    power = power_spectra(samples / max(np.abs(samples).max(), 1e-9), N_FFT, HOP_LENGTH)
    bands = power @ htk_mel_filters(N_FFT, NUM_BANDS).T
    return np.asarray(np.log10(1e4 * bands + 1) / SCALE, np.float32)


def cut_blocks(frames: Blocks) -> Blocks:
    """[T, bands] -> [N, BLOCK, bands], half overlapping; a short sound is followed by silence."""
    frames = np.pad(frames, ((0, max(0, BLOCK - len(frames))), (0, 0)))
    starts = range(0, len(frames) - BLOCK + 1, BLOCK_HOP)
    return np.stack([frames[start : start + BLOCK] for start in starts])


def _statistics(blocks: Blocks) -> Floats:
    return np.concatenate([blocks.mean(axis=1), blocks.std(axis=1)], axis=1).astype(np.float64)
