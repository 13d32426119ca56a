"""Runs RMS-Mapper: pictures, a block at a time, -> the envelope of the sound that goes with them.

The models see each block with some seconds of its neighbours, so that no seam shows between
blocks, and memory does not grow with the length of the video.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from folai.envelope import FRAME_RATE, Envelope
from folai.envelope.rms import from_bins, gaussian_smooth
from folai.mapper.confidence import Calibration, around_each
from folai.mapper.expect import (
    check_expectation,
    place_steps,
    step_evidence,
    walking_signals,
    with_hits,
    without_floor_between,
)
from folai.mapper.features import Pictures
from folai.mapper.places import moving_columns, pan_of
from folai.models.cells import FLOW_CHANNELS
from folai.models.mapper_config import MapperConfig

MARGIN = 150  # steps of each neighbour that the models see beside a block: 5 s
FASTEST = 6  # cells of the grid, of 192, whose mean speed is a moment's strength
ENCODED_AT_ONCE = 80  # steps; bounds the memory of the encoder, and fits the processor's cache
ENCODER_REACH = 4  # steps to either side that the encoder's shifts in time can see
ONSET_THRESHOLDS = (0.2, 0.5)  # probability; between these every clip has its own
FAINTEST = 0.04  # probability of an onset that is considered at all
TEMPERATURE = 1.3  # of the bins: the models are surer than they are right
MEAN_BIN, LEVEL = (0.0, 0.5, 1.0), (0.0, 0.4, 1.0)  # shares of the bins: what is not sure is quiet
DECIDED = 0.0  # log odds of what is around: from here on contacts are plain, no rhythm is needed
BESIDE_A_STEP = 0.9  # seconds: onsets this near to a step are taken for part of the walk
ONSET_GAP = 0.06  # seconds; of maxima closer than this the highest stays

Floats = NDArray[np.float64]
Array = NDArray[np.float32]


class Mapper(Protocol):
    """An RMS-Mapper that can be run: `LightMapper`, or `RMSMapper` where PyTorch is at hand."""

    @property
    def config(self) -> MapperConfig: ...

    def features(self, cells: Array) -> Array: ...

    def logits(self, features: Array, spans: Array) -> tuple[Array, Array]: ...


@dataclass(frozen=True, eq=False)
class Curves:
    """What the models say of a whole clip, before anything is decided."""

    duration: float  # seconds
    times: Floats  # [T] seconds, some 120 a second
    levels: Floats  # [T] linear RMS
    onset: NDArray[np.float32]  # [T] probability that something begins to sound
    moments: Floats  # [S] seconds, some 30 a second
    signals: Floats  # [S, 4] of walking, as `folai.mapper.expect` has them
    columns: NDArray[np.float32] | None = None  # [S, columns] how much it moves where: `places`


def predict_envelope(
    blocks: Iterable[Pictures],
    models: Sequence[Mapper],
    *,
    calibration: Calibration | None = None,
    expect: str | None = None,
) -> Envelope:
    """Consecutive blocks of pictures -> envelope at FRAME_RATE with onsets.

    Several models are averaged: their bin probabilities, and their onset probabilities.
    calibration: tells how sure the envelope is; without it nobody knows. expect: what a person
    expects to hear, one of `folai.mapper.expect.EXPECTATIONS`.
    """
    check_expectation(expect)
    return decode(predict_curves(blocks, models), calibration=calibration, expect=expect)


def predict_curves(blocks: Iterable[Pictures], models: Sequence[Mapper]) -> Curves:
    """Consecutive blocks of pictures -> what the models say of them."""
    times, levels, onsets, strengths = [], [], [], []
    moments, signals, columns = [], [], []
    for before, block, after in _with_neighbours(blocks):
        window = Pictures.join([part for part in (before, block, after) if part is not None])
        strengths.append(motion_strength(block))
        bins, onset = predict_frames(window, models, usual_speed(np.concatenate(strengths)))
        upsample = len(onset) // window.num_steps
        first = before.num_steps * upsample if before is not None else 0
        inner = slice(first, first + block.num_steps * upsample)
        times.append(frame_times(block.edges, upsample))
        levels.append(decode_bins(over_a_step(bins, upsample)[inner], models[0].config.mu))
        onsets.append(onset[inner])
        moments.append((block.edges[1:] + block.edges[:-1]) / 2)
        signals.append(walking_signals(block))
        columns.append(moving_columns(block))
    return Curves(
        duration=block.duration,
        times=np.concatenate(times),
        levels=np.concatenate(levels),
        onset=np.concatenate(onsets),
        moments=np.concatenate(moments),
        signals=np.concatenate(signals),
        columns=np.concatenate(columns),
    )


def decode(
    curves: Curves, *, calibration: Calibration | None = None, expect: str | None = None
) -> Envelope:
    """The envelope at FRAME_RATE that the curves ask for; the rest as `predict_envelope`."""
    grid = np.arange(max(1, round(curves.duration * FRAME_RATE))) / FRAME_RATE
    values = np.interp(grid, curves.times, curves.levels)
    onsets = pick_onsets(curves.times, curves.onset)
    if expect == "steps":
        onsets = _as_steps(curves, onsets)
    if expect == "continuous":
        onsets = np.zeros(0)
    onsets = onsets[onsets <= len(grid) / FRAME_RATE]
    if expect == "hits":
        values = without_floor_between(values, onsets, FRAME_RATE)
    if expect in ("steps", "hits"):
        values = with_hits(values, onsets, FRAME_RATE)
    confidence = onset_confidence = None
    if calibration is not None:
        confidence = calibration.confidence(around(curves, grid))
        onset_confidence = calibration.onset_confidence(
            around(curves, onsets), own_probability(curves, onsets)
        )
    pan = None
    if curves.columns is not None:
        pan = pan_of(curves.moments, curves.columns, grid, onsets).astype(np.float32)
    return Envelope(
        values.astype(np.float32), FRAME_RATE, onsets, confidence, onset_confidence, pan
    )


def around(curves: Curves, at: Floats) -> Floats:
    """How decided the models are around each time [N], in log odds (`folai.mapper.confidence`)."""
    return around_each(curves.times, gaussian_smooth(curves.onset, 1.0), at)


def own_probability(curves: Curves, onsets: Floats) -> Floats:
    """Onset probability [N] at these times."""
    return np.interp(onsets, curves.times, gaussian_smooth(curves.onset, 1.0))


def _as_steps(curves: Curves, onsets: Floats) -> Floats:
    """The onsets, with the steps of a walk in place of those that lie where the mapper is not
    decided; onsets that are far from any step stay."""
    seen = (curves.times, curves.onset, curves.moments, curves.signals)
    steps = place_steps(step_evidence(*seen, curves.duration))
    steps = steps[around(curves, steps) < DECIDED]
    if not len(steps):
        return onsets
    apart = np.abs(onsets[:, None] - steps[None, :]).min(axis=1) > BESIDE_A_STEP
    stay = apart | (around(curves, onsets) >= DECIDED)
    return np.sort(np.concatenate([steps, onsets[stay]]))


def predict_frames(
    pictures: Pictures, models: Sequence[Mapper], speed: float
) -> tuple[Array, Array]:
    """(bin probabilities [T * upsample, bins], onset probabilities [T * upsample]).

    `speed` is the clip's usual one, in picture heights per second.
    """
    spans = np.diff(pictures.edges).astype(np.float32)
    outputs = [model.logits(_encode(model, pictures, speed), spans) for model in models]
    bins = np.mean([_softmax(bins) for bins, _ in outputs], axis=0)
    onset = np.mean([1 / (1 + np.exp(-onset)) for _, onset in outputs], axis=0)
    return bins, onset


def _softmax(logits: Array) -> Array:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), np.float32)


def motion_strength(pictures: Pictures) -> NDArray[np.float32]:
    """How fast the fastest parts of the picture move at each step: [T], heights per second."""
    speed = pictures.cells[:, FLOW_CHANNELS.index("speed")].astype(np.float32)
    return mean_of_fastest(speed.reshape(len(speed), -1))


def mean_of_fastest(speed: NDArray[np.float32]) -> NDArray[np.float32]:
    """Speeds [T, places], FASTEST places at least -> the mean of the FASTEST of each step [T]."""
    fastest = np.partition(speed, -FASTEST, axis=1)[:, -FASTEST:]
    return np.asarray(fastest.mean(axis=1), np.float32)


def usual_speed(strengths: NDArray[np.float32]) -> float:
    """The speed in whose units the models see a clip's flow: that of its livelier moments."""
    return float(np.percentile(strengths, 90)) + 0.03  # a still picture's noise must stay small


