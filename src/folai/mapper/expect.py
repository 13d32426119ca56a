"""What a person expects to hear, as a prior in decoding: steps, hits, or something continuous.

    steps       a walk: where contacts are not plain, the rhythm places them
    hits        single events and nothing between them
    continuous  scraping, pouring, rolling: the curve alone, no onsets

Steps are placed as beats are tracked in music (Ellis, "Beat Tracking by Dynamic Programming",
2007): of all sequences of times the one is taken that gathers the most evidence while its interval
changes slowly. The interval is part of the state (as in Krebs, Böck and Widmer, ISMIR 2015), so
the tempo may drift, and a walk may begin, stop and begin again. Evidence is the mapper's onset
probability, however faint, and four signals of motion that go with a foot taking the load.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.envelope.rms import gaussian_smooth, hit_power
from folai.mapper.features import Pictures
from folai.models.cells import CHANNELS

Floats = NDArray[np.float64]

EXPECTATIONS = ("steps", "hits", "continuous")

RATE = 60.0  # Hz of the grid on which steps are placed
SLOWEST, FASTEST = 1.2, 3.5  # steps a second
USUAL = 0.5  # seconds from step to step
INTERVALS = np.arange(round(RATE / FASTEST), round(RATE / SLOWEST) + 1)  # frames at RATE
STEADY = 60.0  # cost of a change of the interval by the factor e
BEGIN = 3.0  # cost of beginning to walk
WORTH = 0.1  # evidence, in standard deviations, that a step may lack
STILL = 1.5  # evidence, in standard deviations, against a step where nothing moves
LOCAL = 0.7  # seconds over which a curve's deviation is taken
PAUSE = 0.2  # share of a curve's deviation in the whole clip below which it tells nothing
STRONGEST = 12  # cells of the grid, of 192, that count: those with most

# Signals of motion: how much each counts, and by how many seconds a step is heard after it, as
# measured on walkers whose contacts are known.
SIGNALS = {
    "landing": (1.0, 0.033),
    "changed": (1.0, 0.067),
    "down": (0.7, 0.083),
    "up": (0.7, -0.1),
}


def check_expectation(expect: str | None) -> None:
    """Raises ValueError for anything but one of EXPECTATIONS, or None."""
    if expect is not None and expect not in EXPECTATIONS:
        raise ValueError(f"expect is {expect!r}; use one of {', '.join(EXPECTATIONS)}")


# Evidence


def walking_signals(pictures: Pictures) -> Floats:
    """[T, len(SIGNALS)] of T steps of the timeline, of what moves most in each picture.

    landing: downward speed that is gone a step later; changed: of grey; down and up: speed.
    """
    cells = pictures.cells.astype(np.float32)
    channel = {name: cells[:, index].reshape(len(cells), -1) for index, name in enumerate(CHANNELS)}
    falling = np.maximum(channel["mean_y"], 0.0)
    landing = np.maximum(falling[:-1] - falling[1:], 0.0)
    planes = {
        "landing": np.concatenate([np.zeros_like(falling[:1]), landing]),
        "changed": channel["top_difference"],
        "down": channel["down"],
        "up": channel["up"],
    }
    strongest = [np.partition(planes[name], -STRONGEST, axis=1)[:, -STRONGEST:] for name in SIGNALS]
    return np.stack([plane.mean(axis=1, dtype=np.float64) for plane in strongest], axis=1)


def step_evidence(
    times: Floats, probability: ArrayLike, moments: Floats, signals: Floats, duration: float
) -> Floats:
    """[duration * RATE] how much speaks for a step at each time, in standard deviations.

    times, probability: [T] of the mapper's onsets; moments, signals: [S], [S, 4] of motion.
    Where nothing moves and no contact is seen it is -STILL.
    """
    grid = np.arange(max(1, round(duration * RATE))) / RATE
    seen = np.interp(grid, times, gaussian_smooth(probability, 1.0))
    curves = [(1.0, np.log(seen + 0.01), 0.05)]  # weight, curve, its deviation that is but noise
    for (weight, delay), signal in zip(SIGNALS.values(), signals.T, strict=True):
        curves.append((weight, np.interp(grid - delay, moments, signal), 0.02))
    evidence, lively = np.zeros(len(grid)), np.zeros(len(grid))
    for weight, curve, noise in curves:
        share, alive = _standardised(curve, noise)
        evidence = evidence + weight * share
        lively = np.maximum(lively, alive)
    count = sum(weight**2 for weight, _, _ in curves)
    # What the mapper is sure of counts again, as it is; where nothing moves nobody walks.
    return np.asarray(evidence / np.sqrt(count) + seen - STILL * (1 - lively), np.float64)


def _standardised(curve: Floats, noise: float) -> tuple[Floats, Floats]:
    """(curve about 0 over half a second, in standard deviations over a second or so, within -2 to
    3; how lively it is there, 0 to 1).

    noise: deviation below which nothing is told, in the curve's own unit; a fifth of the whole's
    is not, either, so that a pause does not become as lively as a walk.
    """
    smooth = gaussian_smooth(curve, 1.5)
    centred = smooth - gaussian_smooth(smooth, 0.5 * RATE)
    spread = np.sqrt(np.maximum(gaussian_smooth(centred**2, LOCAL * RATE), 0.0))
    least = noise + PAUSE * float(centred.std())
    shares = np.clip(centred / np.maximum(spread, least), -2.0, 3.0)
    return np.asarray(shares, np.float64), np.minimum(spread / least, 1.0)


def usual_interval(evidence: Floats) -> float:
    """Seconds from step to step: where the autocorrelation of the evidence is highest.

    Its double counts half: left and right feet alternate. USUAL draws a little.
    """
    longest = 2 * int(INTERVALS[-1])
    centred = evidence - evidence.mean()
    power = float(np.dot(centred, centred)) / len(centred)
    if len(centred) <= longest + 1 or power == 0:
        return USUAL
    lags = range(longest + 2)
    products = [np.dot(centred[: len(centred) - lag], centred[lag:]) for lag in lags]
    correlation = gaussian_smooth(
        np.array(products) / (len(centred) - np.arange(longest + 2)) / power, 1.0
    )
    far = (np.log(INTERVALS / RATE) - np.log(USUAL)) / 0.6
    likely = correlation[INTERVALS] + 0.5 * correlation[2 * INTERVALS] - 0.15 * far**2
    return float(INTERVALS[likely.argmax()] / RATE)


def place_steps(evidence: Floats) -> Floats:
    """Seconds [N], sorted, of the steps for which the evidence [T] at RATE speaks most.

    `best[t, d]` is what the best walk is worth whose last step is at t, d intervals after the one
    before; `rested[t]` what the best is worth that has stopped by t. A walk has two steps or more.
    """
    count, nothing = len(INTERVALS), -1e9
    logs = np.log(INTERVALS / RATE)
    change = STEADY * (logs[:, None] - logs[None, :]) ** 2  # [interval, the one before]
    odd = 0.05 * ((logs - np.log(usual_interval(evidence))) / 0.2) ** 2
    gains = evidence + WORTH
    best = np.full((len(gains), count), nothing)
    before = np.zeros((len(gains), count), dtype=np.int64)  # -1: the walk began a step before
    begun, rested = np.full(len(gains), nothing), np.zeros(len(gains) + 1)
    stopped = np.full(len(gains), -1)  # the last interval of a walk that stops here
    for t, gain in enumerate(gains):
        begun[t] = gain - BEGIN + rested[max(0, t + 1 - int(INTERVALS[0]))]
        reach = np.flatnonzero(t >= INTERVALS)
        if len(reach):
            earlier = t - INTERVALS[reach]
            going = best[earlier] - change[reach]  # [interval, the one before]
            chosen = going.argmax(axis=1)
            walked = going[np.arange(len(reach)), chosen]
            anew = begun[earlier] > walked
            best[t, reach] = gain - odd[reach] + np.where(anew, begun[earlier], walked)
            before[t, reach] = np.where(anew, -1, chosen)
        last = int(best[t].argmax())
        rested[t + 1] = rested[t]
        if best[t, last] > rested[t]:
            rested[t + 1], stopped[t] = best[t, last], last
    return np.array(_walked_back(stopped, before)) / RATE


def _walked_back(stopped: NDArray[np.int64], before: NDArray[np.int64]) -> list[int]:
    """Frames of the steps, sorted, from the end of the best walks to their beginnings."""
    frames: list[int] = []
    t = len(stopped) - 1
    while t >= 0:
        interval = int(stopped[t])
        if interval < 0:
            t -= 1
            continue
        while interval >= 0:
            frames.append(t)
            t, interval = t - int(INTERVALS[interval]), int(before[t, interval])
        frames.append(t)
        t -= int(INTERVALS[0])
    return frames[::-1]


# The curve


def with_hits(values: Floats, onsets: Floats, frame_rate: float) -> Floats:
    """The curve [T] with a hit at each onset, where it is flat there.

    A hit that is added is as loud as those that are there, in the median, and 0.15 at least.
    """
    times = np.arange(len(values)) / frame_rate
    usual = gaussian_smooth(values, 0.5 * frame_rate)
    peaks = np.array([_peak(values, onset, frame_rate) for onset in onsets])
    around = np.interp(onsets, times, usual)
    flat = peaks < 1.5 * around + 0.02
    level = max(0.15, float(np.median(peaks[~flat])) if (~flat).any() else 0.0)
    power = values.astype(np.float64) ** 2
    for onset in onsets[flat]:
        first, last = np.searchsorted(times, [onset - 0.1, onset + 1.2])
        power[first:last] += hit_power(times[first:last], onset, level, 0.005, 0.08)
    return np.sqrt(power)


def without_floor_between(values: Floats, onsets: Floats, frame_rate: float) -> Floats:
    """The curve [T] where hits ring, and silence between them."""
    times = np.arange(len(values)) / frame_rate
    if not len(onsets):
        return np.zeros(len(values))
    index = np.searchsorted(onsets, times + 0.03) - 1
    since = np.where(index >= 0, times - onsets[index.clip(0)], np.inf)
    return np.asarray(values * np.exp(-np.maximum(since - 0.15, 0.0) / 0.1))


def _peak(values: Floats, onset: float, frame_rate: float) -> float:
    first = max(0, round((onset - 0.02) * frame_rate))
    return float(values[first : first + max(2, round(0.1 * frame_rate))].max(initial=0.0))
