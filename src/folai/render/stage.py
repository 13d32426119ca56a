"""The stage round an action: what is struck, the backdrop, camera, light and distractors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from folai.render import paint
from folai.render.actors import Actor, Impact, View
from folai.render.motion import Contact, Path, Stroke, Voice, glide, still
from folai.render.paint import Array, Generator, Sprite, hsv, natural_colour, rotation
from folai.render.props import (
    Drifter,
    Foliage,
    Pendulum,
    Ripples,
    Shade,
    Spray,
    Target,
    cutout,
)  # fmt: skip
from folai.render.scene import Camera, Layer, Light, Scene, hand_shake, shake_of

Place = tuple[float, float]
BACKDROP_ROWS = 480  # pixels of a backdrop's height
BACKDROP = (2.6, 1.5)  # its width and height in picture heights
IN_VIEW = np.array([0.6, 0.43])  # picture heights from the middle, within which things are struck


@dataclass(frozen=True)
class Material:
    """A kind of thing to strike: its voice's ranges, its look, and how it answers."""

    loudness: tuple[float, float]  # RMS at 1 picture height per second
    decay: tuple[float, float]  # s
    rebound: float
    textures: tuple[str, ...]
    sheds: str = ""  # particles: "leaf", "dirt", "drop"
    shake: float = 0.0
    dent: float = 0.0

    def voice(self, rng: Generator) -> Voice:
        return Voice(
            loudness=float(np.exp(rng.uniform(*np.log(self.loudness)))),
            decay=float(np.exp(rng.uniform(*np.log(self.decay)))),
            rebound=self.rebound * rng.uniform(0.3, 1.3),
            roughness=rng.uniform(0.2, 0.6),
            jitter=rng.uniform(0.05, 0.4),
        )


MATERIALS = {
    "leaf": Material((0.02, 0.1), (0.03, 0.08), 0.05, ("littered", "grassy"), "leaf", 0.02, 0.1),
    "dirt": Material((0.03, 0.12), (0.02, 0.05), 0.1, ("mottled", "littered"), "dirt"),
    "gravel": Material((0.04, 0.2), (0.02, 0.06), 0.2, ("littered", "mottled"), "dirt"),
    "rock": Material((0.08, 0.3), (0.02, 0.06), 0.5, ("mottled", "plain")),
    "wood": Material((0.08, 0.35), (0.03, 0.1), 0.5, ("grained", "plain"), "", 0.004),
    "metal": Material((0.08, 0.4), (0.06, 0.4), 0.5, ("plain", "mottled"), "", 0.008),
    "cloth": Material(
        (0.02, 0.1), (0.02, 0.05), 0.1, ("woven", "plain", "lettered"), "", 0.01, 0.3
    ),
    "paper": Material((0.03, 0.15), (0.02, 0.06), 0.2, ("lettered", "plain"), "", 0.02, 0.2),
    "carpet": Material((0.03, 0.1), (0.02, 0.05), 0.2, ("woven", "mottled")),
    "plastic": Material((0.05, 0.25), (0.03, 0.1), 0.4, ("plain", "lettered"), "", 0.02),
    "water": Material((0.03, 0.15), (0.05, 0.2), 0.0, ("mottled",), "drop"),
    "ceramic": Material((0.08, 0.3), (0.04, 0.15), 0.5, ("tiled", "plain"), "", 0.004),
    "plant": Material((0.02, 0.1), (0.04, 0.12), 0.1, ("grassy",), "leaf", 0.04, 0.1),
}


def some_material(rng: Generator, *names: str) -> Material:
    """One of the named materials, or of all."""
    return MATERIALS[str(rng.choice(names or list(MATERIALS)))]


@dataclass
class Act:
    """An action on its way to a scene; `place` is where its surface is in the picture."""

    material: Material
    view: View
    place: Place = (0.0, 0.0)
    actors: list[Actor] = field(default_factory=list)
    contacts: list[Contact] = field(default_factory=list)
    strokes: list[Stroke] = field(default_factory=list)
    heights: list[Path] = field(default_factory=list)
    impacts: list[Impact] = field(default_factory=list)
    on_ground: bool = False  # it needs wide ground, not an object to strike
    follow: Path | None = None  # where [2] the camera looks


