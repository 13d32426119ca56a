"""Things that are dropped, thrown and rolled: the engine moves them, and says how hard
they meet.

Bodies that are held wait in the air until they are let go. What happens is computed once, at
`_RATE`, and then shown at any time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from folai.render import Contact
from folai.render.motion import STROKE_RATE, Stroke
from folai.scenes.world import Action, Array, World, some_colour

_RATE = 480.0  # Hz of the engine's steps
_SETTLES = 0.6  # seconds before a scene begins
_QUIET = 0.03  # seconds without a blow after which the next one counts as another
_SOFTEST = 0.25  # metres per second of a blow that is heard at all
_ROLLING = 0.12  # metres per second above which what touches is heard to roll or slide


@dataclass
class Thing:
    """A body, when it is let go (seconds), and how: place, velocity [3] and spin [3]."""

    body: int
    mass: float
    released: float
    place: Array
    turn: tuple[float, ...]
    velocity: Array = field(default_factory=lambda: np.zeros(3))
    spin: Array = field(default_factory=lambda: np.zeros(3))
    held: bool = False  # seen to wait in the air; otherwise it stands or lies there already


def drop(world: World, rng: Generator, duration: float) -> Action:
    """Things fall one after another, from where they are held, and bounce."""
    size = math.exp(rng.uniform(math.log(0.4), math.log(2.5)))
    _floor(world, rng, size)
    rolls = rng.uniform(0.01, 0.1)
    things: list[Thing] = []
    time = rng.uniform(0.1, 1.0)
    while time < duration - 0.3 and len(things) < 7:
        place = np.array([*rng.uniform(-0.3, 0.3, 2), rng.uniform(0.35, 0.8)]) * size
        body, mass = _body(world, rng, size * rng.uniform(0.08, 0.2))
        thing = Thing(body, mass, time, place, world.turned(rng.uniform(-3, 3, 3)), held=True)
        thing.velocity = rng.normal(0, 0.25, 3) * math.sqrt(size)
        thing.spin = rng.normal(0, 3, 3)
        things.append(thing)
        _feel(world, rng, body, rolls)
        time += rng.uniform(0.3, 2.0)
    return _played(world, rng, things, size, duration)


def roll(world: World, rng: Generator, duration: float) -> Action:
    """Balls and cylinders roll across, into one another and into what stands there."""
    size = math.exp(rng.uniform(math.log(0.5), math.log(3.0)))
    _floor(world, rng, size)
    things = []
    for _ in range(int(rng.integers(1, 6))):  # what stands in the way
        radius = size * rng.uniform(0.04, 0.09)
        place = np.array([*rng.uniform(-0.35, 0.35, 2) * size, radius])
        body, mass = _body(world, rng, 2 * radius, upright=True)
        things.append(Thing(body, mass, 0.0, place, (0, 0, 0, 1)))
        _feel(world, rng, body, 0.002)
    time = rng.uniform(0.2, 1.2)
    while time < duration - 0.5 and len(things) < 9:
        angle, radius = rng.uniform(0, 2 * math.pi), size * rng.uniform(0.03, 0.08)
        out = np.array([math.cos(angle), math.sin(angle), 0.0])
        place = -0.8 * size * out + np.array([0, 0, radius])
        body, mass = _body(world, rng, 2 * radius, ball=True)
        aim = out + rng.normal(0, 0.15, 3) * np.array([1, 1, 0])
        velocity = aim * size * rng.uniform(0.6, 2.0)
        spin = np.cross([0, 0, 1], velocity) / radius
        things.append(Thing(body, mass, time, place, (0, 0, 0, 1), velocity, spin, held=True))
        _feel(world, rng, body, 0.001)
        time += rng.uniform(0.5, 2.5)
    return _played(world, rng, things, 0.8 * size, duration)


def topple(world: World, rng: Generator, duration: float) -> Action:
    """What stands is pushed and falls over: dominoes, towers of blocks, bottles."""
    size = math.exp(rng.uniform(math.log(0.4), math.log(2.0)))
    _floor(world, rng, size)
    things: list[Thing] = []
    time = rng.uniform(0.3, 1.5)
    angle = rng.uniform(0, 2 * math.pi)
    out = np.array([math.cos(angle), math.sin(angle), 0.0])
    if rng.random() < 0.5:  # a row, of which the first is pushed
        tall = size * rng.uniform(0.15, 0.3)
        half = tall / 2 * np.array([rng.uniform(0.12, 0.25), rng.uniform(0.4, 0.8), 1.0])
        count = int(rng.integers(3, 9))
        for index in range(count):
            place = (index - (count - 1) / 2) * tall * rng.uniform(0.5, 0.6) * out
            _stand(world, rng, things, half, place, angle, math.inf if index else time)
        things[0].velocity = out * math.sqrt(9.81 * tall) * rng.uniform(0.25, 0.6)
    else:  # towers, each knocked down in its turn
        for _ in range(int(rng.integers(1, 4))):
            half = size * rng.uniform(0.03, 0.07, 3)
            place = size * np.array([*rng.uniform(-0.35, 0.35, 2), 0.0])
            if any(np.linalg.norm(place[:2] - t.place[:2]) < 0.25 * size for t in things):
                continue
            stories = int(rng.integers(2, 6))
            pushed = int(rng.integers(stories))
            for story in range(stories):
                at = place + np.array([0, 0, 2 * half[2] * story])
                _stand(world, rng, things, half, at, angle, time if story == pushed else math.inf)
            things[-stories + pushed].velocity = out * math.sqrt(size) * rng.uniform(0.8, 2.5)
            time += rng.uniform(0.8, 2.0)
    return _played(world, rng, things, 0.55 * size, duration)


def _stand(
    world: World, rng: Generator, things: list[Thing], half: Array, foot: Array, angle: float,
    pushed: float,
) -> None:  # fmt: skip
    """A block on its foot [3], turned by `angle`, that is pushed at a time (or never)."""
    body, mass = _block(world, rng, half)
    turn = world.turned((0, 0, angle))
    place = foot + np.array([0, 0, half[2] + 0.001])
    world.place(body, place, turn)
    things.append(Thing(body, mass, pushed, place, turn))
    _feel(world, rng, body, 0.002)


def _floor(world: World, rng: Generator, size: float) -> None:
    """The floor as the engine feels it; what stands about is out of reach."""
    engine = world.engine
    engine.setGravity(0, 0, -9.81)
    engine.setTimeStep(1 / _RATE)
    plane = engine.createCollisionShape(engine.GEOM_PLANE)
    body = engine.createMultiBody(0, plane)
    engine.changeVisualShape(body, -1, rgbaColor=[0, 0, 0, 0])
    engine.changeDynamics(
        body, -1, restitution=rng.uniform(0.5, 1.0), lateralFriction=rng.uniform(0.3, 0.9)
    )
    world.furnish(rng, int(rng.integers(2, 12)), 1.2 * size, 4.0 * size)


def _body(
    world: World, rng: Generator, width: float, *, ball: bool = False, upright: bool = False
) -> tuple[int, float]:
    """Something `width` across: one of the engine's random objects, or of a simple shape."""
    engine = world.engine
    mass = 1000 * width**3 * rng.uniform(0.1, 0.6)
    kind = rng.integers(4)
    if kind == 0 and not ball and not upright:
        number = int(rng.integers(1000))
        path = world.data / f"random_urdfs/{number:03d}/{number:03d}.urdf"
        body = engine.loadURDF(str(path), globalScaling=width / 0.1)
        engine.changeDynamics(body, -1, mass=mass)
        engine.changeVisualShape(body, -1, rgbaColor=[*some_colour(rng), 1])
        return int(body), mass
    colour, half = some_colour(rng), width / 2
    if ball or kind == 1:
        shape = engine.createCollisionShape(engine.GEOM_SPHERE, radius=half)
        seen = world.ball(half, colour)
    elif kind == 2:
        tall = width * rng.uniform(0.6, 2.0)
        tall = width if upright else tall
        shape = engine.createCollisionShape(engine.GEOM_CYLINDER, radius=half * 0.6, height=tall)
        seen = world.rod(half * 0.6, tall, colour, False)
    else:
        sides = half * (np.ones(3) if upright else rng.uniform(0.3, 1.2, 3))
        return _block(world, rng, sides, mass)
    body = engine.createMultiBody(mass, shape, seen)
    if rng.random() < 0.5:
        engine.changeVisualShape(body, -1, textureUniqueId=world.texture(rng))
    return int(body), mass


