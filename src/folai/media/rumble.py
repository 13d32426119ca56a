"""Sound without what nobody hears: a constant offset, and rumble below 20 Hz. NumPy alone.

A microphone's offset of 3 % makes an onset out of nothing where a recording begins, and holds an
envelope up that should rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

CUTOFF = 20.0  # Hz, at -3 dB
CONTEXT = 0.5  # seconds after which the filter has forgotten: exp(-2 pi 20 sqrt(1/2) 0.5) < 1e-19
BLOCK = 1 << 20  # samples filtered at once: bounds the memory


def without_rumble(wav: NDArray[np.floating[Any]], sample_rate: int) -> NDArray[np.float32]:
    """High-pass `[C, T]` at CUTOFF: Butterworth of second order, causal, so that nothing sounds
    before an attack.

    The mean is taken away first, as though the offset had always been there: else the filter's
    answer to its beginning would be an event.
    """
    centred = wav - wav.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    context = round(CONTEXT * sample_rate)
    result = np.empty(wav.shape, np.float32)
    for first in range(0, wav.shape[1], BLOCK):
        begin = max(0, first - context)
        part = centred[:, begin : first + BLOCK]
        size = part.shape[1] + context  # so that what the end leads to does not wrap around
        spectrum = np.fft.rfft(part, size) * _response(size, sample_rate)
        filtered = np.fft.irfft(spectrum, size)[:, first - begin : part.shape[1]]
        result[:, first : first + BLOCK] = filtered
    return result


def _response(size: int, sample_rate: int) -> NDArray[np.complex128]:
    """s^2 / (s^2 + sqrt(2) s + 1), s = i f / CUTOFF, at the frequencies of a transform."""
    s = 1j * np.fft.rfftfreq(size, 1 / sample_rate) / CUTOFF
    return np.asarray(s**2 / (s**2 + np.sqrt(2) * s + 1))
