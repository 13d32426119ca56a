"""People who walk, run, jump and dance, moved by the motion capture that PyBullet brings.

A step is heard when the foot takes the load, not when it first touches: in seven of seven recorded
clips the sound comes 56 to 144 ms, 112 in common, after the foot is within `_NEAR` of its lowest
point. By then it lies flat and no longer moves, which is what a camera sees of it.
"""

from __future__ import annotations

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from folai.render import Contact
from folai.scenes.stairs import Stairs
from folai.scenes.world import Action, Array, World, some_colour

_NEAR = 0.015  # metres above its lowest at which a foot is down
_LIFTED = 0.06  # metres above its lowest to which a foot must rise before the next step
_RATE = 240.0  # Hz at which feet are watched
_SCALE = 0.25  # of the humanoid: 1.6 m tall
_BONE = 0.416  # metres, of a thigh and of a shin
_ON_STAIRS = 0.15  # how often a walk goes up or down some

# Numbers of joints, with where in a frame of motion capture their turn stands.
_BALLS = {1: 8, 2: 12, 3: 16, 5: 21, 6: 25, 9: 30, 11: 35, 12: 39}
_HINGES = {4: 20, 7: 29, 10: 34, 13: 43}
_FEET = (5, 11)
_LIMBS = {0: (-1, 0, 1), 1: (3, 4, 9, 10), 2: _FEET, 3: (2, 6, 7, 8, 12, 13, 14)}


@dataclass(frozen=True)
class Motion:
    """A motion: how often it is drawn, how long after touching a foot takes the load (seconds),
    and how loud its steps are beside those of a walk."""

    name: str
    share: float
    load: float
    loudness: float = 1.0


MOTIONS = (
    Motion("walk", 0.7, 0.112),
    Motion("run", 0.18, 0.085, 1.5),
    Motion("jump", 0.04, 0.06, 2.0),
    Motion("dance_a", 0.04, 0.09),
    Motion("dance_b", 0.04, 0.09),
)


def walk(world: World, rng: Generator, duration: float) -> Action:
    """Somebody on foot, on a way that may bend, who may stop and go on."""
    motion = MOTIONS[rng.choice(len(MOTIONS), p=[m.share for m in MOTIONS])]
    capture = _capture(world.data / f"data/motions/humanoid3d_{motion.name}.txt")
    way = _way(rng, capture, duration)
    world.furnish(rng, int(rng.integers(4, 20)), rng.uniform(1.0, 2.5), 9.0, way.places[::60])
    person = Person(world, rng, capture)
    times = np.arange(0.0, duration, 1 / _RATE)
    feet = np.empty((len(times), 2, 3))  # of each sole: its middle, and the lowest of it
    for index, time in enumerate(times):
        person.put(way, time)
        for number, foot in enumerate(_FEET):
            low, high = world.engine.getAABB(person.body, foot)
            feet[index, number] = (low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]
    heights = feet[..., 2]
    lowest = np.percentile(heights, 3, axis=0)
    level = rng.uniform(0.15, 0.45) * motion.loudness
    decay = math.exp(rng.uniform(math.log(0.012), math.log(0.06)))
    contacts = []
    landings = [steps(heights[:, foot] - lowest[foot]) for foot in range(2)]
    if motion.name == "walk" and rng.random() < _ON_STAIRS:
        person.stairs = Stairs.under(world, rng, landings, feet[..., :2], _RATE, way.turns)
    for foot in range(2):
        side = rng.normal(1.0, 0.1)
        for down in landings[foot]:
            heard = times[down] + motion.load + rng.normal(0, 0.008)
            loud = level * side * math.exp(rng.normal(0, 0.3))
            if heard < duration:
                contacts.append(Contact(float(heard), float(np.clip(loud, 0.02, 1.0)), decay))
    ground = float(lowest.min())
    person.lower = ground
    return Action(
        put=functools.partial(person.put, way),
        contacts=tuple(contacts),
        size=rng.uniform(0.8, 2.4),
        heading=way.heading(0.0),
        travels=True,
    )


