"""How much a mapper gains by being taught the beginning of each clip (`folai adapt`).

Of every clip it learns the first seconds, with the true envelope and the true onsets, as a person
would have corrected them. What follows is scored (`clip_scores`) with the mapper as it was and with
the one that has learned. Every clip is learned from the same start. How it is taught is no part of
this file: the caller hands in `teach`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from folai import checkpoints
from folai.data.clips import Clip
from folai.data.examples import Example, lesson_of, part_between, without_floor
from folai.data.folds import Fold
from folai.evaluate.mapper.clip_scores import (
    ClipScore,
    MapperReport,
    aligned_clips,
    report_of,
    score_clip,
    true_onsets,
)
from folai.mapper.predict import predict_envelope
from folai.models.rms_mapper import RMSMapper
from folai.progress import Progress

LEAST = 4.0  # seconds that must be left to score

Teach = Callable[[Sequence[RMSMapper], Sequence[Example]], list[RMSMapper]]
"""(models, lessons) -> copies of the models that have learned the lessons."""


@dataclass(frozen=True)
class AdaptedReport:
    """Scores of what follows the lesson, clip by clip."""

    seconds: float  # that were taught
    before: MapperReport
    after: MapperReport

    def table(self) -> str:
        """Both tables, as `MapperReport` gives them."""
        what = f"what follows the first {self.seconds:g} s"
        tables = (f"{what}, as it was:", self.before.table(), f"{what}, having learned these:")
        return "\n".join([*tables, self.after.table()])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return {
            "seconds": self.seconds,
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }


def evaluate_adapted(
    data: Path,
    split: str | None,
    weights: Path | None,
    seconds: float,
    progress: Progress | None = None,
    *,
    teach: Teach,
    fold: Fold | None = None,
    cache: Path | None = None,
) -> AdaptedReport:
    """Teach the first `seconds` of each clip with `teach` (`folai.train.adapt.taught`), and score
    the rest; clips with less than LEAST seconds left to score are left out.

    Raises ValueError as `evaluate_mapper`.
    """
    if not seconds > 0:
        raise ValueError(f"adapt is {seconds:g} s; give the seconds to learn from, such as 10")
    models = checkpoints.load_mapper(weights)
    unread: dict[str, str] = {}
    before: list[ClipScore] = []
    after: list[ClipScore] = []
    for clip, offset in aligned_clips(data, split, unread, progress, fold=fold, cache=cache):
        if clip.pictures.duration < seconds + LEAST:
            unread[clip.name] = f"{clip.name}: lasts less than {seconds + LEAST:g} s"
            continue
        learned = teach(models, [_beginning(clip, offset, seconds)])
        for scores, mappers in ((before, models), (after, learned)):
            envelope = predict_envelope([clip.pictures], mappers)
            scores.append(score_clip(clip, envelope, offset, since=seconds))
    reports = (report_of(data, scores, unread) for scores in (before, after))
    return AdaptedReport(seconds, *reports)


def _beginning(clip: Clip, offset: float, seconds: float) -> Example:
    """How the clip begins, with its true envelope and onsets."""
    _, onsets, _ = true_onsets(clip, offset)
    pictures = part_between(clip.pictures, 0.0, seconds)
    return lesson_of(clip.name, pictures, without_floor(clip.rms), onsets + offset, offset)
