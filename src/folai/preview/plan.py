"""What is laid where: the audible hits of an envelope, the event that each takes, how it varies.

One hit's own settings change that hit alone: what the others take is chosen as if there were none.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.hits import FEET, HitSettings, feet_of
from folai.envelope.lone_hits import LoneHit
from folai.envelope.rms import WINDOW
from folai.envelope.silence import opening
from folai.preview.choosing import Span, feet_of_events
from folai.preview.events import ATTACK, Event, goes_on
from folai.preview.kit import Kit

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """What is asked for: RMS `target` [frames] at `rate` Hz, and `onsets` in seconds; `lone` are
    the hits that die away by themselves."""

    target: Curve
    onsets: Curve
    rate: float
    sample_rate: int
    lone: Sequence[LoneHit]


@dataclass(frozen=True)
class PlannedHit:
    """One hit as it is laid. stretch: its length over the event's; tilt_db: of a shelf from 500 Hz
    to 8 kHz."""

    onset: float  # seconds
    peak: float  # RMS
    event: int  # number
    stretch: float
    tilt_db: float
    foot: str | None = None


def plan_hits(envelope: Envelope, kit: Kit, score: Score, rng: Generator) -> list[PlannedHit]:
    """The hits of a score, that of the envelope with the levels of its hits.

    A hit softer than its event was is darker, by up to 9 dB; a level of a hit's own does not count
    for that, nor for which event it takes.
    """
    laid = spans(score)
    plain = {span[0]: span for span in spans_of(envelope, score.sample_rate)}
    asked = [plain.get(span[0], span) for span in laid]
    own = {hit.time: hit for hit in envelope.hits}
    feet = _feet(envelope, asked)
    chosen = None if kit.choose is None else kit.choose(asked, feet)
    of_events = None if feet is None else feet_of_events(kit.features)
    loudest = max((peak for _, peak, _ in asked), default=0.0)
    highest = max(event.level for event in kit.events)
    previous, plan = -1, []
    for index, (onset, peak, decay) in enumerate(asked):
        settings = own.get(onset, HitSettings(onset))
        if chosen is None:
            wrong = None if of_events is None or feet is None else of_events != feet[index]
            previous = _choose(kit.events, peak / loudest, decay, previous, rng, wrong)
        else:
            previous = chosen[index]
        number = previous if settings.sound is None else settings.sound
        number = number if number < len(kit.events) else previous
        softer_db = 20 * np.log10(max(peak / loudest, 1e-3) * highest / kit.events[number].level)
        tilt_db = np.clip(0.35 * softer_db, -9, 3) + rng.normal(0, 0.8)
        stretch = (1 + rng.uniform(-kit.detune, kit.detune)) * 2 ** (-settings.pitch / 12)
        foot = None if feet is None else FEET[feet[index]]
        plan.append(PlannedHit(onset, laid[index][1], number, stretch, float(tilt_db), foot))
    return plan


def _feet(envelope: Envelope, asked: Sequence[Span]) -> list[int] | None:
    """0 or 1 for each span: silent onsets take a turn, too, so that a part is as in the whole."""
    feet = feet_of(envelope.onsets.tolist(), envelope.hits)
    if feet is None:
        return None
    of_times = dict(zip(envelope.onsets.tolist(), feet, strict=True))
    return [of_times[span[0]] for span in asked]


def lone_of(lone: Sequence[LoneHit], plan: Sequence[PlannedHit], kit: Kit) -> list[LoneHit]:
    """Those of the lone hits whose event dies away by itself."""
    rate = kit.sample_rate
    lasting = {hit.onset for hit in plan if goes_on(kit.events[hit.event], rate)}
    return [hit for hit in lone if hit.onset not in lasting]


def planned(envelope: Envelope, kit: Kit) -> list[PlannedHit]:
    """The hits as a laying of this envelope lays them."""
    score = score_of(envelope.leveled(), kit.sample_rate)
    return plan_hits(envelope, kit, score, deepcopy(kit.rng))


def score_of(envelope: Envelope, sample_rate: int, lone: Sequence[LoneHit] = ()) -> Score:
    values = envelope.values.astype(np.float64)
    target = values * opening(values)
    return Score(target, envelope.onsets, envelope.frame_rate, sample_rate, lone)


def spans_of(envelope: Envelope, sample_rate: int) -> list[Span]:
    """The audible onsets of an envelope, as a laying sees them."""
    return spans(score_of(envelope, sample_rate))


def spans(score: Score) -> list[Span]:
    """(onset, peak RMS, seconds until 20 dB below or the next onset) of each audible onset."""
    target, onsets, rate = score.target, score.onsets, score.rate
    found = []
    for onset, following in zip(onsets, np.append(onsets, np.inf)[1:], strict=True):
        first = round(onset * rate)
        stop = min(following - WINDOW / 2, onset + ATTACK) * rate
        peak = float(target[first : max(first + 2, round(stop))].max(initial=0.0))
        tail = target[first : first + round(2 * rate)]
        below = np.flatnonzero(tail[2:] < 0.1 * peak)
        decay = min((below[0] + 2 if below.size else tail.size) / rate, following - onset)
        if peak > 0:
            found.append((float(onset), peak, max(float(decay), 0.005)))
    return found


def _choose(
    events: list[Event],
    loudness: float,
    decay: float,
    previous: int,
    rng: Generator,
    wrong: NDArray[np.bool_] | None = None,
) -> int:
    """Index of an event of about the right force (rank of its level) and length, never `previous`
    again while there is another. `loudness` is relative to the loudest onset; wrong: events of the
    other foot, [N]."""
    ranks = np.argsort(np.argsort([event.level for event in events])) / max(len(events) - 1, 1)
    decays = np.array([event.decay for event in events])
    cost = np.abs(ranks - loudness) + 0.6 * np.abs(np.log2(decays / decay))
    cost += rng.uniform(0, 0.35, len(events))
    if wrong is not None:
        cost[wrong] += 100
    if len(events) > 1 and previous >= 0:
        cost[previous] = np.inf
    return int(np.argmin(cost))
