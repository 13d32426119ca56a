"""The same clip as another camera would have filmed it: nearer, tilted, mirrored, recoloured,
grainy, at half the frame rate. Pictures are changed before flow is measured, so that the flow is
what it would be; the sound and its times stay.

A camera that looks past the action teaches nothing but to ignore the picture, so of the views drawn
at random one is taken that still shows it (`Action`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.features import FLOW_CHANNELS, GRID, Pictures, iter_pictures
from folai.flow import FLOW_SIZE
from folai.mapper import FASTEST, mean_of_fastest
from folai.video import Frame

Image = NDArray[np.uint8]

SHOWN = 0.85  # correlation of what moves in view with what moves at all, enough for a view
_VIEWS = 20  # drawn at most for one guise


@dataclass(frozen=True, eq=False)
class Guise:
    """One look, the same for a whole clip."""

    placing: NDArray[np.float64]  # [2, 3] where the picture's points go
    levels: Image  # [1, 256, 3] new value of each old one, by colour
    order: tuple[int, int, int]  # of the colours
    coloured: bool
    blur: float  # pixels, standard deviation; 0: none
    noise: float  # of 255
    quality: int  # JPEG's, whose damage is much like a video codec's; 0: none
    every: int  # one frame in so many is kept
    first: int

    def frames(self, frames: Iterable[Frame], rng: np.random.Generator) -> Iterator[Frame]:
        """The kept frames in this guise, with the times they had."""
        for frame in islice(frames, self.first, None, self.every):
            yield Frame(frame.time, self._changed(frame.image, rng))

    def _changed(self, image: Image, rng: np.random.Generator) -> Image:
        image = _placed(image, self.placing)
        image = np.asarray(
            cv2.LUT(np.ascontiguousarray(image[..., self.order]), self.levels), np.uint8
        )
        if not self.coloured:
            image = np.repeat(image.mean(-1, keepdims=True).astype(np.uint8), 3, axis=-1)
        if self.blur:
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), self.blur), np.uint8)
        if self.noise:
            grain = rng.normal(0, self.noise, (*image.shape[:2], 1))
            image = np.clip(image + grain, 0, 255).astype(np.uint8)
        return compressed(image, self.quality) if self.quality else image


class Action:
    """Where and when things move in a clip: tells how much of it a view shows."""

    def __init__(self, pictures: Pictures) -> None:
        speed = pictures.cells[:, FLOW_CHANNELS.index("speed")].astype(np.float32)
        self._speed = speed.reshape(len(speed), -1)  # [T, places]
        self._whole = _strength(self._speed)
        rows, columns = ((np.arange(n) + 0.5) / n for n in GRID)
        y, x = np.meshgrid(rows * FLOW_SIZE[1], columns * FLOW_SIZE[0], indexing="ij")
        self._places = np.stack([x.ravel(), y.ravel(), np.ones(x.size)])  # [3, places]

    def shown(self, placing: NDArray[np.float64]) -> float:
        """Correlation over time of the motion in view with all of it; 0 if nothing is in view."""
        x, y = placing @ self._places
        inside = (x > 0) & (x < FLOW_SIZE[0]) & (y > 0) & (y < FLOW_SIZE[1])
        if inside.sum() <= FASTEST:
            return 0.0
        seen, whole = (x - x.mean() for x in (_strength(self._speed[:, inside]), self._whole))
        norm = float(np.linalg.norm(seen) * np.linalg.norm(whole))
        return float(seen @ whole) / norm if norm > 1e-9 else 1.0  # 1: nothing moves at all


def random_guise(rng: np.random.Generator, rates: Sequence[float], action: Action) -> Guise:
    """A look drawn at random; `rates`: chances of keeping every, every second, third frame."""
    every = 1 + int(rng.choice(len(rates), p=rates))
    order = rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
    return Guise(
        placing=_placing(rng, action),
        levels=_levels(rng),
        order=(int(order[0]), int(order[1]), int(order[2])),
        coloured=bool(rng.random() > 0.15),
        blur=float(rng.uniform(0.3, 1.2)) if rng.random() < 0.3 else 0.0,
        noise=abs(float(rng.normal(0, 3))) if rng.random() < 0.6 else 0.0,
        quality=int(rng.integers(20, 95)) if rng.random() < 0.5 else 0,
        every=every,
        first=int(rng.integers(every)),
    )


def seen_as(guise: Guise, frames: Iterable[Frame], rng: np.random.Generator) -> Pictures:
    """What the mapper sees of frames in a guise, on the clock of the frames."""
    changed = guise.frames(frames, rng)
    first = next(changed)
    moved = (Frame(frame.time - first.time, frame.image) for frame in chain([first], changed))
    pictures = Pictures.join(iter_pictures(moved))
    return Pictures(pictures.edges + first.time, pictures.cells)


def compressed(image: Image, quality: int) -> Image:
    """An image [H, W, 3] with JPEG's damage."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _placing(rng: np.random.Generator, action: Action) -> NDArray[np.float64]:
    """Of some placings the first that shows the action, or else the one that shows most of it."""
    drawn: list[tuple[float, NDArray[np.float64]]] = []
    for _ in range(_VIEWS):
        placing = _any_placing(rng)
        drawn.append((action.shown(placing), placing))
        if drawn[-1][0] >= SHOWN:
            break
    return max(drawn, key=lambda pair: pair[0])[1]


def _any_placing(rng: np.random.Generator) -> NDArray[np.float64]:
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


def _placed(image: Image, placing: NDArray[np.float64]) -> Image:
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


def _strength(speed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean speed of the fastest places: [T, places] -> [T], a little smoothed."""
    return np.convolve(mean_of_fastest(speed), np.full(3, 1 / 3, np.float32), "same")


def _levels(rng: np.random.Generator) -> Image:
    """Exposure, colour cast, gamma and black level."""
    gain = rng.uniform(0.65, 1.25) * np.exp(rng.normal(0, 0.08, 3))
    curve = (np.arange(256) / 255) ** math.exp(rng.uniform(-0.35, 0.35)) * 255
    return np.clip(curve[:, None] * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)[None]
