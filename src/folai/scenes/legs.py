"""People and animals on two or four legs whose gait is computed: every pace, build and footwear.

Motion capture has one person's walk; here stride, cadence, lift and build are drawn anew each time.
A foot stands still on the ground while it carries and swings forward in between; hips, knees
and ankles follow by inverse kinematics. A person's heel comes down first, with the toes up; the
step is heard when the foot lies flat, as it is in recordings (`folai.scenes.walkers`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from folai.render import Contact
from folai.scenes.world import Action, Array, World, along, some_colour

_RATE = 240.0  # Hz at which the way is computed
_BALANCE = 0.08  # of the stride by which a foot may land out of place, standard deviation


@dataclass(frozen=True)
class Gait:
    """How feet are set. Lengths are shares of the leg's length, times seconds."""

    period: float  # from one step of a foot to its next
    stride: float  # how far that goes
    duty: float  # share of the period in which a foot stands
    lift: float  # how high it swings
    phases: tuple[float, ...]  # of the period, at which each foot lands
    flat: float  # from the heel's landing until the whole foot lies, 0 where there is no heel
    toes_up: float  # radians, as the heel lands
    heel_up: float  # radians, as the toes leave


@dataclass(frozen=True)
class Build:
    """What a body is like. Lengths in metres."""

    leg: float
    apart: float  # feet from one another, to the sides
    trunk: float  # length, from hind to fore legs where there are four
    knees: tuple[float, ...]  # 1: bends forward, -1: backward
    shoe: tuple[float, float, float]  # half length, width and height of a foot


def person(world: World, rng: Generator, duration: float) -> Action:
    """Somebody who walks or runs: tall or small, in boots or bare feet, with trousers or a coat."""
    leg, runs = rng.uniform(0.65, 0.95), bool(rng.random() < 0.2)
    period = rng.uniform(0.62, 0.8) if runs else rng.uniform(0.85, 1.45)
    flat = rng.uniform(0.02, 0.05) if runs else rng.uniform(0.07, 0.13) * min(period, 1.2)
    gait = Gait(
        period=period,
        stride=rng.uniform(1.8, 2.8) if runs else rng.uniform(0.9, 1.75),
        duty=rng.uniform(0.33, 0.42) if runs else rng.uniform(0.57, 0.66),
        lift=rng.uniform(0.15, 0.35) if runs else rng.uniform(0.06, 0.2),
        phases=(0.0, 0.5 + rng.normal(0, 0.015)),
        flat=flat,
        toes_up=rng.uniform(0.0, 0.15) if runs else rng.uniform(0.15, 0.5),
        heel_up=rng.uniform(0.5, 1.0),
    )
    shoe = (rng.uniform(0.1, 0.16), rng.uniform(0.035, 0.06), rng.uniform(0.02, 0.05))
    build = Build(leg, leg * rng.uniform(0.08, 0.25), leg * 0.62, (1.0, 1.0), shoe)
    walker = _Walker(world, rng, gait, build, duration)
    return walker.action(rng, rng.uniform(0.15, 0.45) * (1.5 if runs else 1.0))


def animal(world: World, rng: Generator, duration: float) -> Action:
    """A dog, a horse, a goat: four legs that walk, trot or canter."""
    leg = math.exp(rng.uniform(math.log(0.15), math.log(1.0)))
    pace = int(rng.integers(3))
    phases = ((0.0, 0.5, 0.25, 0.75), (0.0, 0.5, 0.5, 0.0), (0.0, 0.15, 0.15, 0.4))[pace]
    swift = math.sqrt(leg / 0.5)  # long legs swing slowly, as pendulums do
    gait = Gait(
        period=swift
        * (rng.uniform(0.7, 1.1), rng.uniform(0.4, 0.65), rng.uniform(0.4, 0.55))[pace],
        stride=rng.uniform(0.9, 1.5) * (1.0, 1.2, 1.6)[pace],
        duty=(rng.uniform(0.55, 0.65), rng.uniform(0.42, 0.5), rng.uniform(0.3, 0.4))[pace],
        lift=rng.uniform(0.08, 0.25),
        phases=phases,
        flat=0.0,
        toes_up=0.0,
        heel_up=rng.uniform(0.2, 0.8),
    )
    half, width, height = leg * rng.uniform((0.05, 0.04, 0.03), (0.1, 0.07, 0.06))
    shoe = (float(half), float(width), float(height))
    build = Build(
        leg, leg * rng.uniform(0.3, 0.5), leg * rng.uniform(1.0, 1.6), (-1, -1, 1, 1), shoe
    )
    walker = _Walker(world, rng, gait, build, duration)
    return walker.action(rng, rng.uniform(0.05, 0.35))