def set_scene(rng: Generator, act: Act, kind: str, duration: float, seed: int) -> Scene:
    """The finished scene round the act."""
    behind, before = distractors(rng, duration)
    things = [] if act.on_ground else struck(rng, act)
    filmed = camera(rng, act, duration)
    unseen = out_of_view(act, filmed, (344, 256))
    act.contacts = [contact for contact in act.contacts if contact.time not in unseen]
    act.strokes = [stroke for stroke in act.strokes if stroke.start not in unseen]
    contacts, strokes = levelled(rng, act, duration)
    return Scene(
        kind=kind,
        duration=duration,
        contacts=tuple(sorted(contacts, key=lambda contact: contact.time)),
        sustained=tuple(sorted(strokes, key=lambda stroke: stroke.start)),
        actors=(*behind, *things, *act.actors, *spray(rng, act), *before),
        heights=tuple(act.heights),
        layers=backdrop(rng, act),
        camera=filmed,
        light=light(rng),
        floor=float(rng.choice([rng.uniform(0.0, 0.008), rng.uniform(0.0, 0.03)], p=(0.75, 0.25))),
        seed=seed,
    )


def out_of_view(act: Act, filmed: Camera, size: tuple[int, int]) -> set[float]:
    """Times at which something is touched outside a picture of the shape of `size`: it is not heard
    either."""
    unseen = set()
    for impact in act.impacts:
        matrix = filmed.matrix(impact.time, size)
        x, y = (matrix[:, :2] @ impact.place + matrix[:, 2]) / size
        if not (0.02 < x < 0.98 and 0.02 < y < 0.98):
            unseen.add(impact.time)
    return unseen


def levelled(
    rng: Generator, act: Act, duration: float
) -> tuple[list[Contact], list[Stroke]]:  # fmt: skip
    """The sounds within the duration, as a recordist would level them: partly evened out.

    The loudest RMS of real recordings lies between 0.13 and 0.66, half of them within 0.18..0.47.
    """
    contacts = [contact for contact in act.contacts if contact.time < duration]
    strokes = [s.until(duration) for s in act.strokes if s.start < duration - 0.01]
    peaks = [c.level for c in contacts] + [float(np.sqrt(s.powers.max())) for s in strokes]
    gain = (rng.lognormal(np.log(0.28), 0.5) / max(peaks, default=1.0)) ** 0.7
    return (
        [replace(c, level=min(1.0, gain * c.level)) for c in contacts],
        [replace(s, powers=np.minimum(1.0, gain**2 * s.powers)) for s in strokes],
    )


# --- what is struck ------------------------------------------------------------------------------


def struck(rng: Generator, act: Act) -> list[Actor]:
    """The object under the tool, if there is one: a box from its side, or a heap from above."""
    material, side = act.material, act.view.up[1] < -0.9
    things: list[Actor] = []
    if rng.random() < (0.9 if side else 0.6):
        height, aspect = rng.uniform(0.25, 0.8), rng.uniform(0.7, 2.2)
        shape = "box" if side else str(rng.choice(["blob", "ellipse", "box"]))
        name = str(rng.choice(material.textures))
        sprite = cutout(rng, height, name=name, shape=shape, aspect=aspect)
        drop = 0.47 * height if side else rng.normal(0, 0.1) * height
        centre = (act.place[0] + rng.normal(0, 0.1) * height, act.place[1] + drop)
        target = Target(
            sprite, centre, act.impacts,
            shake=material.shake * rng.lognormal(0, 0.7), dent=material.dent * rng.uniform(0, 1),
            frequency=rng.uniform(3.0, 14.0), damping=rng.uniform(0.05, 0.3),
        )  # fmt: skip
        things.append(target)
    if material.sheds == "drop":
        things.append(Ripples(act.impacts, flat=0.35 if side else rng.uniform(0.5, 1.0)))
    return things


SPRAYS = {  # particles at level 1, size, rise and spread in units/s, gravity
    "leaf": (40, 0.022, 0.9, 0.35, 2.0),
    "dirt": (50, 0.008, 1.2, 0.5, 6.0),
    "drop": (60, 0.008, 1.4, 0.4, 6.0),
}


def spray(rng: Generator, act: Act) -> list[Actor]:
    """What flies up from every impact on a loose material (one time in five: nothing does)."""
    if not act.material.sheds or not act.impacts or rng.random() < 0.2:
        return []
    most, size, rise, spread, gravity = SPRAYS[act.material.sheds]
    counts = [1 + rng.poisson(most * min(1.0, impact.level**0.7)) for impact in act.impacts]
    total = sum(counts)
    force = np.repeat([0.5 + impact.level**0.4 for impact in act.impacts], counts)
    origin = np.repeat([impact.place for impact in act.impacts], counts, axis=0)
    water = act.material.sheds == "drop"
    first = hsv(0.58, 0.1, 0.9) if water else natural_colour(rng)
    return [
        Spray(
            birth=np.repeat([impact.time for impact in act.impacts], counts),
            origin=origin + rng.normal(0, 0.02, (total, 2)),
            velocity=force[:, None] * rng.normal(0, spread, (total, 2)) * (1.0, 0.6),
            rise=force * np.abs(rng.normal(0, rise / 2, total)) + 0.1,
            size=size * rng.lognormal(0, 0.4, total),
            turn=rng.uniform(0, 6.3, total),
            colours=(first, paint.shade(first, rng.uniform(0.5, 0.9))),
            view=act.view,
            gravity=gravity,
            stays=act.material.sheds == "leaf",
        )
    ]


