"""Rendered scenes for training: drawn by seed, filmed, and cached on disk."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.data import clips, guises
from folai.data.cache import Arrays, cache_key, cached_arrays
from folai.data.clips import TRUTH_RATE
from folai.data.guises import random_guise, seen_as
from folai.data.views import Action
from folai.mapper.features import Pictures, iter_pictures
from folai.mapper.flow import FLOW_SIZE
from folai.media.frames import Frame
from folai.render import Scene, random_scene, render_frames

RENDERED_SECONDS = 8.0  # of each rendered clip
SCENES = 100_000  # that training may draw, by seed; others are for scoring

VERSION = 1
"""Raise when the same seed would give another scene, other pictures of it or another sound: when
`folai.render` or this file draw other numbers. What `data.clips` and `data.guises` compute has
versions of its own, which count here, too."""

_FILMED_AT = (24.0, 25.0, 30000 / 1001, 30.0, 30.0, None)  # fps of rendered clips; None: it varies
_SHORTEST_INTERVAL = 0.02  # seconds between pictures where it varies; closer ones are thinned out


@dataclass(frozen=True, eq=False)
class RenderedClip:
    """A scene ready for training. Its onsets are exact."""

    name: str
    views: list[Pictures]  # as it was filmed, and in two guises
    rms: NDArray[np.float32]  # [N] at TRUTH_RATE
    onsets: NDArray[np.float64]  # seconds, of contacts and of the starts of strokes, sorted


def num_scenes(minutes: float) -> int:
    """How many rendered clips make up so many minutes."""
    return round(minutes * 60 / RENDERED_SECONDS)


def load_rendered(
    minutes: float, cache: Path, log: Callable[[str], None] = lambda text: None, *, first: int = 0
) -> Iterator[RenderedClip]:
    """`minutes` of rendered scenes, by seed; seeds count from `first` on."""
    cache.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + num_scenes(minutes)):
        name = f"rendered-{seed:05d}"
        stored = cache / f"{name}-{scenes_key()}.npz"
        if seed % 50 == 0 and not stored.is_file():
            log(f"rendering from clip {seed}")
        arrays = cached_arrays(stored, functools.partial(_render, seed))
        views = [Pictures(arrays[f"edges{i}"], arrays[f"cells{i}"]) for i in range(3)]
        yield RenderedClip(name, views, arrays["rms"], arrays["onsets"])


def scenes_key() -> str:
    """Names what is computed from a seed: another version or parameter, another name."""
    versions = (clips.VERSION, guises.VERSION)
    return cache_key(VERSION, *versions, *clips.PARAMETERS, RENDERED_SECONDS, _FILMED_AT)


def _render(seed: int) -> Arrays:
    """Films a random scene as two cameras would, and takes down what sounds."""
    rng = np.random.default_rng([seed, 1])
    scene = random_scene(seed, duration=RENDERED_SECONDS)
    fps = _FILMED_AT[rng.integers(len(_FILMED_AT))]
    shutter = float(rng.choice([0.25, 0.5, 0.8, 1.0]))  # share of the frame, hence of the blur
    exposures = 3 if shutter < 0.4 else 4
    times = list(_variable_times(rng)) if fps is None else None
    filmed = render_frames(
        scene, fps=fps or 30.0, times=times, size=FLOW_SIZE, shutter=shutter, exposures=exposures
    )
    frames = [Frame(time, image) for time, image in filmed]
    plain = Pictures.join(iter_pictures(frames))
    action = Action(plain)
    starts = [start for start, _ in scene.strokes]
    arrays: Arrays = {
        "rms": as_recorded(scene, rng),
        "onsets": np.sort(np.concatenate([scene.onsets, starts])),
        "edges0": plain.edges,
        "cells0": plain.cells,
    }
    for index, rates in enumerate([(1.0,), (0.4, 0.6)], start=1):
        guise_pictures = seen_as(random_guise(rng, rates, action), frames, rng)
        arrays |= {f"edges{index}": guise_pictures.edges, f"cells{index}": guise_pictures.cells}
    return arrays


def _variable_times(rng: np.random.Generator) -> NDArray[np.float64]:
    """Times of the pictures of a clip whose frame rate varies, as in recordings of phones and
    screens.
    """
    usual, spread = 1 / rng.uniform(20, 32), rng.uniform(0.05, 0.45)
    intervals = usual * rng.uniform(1 - spread, 1 + spread, math.ceil(RENDERED_SECONDS * 60))
    times = np.concatenate([[0.0], np.cumsum(np.maximum(intervals, _SHORTEST_INTERVAL))])
    return np.asarray(times[times < RENDERED_SECONDS], np.float64)


def as_recorded(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """RMS of the scene's sound, as loud as recordings at peak 1: their loudest RMS is 0.24 in the
    median, and 0.15 to 0.42 for nine in ten.
    """
    rms = scene.envelope(TRUTH_RATE)
    if not scene.contacts and not scene.strokes:
        return np.asarray(rms * 0.2, np.float32)
    loudest = np.clip(np.exp(rng.normal(np.log(0.22), 0.35)), 0.08, 0.6)
    return np.asarray(rms * (loudest / max(float(rms.max()), 1e-3)), np.float32)
