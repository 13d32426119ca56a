"""Where a scene is seen from: fixed, held by hand, following, cutting from one place to another.

A cut, a shake and a jerk of the camera make no sound: they come at times of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from folai.render.scene import hand_shake, shaken
from folai.scenes.world import Action, Array

_FROM = {"behind": math.pi, "side": math.pi / 2, "other side": -math.pi / 2, "front": 0.0}
_FROM_SHARES = (0.5, 0.15, 0.15, 0.2)
_CUT = 0.15  # how often there are cuts
_SHOTS = (1.2, 4.0)  # seconds between them
_JERKED = 0.2  # how often a camera is jerked, once or a few times
_HELD = 0.5  # how often it is held by hand
_AT_THE_FEET = 0.3  # how often somebody who walks is filmed from near the feet
_WORN_FIELD = (50.0, 90.0)  # degrees, of a camera on the head


@dataclass(frozen=True, eq=False)
class Shot:
    """A camera that looks at a point from `distance` metres and `height` metres over the ground.

    angle: of the line of sight seen from above, against the way that is gone; follows: seconds
    within which it comes after what it follows, or None where it stays.
    """

    begin: float  # seconds
    angle: float
    distance: float
    height: float
    aim: float  # height of the point it looks at, metres
    aside: float  # by which it looks past the point, metres
    field: float  # of view from top to bottom, degrees
    orbit: float  # radians a second
    follows: float | None


@dataclass(frozen=True, eq=False)
class Jerk:
    """A push that the camera gets at a time, and comes back from."""

    time: float
    push: Array  # [4] x, y in picture heights, zoom, tilt in radians
    lasts: float

    def at(self, time: float) -> Array:
        since = (time - self.time) / self.lasts
        share = since * math.exp(1 - since) if since > 0 else 0.0
        return np.asarray(self.push * share)


class Camera:
    """Is asked for one frame after the other, in the order of time."""

    def __init__(self, rng: Generator, action: Action, duration: float) -> None:
        self._heading, self._worn = action.heading, action.worn
        begins = [0.0]
        if rng.random() < _CUT:
            while (begin := begins[-1] + rng.uniform(*_SHOTS)) < duration:
                begins.append(begin)
        self._shots = [_shot(rng, action, begin) for begin in begins]
        self._sway = hand_shake(rng) if rng.random() < _HELD else np.zeros((0, 4, 3))
        jerks = int(rng.integers(1, 5)) if rng.random() < _JERKED else 0
        self._jerks = [_jerk(rng, duration) for _ in range(jerks)]
        self._shot: Shot | None = None
        self._eye = self._point = np.zeros(3)
        self._time = 0.0

    def at(self, time: float, point: Array, middle: Array) -> tuple[Array, Array, Array, float]:
        """(eye [3], target [3], up [3], field of view in degrees) of the frame at `time`.

        point: what it looks at; middle: beside what it stands where it does not follow.
        """
        shot = next(s for s in reversed(self._shots) if s.begin <= time + 1e-9)
        if self._worn is not None:
            self._eye, self._point = self._worn(time)
            return self._shaken(time, shot)
        looked = middle if shot.follows is None else point
        angle = self._heading + shot.angle + shot.orbit * time
        out = np.array([math.cos(angle), math.sin(angle), 0.0])
        eye = looked + shot.distance * out + np.array([0.0, 0.0, shot.height])
        looked = point  # a camera that stays where it is turns after what goes by
        side = np.array([-out[1], out[0], 0.0])
        target = looked + np.array([0.0, 0.0, shot.aim]) + shot.aside * side
        if shot is not self._shot:
            self._eye, self._point = eye, target
        else:
            share = 1 - math.exp(-(time - self._time) / (shot.follows or 0.1))
            self._eye = self._eye + share * (eye - self._eye)
            self._point = self._point + min(1.0, 2 * share) * (target - self._point)
        self._shot, self._time = shot, time
        return self._shaken(time, shot)

    def _shaken(self, time: float, shot: Shot) -> tuple[Array, Array, Array, float]:
        x, y, zoom, tilt = sum((j.at(time) for j in self._jerks), shaken(self._sway, time))
        ahead = self._point - self._eye
        distance = float(np.linalg.norm(ahead))
        ahead = ahead / distance
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right = right / max(float(np.linalg.norm(right)), 1e-6)
        up = np.cross(right, ahead)
        tall = 2 * distance * math.tan(math.radians(shot.field) / 2)  # metres in the picture
        target = self._point + tall * (x * right + y * up)
        return self._eye, target, up + math.tan(tilt) * right, shot.field * math.exp(-zoom)


def _shot(rng: Generator, action: Action, begin: float) -> Shot:
    if action.worn is not None:
        field = rng.uniform(*_WORN_FIELD)
        return Shot(begin, 0.0, 0.0, 0.0, 0.0, 0.0, field, 0.0, None)
    if action.travels and rng.random() < _AT_THE_FEET:
        return _at_the_feet(rng, action, begin)
    field = rng.uniform(30, 70)
    fits = action.size / 2 / math.tan(math.radians(field) / 2)
    if action.travels:
        seen_from = str(rng.choice(list(_FROM), p=_FROM_SHARES))
        follows = float(rng.uniform(0.02, 0.3)) if rng.random() < 0.8 else None
        angle = _FROM[seen_from] + rng.normal(0, 0.35)
        distance = max(1.0, fits * rng.uniform(0.7, 1.2)) * (1.0 if follows else 1.6)
        height = rng.uniform(0.3, 2.4) if rng.random() < 0.85 else rng.uniform(2.4, 6.0)
        aim = rng.uniform(0.1, 1.1)
        aside, orbit = rng.normal(0, 0.2), rng.normal(0, 0.08)
    else:
        above = math.radians(rng.uniform(8, 70))
        away = fits * rng.uniform(0.9, 1.7)
        distance, height = away * math.cos(above), away * math.sin(above)
        angle, follows = rng.uniform(0, 2 * math.pi), None
        aim = rng.uniform(0.05, 0.4) * action.size
        aside = rng.normal(0, 0.08) * action.size
        orbit = rng.normal(0, 0.1) if rng.random() < 0.2 else 0.0
    return Shot(begin, angle, distance, height, aim, aside, field, orbit, follows)


def _at_the_feet(rng: Generator, action: Action, begin: float) -> Shot:
    """Feet and shins fill the picture; it goes along with them, or they come by."""
    seen_from = str(rng.choice(list(_FROM), p=(0.3, 0.25, 0.25, 0.2)))
    follows = float(rng.uniform(0.01, 0.15)) if rng.random() < 0.85 else None
    return Shot(
        begin,
        angle=_FROM[seen_from] + rng.normal(0, 0.3),
        distance=action.leg * rng.uniform(0.7, 2.2),
        height=action.leg
        * (rng.uniform(0.05, 0.5) if rng.random() < 0.7 else rng.uniform(0.5, 1.8)),
        aim=action.leg * rng.uniform(0.05, 0.45),
        aside=action.leg * rng.normal(0, 0.1),
        field=rng.uniform(30, 60),
        orbit=0.0,
        follows=follows,
    )


def _jerk(rng: Generator, duration: float) -> Jerk:
    push = rng.normal(0, 1, 4) * np.array([0.08, 0.08, 0.03, 0.04])
    return Jerk(rng.uniform(0, duration), push, rng.uniform(0.03, 0.15))
