"""Which event of a pool is played at which onset, as a Foley artist would choose them.

A louder hit takes an event that was played louder, and so is brighter; a longer one takes one that
rings longer. Nothing comes twice in a row, nor within a second where there is enough to choose
from, and where feet walk, left and right have events of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.preview.events import Event

Curve = NDArray[np.float64]
Span = tuple[float, float, float]  # onset, peak RMS, seconds until 20 dB below
Feet = Sequence[int] | None  # 0 or 1 for each span; None: nobody says

APART = 1.0  # seconds between two of the same event
_EACH_FOOT = 3  # events that each foot needs for itself


@dataclass(frozen=True)
class Features:
    """Of the events of a pool, [N] each: ranks from 0 to 1, and decays in seconds."""

    levels: Curve
    brightness: Curve
    decays: Curve
    sustained: NDArray[np.bool_]

    @classmethod
    def of(cls, events: Sequence[Event], sample_rate: int) -> Features:
        return cls(
            levels=_ranks([event.level for event in events]),
            brightness=_ranks([_centroid(event, sample_rate) for event in events]),
            decays=np.array([event.decay for event in events]),
            sustained=np.array([event.is_sustained for event in events]),
        )


def choose_events(
    features: Features,
    spans: Sequence[Span],
    *,
    seed: int,
    are_steps: bool = False,
    feet: Feet = None,
) -> list[int]:
    """The event for each span of an envelope, as its number in the pool.

    feet: which foot each is; where they are steps and nobody says, left and right take turns.
    """
    rng = np.random.default_rng([seed, 7])
    count, loudest = len(features.levels), max((peak for _, peak, _ in spans), default=1.0)
    if feet is None and are_steps and count >= 2 * _EACH_FOOT:
        feet = [number % 2 for number in range(len(spans))]
    of_events = None if feet is None else feet_of_events(features)
    last_played = np.full(count, -np.inf)
    chosen: list[int] = []
    for number, (onset, peak, decay) in enumerate(spans):
        cost = _misfit(features, peak / loudest, decay) + rng.uniform(0, 0.35, count)
        cost[onset - last_played < APART] += 10  # taken where all were played within a second
        if feet is not None:
            cost[of_events != feet[number]] += 100
        if chosen and count > 1:
            cost[chosen[-1]] = np.inf
        best = int(np.argmin(cost))
        last_played[best] = onset
        chosen.append(best)
    return chosen


def _misfit(features: Features, loudness: float, decay: float) -> Curve:
    """How far each event is from what is asked for, [N]. loudness: relative to the loudest."""
    level = np.abs(features.levels - loudness)
    brightness = 0.25 * np.abs(features.brightness - loudness)
    length = 0.15 * np.abs(np.log2(features.decays / decay))
    held = 0.5 * (features.sustained != (decay > 0.3))
    return np.asarray(level + brightness + length + held)


def alike(features: Features, number: int, count: int) -> list[int]:
    """The events most like one of them, the most alike first, without itself."""
    level = np.abs(features.levels - features.levels[number])
    brightness = np.abs(features.brightness - features.brightness[number])
    length = 0.3 * np.abs(np.log2(features.decays / features.decays[number]))
    held = 0.5 * (features.sustained != features.sustained[number])
    order = np.argsort(level + brightness + length + held, kind="stable")
    return [int(other) for other in order if other != number][:count]


def feet_of_events(features: Features) -> NDArray[np.int64]:
    """0 or 1 for each event, [N]: neighbours in brightness go to different feet."""
    feet = np.zeros(len(features.brightness), np.int64)
    feet[np.argsort(features.brightness)[1::2]] = 1
    return feet


def _ranks(values: Sequence[float]) -> Curve:
    """From 0 for the lowest to 1 for the highest."""
    order = np.argsort(np.argsort(np.asarray(values)))
    return np.asarray(order / max(len(order) - 1, 1))


def _centroid(event: Event, sample_rate: int) -> float:
    """The centre of an event's spectrum over 0.1 s from its onset, Hz."""
    part = event.samples[0, event.onset : event.onset + sample_rate // 10]
    power = np.abs(np.fft.rfft(part, sample_rate // 10)) ** 2
    hertz = np.arange(len(power)) * 10.0
    return float((power * hertz).sum() / max(float(power.sum()), 1e-20))