def _block(
    world: World, rng: Generator, half: Array, mass: float | None = None
) -> tuple[int, float]:
    engine = world.engine
    mass = 8000 * float(np.prod(half)) * rng.uniform(0.1, 0.6) if mass is None else mass
    shape = engine.createCollisionShape(engine.GEOM_BOX, halfExtents=list(half))
    body = engine.createMultiBody(mass, shape, world.box(half, some_colour(rng)))
    if rng.random() < 0.4:
        engine.changeVisualShape(body, -1, textureUniqueId=world.texture(rng))
    return int(body), mass


def _feel(world: World, rng: Generator, body: int, rolls: float) -> None:
    """How a body bounces and how soon it stops to roll."""
    bounce = rng.uniform(0.2, 0.9) if rng.random() < 0.7 else rng.uniform(0.0, 0.2)
    world.engine.changeDynamics(
        body,
        -1,
        restitution=bounce,
        lateralFriction=rng.uniform(0.3, 0.9),
        rollingFriction=rolls,
        spinningFriction=0.01,
        ccdSweptSphereRadius=0.005,
    )


def _played(
    world: World, rng: Generator, things: Sequence[Thing], size: float, duration: float
) -> Action:
    """Let the engine play, and take down places, blows and what rolls."""
    engine = world.engine
    count = math.ceil(duration * _RATE) + 1
    places = np.empty((count, len(things), 7))
    blows: list[tuple[float, int, float]] = []  # seconds, thing, metres per second
    loud = np.zeros((count, len(things)))  # of rolling: metres per second of what touches
    last = np.full(len(things), -1.0)
    before = np.zeros((len(things), 3))
    _settle(world, things)
    numbers = {thing.body: index for index, thing in enumerate(things)}
    for step in range(count):
        time = step / _RATE
        for index, thing in enumerate(things):
            if time < thing.released:
                if thing.held:
                    _hold(world, thing)
            elif time - thing.released < 1 / _RATE:
                engine.resetBaseVelocity(thing.body, list(thing.velocity), list(thing.spin))
            place, turn = engine.getBasePositionAndOrientation(thing.body)
            places[step, index] = (*place, *turn)
            before[index] = engine.getBaseVelocity(thing.body)[0]
        engine.stepSimulation()
        hardest, touching = np.zeros(len(things)), np.zeros(len(things), bool)
        for point in engine.getContactPoints():
            pair = [numbers[body] for body in point[1:3] if body in numbers]
            for index in pair:
                touching[index] = True
                hardest[index] = max(hardest[index], point[9] / _RATE / things[index].mass)
        for index, thing in enumerate(things):
            if not touching[index] or (thing.held and time < thing.released):
                continue
            velocity, _ = engine.getBaseVelocity(thing.body)
            blow = max(hardest[index], float(np.linalg.norm(np.subtract(velocity, before[index]))))
            if blow > _SOFTEST and time - last[index] > _QUIET:
                blows.append((time + 0.5 / _RATE, index, blow))
            if blow > _SOFTEST:
                last[index] = time
            loud[step, index] = math.hypot(*velocity[:2])
    kinds = [_Voice.of(rng) for _ in things]
    contacts = tuple(kinds[i].contact(rng, time, blow) for time, i, blow in blows)
    strokes = [s for i, kind in enumerate(kinds) for s in kind.strokes(rng, loud[:, i])]

    def put(time: float) -> Array:
        at = min(max(time, 0.0) * _RATE, count - 1)
        low = min(int(at), count - 2)
        share = at - low
        for index, thing in enumerate(things):
            pose = (1 - share) * places[low, index] + share * places[low + 1, index]
            turn = pose[3:] / max(float(np.linalg.norm(pose[3:])), 1e-9)
            engine.resetBasePositionAndOrientation(thing.body, list(pose[:3]), list(turn))
        return np.zeros(3)

    return Action(put, _one_at_a_time(contacts), size, strokes=tuple(strokes))


