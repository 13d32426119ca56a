"""The distance of two sounds by their log-mel bands, and those bands; numpy only.

Sound is [T] at 44.1 kHz. Frames are Hann windows, zero outside the sound; frame i is centred at
sample i * hop_length.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SAMPLE_RATE = 44_100  # Hz
N_FFT, HOP_LENGTH, NUM_BANDS = 1024, 256, 80
WITHIN_DB = 60.0  # of the original's loudest band: what is compared
FLOOR_DB = 100.0  # below it: the least level a band can have


def log_mel_difference(decoded: NDArray[Any], original: NDArray[Any]) -> float:
    """Mean absolute difference in dB of two sounds [T], where the original is within `WITHIN_DB`
    of its own loudest band. >= 0, lower is better; 0.0 where the original is silent."""
    peak = _mel_power(original).max()
    if peak == 0:
        return 0.0
    levels = [
        10 * np.log10(_mel_power(wav) / peak + 10 ** (-FLOOR_DB / 10))
        for wav in (decoded, original)
    ]
    compared = levels[1] > -WITHIN_DB
    return float(np.abs(levels[0] - levels[1])[compared].mean())


def power_spectra(wav: NDArray[Any], n_fft: int, hop_length: int) -> Floats:
    """[frames, n_fft // 2 + 1] of sound [T]."""
    padded = np.pad(wav.astype(np.float64), n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop_length]
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(n_fft))) ** 2)


def htk_mel_filters(n_fft: int, num_bands: int) -> Floats:
    """[num_bands, n_fft // 2 + 1]: triangles on the HTK mel scale up to 22.05 kHz, sum 1 each."""
    mel = 2595 * np.log10(1 + np.fft.rfftfreq(n_fft, 1 / SAMPLE_RATE) / 700)
    edges = np.linspace(0, mel[-1], num_bands + 2)[:, None]
    rising = (mel - edges[:-2]) / np.diff(edges[:-1], axis=0)
    falling = (edges[2:] - mel) / np.diff(edges[1:], axis=0)
    filters = np.maximum(np.minimum(rising, falling), 0)
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


def _mel_power(wav: NDArray[Any]) -> Floats:
    """[frames, NUM_BANDS]."""
    return power_spectra(wav, N_FFT, HOP_LENGTH) @ htk_mel_filters(N_FFT, NUM_BANDS).T
