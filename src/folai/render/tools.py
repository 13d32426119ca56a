"""Actions of hands and tools: striking, scraping, drumming, hammering, chopping, typing, clapping.

Each is a function of a generator and a duration in seconds that returns an `Act`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from folai.render.actors import Arm, Hand, Impact, Rod, Tool, View
from folai.render.motion import AT_EASE, STROKE_RATE, Choreography, Path, Voice, glide, still
from folai.render.paint import Array, Generator, hsv, natural_colour, skin_colour
from folai.render.stage import Act, Place, some_material

LEAST_SHOWN = 0.06  # picture heights that a tool travels in the picture before every hit
LEAST_SHARE = 0.25  # of a height that shows as a way in the picture

# --- choices --------------------------------------------------------------------------------------


def random_view(rng: Generator) -> View:
    """From the side, obliquely or from above, under some light."""
    up, perspective = (
        ((rng.normal(0, 0.1), -1.0), 0.0),
        ((rng.normal(0, 0.3), -rng.uniform(0.5, 0.95)), rng.uniform(0.0, 0.3)),
        ((rng.normal(0, 0.25), -rng.uniform(0.25, 0.6)), rng.uniform(0.3, 0.9)),
    )[rng.choice(3, p=(0.3, 0.45, 0.25))]
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.9)
    light = (far * np.cos(angle), 0.6 * far * np.sin(angle) * (perspective > 0))
    return View(up, perspective, light, rng.choice([rng.uniform(0.0, 0.2), rng.uniform(0.2, 0.7)]))


def least_lift(act: Act) -> float:
    """How high a tool must rise for the act's hits to be seen coming, picture heights."""
    return LEAST_SHOWN / max(LEAST_SHARE, shown_share(act.view, act.place))


def shown_share(view: View, place: Place) -> float:
    """How far in the picture a small height displaces what is above `place`, a unit of height.

    What is nearer to the eye moves away from the picture's middle, which low in a picture that is
    seen from above undoes much of the way up.
    """
    return float(np.hypot(*(np.array(view.up) + view.perspective * np.array(place))))


def random_hand(rng: Generator, size: float, *, flat: bool = False) -> Hand:
    """A bare or gloved hand; the sleeve plain or striped, up to the wrist or rolled up."""
    gloved = rng.random() < 0.12
    sleeve = natural_colour(rng)
    return Hand(
        size=size,
        skin=natural_colour(rng) if gloved else skin_colour(rng),
        sleeve=sleeve,
        stripe=natural_colour(rng) if rng.random() < 0.25 else sleeve,
        bare=rng.choice([rng.uniform(0.08, 0.2), rng.uniform(0.2, 1.3)]),
        flat=flat,
    )


def random_rod(rng: Generator) -> Rod:
    """Mostly a wooden drumstick; sometimes a pen, a mallet, a spoon, a pole."""
    wood = hsv(rng.uniform(0.07, 0.13), rng.uniform(0.2, 0.6), rng.uniform(0.4, 0.98))
    width = rng.lognormal(np.log(0.03), 0.3)
    return Rod(
        length=rng.uniform(0.35, 0.95),
        width=width,
        tip_width=width * rng.uniform(0.4, 1.0),
        colour=wood if rng.random() < 0.75 else natural_colour(rng),
        bead=rng.uniform(0.015, 0.05) if rng.random() < 0.12 else 0.0,
        tail=rng.uniform(0.0, 0.2),
    )


def surface(rng: Generator, view: View) -> Place:
    """Where the struck point is: low in the picture when seen from the side, and nowhere where
    heights hardly show."""
    low = 0.22 if view.up[1] < -0.9 else 0.1
    while True:
        place = float(rng.normal(0.05, 0.15)), float(np.clip(rng.normal(low, 0.09), -0.2, 0.38))
        if shown_share(view, place) > LEAST_SHARE:
            return place
        low -= 0.02