def steps(heights: Array) -> list[int]:
    """Where [T] heights above a foot's lowest come within `_NEAR`, after it was `_LIFTED`."""
    found, lifted = [], False
    for index, height in enumerate(heights):
        lifted = lifted or bool(height > _LIFTED)
        if lifted and height < _NEAR:
            found.append(index)
            lifted = False
    return found


@dataclass(frozen=True)
class Capture:
    """Motion capture, y up: frames [K, 44] of places, turns and angles, `step` seconds apart."""

    frames: Array
    step: float

    @property
    def length(self) -> int:
        return len(self.frames) - 1

    @property
    def stride(self) -> Array:
        """How far [2] a repetition goes, along the ground."""
        moved: Array = (self.frames[-1] - self.frames[0])[[1, 3]]
        return moved


@dataclass(frozen=True, eq=False)
class Way:
    """Where somebody is: phase (frames of the capture), place and turn at each 1 / _RATE."""

    phases: Array  # [T]
    places: Array  # [T, 2] metres, of the travel alone
    turns: Array  # [T] radians

    def at(self, time: float) -> tuple[float, Array, float]:
        at = np.clip(time * _RATE, 0, len(self.phases) - 1)
        low = int(at)
        high, share = min(low + 1, len(self.phases) - 1), at - low

        def between(x: Array) -> Array:
            return np.asarray((1 - share) * x[low] + share * x[high])

        phase, turn = between(self.phases), between(self.turns)
        return float(phase), between(self.places), float(turn)

    def heading(self, time: float) -> float:
        return self.at(time)[2]


def _way(rng: Generator, capture: Capture, duration: float) -> Way:
    """A speed that wanders, at times with a halt; a way that bends."""
    count = math.ceil(duration * _RATE) + 2
    times = np.arange(count) / _RATE
    speed = rng.uniform(0.7, 1.25) * (1 + 0.08 * np.sin(rng.uniform(0.3, 1) * times * 2))
    if rng.random() < 0.25:
        halt, last = rng.uniform(0, duration), rng.uniform(0.8, 2.0)
        speed *= 1 - np.clip(1.5 - np.abs(times - halt) / last * 2, 0, 1)
    phases = rng.uniform(0, capture.length) + np.cumsum(speed) / _RATE / capture.step
    bend = rng.normal(0, 0.25) if rng.random() < 0.5 else 0.0
    turns = rng.uniform(0, 2 * math.pi) + bend * times
    stride = float(np.hypot(*capture.stride)) / capture.length / capture.step
    along = np.stack([np.cos(turns), np.sin(turns)], axis=1) * (speed * stride)[:, None]
    return Way(phases, np.cumsum(along, axis=0) / _RATE, turns)