class _Walker:
    """A body on its way: where each part of it is at any time."""

    def __init__(
        self, world: World, rng: Generator, gait: Gait, build: Build, duration: float
    ) -> None:
        self._world, self._gait, self._build = world, gait, build
        self._duration, self._is_person = duration, len(gait.phases) == 2
        count = math.ceil((duration + 2 * gait.period) * _RATE) + 2
        self._times = np.arange(count) / _RATE - gait.period
        pace = 1 + rng.uniform(0, 0.12) * np.sin(
            rng.uniform(0.3, 1.5) * self._times + rng.uniform(0, 6)
        )
        self._phases = np.cumsum(pace) / _RATE / gait.period + rng.random()
        speed = pace * gait.stride * build.leg / gait.period
        bend = rng.normal(0, 0.25) if rng.random() < 0.5 else 0.0
        self._turns = rng.uniform(0, 2 * math.pi) + bend * self._times
        steps = np.stack([np.cos(self._turns), np.sin(self._turns)], axis=1) * speed[:, None]
        self._places = np.cumsum(steps, axis=0) / _RATE
        self._places -= self._places[np.searchsorted(self._times, 0.0)]
        world.furnish(rng, int(rng.integers(4, 20)), rng.uniform(0.8, 2.0), 8.0, self._places[::60])
        self._bob = rng.uniform(0.005, 0.04) * build.leg
        self._crouch = rng.uniform(0.9, 0.97)
        self._landings = [self._feet(rng, leg) for leg in range(len(gait.phases))]
        self._dress(rng)

    def action(self, rng: Generator, level: float) -> Action:
        decay = math.exp(rng.uniform(math.log(0.012), math.log(0.06)))
        contacts = []
        for _leg, (times, _) in enumerate(self._landings):
            side = rng.normal(1.0, 0.1)
            for time in times:
                heard = time + self._gait.flat + rng.normal(0.01, 0.006)
                loud = level * side * math.exp(rng.normal(0, 0.3))
                if 0 <= heard < self._duration:
                    contacts.append(Contact(float(heard), float(np.clip(loud, 0.02, 1.0)), decay))
        contacts.sort(key=lambda contact: contact.time)
        size = self._build.leg * (2.2 if self._is_person else 1.8)
        return Action(
            put=self.put,
            contacts=tuple(contacts),
            size=size * rng.uniform(0.5, 1.2),
            heading=float(np.interp(0.0, self._times, self._turns)),
            travels=True,
            leg=self._build.leg,
        )

    def _feet(self, rng: Generator, leg: int) -> tuple[Array, Array]:
        """When [N] a foot lands, and where [N, 2]."""
        gait, build = self._gait, self._build
        first = math.ceil(self._phases[0] - gait.phases[leg])
        wanted = np.arange(first, self._phases[-1] - gait.phases[leg]) + gait.phases[leg]
        times = np.interp(wanted, self._phases, self._times)
        ahead = gait.duty / 2 * gait.stride * build.leg * (1 + rng.normal(0, _BALANCE, len(times)))
        turns = np.interp(times, self._times, self._turns)
        along_way, across = self._socket(leg)
        x, y = (np.interp(times, self._times, self._places[:, axis]) for axis in range(2))
        x += (ahead + along_way) * np.cos(turns) - across * np.sin(turns)
        y += (ahead + along_way) * np.sin(turns) + across * np.cos(turns)
        return times, np.stack([x, y], axis=1)

    def _socket(self, leg: int) -> tuple[float, float]:
        """How far ahead of the middle, and to the left, a leg begins."""
        across = self._build.apart / 2 * (1 if leg % 2 else -1)
        if self._is_person:
            return 0.0, across
        return self._build.trunk / 2 * (1 if leg < 2 else -1), across

    def _dress(self, rng: Generator) -> None:
        world, build, nowhere = self._world, self._build, (0, 0, -9)
        people = self._is_person
        skin = np.array([0.85, 0.62, 0.5]) * rng.uniform(0.3, 1.15)
        cloth, coat, leather = some_colour(rng), some_colour(rng), some_colour(rng)
        if not people:
            coat = skin = cloth if rng.random() < 0.7 else coat
        thick = build.leg * (rng.uniform(0.07, 0.13) if people else rng.uniform(0.05, 0.1))
        bare = skin if rng.random() < 0.25 else cloth
        half = build.leg / 2

        def shown(shape: int) -> int:
            return world.shown(shape, nowhere)

        self._thighs = [shown(world.rod(thick, half, cloth)) for _ in self._landings]
        self._shins = [shown(world.rod(0.8 * thick, half, bare)) for _ in self._landings]
        self._shoes = [shown(world.box(build.shoe, leather)) for _ in self._landings]
        girth = build.leg * (rng.uniform(0.16, 0.26) if people else rng.uniform(0.2, 0.4))
        self._trunk = shown(world.rod(girth, build.trunk * (0.8 if people else 1.1), coat))
        self._head = shown(world.ball(build.leg * rng.uniform(0.12, 0.18), skin))
        sleeves = 2 if people else 0
        self._arms = [shown(world.rod(0.6 * thick, build.leg * 0.55, coat)) for _ in range(sleeves)]
        self._swing = rng.uniform(0.0, 0.6)
        if rng.random() < 0.5:
            cover = world.texture(rng)
            for body in (self._trunk, *self._thighs, *self._shins):
                world.engine.changeVisualShape(body, -1, textureUniqueId=cover)

    def put(self, time: float) -> Array:
        """Take the pose of a time; returns the point of the ground under the body [3]."""
        gait, build = self._gait, self._build
        turn = float(np.interp(time, self._times, self._turns))
        x, y = (float(np.interp(time, self._times, self._places[:, axis])) for axis in range(2))
        phase = float(np.interp(time, self._times, self._phases))
        ahead, left = (
            np.array([math.cos(turn), math.sin(turn), 0]),
            np.array([-math.sin(turn), math.cos(turn), 0]),
        )
        # Between two steps a body is highest, over the leg that carries it.
        high = build.leg * self._crouch + self._bob * math.cos(
            4 * math.pi * (phase - gait.duty / 2)
        )
        root = np.array([x, y, high])
        for leg in range(len(gait.phases)):
            on, across = self._socket(leg)
            self._put_leg(leg, time, root + on * ahead + across * left, ahead, left)
        up, world = np.array([0.0, 0.0, 1.0]), self._world
        if self._is_person:
            world.place(self._trunk, root + build.trunk * 0.55 * up, along(up + 0.1 * ahead))
            world.place(self._head, root + build.trunk * 1.35 * up + 0.05 * ahead)
        else:
            world.place(self._trunk, root + 0.08 * build.leg * up, along(ahead))
            nod = 0.04 * build.leg * math.sin(2 * math.pi * phase)
            at = root + (0.8 * build.trunk) * ahead + (0.45 * build.leg + nod) * up
            world.place(self._head, at)
        for index, arm in enumerate(self._arms):
            side = left if index else -left
            angle = self._swing * math.sin(2 * math.pi * phase + math.pi * index)
            line = math.sin(angle) * ahead - math.cos(angle) * up
            shoulder = root + build.trunk * up + build.leg * 0.25 * side
            world.place(arm, shoulder + build.leg * 0.3 * line, along(line))
        return np.array([x, y, 0.0])

    def _put_leg(self, leg: int, time: float, hip: Array, ahead: Array, left: Array) -> None:
        build, (foot, pitch) = self._build, self.foot(leg, time)
        sole = build.shoe[2]
        back = 0.5 * build.shoe[0] if self._gait.flat else 0.0  # the ankle is over the heel
        pitched = math.cos(pitch) * ahead + math.sin(pitch) * np.array([0.0, 0.0, 1.0])
        ankle = foot - back * pitched + np.array([0.0, 0.0, 2 * sole])
        knee, ankle = _knee(hip, ankle, build.leg / 2, build.knees[leg] * ahead)
        world = self._world
        world.place(self._thighs[leg], (hip + knee) / 2, along(knee - hip))
        world.place(self._shins[leg], (knee + ankle) / 2, along(ankle - knee))
        heading = math.atan2(ahead[1], ahead[0])
        shoe = foot + np.array([0.0, 0.0, sole])
        world.place(self._shoes[leg], shoe, world.turned((0, -pitch, heading)))

    def foot(self, leg: int, time: float) -> tuple[Array, float]:
        """Where a sole's middle is [3], and by how much the toes point up, radians."""
        gait, build = self._gait, self._build
        times, places = self._landings[leg]
        last = int(np.clip(np.searchsorted(times, time, side="right") - 1, 0, len(times) - 2))
        share = float(np.clip((time - times[last]) / (times[last + 1] - times[last]), 0, 1))
        since = time - times[last]
        if share < gait.duty:  # it stands
            pitch = 0.0
            if gait.flat and since < gait.flat:
                pitch = gait.toes_up * (1 - since / gait.flat)
            leaving = (share - 0.8 * gait.duty) / (0.2 * gait.duty)
            pitch -= 0.6 * gait.heel_up * max(leaving, 0.0)
            place = np.array([*places[last], 0.0])
        else:
            swing = (share - gait.duty) / (1 - gait.duty)
            smooth = swing * swing * (3 - 2 * swing)
            flat = places[last] + smooth * (places[last + 1] - places[last])
            high = gait.lift * build.leg * math.sin(math.pi * swing**0.8)
            place = np.array([*flat, high])
            first, end = -0.6 * gait.heel_up, gait.toes_up
            pitch = (
                first
                + (end - first) * smooth
                - 0.6 * gait.heel_up * math.sin(math.pi * swing) * (1 - swing)
            )
        # About the heel or the toes it turns, whichever is down.
        place[2] += build.shoe[0] * abs(math.sin(pitch))
        return place, pitch


def _knee(hip: Array, ankle: Array, bone: float, forward: Array) -> tuple[Array, Array]:
    """The knee between two bones of one length, and the ankle, drawn near where out of reach."""
    line = ankle - hip
    far = float(np.linalg.norm(line))
    line = line / far
    far = min(far, 1.999 * bone)
    bent = math.sqrt(bone**2 - (far / 2) ** 2)
    out = forward - (forward @ line) * line
    out = out / max(float(np.linalg.norm(out)), 1e-9)
    return hip + far / 2 * line + bent * out, hip + far * line
