"""Scores of the mapper on rendered clips, whose contact times are exact.

Clips are drawn from seeds that training never sees, written to a file, and go through the whole
path. Contacts within 60 ms of a louder one are taken for one with it: the mapper gives onsets no
closer than that. Recall and the median distance are against those; for precision, every contact
and every start of a stroke is right. Counts are pooled over the clips of a frame rate.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai import checkpoints, pipeline
from folai.evaluate.mapper.clip_scores import TOLERANCE
from folai.mapper.predict import ONSET_GAP
from folai.metrics import harmonic_mean, match_onsets, median_onset_error
from folai.progress import Progress, Steps
from folai.render import Scene, random_scene, write_clip
from folai.reporting import jsonable

Floats = NDArray[np.float64]

FIRST_SEED = 1_000_000  # of rendered clips for scoring; training has those below SCENES
FRAME_RATES = {"24": 24.0, "25": 25.0, "29.97": 30000 / 1001, "30": 30.0, "60": 60.0}
VARIABLE = "variable"  # frame rate: intervals of 1/48 to 1/20 s at random
_APART = 1000.0  # seconds between clips whose onsets are pooled: none matches across


@dataclass(frozen=True)
class RateScore:
    """Figures of the rendered clips of one frame rate."""

    frame_rate: str  # of the video
    num_clips: int
    num_contacts: int
    median_error: float  # seconds from a contact to the onset matched to it
    precision: float
    recall: float
    f1: float

    def row(self) -> str:
        counts = f"{self.frame_rate:>9}{self.num_clips:7}{self.num_contacts:10}"
        onsets = f"{self.precision:7.3f}{self.recall:7.3f}{self.f1:7.3f}"
        return f"{counts}{1000 * self.median_error:11.1f}{onsets}"


@dataclass(frozen=True)
class RenderedReport:
    """Scores of rendered clips by frame rate; the last is of all of them together."""

    rates: tuple[RateScore, ...]

    def table(self) -> str:
        heading = (
            f"{'fps':>9}{'clips':>7}{'contacts':>10}{'median/ms':>11}{'P':>7}{'R':>7}{'F1':>7}"
        )
        explained = (
            "median: distance of a contact to its onset; P, R, F1: within 50 ms, contacts exact"
        )
        return "\n".join([explained, heading, *(rate.row() for rate in self.rates)])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, in seconds; None stands for NaN."""
        *rates, everything = jsonable([asdict(rate) for rate in self.rates])
        return {"all": everything, "rates": rates}


@dataclass(frozen=True, eq=False)
class _Found:
    """What was found in one rendered clip, and what is in it: seconds, sorted."""

    onsets: Floats
    contacts: Floats  # 60 ms apart
    right: Floats  # every contact and start of a stroke

    def later(self, seconds: float) -> _Found:
        return _Found(self.onsets + seconds, self.contacts + seconds, self.right + seconds)


def evaluate_rendered(
    num_clips: int,
    weights: Path | None,
    progress: Progress | None = None,
    *,
    duration: float = 8.0,
    size: tuple[int, int] = (344, 256),
) -> RenderedReport:
    """Score the mapper on rendered clips, their frame rates taking turns.

    Clips are `duration` seconds long and (width, height) pixels large, and lie in a temporary
    folder one at a time. Raises ValueError for fewer than one clip, and for unusable weights.
    """
    if num_clips < 1:
        raise ValueError(f"number of rendered clips is {num_clips}; give 1 or more")
    checkpoints.load_mapper(weights)
    labels = (*FRAME_RATES, VARIABLE)
    found: dict[str, list[_Found]] = {label: [] for label in labels[:num_clips]}
    steps = Steps(progress, num_clips)
    scenes = sounding_scenes(duration)
    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        for index in range(num_clips):
            label, path = labels[index % len(labels)], Path(folder) / "clip.mp4"
            found[label].append(_look(next(scenes), label, path, weights, size))
            steps.step()
    everything = [clip for clips in found.values() for clip in clips]
    rates = [_pooled(label, clips) for label, clips in found.items()]
    return RenderedReport((*rates, _pooled("all", everything)))


def sounding_scenes(duration: float) -> Iterator[Scene]:
    """Endless scenes with contacts, from seeds that training never uses."""
    seed = FIRST_SEED
    while True:
        scene = random_scene(seed, duration=duration)
        if scene.contacts:
            yield scene
        seed += 1


def frame_times(label: str, duration: float, seed: int) -> Floats:
    """Presentation times of the frames of a clip, seconds [T]."""
    if label != VARIABLE:
        return np.arange(max(2, round(duration * FRAME_RATES[label]))) / FRAME_RATES[label]
    intervals = np.random.default_rng(seed).uniform(1 / 48, 1 / 20, math.ceil(duration * 48) + 1)
    times = np.concatenate([[0.0], np.cumsum(intervals)])
    return np.asarray(times[times < duration], np.float64)


def apart(contacts: Floats, levels: Floats) -> Floats:
    """Contact times [N], sorted, without those within ONSET_GAP of a louder one."""
    chosen: list[float] = []
    for index in np.argsort(-levels, kind="stable"):
        if all(abs(contacts[index] - other) > ONSET_GAP for other in chosen):
            chosen.append(float(contacts[index]))
    return np.sort(np.array(chosen))


def _look(
    scene: Scene, label: str, path: Path, weights: Path | None, size: tuple[int, int]
) -> _Found:
    """Write a scene to a file, and predict its onsets from the file."""
    times = frame_times(label, scene.duration, scene.seed)
    write_clip(
        scene, path, fps=FRAME_RATES.get(label, 30.0), times=[float(t) for t in times], size=size
    )
    onsets = pipeline.predict_envelope(path, weights=weights).onsets
    levels = np.array([contact.level for contact in scene.contacts])
    contacts = apart(np.array([contact.time for contact in scene.contacts]), levels)
    starts = [start for start, _ in scene.strokes]  # many a stroke starts with a contact
    right = np.unique(np.concatenate([scene.onsets, starts]).round(6))
    visible = contacts[contacts <= times[-1]]  # what comes after the last picture cannot be known
    return _Found(onsets, visible, right)


def _pooled(label: str, clips: Sequence[_Found]) -> RateScore:
    moved = [clip.later(_APART * index) for index, clip in enumerate(clips)]
    onsets = np.concatenate([clip.onsets for clip in moved])
    contacts = np.concatenate([clip.contacts for clip in moved])
    right = np.concatenate([clip.right for clip in moved])
    precision = len(match_onsets(onsets, right, TOLERANCE)) / max(1, len(onsets))
    recall = len(match_onsets(onsets, contacts, TOLERANCE)) / max(1, len(contacts))
    return RateScore(
        frame_rate=label,
        num_clips=len(clips),
        num_contacts=len(contacts),
        median_error=median_onset_error(onsets, contacts),
        precision=precision,
        recall=recall,
        f1=harmonic_mean(precision, recall),
    )
