"""What an envelope is made of, as functions on arrays: RMS, hits, onsets, mu-law bins. numpy only.

A frame at time t covers [t - WINDOW / 2, t + WINDOW / 2]. A sudden sound at time s therefore begins
to show at s - WINDOW / 2 and has entered whole at s + WINDOW / 2; the onset is s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FRAME_RATE = 120.0  # Hz, what the RMS-Mapper predicts
ONSET_RATE = 480.0  # Hz: at 120 Hz the onset of a 5 ms click is found to 7 ms, here to 2 ms
WINDOW = 0.032  # seconds over which RMS is taken: 512 samples at 16 kHz
NUM_BINS = 64
MU = 127.0
BLOCK = 8192  # frames measured at once: bounds memory and keeps the running sum precise


def count_frames(duration: float, frame_rate: float) -> int:
    """Frames in duration seconds, to the nearest, at least one."""
    if not (np.isfinite(duration) and duration > 0):
        raise ValueError(f"duration is {duration} s: give a length above 0")
    if not (np.isfinite(frame_rate) and frame_rate > 0):
        raise ValueError(f"frame_rate is {frame_rate} Hz: give a rate above 0")
    return max(round(duration * frame_rate), 1)


def centred_rms(
    wav: ArrayLike,
    sample_rate: float,
    frame_rate: float = FRAME_RATE,
    window: float = WINDOW,
) -> NDArray[np.float32]:
    """RMS [T] of wav, [N] or [C, N] (mean power), over window seconds centred at i / frame_rate.

    Frames need not fall on samples. Sample n counts as a box of constant power between n - 1/2 and
    n + 1/2; its running sum, read between samples, gives the energy of any window exactly.
    """
    wav = np.atleast_2d(np.asarray(wav))
    if wav.ndim != 2 or wav.size == 0 or not np.issubdtype(wav.dtype, np.floating):
        raise ValueError(f"wav is {wav.dtype} {wav.shape}: give floats [N] or [C, N], N > 0")
    if not (sample_rate > 0 and window > 0):
        raise ValueError(f"sample_rate {sample_rate} Hz, window {window} s: must be above 0")
    num_frames = count_frames(wav.shape[1] / sample_rate, frame_rate)
    half = window * sample_rate / 2
    power = np.empty(num_frames)
    for first in range(0, num_frames, BLOCK):
        centres = np.arange(first, min(first + BLOCK, num_frames)) * (sample_rate / frame_rate)
        start = max(int(centres[0] - half) - 1, 0)
        samples = wav[:, start : int(centres[-1] + half) + 2]
        energy = np.zeros(samples.shape[1] + 1)
        np.cumsum(np.einsum("cn,cn->n", samples, samples, dtype=np.float64), out=energy[1:])
        places: Floats = np.asarray(centres - start + 0.5, np.float64)
        after, before = (_between(energy, places + way * half) for way in (1, -1))
        spent = (after - before) / len(wav)
        power[first : first + len(centres)] = spent / (2 * half)
    if not np.isfinite(power).all():
        raise ValueError("wav holds NaN or infinite samples: repair or re-export the sound")
    return np.sqrt(np.maximum(power, 0.0)).astype(np.float32)


def _between(curve: Floats, places: Floats) -> Floats:
    """Values of a curve [N] at places in samples, on straight lines; its ends go on outside."""
    inside = np.clip(places, 0, curve.size - 1)
    below = np.minimum(inside.astype(np.intp), curve.size - 2)
    rise = curve[below + 1] - curve[below]
    return np.asarray(curve[below] + (inside - below) * rise)


def measure(
    wav: ArrayLike, sample_rate: float, frame_rate: float = FRAME_RATE, window: float = WINDOW
) -> tuple[NDArray[np.float32], Floats]:
    """(RMS [T], onsets [N] in seconds) of wav, [N] or [C, N].

    The onsets are found on a finer curve than the one returned.
    """
    values = centred_rms(wav, sample_rate, frame_rate, window)
    fine = max(frame_rate, ONSET_RATE)
    onsets = find_onsets(centred_rms(wav, sample_rate, fine, window), fine, window=window)
    return values, np.minimum(onsets, len(values) / frame_rate)


def hit_power(times: Floats, onset: float, level: float, attack: float, decay: float) -> Floats:
    """Squared RMS [T] that a hit would measure: amplitude rising for attack s, then e^(-t / decay).

    level is the peak RMS. The mean over the centred window is taken in closed form.
    """
    if not (np.isfinite(level) and level >= 0 and attack > 0 and decay > 0):
        raise ValueError(
            f"hit of level {level}, attack {attack} s, decay {decay} s: must be above 0"
        )

    def energy(t: Floats) -> Floats:  # integral of amplitude squared from the onset to t
        rising = np.clip(t, 0, attack) ** 3 / (3 * attack**2)
        falling = -decay / 2 * np.expm1(-2 * np.maximum(t - attack, 0) / decay)
        return np.asarray(rising + falling)

    def windowed(t: Floats) -> Floats:
        return np.asarray(energy(t + WINDOW / 2) - energy(t - WINDOW / 2))

    peak = windowed(np.linspace(0, WINDOW / 2 + attack, 200)).max()  # later it can only fall
    return np.asarray(level**2 / peak * windowed(times - onset))


def gaussian_smooth(values: ArrayLike, sigma: float) -> Floats:
    """Blurs [T] with a Gaussian of sigma frames. Mirrored at the ends, which preserves the mean."""
    values = np.asarray(values, dtype=np.float64)
    if sigma < 0.1 or values.size == 0:  # the neighbours' weight would be below 1e-21
        return values
    radius = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    padded = np.pad(values, radius, mode="symmetric")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


def find_onsets(
    values: ArrayLike,
    frame_rate: float,
    *,
    threshold: float = 0.2,
    min_gap: float = 0.05,
    window: float = WINDOW,
) -> Floats:
    """Seconds [N] at which the square root of the RMS values [T] rises steeply, sorted.

    A rise counts if, over one window, it exceeds threshold times the curve's own range, and twice
    the mean rise around it. Of rises closer than min_gap seconds the largest stays.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.size == 0 or values.max() == 0:
        return np.zeros(0)
    reach = max(round(window / 2 * frame_rate), 1)
    silence = np.zeros(2 * reach)  # before the first frame, so that a hit at 0 s is a rise too
    root = np.concatenate([silence, np.sqrt(values), np.full(reach, np.sqrt(values[-1]))])
    rise = np.maximum(root[2 * reach :] - root[: -2 * reach], 0.0)  # rise[i]: about frame i - reach
    needed = np.maximum(
        threshold * np.percentile(root, 99), 2 * gaussian_smooth(rise, 0.5 * frame_rate)
    )
    peaks = _pick(rise, needed, min_gap * frame_rate)
    energy = root**4
    onsets = [
        (_start_of_rise(energy, peak + reach, reach) - 2 * reach) / frame_rate + window / 2
        for peak in peaks
    ]
    return np.unique(np.clip(onsets, 0.0, values.size / frame_rate))


