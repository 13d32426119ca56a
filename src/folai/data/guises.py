"""The same clip as other cameras would have filmed it: from where `folai.data.views` puts them,
recoloured, grainy, at half the frame rate. Pictures are changed before flow is measured, so that
the flow is what it would be; the sound and its times stay.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import cv2
import numpy as np

from folai.data.views import Action, Image, View, placed, random_view
from folai.mapper.features import Pictures, iter_pictures
from folai.media.frames import Frame

VERSION = 1
"""Raise when the same draw would give another guise: when this file or `data.views`, or
`media.cadence`, draw or compute other numbers."""


@dataclass(frozen=True, eq=False)
class Guise:
    """One look, the same for a whole clip."""

    view: View
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
            yield Frame(frame.time, self._changed(frame, rng))

    def _changed(self, frame: Frame, rng: np.random.Generator) -> Image:
        image = placed(frame.image, self.view.placing(frame.time))
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


def random_guise(rng: np.random.Generator, rates: Sequence[float], action: Action) -> Guise:
    """A look drawn at random; `rates`: chances of keeping every, every second, third frame."""
    every = 1 + int(rng.choice(len(rates), p=rates))
    order = rng.permutation(3) if rng.random() < 0.3 else np.arange(3)
    return Guise(
        view=random_view(rng, action),
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
    """The mapper's input from frames in a guise, on the clock of the frames."""
    changed = guise.frames(frames, rng)
    first = next(changed)
    moved = (Frame(frame.time - first.time, frame.image) for frame in chain([first], changed))
    pictures = Pictures.join(iter_pictures(moved))
    return Pictures(pictures.edges + first.time, pictures.cells)


def compressed(image: Image, quality: int) -> Image:
    """An image [H, W, 3] with JPEG's damage."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _levels(rng: np.random.Generator) -> Image:
    """Exposure, colour cast, gamma and black level."""
    gain = rng.uniform(0.65, 1.25) * np.exp(rng.normal(0, 0.08, 3))
    curve = (np.arange(256) / 255) ** math.exp(rng.uniform(-0.35, 0.35)) * 255
    return np.clip(curve[:, None] * gain + rng.uniform(-20, 20), 0, 255).astype(np.uint8)[None]
