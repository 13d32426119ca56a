"""Loudness as broadcasters measure it: ITU-R BS.1770-4, numpy only."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

BLOCK, STEP = 0.4, 0.1  # seconds of a block, and from one to the next
OFFSET = -0.691  # dB: with it, a full-scale sine of 997 Hz in one channel is -3.01 LUFS
SILENCE, RELATIVE = -70.0, -10.0  # LUFS below which blocks do not count; LU below the mean of those

# Frequency in Hz and Q of the two filters, and the gain of the first: the standard prints only
# coefficients for 48 kHz; these give them, at any rate.
SHELF_HERTZ, SHELF_Q, SHELF_GAIN = 1681.974450955533, 0.7071752369554196, 1.584864701130855
SHELF_MIDDLE = SHELF_GAIN**0.4996667741545416
CUT_HERTZ, CUT_Q = 38.13547087602444, 0.5003270373238773


def loudness(wav: ArrayLike, sample_rate: int) -> float:
    """Integrated loudness in LUFS of wav [N] or [C, N] with one or two channels.

    -inf for silence, which is all below -70 LUFS, and for less than a block of 0.4 s.
    Raises ValueError for more channels, and for NaN or infinite samples.
    """
    wav = np.atleast_2d(np.asarray(wav, dtype=np.float64))
    if wav.ndim != 2 or len(wav) > 2 or not np.isfinite(wav).all():
        raise ValueError(f"wav {wav.shape}: give finite sound [N] or [C, N], one or two channels")
    step = round(STEP * sample_rate)
    steps = wav.shape[1] // step
    if steps < BLOCK / STEP:
        return float("-inf")
    power = np.sum(k_weighted(wav, sample_rate)[:, : steps * step] ** 2, axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(power.reshape(steps, step).mean(axis=1), 4)
    blocks = windows.mean(axis=1)
    blocks = blocks[blocks > _power(SILENCE)]
    blocks = blocks[blocks > 10 ** (RELATIVE / 10) * blocks.mean()] if blocks.size else blocks
    return OFFSET + 10 * float(np.log10(blocks.mean())) if blocks.size else float("-inf")


def k_weighted(wav: Floats, sample_rate: int) -> Floats:
    """[C, N] through the head and low-cut filters.

    Their response is multiplied in over a second or two more than the sound lasts: by then what
    wraps around has died away. Whole seconds are lengths that transform fast.
    """
    length = (wav.shape[1] // sample_rate + 2) * sample_rate
    weighted = np.fft.irfft(np.fft.rfft(wav, length) * _response(length, sample_rate), length)
    return np.asarray(weighted[:, : wav.shape[1]])


@lru_cache(maxsize=4)  # takes are weighted in pieces of one length; nobody changes it
def _response(length: int, sample_rate: int) -> NDArray[np.complex128]:
    """Of both filters, [length // 2 + 1]."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(length))
    k, q = np.tan(np.pi * SHELF_HERTZ / sample_rate), SHELF_Q
    shelf = _quadratic(SHELF_GAIN, SHELF_MIDDLE * k / q, k, z) / _quadratic(1, k / q, k, z)
    k, q = np.tan(np.pi * CUT_HERTZ / sample_rate), CUT_Q
    cut = (1 - z) ** 2 * (1 + k / q + k**2) / _quadratic(1, k / q, k, z)
    return np.asarray(shelf * cut)


def k_filtered(wav: Floats, sample_rate: int) -> Floats:
    """As `k_weighted`, sample by sample: eight times as fast, where SciPy's filters are loaded.

    To load them takes 0.6 s, so that this is for a process that weights again and again.
    """
    from scipy.signal import sosfilt

    heard = wav.copy()
    heard[:, ::2] += 1e-25  # in silence what rings on would become numbers too small to be fast
    return np.asarray(sosfilt(_sections(sample_rate), heard))


@cache
def _sections(sample_rate: int) -> Floats:
    """Both filters as SciPy has them, [2, 6]."""
    k, q = np.tan(np.pi * SHELF_HERTZ / sample_rate), SHELF_Q
    shelf = _by_delay(SHELF_GAIN, SHELF_MIDDLE * k / q, k), _by_delay(1, k / q, k)
    k, q = np.tan(np.pi * CUT_HERTZ / sample_rate), CUT_Q
    below = _by_delay(1, k / q, k)
    cut = below[0] * np.array([1.0, -2.0, 1.0]), below
    return np.array([np.concatenate([b, a]) / a[0] for b, a in (shelf, cut)])


def _by_delay(high: float, middle: float, k: float) -> Floats:
    """The coefficients of `_quadratic` by powers of z, [3]."""
    return np.array([high + middle + k**2, 2 * (k**2 - high), high - middle + k**2])


def _quadratic(
    high: float, middle: float, k: float, z: NDArray[np.complex128]
) -> NDArray[np.complex128]:
    """high s^2 + middle s + k^2 at s = (1 - z) / (1 + z), up to scale."""
    return (high + middle + k**2) + 2 * (k**2 - high) * z + (high - middle + k**2) * z**2


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET) / 10))
