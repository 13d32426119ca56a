"""Actions of balls and feet: things that fall and bounce, a dribbling hand, somebody who walks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from folai.render.actors import Arm, Ball, Impact, Leg, Torso, View
from folai.render.motion import Key, Path, Voice, bounces, path, still
from folai.render.paint import Generator, natural_colour, shade, skin_colour
from folai.render.stage import Act, Place, some_material
from folai.render.tools import random_hand, rhythm


def _ground_act(rng: Generator, *names: str) -> Act:
    """An act on wide ground seen from its side."""
    light = (rng.uniform(-0.4, 0.4), 0.05)
    view = View((rng.normal(0, 0.03), -1.0), 0.0, light, rng.uniform(0.1, 0.5))
    place = (0.0, float(rng.uniform(0.2, 0.36)))
    return Act(some_material(rng, *names), view, place=place, on_ground=True)


# --- balls ----------------------------------------------------------------------------------------


def bounce(rng: Generator, duration: float) -> Act:
    """One to three balls or blocks that fall in, bounce and roll out; or one that is dribbled."""
    act = _ground_act(rng, "wood", "rock", "carpet", "plastic", "ceramic")
    if rng.random() < 0.3:
        return _dribble(rng, act, duration)
    gravity, voice = rng.uniform(2.0, 9.0), act.material.voice(rng)
    for _ in range(rng.integers(1, 4)):
        start, radius = -rng.uniform(0.0, 0.5), rng.uniform(0.03, 0.11)
        while start < duration - 1.0:
            start = _drop(rng, act, voice, start, duration, gravity, radius)
            start += rng.uniform(0.1, 1.5)
    return act


def _drop(
    rng: Generator, act: Act, voice: Voice, start: float, duration: float, gravity: float,
    radius: float,
) -> float:  # fmt: skip
    """One ball falls in from above the picture at `start`; returns when it lies still."""
    box = bool(rng.random() < 0.25)
    height, contacts = bounces(
        rng, voice, start=start, height=1.3, gravity=gravity, end=duration,
        restitution=rng.uniform(0.4, 0.88) * (0.5 if box else 1.0),
    )  # fmt: skip
    end, drift = float(height.times[-1]), rng.normal(0, 0.15)
    roll = 0.01 if box else rng.uniform(0.3, 2.0)
    x, y = rng.uniform(-0.45, 0.45), act.place[1] + rng.uniform(0.0, 0.08)
    landed = x + drift * (end - start)
    slope = (drift, 0.0)
    ground = path([
        (start, (x, y), slope, slope),
        (end, (landed, y), slope, slope),
        (end + roll, (landed + drift * roll / 2, y), (0.0, 0.0), (0.0, 0.0)),
    ])  # fmt: skip
    colours = natural_colour(rng), natural_colour(rng)
    act.actors.append(Ball(ground, height, act.view, radius, *colours, box=box))
    act.contacts += contacts
    act.heights.append(height)
    act.impacts += [Impact(c.time, ground(c.time), c.level) for c in contacts]
    if not box and end + roll < duration:
        act.strokes.append(replace(voice, loudness=0.3 * voice.loudness).stroke(
            rng, ground, end, end + roll))  # fmt: skip
    return end + roll


def _dribble(rng: Generator, act: Act, duration: float) -> Act:
    """A hand pushes a ball down, waits for it, and pushes again."""
    radius, top = rng.uniform(0.06, 0.12), rng.uniform(0.25, 0.5)
    voice, x, y = act.material.voice(rng), rng.uniform(-0.4, 0.4), act.place[1]
    times = rhythm(rng, duration, rng.uniform(1.2, 3.0), 0.05) or [duration]
    heights: list[Key] = [(times[0] - 0.3, (top,), (0.0,), (0.0,))]
    hands = [(times[0] - 0.3, (x, y - top - 2.4 * radius))]
    for time, following in zip(times, [*times[1:], times[-1] + 0.6], strict=True):
        half = (following - time) / 2
        speed = 2.4 * top / (time - heights[-1][0])  # 2.0 would be falling freely
        heights.append((time, (0.0,), (-speed,), (2 * top / half,)))
        heights.append((time + half, (top,), (0.0,), (0.0,)))
        hands.append((time, (x, y - 0.75 * top - 2.4 * radius)))
        hands.append((time + half, (x, y - top - 2.4 * radius)))
        act.contacts.append(voice.contact(rng, time, speed))
    height = path(heights)
    colours = natural_colour(rng), natural_colour(rng)
    act.actors.append(Ball(still((x, y)), height, act.view, radius, *colours))
    hand, wrist = random_hand(rng, rng.uniform(0.16, 0.24), flat=True), _path(hands)
    side = float(rng.choice([-1.0, 1.0]))
    act.actors.append(Arm(hand, wrist, -np.pi / 2 - 0.8 * side, np.pi / 2 - 1.2 * side))
    act.heights.append(height)
    act.impacts += [Impact(c.time, np.array([x, y]), c.level) for c in act.contacts]
    return act


def _path(points: list[tuple[float, Place]]) -> Path:
    """Path that comes to rest at each of (time, place)."""
    return path([(time, place, (0.0, 0.0), (0.0, 0.0)) for time, place in points])


# --- feet -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gait:
    """Somebody's walk: lengths of thigh and step, steps a second, how feet lift and land."""

    thigh: float
    stride: float  # 0 marches on the spot, seen from the front
    rate: float  # Hz
    lift: float
    speed: float  # of the heel as it lands
    start: float = 0.0  # x of the hip at first

    @property
    def facing(self) -> float:
        return float(np.sign(self.stride))