def _pick(rise: Floats, needed: Floats, min_gap: float) -> list[int]:
    """Local maxima above what is needed, min_gap frames apart; the largest claim theirs first."""
    beside = np.pad(rise, 1)
    is_peak = (rise >= beside[:-2]) & (rise > beside[2:]) & (rise > needed)
    chosen: list[int] = []
    for index in sorted(np.flatnonzero(is_peak), key=lambda i: -rise[i]):
        if all(abs(index - other) >= min_gap for other in chosen):
            chosen.append(int(index))
    return sorted(chosen)


def _start_of_rise(energy: Floats, index: int, reach: int) -> float:
    """Frame position at which energy begins to rise around index.

    As a sharp sound enters the window, energy grows in proportion to what has entered. The line
    through a quarter and a half of the rise therefore meets the floor where the window first
    touched the sound: its mean error is under 3 ms for any decay from 5 ms to forever, where the
    half-rise point alone, right for a lasting sound, is early by 13 ms for a short one.
    """
    first = max(index - reach - 1, 0)
    part = energy[first : index + reach + 2]
    top = int(np.argmax(part))
    floor = int(top - np.argmin(part[top::-1]))  # the last minimum before the top
    part = part[floor : top + 1]
    if len(part) < 2:
        return float(index)
    frames = first + floor + np.arange(len(part))
    climb = np.maximum.accumulate(part)
    quarter, half = np.interp(climb[0] + np.ptp(climb) * np.array([0.25, 0.5]), climb, frames)
    return float(2 * quarter - half)


def bin_positions(rms: ArrayLike, num_bins: int = NUM_BINS, mu: float = MU) -> Floats:
    """Where between the bins RMS falls: (num_bins - 1) ln(1 + mu x) / ln(1 + mu)."""
    x = np.clip(np.asarray(rms, dtype=np.float64), 0.0, 1.0)
    return np.asarray((num_bins - 1) * np.log1p(mu * x) / np.log1p(mu))


def from_bins(bins: ArrayLike, num_bins: int = NUM_BINS, mu: float = MU) -> Floats:
    """Linear RMS in [0, 1] of bins, or of positions between them."""
    position = np.clip(np.asarray(bins, dtype=np.float64) / (num_bins - 1), 0.0, 1.0)
    return np.asarray(np.expm1(position * np.log1p(mu)) / mu)
