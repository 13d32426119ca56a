"""The pictures of clips as other cameras would have filmed them, computed once."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.data.cache import Arrays, cache_key, cached_arrays
from folai.data.clips import clip_key
from folai.data.guises import VERSION, random_guise, seen_as
from folai.data.listing import Listing
from folai.data.views import Action
from folai.mapper.features import MAX_FPS, Pictures
from folai.mapper.flow import FLOW_SIZE
from folai.media.cadence import taken_times
from folai.media.clip import probe
from folai.media.frames import Frame, iter_frames

Times = NDArray[np.float64]  # seconds

_RATES = (0.55, 0.4, 0.05)  # how often a guise keeps every, every second, every third frame
_SLOW = 20.0  # fps below which it keeps every frame
_GUISE_HEIGHT = 256  # pixels, of the pictures other cameras come nearer to
_PARAMETERS = (_RATES, _SLOW, _GUISE_HEIGHT)


def load_guises(
    listing: Listing, pictures: Pictures, numbers: range, cache: Path
) -> list[Pictures]:
    """The clip as other cameras would have filmed it (`folai.data.guises`): the guises of these
    numbers, from `cache` where they were made before.

    pictures: the clip itself, which decides what a camera must show.
    """
    cache.mkdir(parents=True, exist_ok=True)

    @functools.cache
    def shared_by_all() -> tuple[Times, Action, tuple[float, ...]]:
        """What depends on the clip alone: computed for the first guise that is not in the cache."""
        rates = _RATES if probe(listing.path).fps > _SLOW else (1.0,)
        return _taken(listing.path), Action(pictures), rates

    def film(number: int) -> Arrays:
        taken, action, rates = shared_by_all()
        rng = np.random.default_rng([zlib.crc32(listing.name.encode()), number])
        guise = random_guise(rng, rates, action)
        guise_pictures = seen_as(guise, _on_time(listing.path, taken), rng)
        return {"edges": guise_pictures.edges, "cells": guise_pictures.cells}

    own, guises = clip_key(listing.path), []
    for number in numbers:
        # The name is in the key because it seeds the guise.
        stored = cache / f"{cache_key(VERSION, *_PARAMETERS, own, listing.name, number)}.npz"
        arrays = cached_arrays(stored, functools.partial(film, number))
        guises.append(Pictures(arrays["edges"], arrays["cells"]))
    return guises


def _taken(path: Path) -> Times:
    """The times at which the frames of a video file were taken (`folai.media.cadence`)."""
    frames = iter_frames(path, height=FLOW_SIZE[1], max_fps=MAX_FPS)
    grey = ((frame.time, cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)) for frame in frames)
    times, change = [0.0], []  # a video begins at 0
    for (_, before), (time, picture) in pairwise(grey):
        times.append(time)
        change.append(float(cv2.absdiff(before, picture).mean()))
    return taken_times(np.array(times), np.array(change))


def _on_time(path: Path, taken: Times) -> Iterator[Frame]:
    """The frames of a video file with the times at which they were taken."""
    frames = iter_frames(path, height=_GUISE_HEIGHT, max_fps=MAX_FPS)
    return (Frame(float(time), frame.image) for time, frame in zip(taken, frames, strict=True))
