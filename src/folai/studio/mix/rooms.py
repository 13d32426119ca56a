"""Rooms as impulse responses: early reflections by distance, then a diffuse tail.

The direct sound is not in them: it stays as it is, and a room is added beside it. Reflections come
from images of the source in the walls of a box (Allen and Berkley, 1979), the tail is noise that
decays as Eyring's formula says, low bands longer than high ones, and its level beside the direct
sound follows from the room's absorption and the distance (Kuttruff, Room Acoustics, chapter 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray

SPEED = 343.0  # m/s, of sound
ORDER = 3  # reflections of an image, at most
EAR = 0.0875  # m, from the middle of the head to an ear
TAIL_DB = 60.0  # the tail is left out below this
CROSSOVER = 1500.0  # Hz, between the low and the high band of the tail


@dataclass(frozen=True)
class Room:
    """A box of `size` metres, whose walls take in these shares of the energy, low and high."""

    size: tuple[float, float, float]
    low: float
    high: float

    @property
    def volume(self) -> float:
        return float(np.prod(self.size))

    @property
    def surface(self) -> float:
        x, y, z = self.size
        return 2 * (x * y + y * z + x * z)

    def decay(self, absorption: float) -> float:
        """Seconds in which the tail falls by 60 dB (Eyring, 1930)."""
        return 0.161 * self.volume / (-self.surface * float(np.log1p(-absorption)))


ROOMS = {
    "booth": Room((1.8, 2.2, 2.3), 0.35, 0.65),
    "living-room": Room((4.1, 5.3, 2.5), 0.22, 0.38),
    "bathroom": Room((2.2, 2.9, 2.4), 0.06, 0.09),
    "corridor": Room((1.9, 14.0, 2.7), 0.09, 0.14),
    "hall": Room((13.0, 19.0, 7.5), 0.14, 0.24),
    "church": Room((17.0, 41.0, 15.0), 0.15, 0.26),
}


@lru_cache(64)
def impulse_response(name: str, distance: float, sample_rate: int) -> NDArray[np.float32]:
    """[2, N]: what a room adds to a sound whose direct part arrives at sample 0 with level 1.

    distance: metres from the source to the head. Raises ValueError for an unknown room.

    >>> impulse_response("booth", 2.0, 44100).shape[0]
    2
    """
    if name not in ROOMS:
        raise ValueError(f"{name!r} is no room; choose one of {', '.join(ROOMS)}")
    room = ROOMS[name]
    seconds = max(room.decay(room.low), room.decay(room.high)) * TAIL_DB / 60
    response = np.zeros((2, max(1, round(seconds * sample_rate))))
    mixed = _add_reflections(response, room, distance, sample_rate)
    _add_tail(response, name, distance, sample_rate, mixed)
    made: NDArray[np.float32] = response.astype(np.float32)
    made.setflags(write=False)
    return made


def _add_reflections(response: NDArray[np.float64], room: Room, distance: float, rate: int) -> int:
    """Adds the images to [2, N]; the sample from which on the tail takes over."""
    size = np.array(room.size)
    head = size * (0.5, 0.37, 0.0) + (0, 0, min(1.6, 0.6 * size[2]))
    reach = min(distance, 0.55 * size[1])  # a source farther than the room is long: at its end
    source = head + np.array([0.21, 0.977, -0.03]) * reach
    source = np.clip(source, 0.05 * size, 0.95 * size)
    direct = float(np.linalg.norm(source - head))
    kept = np.sqrt(1 - room.high)  # of the amplitude at a wall
    for image in product(range(-ORDER, ORDER + 1), repeat=3):
        bounces = sum(abs(i) for i in image)
        if not 1 <= bounces <= ORDER:
            continue
        n = np.array(image)
        place = np.where(n % 2 == 0, source + n * size, (n + 1) * size - source)
        for ear in (0, 1):
            here = head + np.array([(2 * ear - 1) * EAR, 0, 0])
            away = float(np.linalg.norm(place - here))
            at = (away - direct) / SPEED * rate
            sample = int(at)
            if sample < 0 or sample + 1 >= response.shape[1]:
                continue
            level = kept**bounces * max(distance, direct) / (away + max(distance - direct, 0.0))
            response[ear, sample] += level * (1 - at + sample)
            response[ear, sample + 1] += level * (at - sample)
    return round(float(np.sqrt(room.volume)) * 1e-3 * rate)  # the mixing time: sqrt(V) milliseconds


def _add_tail(
    response: NDArray[np.float64], name: str, distance: float, rate: int, mixed: int
) -> None:
    """Adds decaying noise to [2, N] from the mixing time on, faded in before it."""
    room, num_samples = ROOMS[name], response.shape[1]
    rng = np.random.default_rng(list(name.encode()))
    spectrum = np.fft.rfft(rng.standard_normal((2, num_samples)))
    hertz = np.fft.rfftfreq(num_samples, 1 / rate)
    below = 1 / (1 + (hertz / CROSSOVER) ** 4)
    time = np.arange(num_samples) / rate
    fade = np.clip(np.arange(num_samples) / max(mixed, 1), 0, 1) ** 2
    for share, absorption in ((below, room.low), (1 - below, room.high)):
        # Reverberant over direct energy is 16 pi d^2 (1 - a) / (S a), spread over the decay.
        seconds = room.decay(absorption)
        energy = 16 * np.pi * distance**2 * (1 - absorption) / (room.surface * absorption)
        rise = 6.91 / seconds  # of the amplitude's exponent
        level = np.sqrt(energy * 2 * rise / rate)
        response += (
            level
            * np.fft.irfft(spectrum * np.sqrt(share), num_samples)
            * np.exp(-rise * time)
            * fade
        )
