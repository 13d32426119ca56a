"""Where another camera would have stood: nearer, tilted, on any side, held by hand, or several
cameras with cuts between them.

A view without the action would only teach the model to ignore the picture. Of several random
placings, one that shows the action is therefore taken (`Action`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.mapper.features import Pictures
from folai.mapper.flow import FLOW_SIZE
from folai.mapper.predict import FASTEST, mean_of_fastest
from folai.models.cells import FLOW_CHANNELS, GRID
from folai.render.scene import REACH, hand_shake, shaken

Image = NDArray[np.uint8]
Placing = NDArray[np.float64]  # [2, 3] where the points of a picture of FLOW_SIZE go

SHOWN = 0.85  # correlation of what moves in view with what moves at all, enough for a view
_PLACINGS = 20  # drawn at most for one shot
_CUT = 0.2  # how often a view is cut
_SHOTS = (1.5, 6.0)  # seconds a shot lasts in a view that is cut
_HELD = 0.25  # how often a camera is held by hand
_DRIFT = 0.05  # picture heights, standard deviation, of a hand that pans while it shakes


class Action:
    """Where and when things move in a clip: tells how much of it a placing shows."""

    def __init__(self, pictures: Pictures) -> None:
        speed = pictures.cells[:, FLOW_CHANNELS.index("speed")].astype(np.float32)
        self.duration = pictures.duration
        self._speed = speed.reshape(len(speed), -1)  # [T, places]
        self._whole = _strength(self._speed)
        rows, columns = ((np.arange(n) + 0.5) / n for n in GRID)
        y, x = np.meshgrid(rows * FLOW_SIZE[1], columns * FLOW_SIZE[0], indexing="ij")
        self._places = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])  # [3, places]

    def shown(self, placing: Placing) -> float:
        """Correlation over time of the motion in view with all of it; 0 if nothing is in view."""
        x, y = placing @ self._places
        inside = (x > 0) & (x < FLOW_SIZE[0]) & (y > 0) & (y < FLOW_SIZE[1])
        if inside.sum() <= FASTEST:
            return 0.0
        visible, whole = (x - x.mean() for x in (_strength(self._speed[:, inside]), self._whole))
        norm = float(np.linalg.norm(visible) * np.linalg.norm(whole))
        return float(visible @ whole) / norm if norm > 1e-9 else 1.0  # 1: nothing moves at all


@dataclass(frozen=True, eq=False)
class View:
    """Shots, one after the other, each begun at its time, and the sway of the camera in all."""

    shots: tuple[tuple[float, Placing], ...]
    sway: NDArray[np.float64]  # [S, 4, 3], as the `shake` of `folai.render.scene.Camera`

    def placing(self, time: float) -> Placing:
        """Of the frame at `time`, in seconds."""
        begun = [placing for begin, placing in self.shots if begin <= time]
        placing = begun[-1] if begun else self.shots[0][1]
        x, y, zoom, tilt = shaken(self.sway, time)
        middle = (FLOW_SIZE[0] / 2, FLOW_SIZE[1] / 2)
        moved = cv2.getRotationMatrix2D(middle, math.degrees(tilt), math.exp(zoom))
        moved[:, 2] += FLOW_SIZE[1] * np.array([x, y])
        return np.asarray(moved @ np.vstack([placing, [0.0, 0.0, 1.0]]), np.float64)


def random_view(rng: np.random.Generator, action: Action) -> View:
    """A view drawn at random that shows the action."""
    begins = [0.0]
    if rng.random() < _CUT:
        while (begin := begins[-1] + rng.uniform(*_SHOTS)) < action.duration:
            begins.append(begin)
    shots = tuple((begin, _placing(rng, action)) for begin in begins)
    return View(shots, _sway(rng) if rng.random() < _HELD else np.zeros((0, 4, 3)))


def placed(image: Image, placing: Placing) -> Image:
    """An image of any size where `placing`, of one of FLOW_SIZE, puts it.

    It is zoomed first, by the mean over pixels where it shrinks, so that a large picture comes
    nearer without getting blurred and goes away without aliasing.
    """
    zoom = math.sqrt(abs(np.linalg.det(placing[:, :2])))
    size = (round(FLOW_SIZE[0] * zoom), round(FLOW_SIZE[1] * zoom))
    shrinks = size[1] < image.shape[0]
    image = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR),
        np.uint8,
    )
    rest = placing.copy()
    rest[:, :2] /= np.array(size) / np.array(FLOW_SIZE)
    return np.asarray(
        cv2.warpAffine(image, rest, FLOW_SIZE, borderMode=cv2.BORDER_REFLECT), np.uint8
    )


def _placing(rng: np.random.Generator, action: Action) -> Placing:
    """Of some placings the first that shows the action, or else the one that shows most of it."""
    drawn: list[tuple[float, Placing]] = []
    for _ in range(_PLACINGS):
        placing = _any_placing(rng)
        drawn.append((action.shown(placing), placing))
        if drawn[-1][0] >= SHOWN:
            break
    return max(drawn, key=lambda pair: pair[0])[1]


def _any_placing(rng: np.random.Generator) -> Placing:
    """Zoom up to 1.9 into a part of the picture, often mirrored, sometimes tilted, even a lot, so
    that things are hit from every side."""
    size = np.array(FLOW_SIZE, float)
    zoom = math.exp(rng.uniform(-0.1, 0.65))
    tilt = float(rng.choice([0.0, rng.normal(0, 8), rng.uniform(-90, 90)], p=[0.4, 0.4, 0.2]))
    angle = math.radians(abs(tilt))
    if angle > 0.3:  # no corner of the tilted picture may show, or not much of one
        zoom = max(zoom, 0.9 * (math.cos(angle) + size[0] / size[1] * math.sin(angle)))
    middle = size / 2 * (1 + rng.uniform(-1, 1, 2) * max(0.0, 1 - 1 / zoom))
    placing = np.asarray(cv2.getRotationMatrix2D((middle[0], middle[1]), tilt, zoom), np.float64)
    placing[:, 2] += size / 2 - middle
    if rng.random() < 0.5:
        placing[0] *= -1
        placing[0, 2] += size[0] - 1
    return placing


def _sway(rng: np.random.Generator) -> NDArray[np.float64]:
    """A hand's shake, and a slow pan with some zoom."""
    frequency = 2 * math.pi * rng.uniform(0.02, 0.2, 4)
    amplitude = rng.normal(0.0, _DRIFT, 4) * REACH
    drift = np.stack([amplitude, frequency, rng.uniform(0, 6.3, 4)], axis=-1)
    return np.concatenate([hand_shake(rng), drift[None]])


def _strength(speed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean speed of the fastest places: [T, places] -> [T], a little smoothed."""
    return np.convolve(mean_of_fastest(speed), np.full(3, 1 / 3, np.float32), "same")
