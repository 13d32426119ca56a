"""Things that move and never touch: nothing of it is heard, whatever camera and light do."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from folai.scenes.world import Action, Array, World, some_colour


def move(world: World, rng: Generator, duration: float) -> Action:
    """Balls, boxes and rods that swing, circle, pass by, or dart and stop, all in the air."""
    size = math.exp(rng.uniform(math.log(0.5), math.log(4.0)))
    world.furnish(rng, int(rng.integers(2, 10)), 1.0 * size, 5.0 * size)
    paths = [_path(rng, size, duration) for _ in range(int(rng.integers(0, 6)))]
    bodies = []
    for _ in paths:
        wide, colour = size * rng.uniform(0.03, 0.12), some_colour(rng)
        shape = (
            world.ball(wide, colour),
            world.box(wide * rng.uniform(0.3, 1.5, 3), colour),
            world.rod(wide / 3, 4 * wide, colour),
        )[rng.integers(3)]
        bodies.append(world.shown(shape, (0, 0, size)))

    def put(time: float) -> Array:
        for body, path in zip(bodies, paths, strict=True):
            at = np.array([np.interp(time, path[0], row) for row in path[1:4]])
            world.place(body, at, world.turned(path[4:, 0] + path[4:, 1] * time))
        return np.zeros(3)

    return Action(put, (), size)


def _path(rng: Generator, size: float, duration: float) -> Array:
    """[7, T]: times and x, y, z there; the rest holds angles and how fast they turn."""
    times = np.arange(0.0, duration + 0.02, 1 / 120)
    middle = np.array([*rng.uniform(-0.3, 0.3, 2), rng.uniform(0.35, 0.8)]) * size
    kind = rng.integers(3)
    if kind == 0:  # swings or circles
        pace = 2 * math.pi * rng.uniform(0.2, 1.6)
        phases = rng.uniform(0, 6.3, 3)[:, None]
        reach = size * rng.uniform(0.03, 0.25, 3)[:, None] * np.array([[1], [1], [0.6]])
        places = middle[:, None] + reach * np.sin(pace * times + phases)
    elif kind == 1:  # passes by
        velocity = size * rng.normal(0, 0.6, 3) * np.array([1, 1, 0.1])
        places = middle[:, None] + velocity[:, None] * (times - rng.uniform(0, duration))
    else:  # goes from place to place, and waits there
        stops = middle + size * rng.normal(0, 0.15, (40, 3))
        stops[:, 2] = np.maximum(stops[:, 2], 0.25 * size)
        ends = np.cumsum(rng.uniform(0.3, 1.2, 40))
        share = np.clip((times[:, None] - ends) / rng.uniform(0.15, 0.3), 0, 1)
        smooth = share**2 * (3 - 2 * share)
        places = stops[0][:, None] + (smooth[:, 1:] @ np.diff(stops, axis=0)).T
    places[2] = np.maximum(places[2], 0.2 * size)
    spins = np.zeros((3, len(times)))
    spins[:, 0], spins[:, 1] = rng.uniform(0, 6.3, 3), rng.normal(0, 1.0, 3)
    return np.concatenate([times[None], places, spins])
