"""Hands that take things and put them down, push, chop, shut drawers and doors: a kitchen, a bench.

Mostly seen by a camera on the head of the person whose hands they are: it sways, follows the hands
and looks about, and nothing of that is heard. What is heard is what meets: a cup the counter,
a drawer its frame, softly a hand what it grasps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from folai.render import Contact
from folai.render.motion import STROKE_RATE, Stroke
from folai.scenes.world import Action, Array, World, along, some_colour

_ON_THE_HEAD = 0.7  # how often the camera is worn by whose hands they are
_REACH = 0.55  # metres to either side and away that hands go
_STEP = 1 / 240  # seconds between the points of a track
_LIFTED = 0.12  # metres that things are carried over the counter


@dataclass(eq=False)
class Track:
    """Where something is: a point [3] each `_STEP` seconds, appended to as a scene is planned."""

    points: list[Array]

    @property
    def now(self) -> Array:
        return self.points[-1]

    def wait(self, steps: int) -> None:
        self.points += [self.now] * steps

    def go(self, end: Array, steps: int, arch: float = 0.0, hard: float = 0.0) -> None:
        """To a point within so many steps, over an arch of a height. `hard`, 0 to 1: how much of
        its fastest speed is left when it arrives (Flash and Hogan's minimum jerk where it is 0).
        """
        begin, u = self.now, np.arange(1, steps + 1) / max(steps, 1)
        smooth = 10 * u**3 - 15 * u**4 + 6 * u**5
        share = (1 - hard) * smooth + hard * u**2
        path = begin + share[:, None] * (end - begin)
        path[:, 2] += arch * 4 * u * (1 - u) * (1 - 0.3 * hard)
        self.points += list(path)

    def at(self, time: float) -> Array:
        index = min(max(time / _STEP, 0.0), len(self.points) - 1.0)
        low = min(int(index), max(len(self.points) - 2, 0))
        share = index - low
        return (1 - share) * self.points[low] + share * self.points[
            min(low + 1, len(self.points) - 1)
        ]


@dataclass(eq=False)
class Item:
    """Something on the counter. `grip`: from its foot to where it is held."""

    body: int
    track: Track
    half: float  # metres from its foot to its middle
    grip: float
    loudness: float
    decay: float
    angle: float
    follows: bool = True


@dataclass(eq=False)
class _Plan:
    """What is done, hand by hand: one does something while the other rests or waves."""

    rng: Generator
    hands: tuple[Track, Track]
    items: list[Item]
    contacts: list[Contact] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    looked: list[Array] = field(default_factory=list)  # which point is of interest, at each step

    @property
    def now(self) -> float:
        return max(len(hand.points) for hand in self.hands) * _STEP

    def even(self) -> None:
        """Everything waits until what takes longest is done."""
        tracks = [*self.hands, *(item.track for item in self.items)]
        longest = max(len(track.points) for track in tracks)
        for track in tracks:
            track.wait(longest - len(track.points))
        focus = self.looked[-1] if self.looked else self.hands[1].now
        self.looked += [focus] * (longest - len(self.looked))

    def heard(self, time: float, level: float, decay: float) -> None:
        level *= math.exp(self.rng.normal(0, 0.2))
        self.contacts.append(Contact(time, float(np.clip(level, 0.003, 1.0)), decay))


def handle(world: World, rng: Generator, duration: float) -> Action:
    """One person's hands at a counter."""
    items = [_item(world, rng) for _ in range(int(rng.integers(3, 8)))]
    world.furnish(rng, int(rng.integers(2, 10)), 0.75, 2.0)
    starts = [np.array([side * rng.uniform(0.1, 0.3), -0.1, 0.1]) for side in (-1, 1)]
    plan = _Plan(rng, (Track([starts[0]]), Track([starts[1]])), items)
    shutter = _shutter(world, rng) if rng.random() < 0.4 else None
    if shutter is not None:
        plan.items.append(shutter)
    pace = rng.uniform(0.7, 1.5)
    plan.hands[1].wait(steps(rng.uniform(0.1, 1.0)))
    plan.even()
    while plan.now < duration:
        what = rng.choice(6, p=(0.42, 0.12, 0.14, 0.12, 0.08, 0.12))
        hand = int(rng.random() < 0.75)
        if what == 3 and shutter is not None:
            _shut(plan, hand, shutter, pace)
        elif what == 1:
            _push(plan, hand, pace)
        elif what == 2:
            _chop(plan, hand, pace)
        elif what == 4:
            _wave(plan, hand, pace)
        elif what == 5:
            plan.hands[hand].wait(steps(rng.uniform(0.2, 1.2)))
            plan.looked += [np.array([*rng.uniform(-1.2, 1.2, 2), rng.uniform(0, 0.4)])]
            plan.even()
        else:
            _move(plan, hand, pace)
    arms = [_Arm.of(world, rng, index) for index in range(2)]
    eye = _Head(rng, plan.looked, duration) if rng.random() < _ON_THE_HEAD else None

    def put(time: float) -> Array:
        for item in plan.items:
            foot = item.track.at(time)
            turn = world.turned((0, 0, item.angle))
            world.place(item.body, foot + np.array([0, 0, item.half]), turn)
        for arm, hand in zip(arms, plan.hands, strict=True):
            arm.put(world, hand.at(time))
        return np.zeros(3)

    contacts = tuple(sorted((c for c in plan.contacts if c.time < duration), key=lambda c: c.time))
    strokes = tuple(s.until(duration) for s in plan.strokes if s.start < duration)
    worn = None if eye is None else eye.at
    return Action(put, contacts, size=rng.uniform(0.6, 1.3), strokes=strokes, worn=worn)


def steps(seconds: float) -> int:
    return max(1, round(seconds / _STEP))


# What hands do.


def _reach(plan: _Plan, hand: int, item: Item, pace: float) -> None:
    """A hand goes to an item and grasps it, which is hardly heard."""
    rng, track = plan.rng, plan.hands[hand]
    target = item.track.now + np.array([0.0, 0.0, item.grip])
    far = float(np.linalg.norm(target - track.now))
    plan.looked += [target]
    track.go(target, steps((0.25 + 0.6 * far) * pace * rng.uniform(0.8, 1.3)), arch=0.05)
    plan.even()
    if rng.random() < 0.4:
        plan.heard(plan.now, 0.12 * item.loudness, 0.6 * item.decay)
    track.wait(steps(rng.uniform(0.05, 0.25)))
    plan.even()


def _move(plan: _Plan, hand: int, pace: float) -> None:
    """Take an item and put it down elsewhere; the counter answers as hard as it arrives."""
    rng = plan.rng
    item = plan.items[int(rng.integers(len(plan.items)))]
    if not item.follows:
        return
    _reach(plan, hand, item, pace)
    if rng.random() < 0.3:
        plan.heard(plan.now, 0.2 * item.loudness, item.decay)  # it scrapes as it is lifted
    end = np.array([*rng.uniform((-_REACH, -0.05), (_REACH, _REACH)), _shelf(rng)])
    far = float(np.linalg.norm(end - item.track.now))
    above = end + np.array([0.0, 0.0, _LIFTED * rng.uniform(0.3, 1.0)])
    plan.looked += [above]
    count = steps((0.3 + 0.7 * far) * pace * rng.uniform(0.8, 1.3))
    _carry(plan, hand, item, above, count, arch=_LIFTED * rng.uniform(0.3, 1.0))
    if rng.random() < 0.25:  # held a while, shaken or looked at
        for _ in range(int(rng.integers(1, 5))):
            aside = above + rng.normal(0, 0.05, 3)
            aside[2] = max(aside[2], end[2] + 0.05)
            _carry(plan, hand, item, aside, steps(rng.uniform(0.15, 0.5)), arch=0.0)
    hard = rng.uniform(0.0, 1.0)
    _carry(plan, hand, item, end, steps(rng.uniform(0.12, 0.35) * pace), arch=0.0, hard=hard)
    plan.heard(plan.now, item.loudness * (0.35 + hard), item.decay)
    if rng.random() < 0.3:  # and settles
        plan.heard(plan.now + rng.uniform(0.04, 0.12), 0.3 * item.loudness, item.decay)
    plan.hands[hand].wait(steps(rng.uniform(0.05, 0.3)))
    plan.even()
    if rng.random() < 0.6:
        _away(plan, hand, pace)


def _carry(
    plan: _Plan, hand: int, item: Item, end: Array, count: int, arch: float, hard: float = 0.0
) -> None:
    grip = np.array([0.0, 0.0, item.grip])
    item.track.go(end, count, arch, hard)
    plan.hands[hand].go(end + grip, count, arch, hard)
    plan.even()


def _away(plan: _Plan, hand: int, pace: float) -> None:
    rng, side = plan.rng, -1 if hand == 0 else 1
    rest = np.array(
        [side * rng.uniform(0.05, 0.4), rng.uniform(-0.2, 0.25), rng.uniform(0.05, 0.25)]
    )
    plan.hands[hand].go(rest, steps(rng.uniform(0.3, 0.7) * pace), arch=0.03)
    plan.even()


def _push(plan: _Plan, hand: int, pace: float) -> None:
    """An item is pushed along the counter, and heard to scrape."""
    rng = plan.rng
    item = plan.items[int(rng.integers(len(plan.items)))]
    if not item.follows:
        return
    _reach(plan, hand, item, pace)
    for _ in range(int(rng.integers(1, 4))):
        end = item.track.now + np.array([*rng.normal(0, 0.15, 2), 0.0])
        end[:2] = np.clip(end[:2], (-_REACH, -0.05), (_REACH, _REACH))
        begin, count = plan.now, steps(rng.uniform(0.25, 0.8) * pace)
        before = item.track.now
        _carry(plan, hand, item, end, count, arch=0.0)
        moved = np.linalg.norm(
            np.diff(np.stack([before, *item.track.points[-count:]]), axis=0), axis=1
        )
        _scrape(plan, begin, moved / _STEP, 0.5 * item.loudness)
    _away(plan, hand, pace)


def _scrape(plan: _Plan, begin: float, speeds: Array, loudness: float) -> None:
    """A stroke as loud as it is fast; speeds [T], metres a second at each step."""
    end = begin + len(speeds) * _STEP
    times = np.arange(begin, end, 1 / STROKE_RATE)
    speed = np.interp((times - begin) / _STEP, np.arange(len(speeds)), speeds)
    grain = np.exp(0.3 * plan.rng.normal(0, 1, len(times)))
    plan.strokes.append(Stroke(begin, end, np.clip(loudness * speed**0.8 * grain, 0, 1) ** 2))


def _chop(plan: _Plan, hand: int, pace: float) -> None:
    """Knocks, chops or taps: a hand comes down several times, evenly."""
    rng, track = plan.rng, plan.hands[hand]
    down = np.array([*rng.uniform((-0.3, 0.0), (0.3, 0.35)), 0.03])
    high = rng.uniform(0.05, 0.22)
    level, decay = rng.uniform(0.05, 0.3), math.exp(rng.uniform(math.log(0.01), math.log(0.08)))
    period = rng.uniform(0.2, 0.7) * pace
    up = np.array([0.0, 0.0, high])
    plan.looked += [down]
    track.go(down + up, steps(rng.uniform(0.3, 0.6) * pace))
    plan.even()
    for _ in range(int(rng.integers(2, 9))):
        hard = rng.uniform(0.5, 1.0)
        track.go(down, steps(0.4 * period), hard=hard)
        plan.even()
        plan.heard(plan.now, level * (0.4 + hard), decay)
        down = down + np.array([*rng.normal(0, 0.01, 2), 0.0])
        track.go(down + up, steps(0.6 * period * rng.uniform(0.9, 1.1)))
        plan.even()


def _wave(plan: _Plan, hand: int, pace: float) -> None:
    """Hands move in the air, and nothing is heard."""
    rng = plan.rng
    for _ in range(int(rng.integers(1, 5))):
        end = np.array([*rng.uniform((-0.5, -0.1), (0.5, 0.4)), rng.uniform(0.1, 0.35)])
        plan.hands[hand].go(end, steps(rng.uniform(0.2, 0.7) * pace))
        plan.even()


def _shut(plan: _Plan, hand: int, shutter: Item, pace: float) -> None:
    """A drawer or a sliding door goes open, or shut with a knock."""
    rng = plan.rng
    is_open = shutter.track.now[1] < 0.4
    _reach(plan, hand, shutter, pace)
    end = np.array([shutter.track.now[0], 0.5 if is_open else 0.5 - rng.uniform(0.15, 0.35), 0.0])
    hard = rng.uniform(0.1, 1.0) if is_open else 0.0
    begin, count = plan.now, steps(rng.uniform(0.25, 0.8) * pace)
    before = shutter.track.now
    _carry(plan, hand, shutter, end, count, arch=0.0, hard=hard)
    path = np.stack([before, *shutter.track.points[-count:]])
    _scrape(
        plan, begin, np.linalg.norm(np.diff(path, axis=0), axis=1) / _STEP, 0.2 * shutter.loudness
    )
    if is_open or rng.random() < 0.5:
        plan.heard(plan.now, shutter.loudness * (0.3 + 1.2 * hard), shutter.decay)
    _away(plan, hand, pace)


# What is there.


def _shelf(rng: Generator) -> float:
    """How high a thing is put: mostly on the counter, at times on something that stands on it."""
    return 0.0 if rng.random() < 0.85 else float(rng.uniform(0.02, 0.15))


def _item(world: World, rng: Generator) -> Item:
    """A cup, a plate, a box, a bottle, a pan."""
    colour, kind = some_colour(rng), int(rng.integers(4))
    if kind == 0:
        height, shape = (
            (h := rng.uniform(0.08, 0.14)),
            world.rod(rng.uniform(0.03, 0.05), h, colour, False),
        )
    elif kind == 1:
        height, shape = (h := 0.02), world.rod(rng.uniform(0.08, 0.14), h, colour, False)
    elif kind == 2:
        half = rng.uniform(0.02, 0.1, 3)
        height, shape = 2 * half[2], world.box(half, colour)
    else:
        height, shape = (
            (h := rng.uniform(0.18, 0.3)),
            world.rod(rng.uniform(0.02, 0.045), h, colour, False),
        )
    body = world.shown(shape, (0, 0, -9))
    if rng.random() < 0.4:
        world.engine.changeVisualShape(body, -1, textureUniqueId=world.texture(rng))
    foot = np.array([*rng.uniform((-_REACH, 0.0), (_REACH, _REACH)), 0.0])
    decay = math.exp(rng.uniform(math.log(0.015), math.log(0.2)))
    loudness = math.exp(rng.uniform(math.log(0.03), math.log(0.3)))
    return Item(
        body,
        Track([foot]),
        height / 2,
        height * rng.uniform(0.5, 1.0),
        loudness,
        decay,
        rng.uniform(0, 3),
    )


def _shutter(world: World, rng: Generator) -> Item:
    """The front of a drawer or of a cupboard, across the counter's far end."""
    height, wide = rng.uniform(0.1, 0.4), rng.uniform(0.15, 0.35)
    body = world.shown(world.box((wide, 0.012, height / 2), some_colour(rng)), (0, 0, -9))
    frame = world.box((wide + 0.25, 0.15, height / 2 + 0.02), some_colour(rng))
    side = rng.uniform(-0.2, 0.2)
    world.shown(frame, (side, 0.67, height / 2))
    decay = math.exp(rng.uniform(math.log(0.02), math.log(0.08)))
    item = Item(body, Track([np.array([side, 0.5, 0.0])]), height / 2, height / 2,
                rng.uniform(0.08, 0.35), decay, 0.0)  # fmt: skip
    item.follows = False
    return item


@dataclass(frozen=True, eq=False)
class _Arm:
    """A hand, its fingers and a forearm that comes from below the picture."""

    palm: int
    fingers: int
    forearm: int
    shoulder: Array
    reach: float

    @staticmethod
    def of(world: World, rng: Generator, index: int) -> _Arm:
        skin = np.array([0.85, 0.62, 0.5]) * rng.uniform(0.3, 1.15)
        sleeve = skin if rng.random() < 0.5 else some_colour(rng)
        side, nowhere = -1 if index == 0 else 1, (0, 0, -9)
        reach = rng.uniform(0.4, 0.6)
        return _Arm(
            palm=world.shown(world.ball(rng.uniform(0.035, 0.05), skin), nowhere),
            fingers=world.shown(world.box((0.035, 0.04, 0.015), skin), nowhere),
            forearm=world.shown(world.rod(rng.uniform(0.03, 0.045), reach, sleeve), nowhere),
            shoulder=np.array([0.25 * side, -0.45, 0.25]),
            reach=reach,
        )

    def put(self, world: World, at: Array) -> None:
        line = self.shoulder - at
        line = line / np.linalg.norm(line)
        wrist = at + 0.06 * line
        ahead = math.atan2(-line[1], -line[0]) - math.pi / 2
        world.place(self.palm, wrist)
        world.place(self.fingers, at, world.turned((0.3, 0, ahead)))
        world.place(self.forearm, wrist + self.reach / 2 * line, along(line))


class _Head:
    """A camera on a head: it sways, follows what the hands do a little later, and looks away."""

    def __init__(self, rng: Generator, looked: list[Array], duration: float) -> None:
        count = steps(duration) + 1
        points = np.stack((looked + [looked[-1]] * count)[:count])
        points[:, :2] *= rng.uniform(0.3, 1.0)  # eyes turn too, not only the head
        points[:, 1] += rng.uniform(0.0, 0.25)
        lag = rng.uniform(0.1, 0.4) / _STEP
        window = np.hanning(max(round(2 * lag), 3))
        padded = np.pad(points, ((len(window), 0), (0, 0)), mode="edge")
        gaze = [
            np.convolve(padded[:, axis], window / window.sum())[: count + len(window)]
            for axis in range(3)
        ]
        self._gaze = np.stack(gaze, axis=1)[len(window) :]
        self._eye = np.array(
            [rng.normal(0, 0.05), rng.uniform(-0.45, -0.2), rng.uniform(0.35, 0.7)]
        )
        speeds = rng.uniform(0.1, 1.2, (4, 6))
        sizes = rng.uniform(0.003, 0.02, (4, 6)) / np.sqrt(speeds / 0.3)
        times = np.arange(count) * _STEP
        phases = rng.uniform(0, 2 * math.pi, (4, 6, 1))
        waves = np.sin(2 * math.pi * speeds.reshape(4, 6, 1) * times + phases)
        self._sway = np.einsum("kd,kdt->td", sizes, waves)  # [T, 6]

    def at(self, time: float) -> tuple[Array, Array]:
        index = min(steps(time), len(self._gaze) - 1)
        sway = self._sway[index]
        return self._eye + sway[:3], self._gaze[index] + 2 * sway[3:]
