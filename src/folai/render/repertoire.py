"""The repertoire: scenes of random actions, looks and timing. One seed, one scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from folai.render import bodies, flashes, people, tools
from folai.render.paint import Generator
from folai.render.scene import Scene
from folai.render.stage import Act, set_scene

# How often a kind is drawn, and the action that plays it.
ACTS: dict[str, tuple[float, Callable[[Generator, float], Act]]] = {
    "strike": (0.27, tools.strike),
    "scrape": (0.12, tools.scrape),
    "bounce": (0.08, bodies.bounce),
    "steps": (0.08, bodies.steps),
    "drum": (0.07, tools.drum),
    "perform": (0.07, people.perform),
    "hammer": (0.07, tools.hammer),
    "chop": (0.05, tools.chop),
    "typing": (0.05, tools.typing),
    "clap": (0.02, tools.clap),
    "shot": (0.04, flashes.shoot),
    "burst": (0.03, flashes.burst),
    "none": (0.05, tools.silent),
}
KINDS = tuple(ACTS)


def random_scene(seed: int, *, kind: str | None = None, duration: float = 8.0) -> Scene:
    """A scene of `duration` seconds; `kind` is one of KINDS, or None for any.

    Raises ValueError for an unknown kind or a duration that is not positive.
    """
    if not duration > 0:
        raise ValueError(f"duration must be > 0 s, got {duration}")
    if kind is not None and kind not in ACTS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    rng = np.random.default_rng(seed)
    drawn = str(rng.choice(KINDS, p=[weight for weight, _ in ACTS.values()]))
    kind = kind or drawn
    act = ACTS[kind][1](rng, duration)
    return set_scene(rng, act, kind, duration, seed)