# --- backdrop, camera, light ---------------------------------------------------------------------


def backdrop(rng: Generator, act: Act) -> tuple[Layer, ...]:
    """The ground filling the picture, or a wall with a floor or table before it."""
    ground = _plate(rng, str(rng.choice(act.material.textures)))
    if act.view.up[1] > -0.9 and not act.on_ground:
        any_texture = str(rng.choice(list(paint.TEXTURES)))
        return (Layer(ground if rng.random() < 0.6 else _plate(rng, any_texture)),)
    behind = str(rng.choice(["cluttered", "plain", "tiled", "mottled", "grassy", "woven"]))
    far = _plate(rng, behind, blur=rng.choice([0.0, 1.0, 3.0, 6.0]))
    edge = act.place[1] - rng.uniform(0.0, 0.25)
    if act.follow is None and rng.random() < 0.5:  # two depths, which shift against each other
        near = Layer(ground, (0.0, edge + BACKDROP[1] / 2))
        return (Layer(far, parallax=rng.uniform(0.5, 1.0)), near)
    row = int((0.5 + edge / BACKDROP[1]) * BACKDROP_ROWS)
    return (Layer(replace(ground, pixels=np.vstack([far.pixels[:row], ground.pixels[row:]]))),)


def _plate(rng: Generator, name: str, blur: float = 0.0) -> Sprite:
    rows = BACKDROP_ROWS
    columns = int(rows * BACKDROP[0] / BACKDROP[1])
    pixels = paint.lit(rng, paint.texture(rng, name, rows, columns))
    if blur:
        pixels = paint.blurred(pixels, blur)
    return Sprite(np.dstack([pixels, np.full((rows, columns), 255, np.uint8)]), BACKDROP[1])


def camera(rng: Generator, act: Act, duration: float) -> Camera:
    """Six in ten stand still; the rest are held by hand, pan, zoom, or cut once."""
    look = np.array([0.0, 0.0, rng.uniform(-0.12, 0.25), rng.normal(0, 0.08)])
    mirror = bool(rng.random() < 0.5)
    if act.follow is not None:
        keys = act.follow
        pad = np.zeros((len(keys.times), 2))
        values, slopes = (np.hstack([v, pad]) for v in (keys.values, keys.leaving))
        walk = Path(keys.times, values + look, slopes, slopes)
        return Camera(walk, shake_of(rng, rng.choice([0.0, 0.004])), mirror)
    look[:2] = _framing(look, act)
    style = rng.choice(["still", "held", "pan", "cut"], p=(0.6, 0.25, 0.11, 0.04))
    shake = np.zeros((0, 4, 3))
    if style == "held" or (style == "pan" and rng.random() < 0.5):
        shake = hand_shake(rng)
    move = rng.normal(0, 1, 4) * (0.1, 0.06, 0.12, 0.03)
    if style == "pan":
        keys = glide(np.linspace(0, duration, 4), [look + move * s for s in rng.uniform(-1, 1, 4)])
        return Camera(keys, shake, mirror)
    if style == "cut":
        at = rng.uniform(0.2, 0.8) * duration
        return Camera(glide((at, at + 1e-4), (look, look + 1.5 * move)), shake, mirror)
    return Camera(still(tuple(look)), shake, mirror)


def _framing(look: Array, act: Act) -> Array:
    """Where [2] a camera that looks like this must look for all that is struck to be in view.

    Who walks or rolls over wide ground may leave at the sides.
    """
    if not act.impacts:
        return look[:2]
    linear = float(np.exp(look[2])) * rotation(float(look[3]))
    seen = (np.stack([impact.place for impact in act.impacts]) - look[:2]) @ linear.T
    low = np.minimum(seen.min(axis=0) + IN_VIEW, 0.0)
    high = np.maximum(seen.max(axis=0) - IN_VIEW, 0.0)
    too_far = (low + high) * (not act.on_ground, True)
    return np.asarray(look[:2] + np.linalg.solve(linear, too_far))


def light(rng: Generator) -> Light:
    """Some exposure and cast; sometimes it swells, or flickers a little as lamps do."""
    exposure = rng.lognormal(-0.1, 0.2)
    red, green, blue = exposure * np.exp(rng.normal(0, 0.1, 3))
    gamma = float(rng.lognormal(0, 0.2))
    swell = rng.uniform(0.01, 0.12) if rng.random() < 0.12 else 0.0
    rate = float(np.exp(rng.uniform(np.log(0.2), np.log(12.0))))
    return Light(
        cast=(red, green, blue),
        gamma=gamma,
        flicker=swell / max(1.0, rate),
        flicker_rate=rate,
        noise=float(rng.lognormal(np.log(2.0), 0.7)),
    )