def placed(
    rng: Generator, plan: Choreography, act: Act, hand: Hand | None, rod: Rod | None,
    direction: float, grip: float | None = None, follow: float | None = None,
) -> Tool:  # fmt: skip
    """The tool of a finished plan, put on the act's surface; its sounds join the act.

    `grip` and `follow` are as `Tool` has them, and drawn at random where they are not given.
    """
    ground, height = plan.finish()
    ground = replace(ground, values=ground.values + np.array(act.place))
    act.contacts += plan.contacts
    act.strokes += plan.strokes
    act.heights.append(height)
    act.impacts += [Impact(c.time, ground(c.time), c.level) for c in plan.contacts]
    for stroke in plan.strokes:
        for time in np.arange(stroke.start, stroke.end, 0.1):
            power = stroke.powers[int(STROKE_RATE * (time - stroke.start))]
            act.impacts.append(Impact(time, ground(time), 0.5 * float(np.sqrt(power))))
    tool = Tool(
        ground, height, act.view, hand, rod, direction,
        arm=direction + np.pi + rng.normal(0, 0.45),
        grip=rng.uniform(0.05, 0.55) * (rod.length if rod else 0.05) if grip is None else grip,
        follow=_random_follow(rng) if follow is None else follow,
        lag=rng.choice([0.0, rng.uniform(0.0, 0.08)], p=(0.3, 0.7)),
        sway=rng.uniform(0, 0.08),
    )  # fmt: skip
    if not rod:  # a bare hand is what strikes: nothing goes before it
        return replace(tool, follow=1.0, lag=0.0)
    # A rod that turns about a low hand may point at the eye: its tip would stay where it is.
    times = np.array([contact.time for contact in plan.contacts])
    return tool if _shown(tool, times) >= LEAST_SHOWN else replace(tool, follow=1.0)


def _random_follow(rng: Generator) -> float:
    return float(rng.choice([rng.uniform(0.1, 0.4), rng.uniform(0.4, 1.1)]))


def _shown(tool: Tool, contacts: Array) -> float:
    """How far its height moves the tip in the picture in the 0.3 s before a contact, at least."""
    ways = []
    for contact in contacts:
        there = replace(tool, ground=still(tool.ground(contact)))
        tips = np.array([there.tip(float(contact - before)) for before in np.linspace(0, 0.3, 7)])
        ways.append(float(np.ptp(tips, axis=0).max()))
    return min(ways, default=np.inf)


# --- a stick that strikes and scrapes -------------------------------------------------------------


def strike(rng: Generator, duration: float) -> Act:
    """A stick hits, feints and hovers."""
    return _stick(rng, duration, scrapes=0.0)


def scrape(rng: Generator, duration: float) -> Act:
    """A stick is dragged to and fro, with hits between."""
    return _stick(rng, duration, scrapes=rng.uniform(0.25, 0.9))


def silent(rng: Generator, duration: float) -> Act:
    """A stick waved about, or nobody there at all."""
    act = _stick(rng, duration, scrapes=0.0, silent=True)
    return act if rng.random() < 0.5 else Act(act.material, act.view, place=act.place)


def _stick(rng: Generator, duration: float, *, scrapes: float, silent: bool = False) -> Act:
    material, view = some_material(rng), random_view(rng)
    act = Act(material, view, place=surface(rng, view))
    hover = rng.uniform(0.1, 0.35)
    plan = Choreography(rng, material.voice(rng), hover=hover, least=least_lift(act))
    _improvise(rng, plan, duration, scrapes=scrapes, silent=silent)
    hand = random_hand(rng, rng.lognormal(np.log(0.21), 0.3))
    tool = placed(rng, plan, act, hand, random_rod(rng), rng.normal(0.0, 0.5))
    if rng.random() < 0.25:
        tool = replace(tool, away=_comings(rng, tool, act, duration))
    act.actors.append(tool)
    return act


