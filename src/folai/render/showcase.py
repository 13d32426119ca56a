"""The demonstration: a stick strikes a box, a ball bounces, feet step, one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from folai.render import paint
from folai.render.actors import Ball, Hand, Rod, View
from folai.render.bodies import Gait, walk
from folai.render.motion import Choreography, Voice, bounces, glide, still
from folai.render.paint import Array, Colour, Generator, Image, Sprite
from folai.render.props import Target
from folai.render.scene import Camera, Layer, Light, Scene
from folai.render.stage import BACKDROP, MATERIALS, Act, out_of_view
from folai.render.tools import beat, placed

DURATION = 6.0  # s
FLOOR, SKIRTING = 0.14, 0.035  # where the floor begins, and the height of the board over it
ROOM_ROWS = 810  # pixels of the room's height: enough for a picture of 540 rows


def demo_scene(seed: int = 0) -> Scene:
    """Six seconds to look at, composed for 16:9; the seed varies timing and levels a little."""
    rng = np.random.default_rng(seed)
    view = View((0.0, -1.0), 0.0, (0.12, 0.03), 0.35)
    act = Act(replace(MATERIALS["wood"], loudness=(0.1, 0.1)), view, place=(-0.2, 0.06))
    _stick(rng, act)
    box = Target(_box(rng), (-0.2, 0.23), act.impacts.copy(), shake=0.006)
    _ball(rng, act)
    act.place = (0.0, 0.44)
    times = 4.03 + rng.uniform(0.0, 0.05) + np.arange(6) * rng.uniform(0.41, 0.43)
    walk(rng, act, Gait(0.2, 0.3, 2.35, lift=0.06, speed=0.9, start=-1.06), list(times))
    camera = Camera(still((0.0, 0.0, 0.0, 0.0)), np.zeros((0, 4, 3)))
    unseen = out_of_view(act, camera, (640, 360))  # the first step; the last comes after the end
    contacts = [c for c in act.contacts if c.time < DURATION and c.time not in unseen]
    return Scene(
        kind="demo",
        duration=DURATION,
        contacts=tuple(sorted(contacts, key=lambda contact: contact.time)),
        actors=(box, *act.actors),
        heights=tuple(act.heights),
        layers=(Layer(_room(rng)),),
        camera=camera,
        light=Light(noise=1.2),
        floor=0.004,
        seed=seed,
    )


def _stick(rng: Generator, act: Act) -> None:
    """A drumstick plays the box four times, then the hand withdraws."""
    plan = Choreography(rng, Voice(0.12, 0.06, rebound=0.35, jitter=0.1), hover=0.18)
    times = 0.55 + np.cumsum([0.0, 0.5, 0.4, 0.42]) + rng.uniform(-0.03, 0.03, 4)
    beat(plan, list(times), 3.0, 0.34, 0.02)
    hand = Hand(0.17, (224, 172, 140), (62, 84, 120), (88, 112, 150), bare=0.2)
    rod = Rod(0.5, 0.026, 0.017, (222, 184, 128), bead=0.014)
    tool = placed(rng, plan, act, hand, rod, 0.1)
    gone = glide((2.1, 2.75), ((0.0, 0.0), (-0.9, -0.1)))
    tool = replace(tool, arm=2.9, grip=0.1, follow=0.35, lag=0.0, sway=0.02, away=gone)
    act.actors.append(tool)


def _ball(rng: Generator, act: Act) -> None:
    """A ball falls in from above, bounces and rolls to the right."""
    voice = Voice(0.07, 0.04, jitter=0.05)
    height, contacts = bounces(
        rng, voice, start=2.0 + rng.uniform(0.0, 0.1), height=1.0, gravity=6.0, end=DURATION,
        restitution=0.62, least=0.03,
    )  # fmt: skip
    start, landed = float(height.times[0]), float(height.times[-1])
    ground = glide((start, landed, landed + 1.5), ((0.15, 0.4), (0.5, 0.4), (0.62, 0.4)))
    ground.leaving[:2] = ground.arriving[1:2] = ((0.35 / (landed - start)) * 0.8, 0.0)
    ball = Ball(ground, height, act.view, 0.065, (226, 104, 52), (250, 226, 190))
    act.actors.append(ball)
    act.contacts += contacts
    act.heights.append(height)


def _room(rng: Generator) -> Sprite:
    """A wall in evening light with a window's glow on it, a skirting board, a wooden floor."""
    rows, columns = ROOM_ROWS, int(ROOM_ROWS * BACKDROP[0] / BACKDROP[1])
    y, x = (
        np.mgrid[0:rows, 0:columns] / rows * BACKDROP[1] - np.array(BACKDROP)[::-1, None, None] / 2
    )
    glow = np.exp(-((x - 0.25) ** 2 + (y + 0.3) ** 2) / 0.5)[..., None]
    wall = np.array([150, 158, 150]) + glow * np.array([70, 52, 24])
    wall += 14 * (paint.fractal(rng, rows, columns, coarsest=4)[..., None] - 0.5)
    pane = (np.abs(x - 0.32 - 0.25 * y) % 0.24 < 0.22) & (np.abs(x - 0.44 - 0.25 * y) < 0.24)
    wall += 26 * (pane & (np.abs(y + 0.22) < 0.2) & (np.abs(y + 0.22) > 0.008))[..., None]
    picture = np.where((y < FLOOR)[..., None], wall, _planks(rng, x, y))
    board = ((y > FLOOR - SKIRTING) & (y < FLOOR))[..., None]
    picture = np.where(
        board, np.array([226, 220, 206]) - 900 * np.abs(y - FLOOR + 0.02)[..., None], picture
    )
    return Sprite(_opaque(np.clip(picture, 0, 255).astype(np.uint8)), BACKDROP[1])


def _planks(rng: Generator, x: Array, y: Array) -> Array:
    """Boards [H, W, 3] that run away from the eye to a vanishing point above the floor's edge."""
    depth = np.maximum(y - FLOOR + 0.45, 0.05)
    board = np.floor(x / depth / 0.22)
    tone = np.sin(board * 12.9898) * 43758.5453 % 1.0  # a number 0..1 for each board
    grain = paint.fractal(rng, x.shape[1], x.shape[0], coarsest=10, stretch=14.0).T
    value = 0.62 + 0.22 * tone + 0.25 * (grain - 0.5) + 0.25 * (y - FLOOR)
    value *= np.where(np.abs(x / depth / 0.22 % 1.0 - 0.5) > 0.488, 0.6, 1.0)
    return np.asarray(value[..., None] * np.array([205.0, 150.0, 100.0]))


def _box(rng: Generator) -> Sprite:
    """A wooden crate seen from its side, 0.34 tall: its lid is what the stick meets."""
    face = paint.texture(np.random.default_rng(7), "grained", 300, 320).astype(np.float32).mean(-1)
    tinted: Image = np.clip(face[..., None] / face.mean() * (186, 132, 84), 0, 255).astype(np.uint8)
    dark: Colour = (92, 60, 36)
    for left, top, right, bottom in (
        (0, 0, 320, 22),
        (0, 278, 320, 300),
        (0, 0, 22, 300),
        (298, 0, 320, 300),
    ):
        tinted[top:bottom, left:right] = tinted[top:bottom, left:right] * 0.78
    paint.fill(tinted, np.array([[22.0, 22.0], [298.0, 22.0], [298.0, 30.0], [22.0, 30.0]]), dark)
    return Sprite(_opaque(tinted), 0.34)


def _opaque(pixels: Image) -> Image:
    return np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