def over_a_step(bins: NDArray[np.float32], upsample: int) -> NDArray[np.float32]:
    """Bin probabilities [T, bins], averaged over the `upsample` frames of a step about each.

    What repeats from step to step comes from the pictures, not from the sound. On 11 recordings
    held out of training L1 over silence falls by 0.01, and correlation stays.
    """
    weights = np.full(upsample, 1 / upsample, np.float32)
    if upsample % 2 == 0:  # has its middle between two frames
        weights = np.convolve(weights, np.full(2, 0.5, np.float32))
    padded = np.pad(bins, ((upsample // 2, upsample // 2), (0, 0)), mode="edge")
    return np.asarray(sum(w * padded[i : i + len(bins)] for i, w in enumerate(weights)), np.float32)


def decode_bins(bins: NDArray[np.float32], mu: float) -> Floats:
    """Bin probabilities [T, bins] -> RMS [T]: of the mean bin, bent from MEAN_BIN to LEVEL.

    The mean of companded levels follows loud and quiet best; it lies above what is nearest in L1
    wherever it is not sure, which the bend makes up for. The TEMPERATURE (Guo et al., arXiv
    1706.04599) and the bend were fitted to 11 recordings held out of training (correlation at the
    best lag; L1 over silence): 0.715, 0.80; without the temperature 0.711, 0.84.
    """
    num_bins = bins.shape[1]
    weights = bins.astype(np.float64) ** (1 / TEMPERATURE)
    mean = weights @ np.arange(num_bins) / weights.sum(axis=1)
    position = np.interp(mean / (num_bins - 1), MEAN_BIN, LEVEL) * (num_bins - 1)
    return from_bins(position, num_bins, mu)


def pick_onsets(times: Floats, probability: NDArray[np.float32]) -> Floats:
    """Local maxima of the onset probability, no two within ONSET_GAP, that reach `f1_threshold`:
    in seconds, sorted."""
    smooth = np.pad(gaussian_smooth(probability, 1.0), 1)
    here = smooth[1:-1]
    peaks = np.flatnonzero((here >= smooth[:-2]) & (here > smooth[2:]) & (here > FAINTEST))
    chosen: list[int] = []  # sorted, so that only the two neighbours have to be compared
    for peak in sorted(peaks.tolist(), key=lambda i: -here[i]):
        place = bisect(chosen, peak)
        near = chosen[max(0, place - 1) : place + 1]
        if all(abs(times[peak] - times[other]) > ONSET_GAP for other in near):
            chosen.insert(place, peak)
    heights = here[chosen].astype(np.float64)
    return times[chosen][heights >= f1_threshold(heights)]


def f1_threshold(probabilities: Floats) -> float:
    """The probability from which on keeping possible onsets promises the best F1.

    Of the k surest, with probabilities p, it is some 2 sum_k(p) / (k + sum(p)), so it pays to keep
    less sure ones where a clip shows its contacts less clearly (Lipton et al., arXiv 1402.1892).
    """
    lowest, highest = ONSET_THRESHOLDS
    if len(probabilities) == 0:
        return highest
    surest = np.sort(probabilities)[::-1]
    f1 = 2 * np.cumsum(surest) / (np.arange(len(surest)) + 1 + surest.sum())
    return float(np.clip(surest[f1.argmax()], lowest, highest))


def frame_times(edges: Floats, upsample: int) -> Floats:
    """Times of the envelope frames of steps with these edges: [T + 1] -> [T * upsample]."""
    fractions = (np.arange(upsample) + 0.5) / upsample
    times: Floats = (edges[:-1, None] + np.diff(edges)[:, None] * fractions).ravel()
    return times


def _encode(model: Mapper, pictures: Pictures, speed: float) -> Array:
    """Features [T, D] of the pictures, some steps at a time."""
    parts = []
    for start in range(0, pictures.num_steps, ENCODED_AT_ONCE):
        first = max(0, start - ENCODER_REACH)
        around = slice(first, start + ENCODED_AT_ONCE + ENCODER_REACH)
        cells = in_unit(pictures.cells[around], speed)
        parts.append(model.features(cells)[start - first :][:ENCODED_AT_ONCE])
    return np.concatenate(parts)


def in_unit(cells: NDArray[np.float16], speed: float) -> Array:
    """Cells [T, C, rows, columns] with flow in units of `speed` (heights per second)."""
    scaled = cells.astype(np.float32)
    scaled[:, : len(FLOW_CHANNELS)] /= np.float32(speed)
    return scaled


def _with_neighbours(
    blocks: Iterable[Pictures],
) -> Iterator[tuple[Pictures | None, Pictures, Pictures | None]]:
    """Each block with the end of the one before it and the beginning of the one after."""
    before: Pictures | None = None
    here: Pictures | None = None
    for after in blocks:
        if here is not None:
            yield before, here, after.part(0, MARGIN)
            before = here.part(max(0, here.num_steps - MARGIN), here.num_steps)
        here = after
    if here is None:
        raise ValueError("no pictures: a video of at least two frames is needed")
    yield before, here, None
