"""Sticks, hammers, knives, rackets and bare hands that strike, scrape and feint in space.

The course of a tool is that of the drawn scenes (`folai.render.motion.Choreography`), put onto a
table, a drum or the ground in three dimensions, and seen from anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from folai.render.motion import Choreography, Path, Stroke, Voice
from folai.scenes.world import Action, Array, World, along, some_colour

_LEAST = 0.08  # of the scene's size that a tool is raised before every hit


@dataclass(frozen=True, eq=False)
class Tool:
    """What strikes: bodies along a line from tip to hand, and the paths of its tip.

    Each part is (body, how far from the tip its middle is, metres). The hand follows the tip's
    height by `follows`, so that a tool both turns and comes down.
    """

    parts: tuple[tuple[int, float], ...]
    forearm: int
    length: float  # metres from tip to hand
    angle: float  # radians, from above, in which the hand lies
    slope: float  # radians over the ground of the line from tip to hand
    reach: float  # metres from hand to elbow
    follows: float
    ground: Path
    height: Path


def strike(world: World, rng: Generator, duration: float) -> Action:
    """One tool or two hit what lies on a table or on the ground."""
    size = math.exp(rng.uniform(math.log(0.5), math.log(2.0)))
    voice = Voice(
        loudness=rng.uniform(0.08, 0.3),
        decay=math.exp(rng.uniform(math.log(0.01), math.log(0.2))),
        rebound=rng.choice([0.0, rng.uniform(0.1, 0.4)]),
    )
    top = _table(world, rng, size)
    world.furnish(rng, int(rng.integers(2, 12)), 0.9 * size, 4.0 * size)
    count = 2 if rng.random() < 0.3 else 1
    plans = [_plan(rng, voice, duration, index, count) for index in range(count)]
    tools, contacts, strokes = [], [], list[Stroke]()
    kind, facing = int(rng.integers(4)), rng.uniform(0, 2 * math.pi)
    for index, plan in enumerate(plans):
        ground, height = plan.finish()
        spread = (index - (count - 1) / 2) * 0.5
        tools.append(_tool(world, rng, kind, size, facing + spread, ground, height))
        contacts += [c for c in plan.contacts if c.time < duration]
        strokes += [s.until(duration) for s in plan.strokes if s.start < duration]

    def put(time: float) -> Array:
        for tool in tools:
            _put(world, tool, time, size, top)
        return np.array([0.0, 0.0, top])

    return Action(put, tuple(contacts), size, strokes=tuple(strokes))


def _plan(rng: Generator, voice: Voice, duration: float, index: int, count: int) -> Choreography:
    """Runs of hits in rhythm, single ones, feints, scrapes and rests."""
    home = (0.3 * (index - (count - 1) / 2), 0.0)
    plan = Choreography(rng, voice, home, hover=rng.uniform(0.12, 0.35), least=_LEAST)
    plan.wait(rng.uniform(0.1, 1.2))
    speed = rng.uniform(0.8, 4.0)
    period = math.exp(rng.uniform(math.log(0.22), math.log(1.2)))
    scrapes = 0.25 if rng.random() < 0.3 else 0.0
    recovers = bool(rng.random() < 0.5)
    while plan.now < duration:
        what = rng.random()
        if what < 0.12:
            plan.wait(rng.uniform(0.3, 1.5), rng.uniform(0.12, 0.4))
        elif what < 0.16:
            plan.feint(rng.uniform(0.5, 1.0), rng.uniform(0.25, 0.45), rng.uniform(0.1, 0.2))
        elif what < 0.16 + scrapes:
            turns = [(rng.uniform(0.15, 0.5), _near(rng, home)) for _ in range(rng.integers(1, 4))]
            plan.scrape(turns, rng.uniform(0.5, 2.0))
        else:
            for _ in range(int(rng.integers(1, 9))):
                fast = speed * rng.uniform(0.7, 1.2)
                apart = period * rng.uniform(0.85, 1.15)
                time = plan.now + max(apart, 1.05 * plan.soonest(fast))
                place = _near(rng, home) if rng.random() < 0.3 else None
                plan.hit(time, fast, rng.uniform(0.12, 0.5), place=place, recovers=recovers)
                if plan.now > duration:
                    break
    return plan


def _near(rng: Generator, home: tuple[float, float]) -> tuple[float, float]:
    x, y = rng.normal(0, 0.1, 2)
    return home[0] + float(x), home[1] + float(y)


def _table(world: World, rng: Generator, size: float) -> float:
    """What is struck, about the origin; returns how high its top is, metres."""
    kind, colour = rng.integers(4), some_colour(rng)
    if kind == 0:  # the ground itself
        return 0.0
    high = size * rng.uniform(0.05, 0.5)
    if kind == 1:
        half = (size * rng.uniform(0.3, 0.8), size * rng.uniform(0.3, 0.8), high / 2)
        shape = world.box(half, colour)
    else:
        shape = world.rod(size * rng.uniform(0.3, 0.5), high, colour, False)
    body = world.shown(shape, (0, 0, high / 2))
    if rng.random() < 0.6:
        world.engine.changeVisualShape(body, -1, textureUniqueId=world.texture(rng))
    return high


def _tool(
    world: World, rng: Generator, kind: int, size: float, angle: float, ground: Path, height: Path
) -> Tool:
    skin = np.array([0.85, 0.62, 0.5]) * rng.uniform(0.3, 1.15)
    wood = np.array([0.75, 0.55, 0.3]) * rng.uniform(0.4, 1.25)
    length = size * rng.uniform(0.2, 0.6)
    thick = size * math.exp(rng.uniform(math.log(0.008), math.log(0.03)))
    palm, nowhere = size * rng.uniform(0.04, 0.09), (0, 0, -9)
    if kind == 0:  # a stick
        shapes = [(world.rod(thick, length, wood), length / 2)]
    elif kind == 1:  # a hammer
        head = world.box(size * rng.uniform(0.02, 0.06, 3), rng.uniform(0.1, 0.5, 3))
        shapes = [(world.rod(thick, length, wood), length / 2), (head, 0.0)]
    elif kind == 2:  # a knife, a spatula, a racket
        width = size * rng.uniform(0.02, 0.1)
        blade = world.box((width, thick / 3, length * 0.3), rng.uniform(0.4, 0.95, 3))
        shapes = [(blade, length * 0.3), (world.rod(thick, length * 0.5, wood), length * 0.8)]
    else:  # a bare hand
        length = palm * rng.uniform(1.0, 1.6)
        shapes = [(world.ball(palm * 0.6, skin), palm * 0.6)]
    shapes.append((world.ball(palm, skin), length))
    sleeve = skin if rng.random() < 0.4 else some_colour(rng)
    reach = size * rng.uniform(0.5, 1.0)
    return Tool(
        parts=tuple((world.shown(shape, nowhere), distance) for shape, distance in shapes),
        forearm=world.shown(world.rod(palm * rng.uniform(0.55, 0.9), reach, sleeve), nowhere),
        length=length,
        angle=angle,
        slope=rng.uniform(0.15, 1.0),
        reach=reach,
        follows=rng.uniform(0.3, 0.9) if kind < 3 else 1.0,
        ground=ground,
        height=height,
    )


def _put(world: World, tool: Tool, time: float, size: float, top: float) -> None:
    x, y = size * tool.ground(time)
    above = size * float(tool.height(time)[0])
    tip = np.array([x, y, top + above])
    out = np.array([math.cos(tool.angle), math.sin(tool.angle), 0.0])
    flat, up = math.cos(tool.slope) * tool.length, math.sin(tool.slope) * tool.length
    hand = np.array([x, y, top]) + flat * out
    hand[2] += up + tool.follows * above
    line = hand - tip
    line = line / np.linalg.norm(line)
    turn = along(line)
    for body, distance in tool.parts:
        world.place(body, tip + distance * line, turn)
    elbow = hand + tool.reach * (0.8 * out + np.array([0.0, 0.0, 0.6 - 0.3 * tool.follows]))
    arm = (elbow - hand) / np.linalg.norm(elbow - hand)
    world.place(tool.forearm, hand + tool.reach / 2 * arm, along(arm))
