"""A layer's channel: three bands of equaliser, pan and room, computed as the page's nodes do.

The equaliser's filters are those of the Web Audio API's `BiquadFilterNode` (R. Bristow-Johnson's
cookbook), the pan is its `StereoPannerNode` with a stereo input, and the room its `ConvolverNode`
without normalisation. So the export is what the page plays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.studio.mix.rooms import ROOMS, impulse_response
from folai.studio.project_sounds import Sound, Wav

LOW_HZ, HIGH_HZ = 150.0, 4000.0  # where the shelves turn
MID_Q = 0.9
RUN_IN = 0.25  # seconds in which the filters forget what was before (below -120 dB)

Filters = NDArray[np.float64]


@dataclass(frozen=True)
class Channel:
    """What a layer passes through. pan: -1 left to 1 right; distance: metres to the source."""

    pan: float = 0.0
    low_db: float = 0.0
    mid_db: float = 0.0
    mid_hz: float = 1000.0
    high_db: float = 0.0
    room: str | None = None
    distance: float = 2.0
    wet_db: float = 0.0

    def __post_init__(self) -> None:
        if not -1 <= self.pan <= 1:
            raise ValueError(f"pan {self.pan}: give -1 (left) to 1 (right)")
        if self.room is not None and self.room not in ROOMS:
            raise ValueError(f"{self.room!r} is no room; choose one of {', '.join(ROOMS)}")

    @classmethod
    def of(cls, settings: dict[str, Any] | None) -> Channel:
        """From a Channel of API.md; None: nothing is changed."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in (settings or {}).items() if name in known})

    @property
    def is_flat(self) -> bool:
        """Whether the equaliser does nothing."""
        return self.low_db == self.mid_db == self.high_db == 0

    @property
    def is_plain(self) -> bool:
        """Whether a sound passes unchanged."""
        return self.is_flat and self.pan == 0 and self.room is None


@dataclass(frozen=True)
class Channelled:
    """A sound behind a channel. Any part can be read: what was before it is read, too."""

    source: Sound
    channel: Channel

    @property
    def sample_rate(self) -> int:
        return self.source.sample_rate

    @property
    def num_samples(self) -> int:
        return self.source.num_samples

    @property
    def channels(self) -> int:
        placed = self.channel.pan != 0 or self.channel.room is not None
        return 2 if placed else self.source.channels

    def read(self, first: int, count: int) -> Wav:
        if self.channel.is_plain:
            return self.source.read(first, count)
        tail = self._tail()
        run_in = 0 if self.channel.is_flat else round(RUN_IN * self.sample_rate)
        wav = self.source.read(first - tail - run_in, count + tail + run_in)
        if not self.channel.is_flat:
            wav = equalised(wav, self.channel, self.sample_rate)[:, run_in:]
        heard = panned(wav[:, tail:], self.channel.pan) if self.channels == 2 else wav[:, tail:]
        if self.channel.room is None:
            return heard
        wet = _convolved(wav, self.channel, self.sample_rate, count)
        direct, reflected = room_gains(self.channel, self.sample_rate)
        return np.asarray(direct * heard + reflected * wet, np.float32)

    def _tail(self) -> int:
        """Samples after which the room is silent."""
        if self.channel.room is None:
            return 0
        room, distance = self.channel.room, self.channel.distance
        return len(impulse_response(room, distance, self.sample_rate)[0]) - 1


def room_gains(channel: Channel, sample_rate: int) -> tuple[float, float]:
    """(of the direct sound, of the room's response): together they keep the sound's power."""
    assert channel.room is not None
    wet = 10 ** (channel.wet_db / 20)
    energy = _energy(channel.room, channel.distance, sample_rate)
    direct = 1 / math.sqrt(1 + wet**2 * energy)
    return direct, wet * direct


@lru_cache(32)
def _energy(room: str, distance: float, rate: int) -> float:
    """Of the response, the mean of its sides."""
    response = impulse_response(room, distance, rate)
    return float(np.square(response, dtype=np.float64).sum()) / 2


def equalised(wav: Wav, channel: Channel, sample_rate: int) -> Wav:
    """[C, T] through the three filters, from silence."""
    from scipy.signal import sosfilt

    return np.asarray(sosfilt(_filters(channel, sample_rate), wav, axis=1), np.float32)


def panned(wav: Wav, pan: float) -> Wav:
    """[2, T] of mono or stereo [C, T]: what leaves one side is added to the other.

    A sound in the middle keeps its power wherever it is put: both sides are divided by the square
    root of 1 + sin(|pan| pi / 2).
    """
    left, right = wav[0], wav[-1]
    kept, moved = math.cos(abs(pan) * math.pi / 2), math.sin(abs(pan) * math.pi / 2)
    sides = (left + moved * right, kept * right) if pan < 0 else (kept * left, right + moved * left)
    return np.asarray(np.stack(sides) / math.sqrt(1 + moved), np.float32)


def _filters(channel: Channel, rate: int) -> Filters:
    """Second-order sections [3, 6] of the low shelf, the bell and the high shelf."""
    bands = (
        _shelf(LOW_HZ / rate, channel.low_db, 1),
        _bell(channel.mid_hz / rate, channel.mid_db),
        _shelf(HIGH_HZ / rate, channel.high_db, -1),
    )
    return np.array([np.concatenate([b, a]) / a[0] for b, a in bands])


def _shelf(turn: float, db: float, side: int) -> tuple[Filters, Filters]:
    """(b, a) of a shelf of slope 1 below (side 1) or above (side -1) `turn` cycles a sample."""
    gain, cosine = 10 ** (db / 40), side * np.cos(2 * np.pi * turn)
    more, less = gain + 1, gain - 1
    alpha = np.sin(2 * np.pi * turn) * np.sqrt(2 * gain)  # 2 sqrt(A) alpha, slope 1
    b = gain * np.array(
        [
            more - less * cosine + alpha,
            2 * side * (less - more * cosine),
            more - less * cosine - alpha,
        ]
    )
    a = np.array(
        [
            more + less * cosine + alpha,
            -2 * side * (less + more * cosine),
            more + less * cosine - alpha,
        ]
    )
    return b, a


def _bell(turn: float, db: float) -> tuple[Filters, Filters]:
    gain, cosine = 10 ** (db / 40), np.cos(2 * np.pi * turn)
    alpha = np.sin(2 * np.pi * turn) / (2 * MID_Q)
    b = np.array([1 + alpha * gain, -2 * cosine, 1 - alpha * gain])
    a = np.array([1 + alpha / gain, -2 * cosine, 1 - alpha / gain])
    return b, a


def _convolved(wav: Wav, channel: Channel, rate: int, count: int) -> Wav:
    """The last `count` samples of [C, T] convolved with the room, each side with its own."""
    from scipy import fft

    assert channel.room is not None
    length = fft.next_fast_len(wav.shape[1], real=True)  # what wraps around is cut off below
    spectrum = _spectrum(channel.room, channel.distance, rate, length)
    product = fft.rfft(wav, length, axis=1) * spectrum
    made: Wav = fft.irfft(product, length, axis=1)[:, wav.shape[1] - count : wav.shape[1]]
    return made


@lru_cache(8)
def _spectrum(room: str, distance: float, rate: int, length: int) -> NDArray[np.complex64]:
    from scipy import fft

    made: NDArray[np.complex64] = fft.rfft(impulse_response(room, distance, rate), length, axis=1)
    return made