def steps(rng: Generator, duration: float) -> Act:
    """Feet that walk across, or with the camera following, from the side or the front."""
    act = _ground_act(rng, "wood", "gravel", "rock", "leaf", "carpet", "dirt")
    thigh, rate = rng.uniform(0.22, 0.5), rng.uniform(1.0, 3.0)
    follow, front = rng.random() < 0.75, rng.random() < 0.3
    stride = 0.0 if front else thigh * rng.uniform(0.9, 1.2)
    start = 0.0 if follow else -0.5 * stride * duration * rate
    lift, speed = thigh * rng.uniform(0.23, 0.5), rng.uniform(0.5, 1.5)
    periods = np.clip(rng.normal(1.0, 0.05, int(duration * rate) + 1), 0.85, 1.15) / rate
    times = rng.uniform(0.1, 0.7) + np.concatenate([[0.0], np.cumsum(periods)])
    hip = walk(rng, act, Gait(thigh, stride, rate, lift, speed, start), list(times))
    if follow and not front:
        act.follow = replace(hip, values=hip.values * (1.0, 0.0))
    return act


def walk(rng: Generator, act: Act, gait: Gait, times: list[float]) -> Path:
    """Add a walker whose heels land at `times`, in turn; returns the hip's path [2]."""
    depth, pace = act.place[1], (gait.stride * gait.rate, 0.0)
    hip = path([
        (time, (gait.start + gait.stride * count, depth - 1.95 * gait.thigh), pace, pace)
        for count, time in enumerate(times)
    ])  # fmt: skip
    voice, trousers, shoe = act.material.voice(rng), natural_colour(rng), natural_colour(rng)
    for side in (1, 0):
        apart = 0.0 if gait.stride else (side - 0.5) * 0.5 * gait.thigh
        row = depth - 0.02 * side
        lands = [
            (time, (gait.start + gait.stride * (count + 0.5) + apart, row))
            for count, time in enumerate(times) if count % 2 == side
        ]  # fmt: skip
        first = (gait.start + gait.stride * (side - 1.5) + apart, row)
        ground, height = _footfalls(rng, act, voice, gait, first, lands)
        joint = replace(hip, values=hip.values + np.array([0.5 * apart, 0.0]))
        dim = shade(trousers, 1.0 - 0.25 * side)
        act.actors.append(Leg(ground, height, joint, act.view, gait.thigh, dim, shoe, gait.facing))
    coat, skin = natural_colour(rng), skin_colour(rng)
    act.actors.append(Torso(hip, gait.thigh, coat, skin, gait.rate, gait.facing))
    return hip


def _footfalls(
    rng: Generator, act: Act, voice: Voice, gait: Gait, place: Place,
    lands: list[tuple[float, Place]],
) -> tuple[Path, Path]:  # fmt: skip
    """Ground [2] and height [1] of a foot that swings before each landing and else stands."""
    swing = 0.8 / gait.rate
    grounds: list[tuple[float, Place]] = [(-10.0, place)]
    heights: list[Key] = [(-10.0, (0.0,), (0.0,), (0.0,))]
    for down, landing in lands:
        off, speed = down - swing, gait.speed * rng.lognormal(0, 0.15)
        fall = min(0.5 * swing, 2.5 * gait.lift / speed)
        grounds += [(off, grounds[-1][1]), (down, landing)]
        heights.append((off, (0.0,), (0.0,), (0.0,)))
        heights.append((down - fall, (min(gait.lift, speed * fall / 1.8),), (0.0,), (0.0,)))
        heights.append((down, (0.0,), (-speed,), (0.0,)))
        contact = voice.contact(rng, down, speed)
        act.contacts.append(contact)
        act.impacts.append(Impact(down, np.array(landing), contact.level))
    height = path(heights)
    act.heights.append(height)
    return _path(grounds), height
