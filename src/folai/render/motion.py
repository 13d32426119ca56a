"""Motion with exact contact times: smooth paths, and the choreography that strings them together.

Heights are measured from the surface that is struck, in picture heights; speeds in picture heights
per second. Height 0 is contact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from folai.render.paint import Array, Generator

STROKE_RATE = 1000.0  # Hz
FALLING = 0.55  # share of the time before a hit in which a tool comes down, at most
STEEPEST = 1.8  # a fall from a height with a final speed takes this times height / speed, at least
AT_EASE = 1.2  # picture heights per second, at most, between places that are struck


@dataclass(frozen=True)
class Contact:
    """An impact: its exact time in seconds, peak RMS 0..1, and decay time constant in seconds."""

    time: float
    level: float
    decay: float


@dataclass(frozen=True)
class Stroke:
    """One drag in one direction, or a roll: powers (squared RMS) at STROKE_RATE Hz, in seconds."""

    start: float
    end: float
    powers: Array

    def until(self, end: float) -> Stroke:
        """The part of the stroke before `end` seconds."""
        if end >= self.end:
            return self
        return Stroke(self.start, end, self.powers[: int((end - self.start) * STROKE_RATE)])


@dataclass(frozen=True, eq=False)
class Path:
    """A piecewise cubic curve: values [K, D] at times [K], with slopes arriving and leaving.

    A slope may jump at a key, as a velocity does at an impact; before the first and after the last
    key the value stands still. Parabolas (free fall) are represented exactly.
    """

    times: Array
    values: Array
    arriving: Array
    leaving: Array

    def __call__(self, times: float | Array) -> Array:
        """Values [D] at one time, or [N, D] at times [N]."""
        now = np.minimum(np.maximum(times, self.times[0]), self.times[-1])
        after = np.maximum(self.times.searchsorted(now), 1)
        before = after - 1
        since, span = self.times[before], self.times[after] - self.times[before]
        u, span = ((now - since) / span)[..., None], span[..., None]
        bend = u * u * (3.0 - 2.0 * u)  # the Hermite basis: 0 to 1 with level ends
        curve = (1.0 - bend) * self.values[before] + bend * self.values[after]
        curve += (span * u * (u - 1.0) ** 2) * self.leaving[before]
        curve += (span * u * u * (u - 1.0)) * self.arriving[after]
        return np.asarray(curve)

    def speed(self, times: Array) -> Array:
        """Speed [N] at times [N], units per second."""
        step = 5e-4
        distance = np.linalg.norm(self(times + step) - self(times - step), axis=-1)
        return np.asarray(distance / (2 * step))


Key = tuple[float, Sequence[float], Sequence[float], Sequence[float]]


def path(keys: Sequence[Key]) -> Path:
    """Path through keys of (time, value, slope arriving, slope leaving); one key stands still."""
    if len(keys) == 1:
        return still(keys[0][1])
    times, *columns = zip(*keys, strict=True)
    if np.any(np.diff(times) <= 0):
        raise ValueError("path keys must have increasing times")
    return Path(np.array(times, float), *(np.array(column, float) for column in columns))


def glide(times: ArrayLike, values: ArrayLike) -> Path:
    """Path that comes to rest at each of values [K, D] at times [K]."""
    points = np.asarray(values, float)
    return Path(np.asarray(times, float), points, 0 * points, 0 * points)


def still(value: ArrayLike) -> Path:
    """Path that never leaves the point [D]."""
    return glide((0.0, 1.0), np.stack([np.asarray(value, float)] * 2))


@dataclass(frozen=True)
class Voice:
    """How a struck thing answers: RMS at an impact of 1 unit/s, decay in seconds, rebound 0..1."""

    loudness: float
    decay: float
    rebound: float = 0.3
    roughness: float = 0.3  # how much a scrape's sound fluctuates, 0..1
    jitter: float = 0.2  # natural log of the level's random spread

    def contact(self, rng: Generator, time: float, speed: float) -> Contact:
        """Sound of an impact: louder the faster, sub-linearly, as struck things compress."""
        level = self.loudness * speed**0.8 * np.exp(rng.normal(0.0, self.jitter))
        decay = self.decay * np.exp(rng.normal(0.0, 0.15))
        return Contact(float(time), float(np.clip(level, 0.004, 1.0)), float(decay))

    def stroke(self, rng: Generator, ground: Path, start: float, end: float) -> Stroke:
        """Sound of a scrape along the path `ground`: follows speed, and grates."""
        times = np.arange(start, end, 1.0 / STROKE_RATE)
        coarse = rng.standard_normal(int((end - start) * 40) + 4)
        grain = np.interp(times, start + np.arange(len(coarse)) / 40.0, coarse)
        rms = 0.5 * self.loudness * ground.speed(times) ** 0.8 * np.exp(self.roughness * grain)
        return Stroke(float(start), float(end), np.clip(rms, 0.0, 1.0) ** 2)


@dataclass
class Choreography:
    """Writes the path of one tool, move after move, and notes what sounds.

    Each move appends keys and advances `now`. The tool hangs at `hover` between moves. It is raised
    by `least` before every hit: nobody can tell one that cannot be seen coming.
    """

    rng: Generator
    voice: Voice
    place: tuple[float, float] = (0.0, 0.0)
    hover: float = 0.25
    now: float = 0.0
    least: float = 0.0  # picture heights
    contacts: list[Contact] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    _heights: list[Key] = field(default_factory=list)
    _grounds: list[Key] = field(default_factory=list)
    _scrapes: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._height(self.now, self.hover)
        self._ground(self.now, self.place)

    def _height(
        self, time: float, value: float, arriving: float = 0.0, leaving: float = 0.0
    ) -> None:
        self._heights.append((time, (value,), (arriving,), (leaving,)))

    def _ground(self, time: float, value: tuple[float, float]) -> None:
        self._grounds.append((time, value, (0.0, 0.0), (0.0, 0.0)))
        self.place = value

    @property
    def resting(self) -> bool:
        """Whether the tool lies on the surface now."""
        return self._heights[-1][1][0] == 0.0

    def soonest(self, speed: float) -> float:
        """Seconds that a hit with `speed` needs, so that its swing is as high as `least`."""
        return STEEPEST * self.least / (FALLING * speed)

    def travel(self, place: tuple[float, float], start: float, end: float) -> None:
        """Move over the ground between two times, both later than what was planned before.

        Too far for a hand at ease, it goes as far as it can: what darts and stops looks like a hit.
        """
        way = np.array(place) - self.place
        reach = AT_EASE * (end - start)
        way = way * min(1.0, reach / (float(np.hypot(*way)) + 1e-9))
        place = (self.place[0] + float(way[0]), self.place[1] + float(way[1]))
        if start > self._grounds[-1][0]:
            self._ground(start, self.place)
        self._ground(end, place)

    def wait(self, duration: float, height: float | None = None) -> None:
        """Hover, drifting to `height` (never touching)."""
        self.now += duration
        self.hover = self.hover if height is None else height
        self._height(self.now, self.hover)

    def hit(
        self, time: float, speed: float, lift: float, *,
        place: tuple[float, float] | None = None, room: float = 1.0, recovers: bool = False,
    ) -> None:  # fmt: skip
        """Lift, strike at `time` with `speed`, rebound within 0.35 `room` seconds.

        The lift is lowered where time is too short for it. Who `recovers` draws the tool back to
        that height at once, and waits up there for the next hit, as people mostly do.
        """
        gap = time - self.now
        fall, lift = self._fall(gap, speed, max(lift, self.least))
        if place is not None:
            there = self.now + 0.5 * (gap - fall) if recovers else time - min(0.5 * fall, 0.1)
            self.travel(place, self.now + 0.1 * (there - self.now), there)
        self._height(time - fall, lift)
        bounce = self.voice.rebound * self.rng.uniform(0.5, 1.2) * speed
        self._height(time, 0.0, -speed, bounce)
        self.contacts.append(self.voice.contact(self.rng, time, speed))
        self.now = time
        if recovers:
            rise = min(self.rng.uniform(0.14, 0.36), 0.4 * room)
            self.wait(rise, self.rng.uniform(0.6, 1.1) * lift)
        else:
            self._rebound(bounce, lift, 0.35 * room)

    def _fall(self, gap: float, speed: float, lift: float) -> tuple[float, float]:
        """(seconds, height) of a fall to strike with `speed` that leaves time for the lift."""
        fall = min(lift * self.rng.uniform(STEEPEST, 2.9) / speed, FALLING * gap)
        return fall, min(lift, speed * fall / STEEPEST)

    def _rebound(self, speed: float, lift: float, longest: float) -> None:
        if speed < 0.05:
            return
        height = max(0.01, lift * self.rng.uniform(0.1, 0.7))
        rise = min(height * self.rng.uniform(1.6, 2.8) / speed, longest)
        self.hover = min(height, speed * rise / 1.6)
        self.now += rise
        self._height(self.now, self.hover)

    def rest(self, duration: float) -> None:
        """Stay on the surface after a dead strike (only meaningful with no rebound)."""
        self.now += duration
        self._height(self.now, 0.0)

    def feint(self, duration: float, lift: float, low: float) -> None:
        """Swing down as in a hit but stop at height `low` in the air, silently."""
        rise, fall = duration * 0.6, duration * 0.4
        self.wait(rise, lift)
        self.wait(fall, low)

    def scrape(self, turns: Sequence[tuple[float, tuple[float, float]]], speed: float) -> None:
        """Touch down with `speed`, then drag through (duration, place) turns, then lift."""
        if self.hover < 2 * self.least:
            self.wait(0.2, 2 * self.least)
        fall = max(0.08, self.hover * 2.5 / speed)
        speed = min(speed, 2.5 * self.hover / fall)
        start = self.now + fall
        self._height(start, 0.0, -speed, 0.0)
        self.contacts.append(self.voice.contact(self.rng, start, speed))
        self.now = start
        self._ground(start, self.place)
        for duration, place in turns:
            if place != self.place:  # not a halt: it sounds
                self._scrapes.append((self.now, self.now + duration))
            self.now += duration
            self._ground(self.now, place)
        self._height(self.now, 0.0)
        self.wait(self.rng.uniform(0.15, 0.4), self.rng.uniform(0.1, 0.3))

    def swipe(
        self, time: float, speed: float, lift: float, by: tuple[float, float], duration: float
    ) -> None:
        """Strike at `time` and drag on `by` this much, slower and slower; then draw back.

        The tool moves along already as it comes down, and touches at its fastest.
        """
        fall, lift = self._fall(time - self.now, speed, max(lift, 2 * self.least))
        along = np.array(by) * 2.0 / duration  # per second, at the touch
        touch = np.array(self.place) + along * fall / 2
        end = touch + np.array(by)
        if time - fall > self._grounds[-1][0]:
            self._ground(time - fall, self.place)
        self._grounds.append((time, tuple(touch), tuple(along), tuple(along)))
        self._ground(time + duration, (float(end[0]), float(end[1])))
        self._height(time - fall, lift)
        self._height(time, 0.0, -speed)
        self.contacts.append(self.voice.contact(self.rng, time, speed))
        self._scrapes.append((time, time + duration))
        self._height(time + duration, 0.0)
        self.now = time + duration
        self.wait(self.rng.uniform(0.12, 0.3), self.rng.uniform(0.6, 1.1) * lift)

    def finish(self) -> tuple[Path, Path]:
        """Paths over the ground [2] and of the height [1]; the scrapes' sounds are made here."""
        ground = path(self._grounds)
        self.strokes = [self.voice.stroke(self.rng, ground, a, b) for a, b in self._scrapes]
        return ground, path(self._heights)


def bounces(
    rng: Generator, voice: Voice, *, start: float, height: float, gravity: float, end: float,
    restitution: float, least: float = 0.03,
) -> tuple[Path, list[Contact]]:  # fmt: skip
    """Free fall from `height` at `start` seconds, and every bounce until `end`.

    It lies still once it would rise less than `least` picture heights, which nobody sees. Returns
    the height [1] and the contacts: t = sqrt(2 h / g) and 2 v / g after one another.
    """
    time, speed = start + np.sqrt(2 * height / gravity), np.sqrt(2 * height * gravity)
    keys: list[Key] = [(start, (height,), (0.0,), (0.0,))]
    contacts = []
    while True:
        leaving = restitution * speed
        if leaving**2 < 2 * gravity * least:
            leaving = 0.0
        contacts.append(voice.contact(rng, time, speed))
        keys.append((time, (0.0,), (-speed,), (leaving,)))
        if leaving == 0.0 or time > end:
            return path(keys), contacts
        speed = leaving
        time += 2 * speed / gravity