def _settle(world: World, things: Sequence[Thing]) -> None:
    """What lies there comes to rest, while what is held waits in the air."""
    for thing in things:
        world.place(thing.body, thing.place, thing.turn)
    for _ in range(round(_SETTLES * _RATE)):
        for thing in things:
            if thing.held:
                _hold(world, thing)
        world.engine.stepSimulation()


def _hold(world: World, thing: Thing) -> None:
    world.place(thing.body, thing.place, thing.turn)
    world.engine.resetBaseVelocity(thing.body, [0, 0, 0], [0, 0, 0])


@dataclass(frozen=True)
class _Voice:
    """How a thing sounds: RMS of a blow of 1 m/s, decay in seconds, how loud it rolls."""

    loudness: float
    decay: float
    rolls: float

    @staticmethod
    def of(rng: Generator) -> _Voice:
        decay = math.exp(rng.uniform(math.log(0.012), math.log(0.15)))
        return _Voice(rng.uniform(0.1, 0.3), decay, rng.uniform(0.0, 0.05))

    def contact(self, rng: Generator, time: float, blow: float) -> Contact:
        level = self.loudness * blow**0.8 * math.exp(rng.normal(0, 0.15))
        return Contact(time, float(np.clip(level, 0.004, 1.0)), self.decay)

    def strokes(self, rng: Generator, speeds: Array) -> list[Stroke]:
        """What rolls or slides for a while: [T] speeds at `_RATE`, 0 where nothing touches."""
        moving = np.concatenate([[False], speeds > _ROLLING, [False]])
        edges = np.flatnonzero(np.diff(moving.astype(int)))
        strokes = []
        for begin, end in edges.reshape(-1, 2) / _RATE:
            if end - begin < 0.15 or self.rolls < 0.01:
                continue
            times = np.arange(begin, end, 1 / STROKE_RATE)
            grain = np.exp(0.3 * np.interp(times * 40 % 200, range(201), rng.normal(0, 1, 201)))
            speed = np.interp(times * _RATE, np.arange(len(speeds)), speeds)
            rms = np.clip(self.rolls * speed**0.8 * grain, 0, 1)
            strokes.append(Stroke(float(begin), float(end), rms**2))
        return strokes


def _one_at_a_time(contacts: Sequence[Contact]) -> tuple[Contact, ...]:
    """Two things that meet both feel the blow: of contacts at one time the louder is kept."""
    kept: list[Contact] = []
    for contact in sorted(contacts, key=lambda c: c.time):
        if kept and contact.time - kept[-1].time < 1.5 / _RATE:
            kept[-1] = max(kept[-1], contact, key=lambda c: c.level)
        else:
            kept.append(contact)
    return tuple(kept)
