"""Stairs under somebody's feet: a tread where each step lands, and how high that lifts them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from folai.scenes.world import Array, World, some_colour

_SWING = {
    True: (0.5, 0.8),
    False: (0.65, 0.98),
}  # of the time between a foot's landings, up and down


@dataclass(frozen=True, eq=False)
class Stairs:
    """Heights of body, right and left foot over the ground [T] at `rate` Hz, metres."""

    rate: float
    heights: tuple[Array, Array, Array]

    def raised(self, time: float) -> tuple[float, float, float]:
        """Of the body, the right foot and the left foot."""
        at = time * self.rate
        body, right, left = (float(np.interp(at, range(len(h)), h)) for h in self.heights)
        return body, right, left

    @staticmethod
    def under(
        world: World,
        rng: Generator,
        landings: Sequence[Sequence[int]],
        feet: Array,
        rate: float,
        turns: Array,
    ) -> Stairs | None:
        """Stairs up or down, for landings (indices into time) of the feet at [T, 2, 2]; None where
        there are too few. Turns [T]: which way is gone."""
        order = sorted((index, foot) for foot in range(2) for index in landings[foot])
        if len(order) < 4:
            return None
        up, rise = bool(rng.random() < 0.6), rng.uniform(0.1, 0.19)
        first, count = int(rng.integers(0, 3)), int(rng.integers(4, 12))
        climbed = np.clip(np.arange(len(order)) - first, 0, count)
        levels = np.asarray(rise * (climbed if up else climbed.max() - climbed), np.float64)
        places = [feet[index, foot] for index, foot in order]
        _treads(world, rng, places, levels, [float(turns[index]) for index, _ in order])
        raised = [
            _foot(
                [(i, h) for (i, f), h in zip(order, levels, strict=True) if f == foot],
                len(feet),
                up,
            )
            for foot in range(2)
        ]
        body = np.minimum(*raised)
        window = np.hanning(round(0.25 * rate))
        padded = np.pad(body, len(window), mode="edge")
        body = np.convolve(padded, window / window.sum(), "same")[len(window) : -len(window)]
        return Stairs(rate, (body, raised[0], raised[1]))


def _foot(steps: Sequence[tuple[int, float]], count: int, up: bool) -> Array:
    """How high a foot is [count] that lands at (index, height), beside its own swing."""
    heights = np.full(count, steps[0][1] if steps else 0.0)
    begin, end = _SWING[up]
    for (index, low), (later, high) in itertools.pairwise(steps):
        share = np.clip((np.arange(index, count) - index) / (later - index), 0, 1)
        swing = np.clip((share - begin) / (end - begin), 0, 1)
        heights[index:] = low + (high - low) * swing**2 * (3 - 2 * swing)
    return heights


def _treads(
    world: World, rng: Generator, places: Sequence[Array], levels: Array, turns: Sequence[float]
) -> None:
    """A block under each landing that is above the ground, as deep as a step is long."""
    apart = [float(np.linalg.norm(b - a)) for a, b in itertools.pairwise(places)]
    depth, wide = float(np.median(apart)), rng.uniform(0.5, 1.5)
    colour, cover = some_colour(rng), world.texture(rng) if rng.random() < 0.5 else None
    for index, (place, level, turn) in enumerate(zip(places, levels, turns, strict=True)):
        if level <= 0:
            continue
        shade = colour * (1.0 if index % 2 else rng.uniform(0.8, 0.95))
        shape = world.box((depth / 2, wide, level / 2), shade)
        # Feet land beside the middle of the way, which the treads follow.
        other = places[index - 1] if index else places[index + 1]
        aside = 0.5 * (place - other) @ np.array([-math.sin(turn), math.cos(turn)])
        middle = place - aside * np.array([-math.sin(turn), math.cos(turn)])
        body = world.shown(shape, (*middle, level / 2), world.turned((0, 0, turn)))
        if cover is not None:
            world.engine.changeVisualShape(body, -1, textureUniqueId=cover)
