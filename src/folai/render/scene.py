"""A scene: a stage, a camera and actors whose contacts, and so whose sound, are known exactly."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.render.actors import Actor
from folai.render.motion import STROKE_RATE, Contact, Path, Stroke, still
from folai.render.paint import Array, Canvas, Generator, Image, Sprite, rotation

RMS_WINDOW = 0.032  # s, the centred window that the envelope is the RMS of
MOST_SHAKE = 0.012  # picture heights, of a camera held by hand: more would hide what it films
REACH = np.array([1.0, 1.0, 0.3, 0.5])  # how far a hand moves a camera in x, y, zoom and tilt


@dataclass(frozen=True, eq=False)
class Camera:
    """Where the picture's middle looks: a path of (x, y, log zoom, roll), and a hand-held shake.

    shake [S, 4, 3]: amplitude, angular frequency (1/s) and phase of S sines for each coordinate.
    """

    path: Path
    shake: Array
    mirror: bool = False

    @property
    def moves(self) -> bool:
        return bool(self.shake.size or np.any(np.diff(self.path.values, axis=0)))

    def matrix(self, time: float, size: tuple[int, int], parallax: float = 1.0) -> Array:
        """Map [2, 3] from picture units to pixels; parallax < 1 for what is farther away."""
        look = self.path(time) + shaken(self.shake, time)
        turn = rotation(float(look[3])) @ np.diag([-1.0 if self.mirror else 1.0, 1.0])
        linear = size[1] * np.exp(look[2] * parallax) * turn
        middle = (np.array(size) - 1.0) / 2.0
        return np.column_stack([linear, middle - linear @ (look[:2] * parallax)])


@dataclass(frozen=True)
class Light:
    """Colour cast and exposure, gamma, a periodic flicker, and the sensor's noise (deviation)."""

    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    flicker: float = 0.0
    flicker_rate: float = 1.0  # Hz
    noise: float = 2.0

    def apply(self, image: Image, time: float) -> Image:
        gain = 1.0 + self.flicker * np.sin(2 * np.pi * self.flicker_rate * time)
        levels = (np.arange(256)[:, None] / 255.0) ** self.gamma * np.array(self.cast) * gain
        table = np.clip(np.round(255.0 * levels), 0, 255).astype(np.uint8)[None]
        return cv2.LUT(image, table)  # type: ignore[return-value]


@dataclass(frozen=True, eq=False)
class Layer:
    """A backdrop or a part of it: the first fills the picture, the others are cut out."""

    sprite: Sprite
    centre: tuple[float, float] = (0.0, 0.0)
    parallax: float = 1.0


@dataclass(frozen=True, eq=False)
class Scene:
    """Everything that is seen and heard of a short action. Times are seconds from its start.

    `voices` are the sounding actors' heights above what they strike: a contact is a height of 0.
    """

    kind: str
    duration: float
    contacts: tuple[Contact, ...]
    sustained: tuple[Stroke, ...] = ()
    actors: tuple[Actor, ...] = ()
    heights: tuple[Path, ...] = ()
    layers: tuple[Layer, ...] = ()
    camera: Camera = field(default_factory=lambda: Camera(still((0, 0, 0, 0)), np.zeros((0, 4, 3))))
    light: Light = Light()
    floor: float = 0.01  # RMS of the room
    seed: int = 0
    _backdrops: dict[tuple[int, int], Image] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.duration > 0:
            raise ValueError(f"duration must be > 0 s, got {self.duration}")

    @property
    def onsets(self) -> Array:
        """Contact times [N] in seconds, sorted."""
        return np.array(sorted(contact.time for contact in self.contacts))

    @property
    def strokes(self) -> tuple[tuple[float, float], ...]:
        """(start, end) in seconds of each sustained contact: scraping, rolling."""
        return tuple((stroke.start, stroke.end) for stroke in self.sustained)

    def clearance(self, time: float) -> float:
        """Height of the lowest sounding actor above its surface, in picture heights."""
        return float(min((path(time)[0] for path in self.heights), default=np.inf))

    def draw(self, time: float, size: tuple[int, int] = (344, 256)) -> Image:
        """The picture [H, W, 3] at the instant `time`, for a size of (width, height)."""
        if min(size) < 8:
            raise ValueError(f"size must be at least (8, 8) pixels, got {size}")
        image = self._backdrop(time, size)
        canvas = Canvas(image, self.camera.matrix(time, size))
        for actor in self.actors:
            actor.shadow(canvas, time)
        for actor in self.actors:
            actor.draw(canvas, time)
        return self.light.apply(image, time)

    def _backdrop(self, time: float, size: tuple[int, int]) -> Image:
        if self.camera.moves:
            return self._paint_backdrop(time, size)
        if size not in self._backdrops:
            self._backdrops[size] = self._paint_backdrop(time, size)
        return self._backdrops[size].copy()

    def _paint_backdrop(self, time: float, size: tuple[int, int]) -> Image:
        image = np.full((size[1], size[0], 3), 128, np.uint8)
        for index, layer in enumerate(self.layers):
            matrix = self.camera.matrix(time, size, layer.parallax)
            if index:
                Canvas(image, matrix).sprite(layer.sprite, np.array(layer.centre))
            else:
                image = _filled(layer, Canvas(image, matrix))
        return image

    def envelope(self, frame_rate: float = 120.0) -> NDArray[np.float32]:
        """RMS [T] of the sound in a window of RMS_WINDOW centred at i / frame_rate seconds.

        Contacts start at full power at their exact time and decay; powers add up.
        """
        times = np.arange(round(self.duration * frame_rate)) / frame_rate
        power = np.full(len(times), self.floor**2)
        for contact in self.contacts:
            power += _contact_power(contact, times)
        for stroke in self.sustained:
            power += _stroke_power(stroke, times)
        return np.asarray(np.sqrt(power), np.float32)


