"""Paint for rendered scenes: procedural textures, sprites, and a canvas in picture units.

A point is (x, y) with the origin in the middle of the picture, x to the right, y down, one unit
being the picture's height. What is drawn so looks alike at every size. Colours are RGB, 0..255.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Colour = tuple[float, float, float]
Generator = np.random.Generator

_SUBPIXEL_BITS = 4  # cv2 draws at 1/16 of a pixel
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 20, endpoint=False)),
                    np.sin(np.linspace(0, 2 * np.pi, 20, endpoint=False))], axis=1)  # fmt: skip


# --- colours and textures ---------------------------------------------------------------------


def hsv(hue: float, saturation: float, value: float) -> Colour:
    """Colour of hue 0..1 (cyclic), saturation and value 0..1 (clipped)."""
    saturation, value = np.clip([saturation, value], 0.0, 1.0)
    sectors = (np.array([5.0, 3.0, 1.0]) + 6.0 * hue) % 6.0
    ramp = np.clip(np.minimum(sectors, 4.0 - sectors), 0.0, 1.0)
    red, green, blue = 255.0 * value * (1.0 - saturation * ramp)
    return float(red), float(green), float(blue)


def natural_colour(rng: Generator) -> Colour:
    """Colours as surfaces have them: mostly earthy and dull, now and then bright."""
    hue = rng.choice([rng.uniform(0.03, 0.16), rng.uniform(0.0, 1.0)])
    return hsv(float(hue), rng.beta(1.5, 3.0), rng.uniform(0.12, 0.95))


def skin_colour(rng: Generator) -> Colour:
    return hsv(rng.uniform(0.01, 0.08), rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.95))


def shade(colour: Colour, gain: float) -> Colour:
    red, green, blue = (min(255.0, max(0.0, channel * gain)) for channel in colour)
    return red, green, blue


def fractal(
    rng: Generator, height: int, width: int, *, coarsest: int = 3, octaves: int = 6,
    persistence: float = 0.6, stretch: float = 1.0,
) -> NDArray[np.float32]:  # fmt: skip
    """Multi-octave noise [height, width] in 0..1; stretch > 1 draws it out along x."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        rows = min(coarsest * 2**octave, height)
        columns = min(max(2, round(rows * width / height / stretch)), width)
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        smooth = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        total += persistence**octave * smooth
    spread = total.std() + 1e-6
    level = 0.5 + (total - total.mean()) / (5.0 * spread)
    return np.asarray(np.clip(level, 0.0, 1.0), np.float32)


def _ramp(values: NDArray[np.float32], colours: Sequence[Colour]) -> Image:
    """Colour ramp [H, W, 3] through the colours at values 0..1."""
    stops = np.linspace(0, 255, len(colours))
    table = np.stack(
        [np.interp(np.arange(256), stops, [c[i] for c in colours]) for i in range(3)], axis=1
    )
    return table.astype(np.uint8)[(255 * values).astype(np.uint8)]


def _mottled(rng: Generator, height: int, width: int) -> Image:
    base = natural_colour(rng)
    colours = [shade(base, g) for g in np.sort(rng.uniform(0.5, 1.5, 2))] + [natural_colour(rng)]
    noise = fractal(rng, height, width, octaves=7, persistence=rng.uniform(0.4, 0.95))
    return _ramp(noise, colours[: rng.integers(2, 4)])


def _plain(rng: Generator, height: int, width: int) -> Image:
    base = natural_colour(rng)
    noise = fractal(rng, height, width, coarsest=2, octaves=5, persistence=0.5)
    return _ramp(noise, [shade(base, 1 - (d := rng.uniform(0.02, 0.2))), shade(base, 1 + d)])


