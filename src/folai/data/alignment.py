"""How late a clip's sound is against its picture, and where exactly its contacts are heard.

Recorded clips are rarely in sync to the frame: a mapper trained on them as they come learns the
average of their errors and is sharp on none, and a score at lag 0 measures the clip as much as the
mapper. So each clip's offset is estimated from the clip alone, with no trained model in it.

The picture says when something stopped: where a hand or a stick meets a thing, speed that was
there is gone a step later. The sound says when something began: its level jumps. The offset is the
lag at which the two agree best. Such curves also agree by chance, since people hit in rhythm; so
lags far from what clips of the same frame rate have in common (one camera, one conversion) must
show that much more agreement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from folai.data.clips import TRUTH_RATE, Clip
from folai.data.examples import EVERYWHERE
from folai.envelope.rms import gaussian_smooth
from folai.mapper.features import Pictures
from folai.models.cells import FLOW_CHANNELS

Floats = NDArray[np.float64]

VERSION = 1  # raise when the same clips would be given other offsets

RATE = 240.0  # Hz at which the curves are compared
MAX_OFFSET = 0.16  # seconds looked at to either side at most
USUAL_OFFSET = 0.1  # the same, where a clip's camera is known to be near the others'
SPREAD = 0.025  # seconds by which clips of one frame rate scatter about their common offset
STOPPED = 12  # cells of the grid, of 192, that count: those that lose most
_LAGS = range(-round(MAX_OFFSET * RATE), round(MAX_OFFSET * RATE) + 1)  # samples at RATE
_BLUR = 3.0  # samples at RATE: 12 ms
_SNAP = 0.045  # seconds that an annotation may be off: half of 1/15 s, and some
_BESIDE = 0.1  # seconds beside the first and the last annotation that they speak of, too
_CONFIDENCE = 1.5  # agreement is worth this much log likelihood for each root of a second


def estimate_offsets(clips: Iterable[Clip], spread: float | None = None) -> dict[str, float]:
    """Seconds by which the sound of each clip is late (negative: early), by clip name.

    spread: seconds by which clips scatter about being in time, where they have no camera in common
    and a clip of its own may be off by up to MAX_OFFSET; None: SPREAD, about what those of one
    frame rate share.
    """
    lags, agreement, family = np.array(_LAGS) / RATE, {}, defaultdict(list)
    if spread is not None:
        return {clip.name: _own_offset(clip, lags, spread) for clip in clips}
    near = np.abs(lags) <= USUAL_OFFSET + 1e-9
    lags = lags[near]
    for clip in clips:
        agreement[clip.name] = _agreement(clip)[near] * np.sqrt(clip.pictures.duration)
        family[round(clip.fps)].append(clip.name)
    offsets = {}
    for names in family.values():
        together = np.sum([agreement[name] for name in names], axis=0)
        usual = lags[np.argmax(together)]
        for name in names:
            belief = _CONFIDENCE * agreement[name] - 0.5 * ((lags - usual) / SPREAD) ** 2
            offsets[name] = float(lags[np.argmax(belief)])
    return offsets


def _own_offset(clip: Clip, lags: Floats, spread: float) -> float:
    agreement = _agreement(clip) * np.sqrt(clip.pictures.duration)
    return float(lags[np.argmax(_CONFIDENCE * agreement - 0.5 * (lags / spread) ** 2)])


def refine_onsets(annotated: Floats, rms: NDArray[np.float32]) -> Floats:
    """Annotated contacts moved to the steepest rise of the sound nearby, seconds, sorted.

    Annotation tools round (Greatest Hits: to 1/15 s, which the errors fill evenly from -33 to
    +33 ms). One with no audible rise within reach stays where it is.
    """
    if not len(annotated):
        return annotated
    rise = _rise(rms, reach=8)
    loud = float(np.sqrt(np.percentile(rms, 99)))
    reach = round(_SNAP * TRUTH_RATE)
    refined = []
    for time in annotated:
        first = max(0, round(time * TRUTH_RATE) - reach)
        near = rise[first : first + 2 * reach + 1]
        audible = near.size > 0 and near.max() > 0.08 * loud
        refined.append((first + int(np.argmax(near))) / TRUTH_RATE if audible else float(time))
    return np.sort(np.array(refined))


def annotated_span(onsets: Floats | None) -> tuple[float, float]:
    """(start, end) in seconds of the time in which annotated contacts [N] are complete.

    Annotators stop before a recording does (those of the Greatest Hits begin after 1 s and end at
    34 s, or some seconds before the end): before the first and after the last contact nothing is
    known. Without contacts the whole recording counts.
    """
    if onsets is None or not len(onsets):
        return EVERYWHERE
    return (float(onsets[0]) - _BESIDE, float(onsets[-1]) + _BESIDE)


def stopping(pictures: Pictures) -> tuple[Floats, Floats]:
    """(times [T - 1], how much motion stopped there): the picture's half of the comparison.

    Speed lost from one step to the next, cell by cell, and downward speed lost, which hits lose and
    lifting does not; of each the cells that lose most.
    """
    flat = pictures.cells.astype(np.float32).reshape(*pictures.cells.shape[:2], -1)
    speed = flat[:, FLOW_CHANNELS.index("speed")]
    down = np.maximum(flat[:, FLOW_CHANNELS.index("mean_y")], 0.0)
    lost = [np.maximum(x[:-1] - x[1:], 0.0) for x in (speed, down)]
    most = [np.sort(x)[:, -STOPPED:].mean(axis=1) for x in lost]
    return pictures.edges[1:-1], np.sum([x / (x.std() + 1e-9) for x in most], axis=0)


def _agreement(clip: Clip) -> Floats:
    """Correlation of what stopped with what began to sound, at each of `_LAGS`."""
    num = int(min(clip.pictures.duration, len(clip.rms) / TRUTH_RATE) * RATE)
    times, stopped = stopping(clip.pictures)
    stops = np.interp(np.arange(num) / RATE, times, stopped, left=0.0, right=0.0)
    loudness = np.log10(clip.rms.astype(np.float64) + 1e-3)
    starts = np.maximum(_difference(loudness, 8), 0.0)[:: round(TRUTH_RATE / RATE)][:num]
    stops, starts = (gaussian_smooth(x - x.mean(), _BLUR) for x in (stops, starts))
    scale = np.linalg.norm(stops) * np.linalg.norm(starts) + 1e-9
    products = [_overlap(stops, starts, lag) for lag in _LAGS]
    return np.asarray(np.array(products) / scale)


def _overlap(stops: Floats, starts: Floats, lag: int) -> float:
    late, early = max(lag, 0), max(-lag, 0)
    return float(np.dot(stops[early : len(stops) - late], starts[late : len(starts) - early]))


def _rise(rms: NDArray[np.float32], reach: int) -> Floats:
    """How much the square root of RMS grows over `reach` samples to either side, never negative."""
    return np.maximum(_difference(np.sqrt(rms.astype(np.float64)), reach), 0.0)


def _difference(values: Floats, reach: int) -> Floats:
    padded = np.pad(values, reach, mode="edge")
    return padded[2 * reach :] - padded[: -2 * reach]
