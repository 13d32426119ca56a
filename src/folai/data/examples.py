"""A clip with its truth, as the mapper learns it: pictures, RMS and onsets on one clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.data.clips import TRUTH_RATE
from folai.mapper.features import Pictures
from folai.mapper.predict import motion_strength, usual_speed

Array = NDArray[np.float64]

EVERYWHERE = (-math.inf, math.inf)
_ONSET_WIDTH = 0.016  # seconds; sigma of the bump that marks an onset in the target


@dataclass(frozen=True)
class Example:
    """A clip with its truth, on the clock of the picture."""

    name: str
    views: tuple[Pictures, ...]  # the clip itself first, then its guises
    speeds: tuple[float, ...]  # usual one of each, picture heights per second: its flow's unit
    rms: NDArray[np.float32]  # [N] at TRUTH_RATE
    onsets: Array | None  # seconds, on the sound's clock as `rms` is; None: not annotated
    offset: float  # seconds by which the sound is late; it is read that much later
    annotated: tuple[float, float] = EVERYWHERE  # when onsets are known, on the sound's clock
    weight: float = 1.0  # how often it is drawn
    exact: bool = False  # rendered: the offset is known to be 0


def truth_at(example: Example, times: Array) -> tuple[Array, Array]:
    """(RMS, onset probability) of the sound that belongs to the picture at `times`, each [N]."""
    heard = times + example.offset
    rms = np.interp(heard * TRUTH_RATE, np.arange(len(example.rms)), example.rms)
    distance = np.full(len(heard), np.inf)
    if example.onsets is not None and len(example.onsets):
        nearest = np.searchsorted(example.onsets, heard).clip(0, len(example.onsets) - 1)
        before = (nearest - 1).clip(0)
        distance = np.minimum(
            np.abs(example.onsets[nearest] - heard), np.abs(example.onsets[before] - heard)
        )
    return rms, np.exp(-0.5 * (distance / _ONSET_WIDTH) ** 2)


def lesson_of(
    name: str,
    pictures: Pictures,
    rms: NDArray[np.float32],
    onsets: Array | None,
    offset: float = 0.0,
) -> Example:
    """An example of one clip without guises: its pictures, RMS at TRUTH_RATE and onsets in seconds.

    Sound and onsets may be those of the whole clip, and late by `offset` seconds. With onsets None,
    the onset output is not trained on it.
    """
    return Example(
        name=name,
        views=(pictures,),
        speeds=usual_speeds([pictures]),
        rms=rms,
        onsets=onsets,
        offset=offset,
    )


def part_between(pictures: Pictures, start: float, end: float) -> Pictures:
    """The steps that lie within `start` to `end` seconds."""
    first = int(np.searchsorted(pictures.edges, start - 1e-6))
    last = int(np.searchsorted(pictures.edges, end + 1e-6, side="right")) - 1
    return pictures.part(first, max(first, last))


def without_floor(rms: NDArray[np.float32]) -> NDArray[np.float32]:
    """RMS [N] less the steady noise of its recording, which no picture tells.

    The floor is what 8 % of the time is below, and a little more; powers subtract.
    """
    floor = 1.15 * np.percentile(rms, 8)
    return np.asarray(np.sqrt(np.maximum(rms**2 - floor**2, 0.0)), np.float32)


def usual_speeds(views: Sequence[Pictures]) -> tuple[float, ...]:
    """The unit of the flow of each (`folai.mapper.predict.usual_speed`)."""
    return tuple(usual_speed(motion_strength(view)) for view in views)