def _grained(rng: Generator, height: int, width: int) -> Image:
    """Wood: noise drawn out along the grain, cut into planks of slightly different tone."""
    base = hsv(rng.uniform(0.04, 0.11), rng.uniform(0.2, 0.7), rng.uniform(0.25, 0.85))
    noise = fractal(rng, height, width, coarsest=8, octaves=5, stretch=rng.uniform(6, 25))
    pixels = _ramp(noise, [shade(base, 0.7), base, shade(base, 1.2)]).astype(np.float32)
    edges = np.linspace(0, height, rng.integers(2, 14)).astype(int)
    for top, bottom in pairwise(edges):
        pixels[top:bottom] *= rng.uniform(0.85, 1.12)
        pixels[top : top + max(1, height // 250)] *= 0.45
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _tiled(rng: Generator, height: int, width: int) -> Image:
    """Tiles, bricks or a checker board: a mottled surface cut by joints."""
    pixels = _mottled(rng, height, width).astype(np.float32)
    across, down = height * rng.uniform(0.05, 0.3), height * rng.uniform(0.05, 0.3)
    rows = (np.arange(height) / down).astype(int)
    shift = rng.choice([0.0, 0.5]) * (rows % 2)
    columns = (np.arange(width)[None, :] / across + shift[:, None]).astype(int)
    tones = rng.normal(1.0, rng.choice([0.03, 0.1, 0.3]), (rows.max() + 2, columns.max() + 2))
    pixels *= np.clip(tones, 0.3, 1.6)[rows[:, None], columns][..., None]
    joints = np.zeros((height, width), bool)
    joints[1:] |= (rows[1:] != rows[:-1])[:, None]
    joints[:, 1:] |= columns[:, 1:] != columns[:, :-1]
    thick = cv2.dilate(joints.astype(np.uint8), np.ones((max(1, height // 150),) * 2, np.uint8))
    pixels[thick > 0] *= rng.choice([0.4, 0.7, 1.3])
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _woven(rng: Generator, height: int, width: int) -> Image:
    """Stripes, plaid or a knit: sums of square waves along one or two slanted directions."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    total = np.zeros((height, width), np.float32)
    angle = rng.uniform(0, np.pi)
    for turn in range(rng.integers(1, 3)):
        phase = x * np.cos(angle + turn * np.pi / 2) + y * np.sin(angle + turn * np.pi / 2)
        total += np.sin(phase * rng.uniform(15, 140)) > rng.uniform(-0.8, 0.8)
    noise = fractal(rng, height, width, coarsest=16, octaves=4, persistence=0.9)
    mixed = np.clip(0.4 * total + 0.25 * noise, 0, 1)
    return _ramp(mixed, [natural_colour(rng) for _ in range(3)])


def _littered(rng: Generator, height: int, width: int) -> Image:
    """Leaves, gravel, chips: many small bright and dark polygons on a mottled ground."""
    pixels = _mottled(rng, height, width)
    count, size = int(rng.uniform(150, 1500)), height * rng.lognormal(-3.6, 0.5)
    palette = [natural_colour(rng) for _ in range(rng.integers(2, 6))]
    corners = rng.integers(4, 9)
    angles = np.sort(rng.uniform(0, 2 * np.pi, (count, corners)), axis=1)
    radius = size * rng.lognormal(0, 0.4, (count, 1)) * rng.uniform(0.5, 1.0, (count, corners))
    centre = rng.uniform(0, 1, (count, 1, 2)) * (width, height)
    aspect = np.array([1.0, rng.uniform(0.35, 1.0)])
    points = centre + aspect * radius[..., None] * np.stack([np.cos(angles), np.sin(angles)], -1)
    tones = rng.uniform(0.55, 1.25, count)
    shadow = np.array([0.2, 0.25]) * size
    for item, tone in zip(points, tones, strict=True):
        if size > 4:
            fill(pixels, item + shadow, shade(palette[0], 0.25))
        fill(pixels, item, shade(palette[int(tone * 1e4) % len(palette)], float(tone)))
    return pixels


def _grassy(rng: Generator, height: int, width: int) -> Image:
    pixels = _mottled(rng, height, width)
    hue, count = rng.uniform(0.1, 0.38), int(rng.uniform(500, 2500))
    root = rng.uniform(0, 1, (count, 2)) * (width, height)
    blade = height * rng.normal(0, 0.02, (count, 2)) + (0, -height * rng.uniform(0.01, 0.08))
    ends = np.round(16 * np.stack([root, root + blade], 1)).astype(np.int32)
    for group in np.array_split(ends, 12):
        colour = hsv(hue + rng.normal(0, 0.03), rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.9))
        cv2.polylines(pixels, list(group), False, colour, 1 + height // 300, cv2.LINE_AA, 4)
    return pixels


def _cluttered(rng: Generator, height: int, width: int) -> Image:
    """A room out of focus: boxes and round things of all colours."""
    pixels = _plain(rng, height, width)
    for _ in range(rng.integers(4, 25)):
        centre = rng.uniform(0, 1, 2) * (width, height)
        extent = height * rng.uniform(0.03, 0.3, 2)
        outline = _CIRCLE if rng.random() < 0.3 else np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
        spin = rotation(rng.normal(0, 0.2))
        fill(pixels, centre + (outline * extent) @ spin.T, natural_colour(rng))
    return pixels


def _lettered(rng: Generator, height: int, width: int) -> Image:
    pixels = _plain(rng, height, width)
    ink = natural_colour(rng)
    for _ in range(rng.integers(2, 14)):
        word = "".join(chr(rng.integers(65, 91)) for _ in range(rng.integers(2, 10)))
        where = (int(rng.uniform(-0.1, 0.8) * width), int(rng.uniform(0.05, 1) * height))
        size = height * rng.lognormal(-5.3, 0.6)
        weight = max(1, int(size * 2))
        cv2.putText(pixels, word, where, cv2.FONT_HERSHEY_DUPLEX, size, ink, weight, cv2.LINE_AA)
    return pixels


TEXTURES: dict[str, Callable[[Generator, int, int], Image]] = {
    "mottled": _mottled, "plain": _plain, "grained": _grained, "tiled": _tiled, "woven": _woven,
    "littered": _littered, "grassy": _grassy, "cluttered": _cluttered, "lettered": _lettered,
}  # fmt: skip


def texture(rng: Generator, name: str, height: int, width: int) -> Image:
    """A picture [height, width, 3] of the named surface."""
    return TEXTURES[name](rng, height, width)


def lit(rng: Generator, pixels: Image) -> Image:
    """The picture under uneven light: a slant, and sometimes sun through leaves or a lamp."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.5)
    gain = 1.0 + slope * ((x - width / height / 2) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    if rng.random() < 0.25:
        patches = fractal(rng, height, width, coarsest=int(rng.integers(3, 12)), octaves=4)
        edge = rng.uniform(4, 25)
        gain *= 0.65 + 0.8 / (1 + np.exp(-edge * (patches - rng.uniform(0.45, 0.65))))
    return np.asarray(np.clip(pixels * gain[..., None], 0, 255), np.uint8)


# --- geometry -----------------------------------------------------------------------------------


def rotation(angle: float) -> Array:
    """Matrix [2, 2] that turns a column vector by an angle in radians."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def oval(centre: Array, radius: float | Array, angle: float = 0.0) -> Array:
    """Outline [20, 2] of an ellipse with half axes `radius`."""
    points = _CIRCLE * radius
    return centre + (points @ rotation(angle).T if angle else points)


def taper(start: Array, end: Array, start_width: float, end_width: float) -> Array:
    """Outline [4, 2] of a straight limb from start to end."""
    along = end - start
    side = np.array([-along[1], along[0]]) / (np.hypot(along[0], along[1]) + 1e-9) / 2
    return np.array(
        [start + side * start_width, end + side * end_width,
         end - side * end_width, start - side * start_width]
    )  # fmt: skip


def fill(pixels: Image, points: Array, colour: tuple[float, ...]) -> None:
    """Fill an outline [N, 2] given in pixels."""
    corners = np.round(points * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(pixels, [corners], colour, cv2.LINE_AA, _SUBPIXEL_BITS)


def blurred(pixels: Image, sigma: float) -> Image:
    """Out of focus by a Gaussian of `sigma` pixels."""
    return cv2.GaussianBlur(pixels, (0, 0), sigma)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Sprite:
    """A cut-out picture: pixels [H, W, 4] (RGB, alpha), `height` picture heights tall."""

    pixels: Image
    height: float
    _levels: dict[int, Image] = field(default_factory=dict, repr=False)

    def level(self, pixels_per_unit: float) -> Image:
        """The pixels shrunk by a power of two, so that warping them does not alias."""
        power = int(np.log2(max(1.0, self.pixels.shape[0] / self.height / pixels_per_unit)) + 0.3)
        if power not in self._levels:
            size = tuple(max(2, n >> power) for n in self.pixels.shape[1::-1])
            self._levels[power] = cv2.resize(self.pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        return self._levels[power]


# --- the canvas ---------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Canvas:
    """An image [H, W, 3] and the affine map [2, 3] from picture units to its pixels."""

    image: Image
    matrix: Array

    @property
    def scale(self) -> float:
        """Pixels in one picture unit."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    def pixels(self, points: Array) -> Array:
        """Picture units to pixels; the middle of the first pixel is (0, 0)."""
        return points @ self.matrix[:, :2].T + self.matrix[:, 2]

    def polygon(self, points: Array, colour: Colour, alpha: float = 1.0) -> None:
        """Fill an outline [N, 2]."""
        self.polygons(points[None], colour, alpha)

    def polygons(self, outlines: Array, colour: Colour, alpha: float = 1.0) -> None:
        """Fill outlines [K, N, 2] in one colour; where they overlap it is blended once."""
        if alpha <= 0.0:
            return
        corners = np.round(self.pixels(outlines) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        if alpha >= 1.0:
            for corner in corners:
                cv2.fillPoly(self.image, [corner], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
            return
        box = self._box(corners.reshape(-1, 2) >> _SUBPIXEL_BITS)
        if box is None:
            return
        target = self.image[box[1] : box[3], box[0] : box[2]]
        painted = target.copy()
        corners -= np.array(box[:2], np.int32) << _SUBPIXEL_BITS
        for corner in corners:
            cv2.fillPoly(painted, [corner], colour, cv2.LINE_AA, _SUBPIXEL_BITS)
        target[...] = cv2.addWeighted(painted, alpha, target.copy(), 1.0 - alpha, 0.0)

    def _box(self, corners: NDArray[np.int32]) -> tuple[int, int, int, int] | None:
        """(left, top, right, bottom) in pixels of what holds the corners, inside the image."""
        left, top, width, height = cv2.boundingRect(corners)
        right, bottom = min(left + width + 2, self.image.shape[1]), top + height + 2
        left, top, bottom = max(left - 1, 0), max(top - 1, 0), min(bottom, self.image.shape[0])
        return (left, top, right, bottom) if left < right and top < bottom else None

    def outline(self, points: Array, colour: Colour, width: float, alpha: float = 1.0) -> None:
        """Draw a closed line [N, 2], `width` units thick."""
        layer = self.image.copy()
        corners = np.round(self.pixels(points) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        thickness = max(1, round(width * self.scale))
        cv2.polylines(layer, [corners], True, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)
        cv2.addWeighted(layer, alpha, self.image, 1.0 - alpha, 0.0, dst=self.image)

    def sprite(
        self, sprite: Sprite, centre: Array, *, angle: float = 0.0, stretch: float | Array = 1.0
    ) -> None:
        """Lay a sprite over the picture, turned by `angle` and stretched about its centre."""
        pixels = sprite.level(self.scale)
        height, width = pixels.shape[:2]
        local = rotation(angle) @ np.diag(np.broadcast_to(stretch, 2) * sprite.height / height)
        matrix = np.empty((2, 3))
        matrix[:, :2] = self.matrix[:, :2] @ local
        matrix[:, 2] = self.pixels(centre) - matrix[:, :2] @ ((width - 1) / 2, (height - 1) / 2)
        corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) @ matrix[:, :2].T
        box = self._box((corners + matrix[:, 2]).astype(np.int32))
        if box is None:
            return
        left, top, right, bottom = box
        matrix[:, 2] -= (left, top)
        warped = cv2.warpAffine(pixels, matrix, (right - left, bottom - top))
        target = self.image[top:bottom, left:right]
        alpha = cv2.cvtColor(warped[..., 3], cv2.COLOR_GRAY2RGB)
        over = cv2.multiply(np.ascontiguousarray(warped[..., :3]), alpha, scale=1 / 255)
        under = cv2.multiply(np.ascontiguousarray(target), 255 - alpha, scale=1 / 255)
        target[...] = cv2.add(over, under)