# --- distractors ---------------------------------------------------------------------------------


def distractors(rng: Generator, duration: float) -> tuple[list[Actor], list[Actor]]:
    """Silent movers behind and before the action; none in every second scene."""
    behind: list[Actor] = []
    before: list[Actor] = []
    if rng.random() < 0.5:
        return behind, before
    for _ in range(rng.integers(1, 4)):
        make = (_passer, _scrolling, _swinging, _foliage, _cloud, _bystander)[rng.choice(
            6, p=(0.2, 0.1, 0.2, 0.2, 0.2, 0.1))]  # fmt: skip
        # Only leaves and shadows pass before the action: nobody can find a contact that is hidden.
        front = make in (_foliage, _cloud) and rng.random() < 0.3
        (before if front else behind).append(make(rng, duration))
    return behind, before


def _across(rng: Generator, duration: float, count: int = 3) -> Path:
    """A path that wanders over the picture, most of it in its upper half."""
    points = rng.normal(0, 1, (count, 2)) * (0.7, 0.2) + (0, -0.2)
    times = np.sort(rng.uniform(0, duration, count - 2))
    return glide((0.0, *times, duration + 0.01), points)


def _passer(rng: Generator, duration: float) -> Actor:
    sprite = cutout(rng, rng.uniform(0.08, 0.5), aspect=rng.uniform(0.4, 2), blur=0.02)
    return Drifter(sprite, _across(rng, duration, int(rng.integers(3, 9))), spin=rng.normal(0, 0.5))


def _scrolling(rng: Generator, duration: float) -> Actor:
    sprite = cutout(rng, rng.uniform(0.2, 0.5), name="lettered", shape="box", aspect=2.0)
    start = rng.normal(0, 0.4, 2)
    end = start + rng.normal(0, 0.8, 2)
    steady = (end - start) / duration
    ends = np.stack([start, end])
    return Drifter(sprite, Path(np.array([0, duration]), ends, *(np.stack([steady] * 2),) * 2))


def _swinging(rng: Generator, duration: float) -> Actor:
    """A pendulum, or an arm that waves."""
    arm = rng.random() < 0.5
    return Pendulum(
        pivot=(
            float(rng.normal(0, 0.5)),
            rng.uniform(0.6, 0.9) if arm else rng.uniform(-0.9, -0.3),
        ),
        length=rng.uniform(0.3, 0.8),
        amplitude=rng.uniform(0.1, 0.8),
        frequency=rng.uniform(0.3, 2.5),
        colour=paint.skin_colour(rng) if arm else natural_colour(rng),
        limb=rng.uniform(0.04, 0.12) if arm else 0.0,
        rest=np.pi if arm else 0.0,
    )


def _foliage(rng: Generator, duration: float) -> Actor:
    count = rng.integers(10, 70)
    hue = rng.uniform(0.08, 0.4)
    middle = rng.normal(0, 1, 2) * (0.7, 0.4)
    return Foliage(
        anchors=middle + rng.normal(0, 0.15, (count, 2)),
        sizes=rng.lognormal(np.log(0.03), 0.4, count),
        phases=rng.uniform(0, 6.3, count),
        colours=(hsv(hue, 0.6, rng.uniform(0.2, 0.6)), hsv(hue, 0.5, rng.uniform(0.4, 0.9))),
        swing=rng.uniform(0.003, 0.03),
        rate=rng.uniform(1.0, 8.0),
    )


def _cloud(rng: Generator, duration: float) -> Actor:
    radius = (rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6))
    return Shade(_across(rng, duration, int(rng.integers(3, 7))), radius, rng.uniform(0.1, 0.5))


def _bystander(rng: Generator, duration: float) -> Actor:
    """A second person's silhouette that walks by at the back."""
    rows, columns = 260, 90
    body = np.zeros((rows, columns, 4), np.uint8)
    tones = [natural_colour(rng) for _ in range(2)] + [paint.skin_colour(rng)]
    parts = (((45, 190), (22, 70), 0), ((45, 100), (30, 60), 1), ((45, 28), (17, 22), 2))
    for centre, radius, tone in parts:
        paint.fill(body, paint.oval(np.array(centre), np.array(radius)), (*tones[tone], 255.0))
    side, start = rng.choice([-1.0, 1.0]), rng.uniform(0, 0.5) * duration
    ends: list[Array] = [np.array([1.3 * s, rng.uniform(-0.3, 0.0)]) for s in (side, -side)]
    where = glide((start, start + rng.uniform(1.5, 5.0)), ends)
    return Drifter(Sprite(body, rng.uniform(0.5, 0.9)), where, bob=0.008)
