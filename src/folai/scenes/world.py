"""The engine, and what a scene stands in: ground, textures, things that stand about.

Lengths are in metres, z is up, times in seconds. One `World` is one connection to PyBullet.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from folai.render import Contact
from folai.render.motion import Stroke

Array = NDArray[np.float64]
Numbers = Sequence[float] | Array
Picture = NDArray[np.uint8]

UPRIGHT = (0.0, 0.0, 0.0, 1.0)  # a quaternion (x, y, z, w) that turns nothing
_TEXTURE = 256  # pixels to a side
_PICTURED = 0.5  # how often a texture shows a real place, where there are pictures
_TILES = 24  # of the ground, to a side: a large triangle would be lit and mapped badly


@dataclass(frozen=True)
class Action:
    """What goes on in a world.

    `put` moves everything to where it is at a time and returns the point [3] that a camera looks
    at. `size` is what should fit into the picture, and `heading` which way it goes (radians).
    `worn` is where a camera on somebody's head is and looks ([3], [3]) at a time, if there is one.
    """

    put: Callable[[float], Array]
    contacts: tuple[Contact, ...]
    size: float
    heading: float = 0.0
    strokes: tuple[Stroke, ...] = ()
    travels: bool = False  # so far that the camera has to follow
    leg: float = 0.83  # metres from hip to sole of who travels: feet are filmed from near
    worn: Callable[[float], tuple[Array, Array]] | None = None


@dataclass(frozen=True)
class World:
    """`engine` has PyBullet's functions; `data` is its folder of models and motions."""

    engine: Any
    data: Path
    folder: Path  # for textures and meshes, while the world lasts
    pictures: Sequence[Picture] = ()  # of real places [H, W, 3], RGB

    def texture(self, rng: Generator) -> int:
        """A new one: noise of every size about a colour, at times tiles or planks; where there are
        `pictures`, at times a part of one."""
        path = self.folder / f"{rng.integers(1 << 40)}.png"
        shown = self.pictures and rng.random() < _PICTURED
        image = _cut_out(rng, self.pictures) if shown else _pattern(rng)
        cv2.imwrite(str(path), image)
        return int(self.engine.loadTexture(str(path)))

    def shown(self, shape: int, place: Numbers, turn: Numbers = UPRIGHT) -> int:
        """A body that is seen and touches nothing."""
        return int(self.engine.createMultiBody(0, -1, shape, list(place), list(turn)))

    def ground(self, rng: Generator, size: float = 48.0) -> int:
        """A textured floor at height 0, `size` wide."""
        path = self.folder / "ground.obj"
        path.write_text(_grid(size))
        shape = self.engine.createVisualShape(self.engine.GEOM_MESH, fileName=str(path))
        body = self.shown(shape, (0, 0, 0))
        self.engine.changeVisualShape(body, -1, textureUniqueId=self.texture(rng))
        return body

    def box(self, half: Numbers, colour: Numbers) -> int:
        return int(
            self.engine.createVisualShape(
                self.engine.GEOM_BOX, halfExtents=list(half), rgbaColor=[*colour, 1]
            )
        )

    def rod(self, radius: float, length: float, colour: Numbers, round_ends: bool = True) -> int:
        """Along z, its middle at 0."""
        kind = self.engine.GEOM_CAPSULE if round_ends else self.engine.GEOM_CYLINDER
        return int(
            self.engine.createVisualShape(
                kind, radius=radius, length=length, rgbaColor=[*colour, 1]
            )
        )

    def ball(self, radius: float, colour: Numbers) -> int:
        return int(
            self.engine.createVisualShape(
                self.engine.GEOM_SPHERE, radius=radius, rgbaColor=[*colour, 1]
            )
        )

    def furnish(
        self, rng: Generator, count: int, near: float, far: float, way: Array | None = None
    ) -> None:
        """Up to `count` boxes, posts and balls that stand about, `near` to `far` from the origin.

        way: points [N, 2] about which it stands instead, and that stay free by `near`.
        """
        way = np.zeros((1, 2)) if way is None else way
        covers = [self.texture(rng) for _ in range(2)]
        for _ in range(count):
            colour, kind = some_colour(rng), rng.choice(3, p=(0.6, 0.25, 0.15))
            height = far * rng.uniform(0.02, 0.25)
            width = (0.02 + 0.13 * rng.random() ** 2) * far if kind == 0 else height / 2
            if kind == 0:
                shape = self.box((width, far * rng.uniform(0.01, 0.1), height / 2), colour)
            elif kind == 1:
                shape = self.rod(far * rng.uniform(0.005, 0.03), height, colour, False)
            else:
                shape = self.ball(height / 2, colour)
            angle, distance = rng.uniform(0, 2 * math.pi), rng.uniform(near, far)
            spot = way[rng.integers(len(way))]
            spot = spot + distance * np.array([math.cos(angle), math.sin(angle)])
            if np.hypot(*(way - spot).T).min() < near + width:
                continue
            place = (*spot, height / 2)
            body = self.shown(shape, place, self.turned((0, 0, rng.uniform(0, 3.14))))
            if rng.random() < 0.4:
                cover = covers[rng.integers(len(covers))]
                self.engine.changeVisualShape(body, -1, textureUniqueId=cover)

    def turned(self, angles: Numbers) -> tuple[float, ...]:
        """The quaternion of angles about x, y and z, radians."""
        return tuple(self.engine.getQuaternionFromEuler(list(angles)))

    def place(self, body: int, place: Numbers, turn: Numbers = UPRIGHT) -> None:
        self.engine.resetBasePositionAndOrientation(body, list(place), list(turn))


