"""Actions that flash: a gun that fires, fireworks that burst. Light and sound come together.

Each is a function of a generator and a duration in seconds that returns an `Act`. Nothing is
struck, so these acts have no heights: a contact is the moment of the flash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from folai.render.actors import Hand, Impact, View
from folai.render.motion import Contact, glide
from folai.render.paint import Array, Canvas, Colour, Generator, hsv, oval, rotation, shade, taper
from folai.render.props import Drifter, Spray, cutout
from folai.render.stage import Act, some_material
from folai.render.tools import random_hand, rhythm

_SIDE = View((0.0, -1.0), 0.0, (0.2, 0.1), 0.2)


@dataclass(frozen=True, eq=False)
class Flash:
    """A star of light where and when each impact is, with a glow round it, soon gone."""

    impacts: Sequence[Impact]
    size: float  # of the star, picture heights
    colour: Colour
    glow: float = 0.3  # how much of the picture's surroundings turns to its colour, 0..1
    lasting: float = 0.03  # s until it has faded to 1/e

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        for index, impact in enumerate(self.impacts):
            since = time - impact.time
            if not 0 <= since < 4 * self.lasting:
                continue
            strength = float(np.exp(-since / self.lasting))
            for reach in (20.0, 8.0, 3.0):
                outline = oval(impact.place, reach * self.size)
                canvas.polygon(outline, self.colour, self.glow * strength)
            angles = np.arange(14) * np.pi / 7 + index
            radius = self.size * np.where(np.arange(14) % 2, 0.35, 1.0)
            star = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], -1)
            canvas.polygon(impact.place + star, (255, 250, 225), min(1.0, 1.5 * strength))


@dataclass(frozen=True, eq=False)
class Gun:
    """A hand with a pistol or rifle, its muzzle at `muzzle`; it kicks back at each impact."""

    hand: Hand
    muzzle: Array
    heading: float  # radians, from the hand to the muzzle
    length: float
    colour: Colour
    impacts: Sequence[Impact]
    kick: float = 0.05  # picture heights

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        past = [time - impact.time for impact in self.impacts if 0 <= time - impact.time < 0.5]
        back = sum(min(1.0, since / 0.02) * np.exp(-since / 0.07) for since in past)
        along = np.array([np.cos(self.heading), np.sin(self.heading)])
        upward = rotation(-float(np.sign(along[0])) * 4.0 * self.kick * back)
        grip = self.muzzle - along * (self.length + self.kick * back)
        muzzle = grip + self.length * (upward @ along)
        butt = grip + 0.35 * self.length * (upward @ np.array([-0.3 * along[0], 1.0]))
        thick = 0.18 * min(self.length, 0.4)
        elbow = grip - 1.2 * along + np.array([0.0, 0.5])
        canvas.polygon(taper(grip, butt, thick, 1.2 * thick), shade(self.colour, 0.7))
        self.hand.draw(canvas, grip + 0.4 * (butt - grip), muzzle - grip, elbow)
        canvas.polygon(taper(grip - 0.1 * along, muzzle, 1.2 * thick, thick), self.colour)


@dataclass(frozen=True)
class Night:
    """Darkness over the backdrop, before anything is drawn on it."""

    darkness: float

    def shadow(self, canvas: Canvas, time: float) -> None:
        canvas.polygon(oval(np.zeros(2), 4.0), (4, 6, 16), self.darkness)

    def draw(self, canvas: Canvas, time: float) -> None: ...


def shoot(rng: Generator, duration: float) -> Act:
    """A gun that fires, shot by shot or in bursts; one in five has no flash to be seen."""
    act = Act(some_material(rng, "rock", "wood"), _SIDE, place=(0.0, 0.35), on_ground=True)
    heading = rng.normal(0, 0.15) + (np.pi if rng.random() < 0.5 else 0.0)
    muzzle = np.array([0.25 * np.cos(heading), 0.0]) + rng.normal(0, 0.1, 2)
    automatic = rng.random() < 0.35
    times = rhythm(rng, duration, rng.uniform(0.4, 2.0), rng.uniform(0.1, 0.4))
    if automatic:
        gap = rng.uniform(0.09, 0.2)
        times = [t + gap * i for t in times[::2] for i in range(rng.integers(3, 9))]
        times = sorted({round(t, 4) for t in times if t < duration})
        times = [t for t, before in zip(times, [-1.0, *times], strict=False) if t - before > 0.08]
    level, decay = rng.uniform(0.3, 1.0), rng.uniform(0.03, 0.25)
    _sound(rng, act, times, level, decay, [muzzle] * len(times))
    length, colour = rng.choice([0.2, 0.3, 0.7]) * rng.uniform(0.8, 1.2), hsv(0.6, 0.1, 0.2)
    hand, kick = random_hand(rng, rng.uniform(0.14, 0.24)), rng.uniform(0.02, 0.08)
    act.actors.append(Gun(hand, muzzle, heading, length, colour, tuple(act.impacts), kick))
    if rng.random() < 0.8:
        light = hsv(rng.uniform(0.08, 0.14), rng.uniform(0.2, 0.7), 1.0)
        size, glow = rng.uniform(0.03, 0.12), rng.uniform(0.0, 0.3)
        act.actors.append(Flash(tuple(act.impacts), size, light, glow, rng.uniform(0.015, 0.04)))
    return act


def burst(rng: Generator, duration: float) -> Act:
    """Fireworks: rockets that rise, and burst into falling sparks."""
    act = Act(some_material(rng, "rock"), _SIDE, place=(0.0, 0.4), on_ground=True)
    act.actors.append(Night(rng.uniform(0.7, 0.97)))
    times = rhythm(rng, duration, rng.uniform(0.4, 2.5), 0.4)
    places = [rng.normal(0, 1, 2) * (0.35, 0.12) + (0, -0.15) for _ in times]
    _sound(rng, act, times, rng.uniform(0.2, 0.9), rng.uniform(0.08, 0.5), places)
    rockets = rng.random() < 0.6
    for impact in act.impacts:
        count, spread = int(rng.integers(30, 120)), rng.uniform(0.15, 0.5)
        colour = hsv(rng.uniform(), rng.uniform(0.2, 0.9), 1.0)
        act.actors.append(
            Spray(
                birth=np.full(count, impact.time),
                origin=np.repeat(impact.place[None], count, axis=0),
                velocity=rng.normal(0, spread, (count, 2)),
                rise=np.full(count, 0.3),
                size=rng.uniform(0.004, 0.012) * rng.lognormal(0, 0.3, count),
                turn=rng.uniform(0, 6.3, count),
                colours=(colour, shade(colour, 0.8)),
                view=View((0.0, -0.3)),
                gravity=rng.uniform(0.4, 1.0),
                lifetime=rng.uniform(0.5, 1.4),
            )
        )
        if rockets:
            rise = min(impact.time, rng.uniform(0.5, 1.0))
            start, gone = np.array([impact.place[0], 0.7]), np.array([9.0, 9.0])
            keys = (impact.time - rise, impact.time, impact.time + 1e-3)
            rocket = cutout(rng, 0.02, name="plain", shape="ellipse")
            act.actors.append(Drifter(rocket, glide(keys, np.stack([start, impact.place, gone]))))
    light = hsv(rng.uniform(), rng.uniform(0.0, 0.4), 1.0)
    size, glow = rng.uniform(0.03, 0.1), rng.uniform(0.05, 0.3)
    act.actors.append(Flash(tuple(act.impacts), size, light, glow, rng.uniform(0.03, 0.15)))
    return act


def _sound(
    rng: Generator, act: Act, times: list[float], level: float, decay: float, places: list[Array]
) -> None:
    """One contact at each time, about as loud as the others."""
    for time, place in zip(times, places, strict=True):
        loud = float(np.clip(level * rng.lognormal(0, 0.2), 0.05, 1.0))
        act.contacts.append(Contact(time, loud, decay * float(rng.lognormal(0, 0.15))))
        act.impacts.append(Impact(time, place, loud))
