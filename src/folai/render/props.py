"""What is struck and what it sheds, and the distractors: things that move and never sound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from folai.render import paint
from folai.render.actors import Impact, View
from folai.render.motion import Path
from folai.render.paint import Array, Canvas, Colour, Sprite, oval, shade, taper

# --- what is struck -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Target:
    """The struck thing: a sprite that shakes, dents or sheds when it is hit."""

    sprite: Sprite
    centre: tuple[float, float]
    impacts: Sequence[Impact]
    shake: float = 0.0  # displacement at a contact of level 1, in picture heights
    dent: float = 0.0  # part of its height that it gives
    frequency: float = 9.0  # Hz
    damping: float = 0.12  # s

    def shadow(self, canvas: Canvas, time: float) -> None:
        past = [
            (time - c.time, c.level) for c in self.impacts if 0 <= time - c.time < 6 * self.damping
        ]
        swing = sum(
            level**0.5 * np.exp(-since / self.damping) * np.sin(2 * np.pi * self.frequency * since)
            for since, level in past
        )
        give = sum(level**0.5 * since / 0.03 * np.exp(1 - since / 0.03) for since, level in past)
        where = np.array(self.centre) + np.array([0.4, 1.0]) * self.shake * swing
        squash = 1.0 - min(0.3, self.dent * give)
        where[1] += 0.5 * self.sprite.height * (1.0 - squash)
        canvas.sprite(self.sprite, where, stretch=np.array([1.0, squash]))

    def draw(self, canvas: Canvas, time: float) -> None:
        """Nothing: it lies under everything, drawn with the shadows that fall on it."""


@dataclass(frozen=True, eq=False)
class Spray:
    """Leaves, dirt or drops thrown up by each contact; they fly free and land, or vanish.

    All arrays are [P] or [P, 2], one row a particle, sorted by birth.
    """

    birth: Array
    origin: Array
    velocity: Array
    rise: Array
    size: Array
    turn: Array
    colours: tuple[Colour, Colour]
    view: View
    gravity: float = 4.0
    stays: bool = False
    lifetime: float = 1.2

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        flight = 2 * self.rise / self.gravity
        since = time - self.birth
        oldest = 1e9 if self.stays else self.lifetime
        alive = (since > 0) & (since < np.minimum(oldest, flight if not self.stays else oldest))
        if not alive.any():
            return
        since, flight = np.minimum(since, flight)[alive, None], flight[alive]
        height = self.rise[alive, None] * since - self.gravity / 2 * since**2
        points = self.origin[alive] + self.velocity[alive] * since + height * np.array(self.view.up)
        angle = (self.turn[alive, None] * (1 + 8 * since) + np.array([0.0, 1.3, 3.1, 4.5])) % (
            2 * np.pi
        )
        corner = np.stack([np.cos(angle), 0.7 * np.sin(angle)], -1)
        outlines = points[:, None] + self.size[alive, None, None] * corner
        for part, colour in enumerate(self.colours):
            if len(outlines[part::2]):
                canvas.polygons(outlines[part::2], colour, 0.95)


@dataclass(frozen=True, eq=False)
class Ripples:
    """Rings that widen on water after each contact, and a glitter that never stops."""

    impacts: Sequence[Impact]
    flat: float
    speed: float = 0.35

    def shadow(self, canvas: Canvas, time: float) -> None:
        for impact in self.impacts:
            since = time - impact.time
            if not 0 < since < 1.2:
                continue
            for ring in range(3):
                radius = self.speed * since - 0.035 * ring
                if radius > 0.004:
                    alpha = min(0.8, impact.level**0.3) * (1 - since / 1.2) ** 1.5
                    tone = 245.0 if ring % 2 == 0 else 30.0
                    outline = oval(impact.place, np.array([radius, radius * self.flat]))
                    canvas.outline(outline, (tone, tone, tone), 0.012, alpha)

    def draw(self, canvas: Canvas, time: float) -> None: ...


# --- distractors ----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Drifter:
    """A sprite that moves along a path, turning as it goes: a passer-by, a page of text, a blob."""

    sprite: Sprite
    where: Path
    spin: float = 0.0
    bob: float = 0.0

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        place = self.where(time) + np.array([0.0, self.bob * np.sin(11.0 * time)])
        canvas.sprite(self.sprite, place, angle=self.spin * time)


@dataclass(frozen=True, eq=False)
class Pendulum:
    """A weight on a string, or with `limb` a thick waving arm."""

    pivot: tuple[float, float]
    length: float
    amplitude: float
    frequency: float
    colour: Colour
    limb: float = 0.0
    rest: float = 0.0

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        angle = self.rest + self.amplitude * np.sin(2 * np.pi * self.frequency * time)
        end = np.array(self.pivot) + self.length * np.array([np.sin(angle), np.cos(angle)])
        width = self.limb or 0.008
        canvas.polygon(taper(np.array(self.pivot), end, 1.4 * width, width), self.colour)
        canvas.polygon(oval(end, 0.6 * self.limb or 0.05), shade(self.colour, 1.2))


@dataclass(frozen=True, eq=False)
class Foliage:
    """Leaves on twigs trembling in the wind; anchors [P, 2], sizes and phases [P]."""

    anchors: Array
    sizes: Array
    phases: Array
    colours: tuple[Colour, Colour]
    swing: float
    rate: float

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        wave = np.sin(self.rate * time + self.phases) + 0.6 * np.sin(
            2.7 * self.rate * time + 3 * self.phases
        )
        middle = self.anchors + self.swing * wave[:, None] * np.array([1.0, 0.4])
        angle = (self.phases + 0.4 * wave)[:, None] + np.array([0.0, 1.2, 3.14, 4.3])
        leaf = np.stack([np.cos(angle), 0.8 * np.sin(angle)], -1) * self.sizes[:, None, None]
        for part, colour in enumerate(self.colours):
            canvas.polygons((middle[:, None] + leaf)[part::2], colour)


@dataclass(frozen=True, eq=False)
class Shade:
    """A soft shadow that sweeps over the scene: a cloud, or someone out of the picture."""

    where: Path
    radius: tuple[float, float]
    alpha: float

    def shadow(self, canvas: Canvas, time: float) -> None:
        for spread in np.linspace(0.7, 1.2, 6):
            outline = oval(self.where(time), spread * np.array(self.radius))
            canvas.polygon(outline, (0, 0, 0), self.alpha / 6)

    def draw(self, canvas: Canvas, time: float) -> None: ...


def cutout(
    rng: paint.Generator, height: float, *, name: str | None = None, shape: str = "blob",
    aspect: float = 1.0, blur: float = 0.0,
) -> Sprite:  # fmt: skip
    """A textured sprite `height` tall: a blob, a box (its top edge straight) or an ellipse."""
    rows = int(np.clip(420 * height, 24, 420))
    columns = max(8, int(rows * aspect))
    name = name or str(rng.choice(list(paint.TEXTURES)))
    pixels = paint.lit(rng, paint.texture(rng, name, rows, columns))
    outline = _outline(rng, shape)
    mask = np.zeros((rows, columns), np.uint8)
    corner = np.round(16 * (outline + 1) / 2 * (columns - 1, rows - 1)).astype(np.int32)
    cv2.fillPoly(mask, [corner], (255,), cv2.LINE_AA, 4)
    rim = cv2.distanceTransform(mask, cv2.DIST_L2, 3) / (0.12 * rows)  # darker towards its edge
    shaded = pixels * (0.6 + 0.4 * np.clip(rim, 0, 1))[..., None]
    layers = np.dstack([shaded.astype(np.uint8), mask])
    if blur:
        layers = cv2.GaussianBlur(layers, (0, 0), blur * 420).astype(np.uint8)
    return Sprite(layers, height)


def _outline(rng: paint.Generator, shape: str) -> Array:
    """Corners [N, 2] of a shape that fits in -1..1."""
    if shape == "box":
        return 0.947 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.full(48, 0.97)
    if shape == "blob":
        for lobes in range(2, 9):
            radius += rng.normal(0, 0.12 / lobes) * np.sin(lobes * angles + rng.uniform(0, 6.3))
        radius *= 0.97 / radius.max()
    return np.asarray(radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1))
