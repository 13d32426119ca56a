"""The highest level between samples, and a limiter that keeps it below a ceiling.

A converter draws a smooth curve through the samples, and the curve may rise above all of them
(ITU-R BS.1770-4, annex 2: true peak, by oversampling four times).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]

CEILING_DB = -1.0  # dBTP, what broadcasters and platforms ask for
PHASES, REACH = 4, 16  # times oversampled; samples to either side that the curve depends on
HIDDEN = 0.5  # a curve through samples below this share of the ceiling stays below it
BLOCK = 8  # samples of one gain
ATTACK, RELEASE = 6000.0, 150.0  # dB/s: full within 1 or 2 ms before a peak, gone 60 ms after
MARGIN_DB = 0.3  # that the limiter aims lower: meters differ by so much on noise up to 20 kHz


def true_peak(wav: Wav) -> float:
    """Of sound [C, T], linear: 1.0 is full scale."""
    if wav.size == 0:
        return 0.0
    highest = float(np.abs(wav).max())
    return max(highest, float(curve_peaks(wav, HIDDEN * highest).max(initial=0.0)))


def limited(wav: Wav, sample_rate: int, ceiling_db: float = CEILING_DB) -> Wav:
    """[C, T] with a true peak of at most `ceiling_db`; itself where it is that low already.

    The gain falls ahead of a peak, so that attacks keep their place and shape, and recovers after
    it. Both are straight lines in decibels.
    """
    ceiling = 10 ** (ceiling_db / 20)
    for _ in range(4):
        peaks = curve_peaks(wav, HIDDEN * ceiling)  # [blocks]
        needed = 20 * np.log10(np.maximum(peaks / ceiling, 1.0))
        if not needed.any():
            return wav
        needed = np.where(needed > 0, needed + MARGIN_DB, 0.0)
        gain = 10 ** (-_eased(needed, sample_rate / BLOCK) / 20)
        middles = np.asarray((np.arange(len(gain)) + 0.5) * BLOCK - 0.5, np.float64)
        wav = _times(wav, middles, gain)
    return wav * np.float32(min(1.0, ceiling / max(true_peak(wav), 1e-9)))


def curve_peaks(wav: Wav, above: float) -> Floats:
    """The highest of the curve through [C, T] in each block of BLOCK samples, [blocks].

    Exact where samples exceed `above`; elsewhere that of the samples, or less.
    """
    channels, count = wav.shape
    blocks = -(-count // BLOCK)
    padded = np.pad(wav, ((0, 0), (REACH, blocks * BLOCK - count + REACH)))
    inner = padded[:, REACH : REACH + blocks * BLOCK]
    highest = np.abs(inner).reshape(channels, blocks, BLOCK).max(axis=(0, 2))
    peaks = np.asarray(highest, np.float64)
    loud = np.flatnonzero(peaks > above)
    for some in np.array_split(loud, max(1, len(loud) // 4096)):
        if not len(some):
            continue
        at = some[:, None] * BLOCK + np.arange(BLOCK + 2 * REACH)  # [blocks, samples]
        windows = np.lib.stride_tricks.sliding_window_view(padded[:, at], 2 * REACH, axis=2)
        between = np.abs(windows @ _KERNELS.T).max(axis=(0, 2, 3))
        peaks[some] = np.maximum(peaks[some], between)
    return peaks


def _kernels() -> NDArray[np.float32]:
    """Windowed sinc functions for the points between samples, [phases, 2 * REACH]."""
    places = np.arange(2 * REACH) - (REACH - 1)
    rows = []
    for phase in range(1, PHASES):
        distance = places - phase / PHASES
        window = np.cos(np.pi / 2 * distance / (REACH + 0.5)) ** 2
        kernel = np.sinc(distance) * window
        rows.append(kernel / kernel.sum())
    return np.array(rows, np.float32)


_KERNELS = _kernels()


def _eased(needed: Floats, rate: float) -> Floats:
    """Reduction in dB [blocks], `needed` at least, that rises and falls along straight lines."""
    spread = np.pad(needed, 1, mode="edge")
    spread = np.maximum(np.maximum(spread[:-2], spread[1:-1]), spread[2:])
    steps = np.arange(len(spread))
    fall, rise = RELEASE / rate * steps, ATTACK / rate * steps
    after = np.maximum.accumulate(spread + fall) - fall
    before = (np.maximum.accumulate((spread - rise)[::-1]))[::-1] + rise
    return np.asarray(np.maximum(np.maximum(after, before), 0.0))


def _times(wav: Wav, places: Floats, gain: Floats) -> Wav:
    """[C, T] times a gain given at some places (samples), some seconds at a time."""
    wav = wav.copy()
    for first in range(0, wav.shape[1], 1 << 18):
        part = wav[:, first : first + (1 << 18)]
        at = first + np.arange(part.shape[1])
        part *= np.interp(at, places, gain).astype(np.float32)
    return wav