@contextmanager
def new_world(pictures: Sequence[Picture] = ()) -> Iterator[World]:
    """An empty world. Raises ValueError where PyBullet is missing."""
    with _silenced():
        try:
            import pybullet
            import pybullet_data
            from pybullet_utils.bullet_client import BulletClient
        except ImportError:
            fix = "pip install 'folai[scenes]'"
            raise ValueError(f"simulated scenes need PyBullet: {fix}") from None
        engine = BulletClient(pybullet.DIRECT)
        try:
            with tempfile.TemporaryDirectory(prefix="folai-") as folder:
                data = Path(pybullet_data.getDataPath())
                engine.setAdditionalSearchPath(str(data))
                yield World(engine, data, Path(folder), pictures)
        finally:
            engine.disconnect()


@contextmanager
def _silenced() -> Iterator[None]:
    """Without what Bullet prints, from C, into the output of whoever simulates: its build time, and
    a warning for each joint of a body."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = {number: os.dup(number) for number in (1, 2)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        for number in saved:
            os.dup2(nowhere, number)
        yield
    finally:
        for number, original in saved.items():
            os.dup2(original, number)
            os.close(original)
        os.close(nowhere)


def along(line: Array) -> tuple[float, float, float, float]:
    """The quaternion that turns z into the direction of `line` [3]."""
    x, y, z = line / np.linalg.norm(line)
    if z < -0.9999:
        return 1.0, 0.0, 0.0, 0.0
    scale = math.sqrt(2 * (1 + z))
    return -y / scale, x / scale, 0.0, scale / 2


def some_colour(rng: Generator) -> Array:
    """Red, green and blue in 0 to 1: mostly greyish, as things are."""
    tint = rng.uniform(-1, 1, 3) * 0.45 * rng.beta(1.2, 2.0)
    return np.clip(rng.uniform(0.05, 0.9) + tint, 0.02, 0.98)


def _pattern(rng: Generator) -> NDArray[np.uint8]:
    image = np.zeros((_TEXTURE, _TEXTURE, 3)) + some_colour(rng)
    for size in (4, 8, 16, 32, 64, 128):
        noise = cv2.resize(
            rng.normal(0, 1, (size, size)), image.shape[:2], interpolation=cv2.INTER_CUBIC
        )
        image += (np.asarray(noise) * rng.uniform(0, 0.1))[..., None] * rng.uniform(0.6, 1, 3)
    if rng.random() < 0.4:  # tiles, or planks
        apart = int(rng.integers(16, 64))
        image[::apart] -= 0.2
        if rng.random() < 0.6:
            image[:, ::apart] -= 0.2
    return (255 * np.clip(image, 0, 1)).astype(np.uint8)


def _cut_out(rng: Generator, pictures: Sequence[Picture]) -> Picture:
    """A square part of a picture, brighter or darker, in blue, green and red."""
    picture = pictures[int(rng.integers(len(pictures)))]
    side = int(min(picture.shape[:2]) * rng.uniform(0.3, 1.0))
    y, x = (int(rng.integers(size - side + 1)) for size in picture.shape[:2])
    part = cv2.resize(picture[y : y + side, x : x + side], (_TEXTURE, _TEXTURE))
    bright: Array = np.clip(part[..., ::-1] * rng.uniform(0.6, 1.3), 0, 255)
    return bright.astype(np.uint8)


def _grid(size: float) -> str:
    """A flat mesh of `_TILES` x `_TILES`, the texture repeated on each, as an .obj file."""
    count = _TILES + 1
    at = [size * (index / _TILES - 0.5) for index in range(count)]
    lines = [f"v {x} {y} 0" for x in at for y in at]
    lines += [f"vt {i} {j}" for i in range(count) for j in range(count)] + ["vn 0 0 1"]
    for i in range(_TILES):
        for j in range(_TILES):
            a = i * count + j + 1
            corners = [f"{n}/{n}/1" for n in (a, a + count, a + count + 1, a + 1)]
            lines += [f"f {' '.join(corners[:3])}", f"f {corners[0]} {corners[2]} {corners[3]}"]
    return "\n".join(lines)
