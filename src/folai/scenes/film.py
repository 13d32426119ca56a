"""Films a scene: its frames, as a camera of some make sees them, and what is heard.

One seed, one scene. Pictures come from the engine's renderer for the CPU; what a lens, a sensor and
a codec do to them is done here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from folai.media.frames import Frame
from folai.render import Scene
from folai.scenes import hands, legs, objects, tools, untouched, walkers
from folai.scenes.camera import Camera
from folai.scenes.world import Action, Array, Picture, World, new_world

SIZE = (192, 108)  # width and height of the pictures; the mapper looks at 172 x 128
SECONDS = 6.0
_FILMED_AT = (24.0, 25.0, 30000 / 1001, 30.0, 30.0)  # fps
_FLASHES = 0.12  # how often there are flashes of light

# How often a family is drawn, and what plays it.
_ACTS: dict[str, tuple[float, Callable[[World, Generator, float], Action]]] = {
    "walk": (0.18, walkers.walk),
    "person": (0.2, legs.person),
    "animal": (0.05, legs.animal),
    "drop": (0.1, objects.drop),
    "topple": (0.05, objects.topple),
    "roll": (0.05, objects.roll),
    "strike": (0.1, tools.strike),
    "hands": (0.15, hands.handle),
    "untouched": (0.12, untouched.move),
}
FAMILIES = tuple(_ACTS)


@dataclass(frozen=True, eq=False)
class Simulated:
    """What was filmed, and what it sounds like (`truth`: contacts, strokes, envelope)."""

    family: str
    fps: float
    frames: list[Frame]
    truth: Scene


def simulate(
    seed: int,
    family: str | None = None,
    *,
    duration: float = SECONDS,
    size: tuple[int, int] = SIZE,
    pictures: Sequence[Picture] = (),
) -> Simulated:
    """The scene of this seed; `family` is one of FAMILIES, or None for any.

    pictures: of real places [H, W, 3], RGB; floors, things and what lies behind them may show them.

    Raises ValueError for an unknown family, a duration below a second, or without PyBullet.

    >>> simulate(3, "walk").truth.onsets  # doctest: +SKIP
    """
    if family is not None and family not in _ACTS:
        raise ValueError(f"family must be one of {', '.join(_ACTS)}, got {family!r}")
    if not duration >= 1.0:
        raise ValueError(f"duration must be 1 s or more, got {duration}")
    rng = np.random.default_rng([seed, 3])
    drawn = str(rng.choice(FAMILIES, p=[share for share, _ in _ACTS.values()]))
    family = family or drawn
    with new_world(pictures) as world:
        world.ground(rng)
        action = _ACTS[family][1](world, rng, duration)
        fps = _FILMED_AT[rng.integers(len(_FILMED_AT))]
        frames = _film(world, rng, action, np.arange(round(duration * fps)) / fps, duration, size)
    floor = 10 ** (-rng.uniform(45, 65) / 20)
    truth = Scene(family, duration, action.contacts, action.strokes, floor=floor, seed=seed)
    return Simulated(family, fps, frames, truth)


@dataclass(frozen=True)
class Light:
    """The sun or a lamp, and how the sensor answers. Of colours in 0 to 1."""

    direction: tuple[float, float, float]
    ambient: float
    diffuse: float
    specular: float
    shadow: bool
    colour: tuple[float, float, float]
    gamma: float
    gain: float
    noise: float

    @staticmethod
    def of(rng: Generator) -> Light:
        night = rng.random() < 0.25
        x, y = rng.uniform(-1, 1, 2)
        return Light(
            direction=(float(x), float(y), rng.uniform(0.5, 2.0)),
            ambient=rng.uniform(0.2, 0.7),
            diffuse=rng.uniform(0.2, 0.9),
            specular=rng.choice([0.0, rng.uniform(0, 0.5)]),
            shadow=bool(rng.random() < 0.4),
            colour=tuple(rng.uniform(0.75, 1.0, 3)),
            gamma=rng.uniform(0.55, 1.2),
            gain=rng.uniform(0.25, 0.6) if night else rng.uniform(0.8, 1.3),
            noise=rng.uniform(0.0, 0.02),
        )


def _film(
    world: World, rng: Generator, action: Action, times: Array, duration: float,
    size: tuple[int, int],
) -> list[Frame]:  # fmt: skip
    light, camera = Light.of(rng), Camera(rng, action, duration)
    middle = action.put(duration * rng.uniform(0.3, 0.7))
    sky = _sky(rng, size, world.pictures)
    flashes = _flashes(rng, duration) if rng.random() < _FLASHES else np.zeros((0, 3))
    frames = []
    for time in times:
        point = action.put(float(time))
        image = _picture(world, light, camera.at(float(time), point, middle), sky, size)
        bright = 1 + sum(b * math.exp(-(time - t) / d) for t, b, d in flashes if time >= t)
        image = bright * light.gain * image**light.gamma + rng.normal(0, light.noise, image.shape)
        frames.append(Frame(float(time), (255 * np.clip(image, 0, 1)).astype(np.uint8)))
    return frames


def _picture(
    world: World,
    light: Light,
    view: tuple[Array, Array, Array, float],
    sky: Array,
    size: tuple[int, int],
) -> Array:
    """[H, W, 3] in 0 to 1, without noise."""
    engine, (eye, target, up, field) = world.engine, view
    away = float(np.linalg.norm(target - eye))
    seen = engine.getCameraImage(
        *size,
        engine.computeViewMatrix(list(eye), list(target), list(up)),
        engine.computeProjectionMatrixFOV(field, size[0] / size[1], 0.02 * away, 40 * away),
        renderer=engine.ER_TINY_RENDERER,
        flags=engine.ER_SEGMENTATION_MASK_OBJECT_AND_LINKINDEX,
        shadow=int(light.shadow),
        lightDirection=light.direction,
        lightColor=light.colour,
        lightAmbientCoeff=light.ambient,
        lightDiffuseCoeff=light.diffuse,
        lightSpecularCoeff=light.specular,
    )
    shape = (size[1], size[0])
    colours: NDArray[np.uint8] = np.reshape(np.asarray(seen[2], np.uint8), (*shape, 4))[..., :3]
    nothing = np.reshape(np.asarray(seen[4]), shape) < 0
    return np.where(nothing[..., None], sky, colours / 255.0)


def _sky(rng: Generator, size: tuple[int, int], pictures: Sequence[Picture]) -> Array:
    """What is seen where nothing is: a gradient from top to bottom [H, 1, 3], or a picture."""
    if pictures and rng.random() < 0.5:
        picture = cv2.resize(pictures[int(rng.integers(len(pictures)))], size)
        return np.asarray(picture / 255.0)
    grey = np.linspace(rng.uniform(0.3, 1.0), rng.uniform(0.2, 0.9), size[1])
    return grey[:, None, None] * rng.uniform(0.5, 1.0, 3)


def _flashes(rng: Generator, duration: float) -> Array:
    """[N, 3]: when, how bright, and how fast each fades (seconds)."""
    count = int(rng.integers(1, 6))
    columns = (
        rng.uniform(0, duration, count),
        rng.uniform(0.3, 2, count),
        rng.uniform(0.02, 0.2, count),
    )
    return np.stack(columns, axis=1)
