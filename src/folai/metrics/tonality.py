"""How a struck sound rings: its strongest partials, how fast they die away, how tonal it is.

Short spectra of 93 ms, every 12 ms from the onset on. A partial is a maximum of the spectrum of the
first 60 ms that stands out of its neighbourhood; its level is followed while it falls, and a
straight line through that (dB over seconds) is its decay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

FRAME, HOP = 4096 / 44_100, 512 / 44_100  # seconds
LOWEST, HIGHEST = 150.0, 12_000.0  # Hz, of partials
PROMINENT = 12.0  # dB above the median of NEAR spectral lines to either side
NEAR = 40
AUDIBLE = 40.0  # dB below the strongest partial at which the weakest one counts
FOLLOWED = 30.0  # dB that a partial is followed down
FLOOR = 6.0  # dB above the quietest that it has been: there it has gone
FALL = 20.0  # dB of the decay time
RINGING = (0.05, 0.35)  # seconds after the onset in which flatness is measured
BAND = (200.0, 10_000.0)  # Hz of that


@dataclass(frozen=True)
class Partial:
    """One partial; `amplitude` is that of its sine at the onset, `decay` seconds to fall 20 dB."""

    frequency: float  # Hz
    amplitude: float
    decay: float  # seconds; infinite where it does not fall


@dataclass(frozen=True)
class Tonality:
    """`decay` is the median of the strongest partials', NaN without any. `flatness`: 0 for a tone
    to 1 for white noise."""

    num_partials: int
    decay: float  # seconds
    flatness: float


def tonality(wav: ArrayLike, sample_rate: int, most: int = 8) -> Tonality:
    """Of sound [T] that begins to sound at its first sample; of its `most` strongest partials.

    No partials, NaN and flatness 1 for silence and for less than a frame of 93 ms.
    """
    found = partials(wav, sample_rate, most)
    decays = [partial.decay for partial in found]
    decay = float(np.median(decays)) if decays else float("nan")
    return Tonality(len(found), decay, spectral_flatness(wav, sample_rate))


def spectral_flatness(wav: ArrayLike, sample_rate: int) -> float:
    """Geometric over arithmetic mean of the power spectrum while it rings, 0 to 1.

    0 for a tone, 1 for white noise, and for silence or too short a sound.
    """
    power, hertz, times = _spectra(wav, sample_rate)
    first, last = RINGING
    ringing = power[(times >= first) & (times <= last)][:, (hertz >= BAND[0]) & (hertz <= BAND[1])]
    if not ringing.any():
        return 1.0
    mean = ringing.mean(axis=0) + 1e-12 * ringing.max()
    return float(np.exp(np.log(mean).mean()) / mean.mean())


def partials(wav: ArrayLike, sample_rate: int, most: int = 8) -> list[Partial]:
    """The strongest partials of sound [T] from its onset on, the strongest first."""
    power, hertz, times = _spectra(wav, sample_rate)
    if len(power) < 4 or not power.any():
        return []
    decibels = 10 * np.log10(np.maximum(power, 1e-14 * power.max()))
    early = 10 * np.log10(np.maximum(power[:6].mean(axis=0), 1e-14 * power.max()))
    padded = np.pad(early, NEAR, mode="edge")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * NEAR + 1), axis=1)
    inner = early[1:-1]
    is_peak = (inner > early[:-2]) & (inner >= early[2:]) & (inner > around[1:-1] + PROMINENT)
    lines = np.flatnonzero(is_peak) + 1
    lines = lines[(hertz[lines] >= LOWEST) & (hertz[lines] <= HIGHEST)]
    if not lines.size:
        return []
    lines = lines[early[lines] > early[lines].max() - AUDIBLE]
    lines = lines[np.argsort(-early[lines], kind="stable")][:most]
    return [_followed(decibels, hertz, times, int(line)) for line in lines]


def _followed(decibels: Floats, hertz: Floats, times: Floats, line: int) -> Partial:
    """The partial at a spectral line of [frames, F] dB."""
    low, middle, high = decibels[:6, line - 1 : line + 2].mean(axis=0)
    shift = 0.5 * (low - high) / min(low - 2 * middle + high, -1e-9)  # of a parabola's summit
    level = decibels[:, line - 1 : line + 2].max(axis=1)
    top = int(np.argmax(level[:6]))
    ends = np.flatnonzero(level[top:] < max(level[top] - FOLLOWED, level[top:].min() + FLOOR))
    stop = max(top + 4, top + (int(ends[0]) if ends.size else len(level)))
    at, fall = times[top:stop], level[top:stop]
    slope, start = np.polyfit(at, fall, 1) if len(at) > 1 else (0.0, float(fall[0]))
    decay = float(-FALL / slope) if slope < 0 else float("inf")
    frequency = float(hertz[line] + np.clip(shift, -0.5, 0.5) * (hertz[1] - hertz[0]))
    return Partial(frequency, float(10 ** (start / 20)), decay)


def _spectra(wav: ArrayLike, sample_rate: int) -> tuple[Floats, Floats, Floats]:
    """(Power [frames, F], Hz [F], seconds of the frames' centres): a sine of amplitude 1 has 1."""
    wav = np.asarray(wav, dtype=np.float64)
    if wav.ndim != 1 or not np.isfinite(wav).all():
        raise ValueError(f"wav {wav.shape}: give finite sound [T], one channel")
    length, hop = round(FRAME * sample_rate), round(HOP * sample_rate)
    hertz = np.asarray(np.fft.rfftfreq(length, 1 / sample_rate), np.float64)
    if wav.size < length:
        return np.zeros((0, hertz.size)), hertz, np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(wav, length)[::hop]
    window = np.hanning(length + 1)[:-1]
    power = (np.abs(np.fft.rfft(frames * window, axis=1)) * 2 / window.sum()) ** 2
    times = (np.arange(len(frames), dtype=np.float64) * hop + length / 2) / sample_rate
    return np.asarray(power, np.float64), hertz, times
