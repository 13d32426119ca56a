"""Whole persons, seen from the front, who beat something: drummers, smiths, players of bongos."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from folai.render.actors import Arm, Hand, Impact, Rod, View
from folai.render.motion import Choreography, Voice, still
from folai.render.paint import (
    Array,
    Canvas,
    Colour,
    Generator,
    natural_colour,
    oval,
    shade,
    skin_colour,
    taper,
)
from folai.render.props import Target, cutout
from folai.render.stage import Act, Place, some_material
from folai.render.tools import beat, least_lift, placed, random_hand, random_rod, rhythm


@dataclass(frozen=True, eq=False)
class Bust:
    """Trunk and head of somebody behind what is struck; the head nods, the trunk sways a little."""

    seat: Place  # the middle of the lap
    size: float  # from the seat to the crown, picture heights
    coat: Colour
    skin: Colour
    sway: float  # picture heights
    rate: float  # Hz

    def shoulder(self, side: float) -> Array:
        """Picture point [2] of the shoulder on a side, -1 or 1, at rest."""
        return np.array(self.seat) + self.size * np.array([0.24 * side, -0.6])

    def shadow(self, canvas: Canvas, time: float) -> None: ...

    def draw(self, canvas: Canvas, time: float) -> None:
        swing, size = np.sin(2 * np.pi * self.rate * time), self.size
        lean = np.array([self.sway * swing, 0.0])
        seat, neck = np.array(self.seat), np.array(self.seat) + (0.0, -0.66 * size) + lean
        canvas.polygon(taper(seat, neck, 0.4 * size, 0.52 * size), self.coat)
        canvas.polygon(oval(neck, np.array([0.26, 0.08]) * size), self.coat)
        head = neck + np.array([0.0, -0.17 * size + 0.4 * self.sway * abs(swing)]) + 0.5 * lean
        canvas.polygon(oval(head - (0.0, 0.05 * size), 0.13 * size), shade(self.skin, 0.35))
        canvas.polygon(oval(head, np.array([0.11, 0.15]) * size), self.skin)


def perform(rng: Generator, duration: float) -> Act:
    """Somebody beats drums with sticks or palms, or an anvil with a hammer, in time."""
    material = some_material(rng, "plastic", "wood", "metal", "ceramic", "rock")
    view = View((rng.normal(0, 0.05), -rng.uniform(0.8, 1.0)), 0.0, (0.2, 0.05), 0.2)
    size, way = (
        rng.uniform(0.5, 0.95),
        str(rng.choice(["sticks", "palms", "hammer"], p=(0.6, 0.2, 0.2))),
    )
    act = Act(material, view, place=(float(rng.normal(0, 0.12)), rng.uniform(0.1, 0.32)))
    act.on_ground = True  # what is struck is made here
    pads = _pads(rng, act, size, way)
    bust = Bust(
        seat=(act.place[0], act.place[1] + 0.02), size=size, coat=natural_colour(rng),
        skin=skin_colour(rng), sway=rng.uniform(0.0, 0.02) * size, rate=rng.uniform(0.3, 1.5),
    )  # fmt: skip
    act.actors.append(bust)
    hand = replace(
        random_hand(rng, 0.16 * size, flat=way == "palms"), skin=bust.skin, sleeve=bust.coat
    )
    voice = replace(material.voice(rng), rebound=rng.uniform(0.1, 0.6))
    beats = rhythm(rng, duration, _rate(rng, way), rng.uniform(0.02, 0.3))
    rod = _rod(rng, size, way)
    busy = (-1.0, 1.0) if way != "hammer" else (float(rng.choice([-1.0, 1.0])),)
    for side in (-1.0, 1.0):
        if side in busy:
            _arm(rng, act, bust, hand, rod, side, voice, pads, beats[busy.index(side) :: len(busy)])
        else:
            wrist = (act.place[0] + 0.3 * side * size, act.place[1] - 0.02)
            act.actors.append(Arm(hand, still(wrist), -np.pi / 2 + 0.3 * side, np.pi / 2))
    for pad in pads:
        pad.impacts += [
            i for i in act.impacts if np.hypot(*(i.place - pad.place)) < 0.6 * pad.width
        ]
    return act


@dataclass
class _Pad:
    """Something to strike: where, how wide, and what has struck it."""

    place: Place
    width: float
    impacts: list[Impact]


def _pads(rng: Generator, act: Act, size: float, way: str) -> list[_Pad]:
    """One to five drums or cymbals in a row, or one block; they join the act."""
    count = int(rng.integers(2, 6)) if way == "sticks" else 2 if way == "palms" else 1
    xs = np.linspace(-0.5, 0.5, count) * min(0.32 * count, 1.0) * size if count > 1 else np.zeros(1)
    pads = []
    for x in xs:
        raised = rng.uniform(0.1, 0.3) * size if way == "sticks" and rng.random() < 0.3 else 0.0
        place = (act.place[0] + float(x), act.place[1] - raised * (abs(x) > 0.2 * size))
        width = rng.uniform(0.24, 0.34) * size
        shape, height = (
            ("ellipse", 0.3 * width) if raised else ("box", rng.uniform(0.4, 1.2) * width)
        )
        name = str(rng.choice(act.material.textures))
        sprite = cutout(rng, height, name=name, shape=shape, aspect=width / height)
        pad = _Pad(place, width, [])
        middle = (place[0], place[1] + (0.0 if raised else 0.48 * height))
        act.actors.append(
            Target(
                sprite,
                middle,
                pad.impacts,
                shake=rng.uniform(0.0, 0.03) * (2.0 if raised else 0.3),
                frequency=rng.uniform(2.0, 9.0),
                damping=rng.uniform(0.05, 0.4),
            )
        )
        pads.append(pad)
    return pads


def _rate(rng: Generator, way: str) -> float:
    return rng.uniform(0.8, 2.5) if way == "hammer" else rng.uniform(2.0, 8.0)


def _rod(rng: Generator, size: float, way: str) -> Rod | None:
    if way == "palms":
        return None
    if way == "hammer":
        return Rod(0.45 * size, 0.03 * size, 0.03 * size, natural_colour(rng), head=0.12 * size)
    return replace(
        random_rod(rng), length=rng.uniform(0.3, 0.45) * size, width=0.025 * size, bead=0.0
    )


def _arm(
    rng: Generator, act: Act, bust: Bust, hand: Hand, rod: Rod | None, side: float, voice: Voice,
    pads: list[_Pad], beats: list[float],
) -> None:  # fmt: skip
    """One arm of the person, which beats in time on what it can reach."""
    reach = 0.62 * bust.size
    near = [p.place for p in pads if np.hypot(*(bust.shoulder(side) - p.place)) < 1.3 * reach]
    places = [(x - act.place[0] + 0.03 * side, y - act.place[1]) for x, y in near or [act.place]]
    home = min(places, key=lambda place: abs(place[0] - 0.25 * side * bust.size))
    least = least_lift(act)
    plan = Choreography(rng, voice, place=home, hover=0.12 * bust.size, least=least)
    lift = max(rng.uniform(0.1, 0.4) * bust.size, least)
    beat(plan, beats, rng.uniform(1.0, 4.0), lift, 0.01, places)
    direction = np.pi / 2 - side * rng.uniform(-0.9, -0.3)
    tool = placed(rng, plan, act, hand, rod, direction)
    act.actors.append(replace(tool, shoulder=tuple(bust.shoulder(side)), bend=side, limb=reach))