def _improvise(
    rng: Generator, plan: Choreography, duration: float, *, scrapes: float, silent: bool
) -> None:
    """Fill the duration with hits, scrapes, feints and hovering, in the manner of one person."""
    tempo, spread = rng.lognormal(np.log(0.5), 0.45), rng.choice([0.02, 0.1, 0.25])
    speed, lift = rng.lognormal(np.log(4.5), 0.5), rng.uniform(0.1, 0.65)
    recovers = bool(rng.random() < 0.75)
    swipes = scrapes > 0 and bool(rng.random() < 0.7)
    feints, rests, doubles = rng.choice([0.03, 0.15]), rng.uniform(0, 0.6), rng.choice([0.0, 0.15])
    plan.wait(rng.uniform(0.05, 0.6), rng.uniform(0.08, 0.35))
    while plan.now < duration - 0.4:
        place = (float(rng.normal(0, spread)), float(rng.normal(0, 0.4 * spread)))
        if silent or rng.random() < feints:
            _play_about(rng, plan, lift, place)
        elif rng.random() < scrapes:
            if swipes:
                _swipe(rng, plan, tempo, 0.6 * speed, lift, place)
            else:
                plan.scrape(_turns(rng, plan.place), rng.uniform(0.8, 2.5))
        else:
            gap = max(0.22, tempo * rng.lognormal(0, 0.35)) * (0.65 if recovers else 1.0)
            fast = float(np.clip(speed * rng.lognormal(0, 0.3), 0.5, 12.0))
            high = lift * rng.lognormal(0, 0.25)
            gap = max(gap, plan.soonest(fast))
            plan.hit(plan.now + gap, fast, high, place=place, recovers=recovers)
            if not recovers and rng.random() < doubles:
                soon = max(rng.uniform(0.1, 0.2), plan.soonest(0.4 * fast))
                plan.hit(plan.now + soon, 0.4 * fast, 0.1, room=0.2)
            if plan.resting and rng.random() < rests:
                plan.rest(rng.uniform(0.05, 0.6))
    plan.wait(0.5, lift)


def _swipe(
    rng: Generator, plan: Choreography, tempo: float, speed: float, lift: float, place: Place
) -> None:
    """Draw the stick across the surface once, beginning at about `place`."""
    gap = max(0.25, tempo * rng.lognormal(0, 0.35))
    plan.travel(place, plan.now + 0.05 * gap, plan.now + 0.4 * gap)
    angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.06, 0.35)
    by = (reach * float(np.cos(angle)), 0.6 * reach * float(np.sin(angle)))
    fast = float(np.clip(speed * rng.lognormal(0, 0.3), 0.5, 8.0))
    gap = max(gap, 2 * plan.soonest(fast))
    plan.swipe(plan.now + gap, fast, lift * rng.lognormal(0, 0.25), by, rng.uniform(0.12, 0.4))


def _play_about(rng: Generator, plan: Choreography, lift: float, place: Place) -> None:
    """Move in the air: a swing that stops short, clearly above what is struck, or a slow drift."""
    start = plan.now
    if rng.random() < 0.6:
        low = rng.uniform(2.0, 4.0) * plan.least
        plan.feint(rng.uniform(0.6, 1.4), low + max(lift, 2 * plan.least), low)
    else:
        plan.wait(rng.uniform(0.3, 1.5), rng.uniform(0.08, 0.5))
    plan.travel(place, start, plan.now)


def _turns(rng: Generator, start: Place) -> list[tuple[float, Place]]:
    """To and fro along a line, 0.2-3 s in all, with a halt now and then: (duration, place)."""
    angle, reach = rng.uniform(0, np.pi), rng.uniform(0.06, 0.45)
    beat, side = rng.uniform(0.09, 0.35), 1.0
    turns: list[tuple[float, Place]] = []
    for _ in range(rng.integers(2, 9)):
        if turns and rng.random() < 0.1:
            turns.append((rng.uniform(0.05, 0.3), turns[-1][1]))
        far = side * reach * rng.uniform(0.5, 1.1) / 2
        place = (start[0] + far * np.cos(angle), start[1] + 0.6 * far * np.sin(angle))
        turns.append((beat * rng.uniform(0.7, 1.4), place))
        side = -side
    return turns


def _comings(rng: Generator, tool: Tool, act: Act, duration: float) -> Path:
    """The hand comes into the picture before the first contact and leaves after the last."""
    outside = (1.4 * np.cos(tool.arm), 1.4 * np.sin(tool.arm))
    if not act.contacts:
        return glide((0.0, duration), (outside, (0.0, 0.0)))
    first = act.contacts[0].time
    last = max([act.contacts[-1].time] + [stroke.end for stroke in act.strokes])
    enter = (0.15 * first, 0.6 * first)
    leave = (last + 0.3, last + rng.uniform(0.7, 1.5))
    return glide((*enter, *leave), (outside, (0.0, 0.0), (0.0, 0.0), outside))


