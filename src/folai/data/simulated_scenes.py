"""Simulated scenes as training and scoring read them: made once, by seed, and kept on disk.

Their times are exact, so they have no offset that could be estimated.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai import scenes
from folai.data import clips, guises
from folai.data.cache import Arrays, cache_key, cached_arrays
from folai.data.guises import random_guise, seen_as
from folai.data.listing import Listing
from folai.data.rendered_clips import as_recorded
from folai.data.views import Action
from folai.mapper.features import Pictures, iter_pictures
from folai.media.frames import iter_frames
from folai.scenes.world import Picture

VERSION = 2
"""Raise when the same seed would give another scene, other pictures of it or another sound: when
`folai.scenes` or this file draw other numbers. What `data.clips` and `data.guises` compute has
versions of its own, which count here, too."""

_PLACE_HEIGHT = 180  # pixels of the pictures of real places
FIRST_SCORED = 1_000_000  # seed of the first scene for scoring; training has those below


@dataclass(frozen=True, eq=False)
class SimulatedClip:
    """A scene as it was filmed and in a guise, and what it sounds like."""

    name: str
    views: list[Pictures]
    rms: NDArray[np.float32]  # [N] at TRUTH_RATE
    onsets: NDArray[np.float64]  # contacts and starts of strokes, seconds, sorted
    contacts: NDArray[np.float64]  # seconds
    levels: NDArray[np.float64]  # of each contact, peak RMS


def load_simulated(
    seeds: range,
    cache: Path,
    family: str | None = None,
    log: Callable[[str], None] = lambda text: None,
    pictures: Sequence[Picture] = (),
) -> Iterator[SimulatedClip]:
    """The scenes of these seeds, from `cache` where they were made before.

    pictures: of real places, which scenes then show (`places`).

    Raises ValueError for an unknown family, or where PyBullet is missing and a scene is to be made.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        name = f"simulated-{family or 'any'}-{seed:05d}"
        stored = cache / f"{name}-{_scenes_key(pictures)}.npz"
        if (seed - seeds.start) % 20 == 0 and not stored.is_file():
            log(f"simulating from scene {seed}")
        arrays = cached_arrays(stored, functools.partial(_simulate, seed, family, pictures))
        views = [Pictures(arrays[f"edges{i}"], arrays[f"cells{i}"]) for i in range(2)]
        truth = (arrays[key] for key in ("rms", "onsets", "contacts", "levels"))
        yield SimulatedClip(name, views, *truth)


def places(listings: Sequence[Listing]) -> list[Picture]:
    """A picture of each clip, from its beginning: what scenes show as floors and backgrounds."""
    return [next(iter_frames(listing.path, height=_PLACE_HEIGHT)).image for listing in listings]


def _scenes_key(pictures: Sequence[Picture]) -> str:
    shown = [hashlib.sha256(picture.tobytes()).hexdigest() for picture in pictures]
    return cache_key(VERSION, clips.VERSION, guises.VERSION, *clips.PARAMETERS, *shown)


def _simulate(seed: int, family: str | None, pictures: Sequence[Picture]) -> Arrays:
    scene = scenes.simulate(seed, family, pictures=pictures)
    rng = np.random.default_rng([seed, 4])
    plain = Pictures.join(iter_pictures(scene.frames))
    guise = random_guise(rng, (0.7, 0.3), Action(plain))
    seen = seen_as(guise, scene.frames, rng)
    starts = [start for start, _ in scene.truth.strokes]
    return {
        "rms": as_recorded(scene.truth, rng),
        "onsets": np.sort(np.concatenate([scene.truth.onsets, starts])),
        "contacts": np.array([contact.time for contact in scene.truth.contacts]),
        "levels": np.array([contact.level for contact in scene.truth.contacts]),
        "edges0": plain.edges,
        "cells0": plain.cells,
        "edges1": seen.edges,
        "cells1": seen.cells,
    }