def _filled(layer: Layer, canvas: Canvas) -> Image:
    """The layer's picture wherever the camera looks, reflected beyond its borders."""
    pixels = layer.sprite.level(canvas.scale)[..., :3]
    height, width = pixels.shape[:2]
    unit = layer.sprite.height / height
    corner = np.array(layer.centre) - unit * np.array([width - 1, height - 1]) / 2
    matrix = np.column_stack([canvas.matrix[:, :2] * unit, canvas.pixels(corner)])
    size = canvas.image.shape[1::-1]
    return cv2.warpAffine(pixels, matrix, size, borderMode=cv2.BORDER_REFLECT)  # type: ignore[return-value]


def _contact_power(contact: Contact, times: Array) -> Array:
    """Mean power in the window at each time [T] of a decay that starts at the contact.

    For power exp(-2 t / d) from t = 0, the mean over [a, b] is d / (2 w) (exp(-2 a / d) -
    exp(-2 b / d)). The largest is where the window starts at the contact: that is `level` squared.
    """
    start = np.maximum(times - RMS_WINDOW / 2 - contact.time, 0.0)
    end = np.maximum(times + RMS_WINDOW / 2 - contact.time, 0.0)
    rate = 2.0 / contact.decay
    power = np.exp(-rate * start) - np.exp(-rate * end)
    return np.asarray(contact.level**2 * power / (1.0 - np.exp(-rate * RMS_WINDOW)))


def _stroke_power(stroke: Stroke, times: Array) -> Array:
    """Mean power in the window at each time [T] of a sustained sound."""
    energy = np.concatenate([[0.0], np.cumsum(stroke.powers)]) / STROKE_RATE
    edges = stroke.start + np.arange(len(energy)) / STROKE_RATE
    ends = [np.interp(times + side * RMS_WINDOW / 2, edges, energy) for side in (1, -1)]
    return (ends[0] - ends[1]) / RMS_WINDOW


def shake_of(rng: Generator, strength: float) -> Array:
    """Hand-held shake [S, 4, 3], as `Camera` has it, of about `strength` picture heights."""
    frequency = 2 * np.pi * rng.uniform(0.3, 7.0, (6, 4))
    reach = strength * REACH / np.maximum(1.0, frequency / 6.0)
    amplitude = rng.normal(0.0, 1.0, (6, 4)) * reach
    return np.stack([amplitude, frequency, rng.uniform(0, 6.3, (6, 4))], axis=-1)


def hand_shake(rng: Generator) -> Array:
    """Shake [S, 4, 3] of somebody's hand, steady or not."""
    return shake_of(rng, min(rng.lognormal(np.log(0.006), 0.8), MOST_SHAKE))


def shaken(shake: Array, time: float) -> Array:
    """How far [4] a shake [S, 4, 3] has moved each coordinate: the sum of its sines."""
    amplitude, frequency, phase = np.moveaxis(shake, -1, 0)
    return np.asarray(np.sum(amplitude * np.sin(frequency * time + phase), axis=0))