class Person:
    """A humanoid that can be put into any pose of a capture."""

    def __init__(self, world: World, rng: Generator, capture: Capture) -> None:
        engine = world.engine
        self._world, self._capture = world, capture
        self.lower = 0.0  # metres by which the whole is let down, so that its soles are at 0
        self.stairs: Stairs | None = None
        # How the captured way lies to the x axis, along which people are made to go.
        self._askew = -math.atan2(-capture.stride[1], capture.stride[0])
        self.body = engine.loadURDF(
            "humanoid/humanoid.urdf",
            globalScaling=_SCALE,
            useFixedBase=True,
            flags=engine.URDF_MAINTAIN_LINK_ORDER,
        )
        for links in _LIMBS.values():
            colour = [*some_colour(rng), 1]
            for link in links:
                engine.changeVisualShape(self.body, link, rgbaColor=colour)
        if rng.random() < 0.5:
            cover = world.texture(rng)
            for link in _LIMBS[int(rng.integers(2))]:
                engine.changeVisualShape(self.body, link, textureUniqueId=cover)

    def put(self, way: Way, time: float) -> Array:
        """Take the pose of a time; returns the point of the ground under the hips [3]."""
        phase, place, turn = way.at(time)
        capture, engine = self._capture, self._world.engine
        low = int(phase % capture.length)
        share = phase % capture.length - low
        a, b = capture.frames[low], capture.frames[min(low + 1, capture.length)]
        # The root sways about the mean way within a repetition; the way itself is `place`.
        sway = (1 - share) * a[1:4] + share * b[1:4] - capture.frames[0, 1:4]
        sway[[0, 2]] -= capture.stride * (low + share) / capture.length
        upright = _turn_x(math.pi / 2)  # from y up to z up
        about = _product(_turn_z(turn + self._askew), upright)
        root = _product(about, _between(_quaternion(a, 4), _quaternion(b, 4), share))
        swayed = _rotate(about, np.array([sway[0], 0.0, sway[2]]))
        body, right, left = self.stairs.raised(time) if self.stairs else (0.0, 0.0, 0.0)
        height = (1 - share) * a[2] + share * b[2] - self.lower + body
        at = np.array([place[0] + swayed[0], place[1] + swayed[1], height])
        self._world.place(self.body, at, root)
        # A foot that stands higher than the body does has its leg bent, as much at the hip as at
        # the ankle and twice as much at the knee, so that it stays where it is but for the height.
        bends: dict[int, float] = {}
        for foot, hip, knee, ankle in ((right - body, 3, 4, 5), (left - body, 9, 10, 11)):
            angle = math.acos(1 - min(max(foot, 0.0), _BONE) / (2 * _BONE))
            bends |= {hip: angle, knee: -2 * angle, ankle: angle}
        for joint, start in _BALLS.items():
            bent = _between(_quaternion(a, start), _quaternion(b, start), share)
            turned = _product(_turn_z(bends.get(joint, 0.0)), bent)
            engine.resetJointStateMultiDof(self.body, joint, list(turned))
        for joint, start in _HINGES.items():
            angle = (1 - share) * a[start] + share * b[start] + bends.get(joint, 0.0)
            engine.resetJointState(self.body, joint, angle)
        return np.array([at[0], at[1], 0.0])


@functools.cache
def _capture(path: Path) -> Capture:
    frames = np.array(json.loads(path.read_text())["Frames"], dtype=np.float64)
    return Capture(frames, float(frames[0, 0]))


# Quaternions are (x, y, z, w), as the engine has them.


def _quaternion(frame: Array, start: int) -> Array:
    w, x, y, z = frame[start : start + 4]
    quaternion = np.array([x, y, z, w])
    return np.asarray(quaternion / np.linalg.norm(quaternion))


def _between(a: Array, b: Array, share: float) -> Array:
    mean = a + ((b if a @ b >= 0 else -b) - a) * share
    return np.asarray(mean / np.linalg.norm(mean))


def _product(a: Array, b: Array) -> Array:
    (x1, y1, z1, w1), (x2, y2, z2, w2) = a, b
    return np.array(
        [
            w1 * x2 + x1 * w2 + y1 * z2 - z1 * y2,
            w1 * y2 - x1 * z2 + y1 * w2 + z1 * x2,
            w1 * z2 + x1 * y2 - y1 * x2 + z1 * w2,
            w1 * w2 - x1 * x2 - y1 * y2 - z1 * z2,
        ]
    )


def _rotate(turn: Array, vector: NDArray[np.float64]) -> Array:
    inverse = turn * np.array([-1, -1, -1, 1])
    return _product(_product(turn, np.append(vector, 0.0)), inverse)[:3]


def _turn_x(angle: float) -> Array:
    return np.array([math.sin(angle / 2), 0.0, 0.0, math.cos(angle / 2)])


def _turn_z(angle: float) -> Array:
    return np.array([0.0, 0.0, math.sin(angle / 2), math.cos(angle / 2)])