# --- tools in time --------------------------------------------------------------------------------


def rhythm(rng: Generator, duration: float, rate: float, swing: float) -> list[float]:
    """Times of beats at about `rate` Hz, jittered by `swing`, with a pause now and then."""
    times, time = [], rng.uniform(0.3, 0.9)
    while time < duration - 0.15:
        times.append(float(time))
        pause = rng.uniform(0.5, 1.5) if rng.random() < 0.06 else 0.0
        time += max(0.09, rng.normal(1.0, swing) / rate) + pause
    return times


def beat(
    plan: Choreography, times: list[float], speed: float, lift: float, spread: float,
    places: Sequence[Place] = (),
) -> None:  # fmt: skip
    """Hit at each time, as hard and as high as the time between allows; what comes too soon for a
    swing that can be seen is left out. Of `places` one is struck that can be reached in time."""
    rng, home = plan.rng, plan.place
    for index, time in enumerate(times):
        room = times[index + 1] - time if index + 1 < len(times) else 0.5
        if places and rng.random() < 0.5:
            here, far = plan.place, 0.45 * AT_EASE * (time - plan.now)
            near = [p for p in places if np.hypot(p[0] - here[0], p[1] - here[1]) <= far]
            home = near[rng.integers(len(near))] if near else home
        place = (home[0] + float(rng.normal(0, spread)), home[1])
        fast = min(speed, 4.4 * lift / (time - plan.now) + 0.4) * rng.lognormal(0, 0.3)
        fast = float(np.clip(fast, 0.6, 6.0))
        if time - plan.now < plan.soonest(fast):
            continue
        plan.hit(time, fast, lift, place=place, room=min(room, 0.6))
    plan.wait(0.4, 0.2)


def drum(rng: Generator, duration: float) -> Act:
    """Two sticks on a drum, or two palms on bongos, one after the other."""
    palms = bool(rng.random() < 0.4)
    material, view = some_material(rng, "plastic", "wood", "metal", "ceramic"), random_view(rng)
    act = Act(material, view, place=surface(rng, view))
    voice = replace(material.voice(rng), rebound=rng.uniform(0.2, 0.7))
    beats = rhythm(rng, duration, rng.uniform(2.0, 8.0), rng.uniform(0.02, 0.3))
    rod = None if palms else random_rod(rng)
    hand = random_hand(rng, rng.uniform(0.14, 0.26), flat=palms)
    apart = max(rng.uniform(0.1, 0.35), hand.size)
    for side in (-1.0, 1.0):
        mine = [time for index, time in enumerate(beats) if (index % 2 == 0) == (side < 0)]
        place = (side * apart / 2, 0.0)
        plan = Choreography(rng, voice, place=place, hover=0.12, least=least_lift(act))
        beat(plan, mine, rng.uniform(1.0, 4.0), rng.uniform(0.08, 0.4), 0.01)
        direction = -np.pi / 2 - side * rng.uniform(0.1, 0.9)
        act.actors.append(placed(rng, plan, act, hand, rod, direction))
    return act


def hammer(rng: Generator, duration: float) -> Act:
    """Slow and heavy, always on the same spot."""
    material, view = some_material(rng, "wood", "metal", "rock"), random_view(rng)
    act = Act(material, view, place=surface(rng, view))
    rod = Rod(rng.uniform(0.4, 0.7), 0.035, 0.03, natural_colour(rng), head=rng.uniform(0.07, 0.16))
    plan = Choreography(rng, material.voice(rng), hover=0.2, least=least_lift(act))
    times = rhythm(rng, duration, rng.uniform(0.8, 3.0), rng.uniform(0.03, 0.2))
    beat(plan, times, rng.uniform(2.0, 5.0), rng.uniform(0.25, 0.7), 0.0)
    hand = random_hand(rng, rng.uniform(0.16, 0.26))
    act.actors.append(placed(rng, plan, act, hand, rod, rng.normal(0, 0.4)))
    return act


def chop(rng: Generator, duration: float) -> Act:
    """A knife on a board, moving along what it cuts."""
    view = View((rng.normal(0, 0.1), -rng.uniform(0.7, 1.0)), 0.0, (0.2, 0.0), 0.3)
    act = Act(some_material(rng, "wood", "plastic"), view, place=surface(rng, view))
    rod = Rod(rng.uniform(0.4, 0.7), blade=rng.uniform(0.06, 0.13), colour=natural_colour(rng))
    voice = replace(act.material.voice(rng), rebound=0.0, decay=rng.uniform(0.02, 0.06))
    plan = Choreography(rng, voice, hover=0.1, least=least_lift(act))
    times = rhythm(rng, duration, rng.uniform(1.0, 6.0), rng.uniform(0.03, 0.2))
    beat(plan, times, rng.uniform(0.8, 2.0), rng.uniform(0.06, 0.2), 0.05)
    hand, grip = random_hand(rng, 0.2), rng.uniform(0.02, 0.1)
    tool = placed(rng, plan, act, hand, rod, rng.normal(0, 0.3), grip=grip)
    act.actors.append(replace(tool, lag=0.0))  # a hand still sinking would be all that is seen
    return act


def typing(rng: Generator, duration: float) -> Act:
    """Eight fingers of two resting hands on keys: small, quiet and quick."""
    view = View((rng.normal(0, 0.2), -rng.uniform(0.6, 0.95)), 0.2, (0.1, 0.1), 0.2)
    act = Act(some_material(rng, "plastic"), view, place=surface(rng, view))
    voice = Voice(rng.uniform(0.03, 0.15), rng.uniform(0.01, 0.03), 0.0)
    beats = rhythm(rng, duration, rng.uniform(2.0, 7.0), 0.4)
    owners = rng.integers(0, 8, len(beats))
    size = rng.uniform(0.26, 0.36)
    hand, gap = random_hand(rng, size), rng.uniform(0.25, 0.6) * size
    rod = Rod(0.7 * size, 0.2 * size, 0.16 * size, hand.skin, tail=0.0)
    for finger in range(8):
        x = (finger - 3.5) * 0.24 * size + (gap if finger > 3 else -gap)
        plan = Choreography(rng, voice, place=(x, 0.0), hover=0.04, least=least_lift(act))
        mine = [time for time, owner in zip(beats, owners, strict=True) if owner == finger]
        beat(plan, mine, 1.5, rng.uniform(0.06, 0.14), 0.1 * size)
        direction = -np.pi / 2 + rng.normal(0, 0.1)
        act.actors.append(placed(rng, plan, act, None, rod, direction, grip=0.3 * size, follow=0.1))
    for side in (-1, 1):
        wrist = (act.place[0] + side * (0.48 * size + gap), act.place[1] + 0.6 * size)
        act.actors.append(Arm(hand, still(wrist), np.pi / 2 - 0.4 * side, -np.pi / 2))
    return act


def clap(rng: Generator, duration: float) -> Act:
    """Two palms that meet in the middle of the picture, each half of the way."""
    act = Act(some_material(rng, "plastic"), View((-1.0, 0.0), 0.0, (0.0, 0.3), 0.05))
    voice = Voice(rng.uniform(0.1, 0.4), rng.uniform(0.02, 0.05), 0.2)
    plan = Choreography(rng, voice, least=least_lift(act))
    times = rhythm(rng, duration, rng.uniform(1.0, 4.0), rng.uniform(0.03, 0.2))
    beat(plan, times, rng.uniform(1.0, 3.0), rng.uniform(0.1, 0.3), 0.0)
    hand = random_hand(rng, rng.uniform(0.2, 0.3), flat=True)
    tool = placed(rng, plan, act, hand, None, 0.0)
    for side in (-1.0, 1.0):
        shift = np.array([side * 0.14 * hand.size, 0.0])
        act.actors.append(
            replace(
                tool, ground=replace(tool.ground, values=tool.ground.values + shift),
                view=View((side, 0.0), 0.0, (0.0, 0.3), 0.05),
                direction=-np.pi / 2 - 0.35 * side, arm=np.pi / 2 - 0.6 * side,
            )
        )  # fmt: skip
    return act
