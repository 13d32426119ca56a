"""Scores of the mapper on clips with sound of their own.

The truth is the RMS of the clip's sound, 16 kHz, peak 1, in centred windows of 32 ms. Both curves
are read at 125 Hz on the picture's clock: the prediction at t, the truth at t + offset, where the
offset (positive: the sound is late) is what `train.alignment` estimates from picture and sound
alone, with no trained model in it; clips of other splits in the same folder help to tell what clips
of one frame rate have in common. Only what has both picture and sound counts.

    corr        correlation at lag 0, as `metrics.envelope_correlation` defines it
    best, lag   the same at the best lag within 100 ms, and that lag (positive: prediction late)
    raw         correlation at lag 0 with the offset left as it is in the file, and at the best lag
    P, R, F1    of onsets within 50 ms. The truth is the annotated contacts, moved to the rise of
                the sound beside them, or, in a clip without any, the onsets found in the sound;
                both on the picture's clock. Annotators stop before recordings do: what lies before
                the first or after the last annotated contact is neither right nor wrong (`all` in
                the table: F1 with it taken for wrong). NaN in a clip without onsets, and left out
                of the mean
    wide        F1 of onsets within 100 ms, the offset left as it is: clips from anywhere are late
                or early by that much, and what offset they have cannot be told from them alone
    L1          mean absolute difference of the curves over what silence would score
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai import checkpoints
from folai.envelope import Envelope
from folai.evaluate.metrics import (
    RMS_RATE,
    envelope_correlation,
    l1_over_silence,
    onset_scores,
)
from folai.evaluate.reporting import (
    Progress,
    Steps,
    folder_or_temporary,
    jsonable,
    mean_of_known,
)
from folai.mapper import predict_envelope
from folai.rms import find_onsets
from folai.train.alignment import annotated_span, estimate_offsets, refine_onsets
from folai.train.dataset import EVERYWHERE
from folai.train.folds import Fold
from folai.train.precompute import TRUTH_RATE, Clip, Listing, list_clips, load_clips

Floats = NDArray[np.float64]

TOLERANCE = 0.05  # seconds within which an onset is right
_WIDE = 0.1  # the same for clips whose offset is not known


@dataclass(frozen=True)
class ClipScore:
    """Figures of one clip, as the module's docstring defines them; the mean of several likewise."""

    correlation: float
    best: float
    lag: float  # seconds
    uncorrected: float
    uncorrected_best: float  # at the best lag within 100 ms of it
    precision: float
    recall: float
    f1: float
    f1_all: float  # with onsets beyond the annotations taken for wrong
    f1_wide: float  # within 100 ms, offset not corrected
    l1: float
    offset: float  # seconds by which the sound is late
    truth: str = ""  # what the onsets were taken from: "annotated" or "sound"
    name: str = "mean"

    def row(self) -> str:
        first = f"{self.correlation:7.3f}{self.best:7.3f}{1000 * self.lag:+7.0f}"
        onsets = f"{self.precision:7.3f}{self.recall:7.3f}{self.f1:7.3f}{self.f1_all:7.3f}"
        onsets += f"{self.f1_wide:7.3f}"
        raw = f"{self.uncorrected:7.3f}{self.uncorrected_best:7.3f}"
        rest = f"{self.l1:7.3f}{1000 * self.offset:+10.0f}  {self.truth:9}  {self.name}"
        return f"{first}{raw}{onsets}{rest}".rstrip()


@dataclass(frozen=True)
class MapperReport:
    """Scores of clips with sound, and why some of the clips have none."""

    scores: tuple[ClipScore, ...]
    unread: dict[str, str]  # clip: what is wrong with it

    @property
    def mean(self) -> ClipScore:
        """Each figure's mean over the clips that have it; NaN where none has."""
        names = [field.name for field in fields(ClipScore) if field.name not in ("truth", "name")]
        means: dict[str, Any] = {
            name: mean_of_known([getattr(score, name) for score in self.scores]) for name in names
        }
        return ClipScore(**means)

    def table(self) -> str:
        """A line for each clip, their mean, and what could not be read."""
        names = ("corr", "best", "lag/ms", "raw", "best", "P", "R", "F1", "all", "wide", "L1")
        heading = "".join(f"{name:>7}" for name in names)
        lines = [f"{heading}{'offset/ms':>10}  onsets of  clip"]
        lines += [score.row() for score in self.scores]
        lines += [self.mean.row() + f" of {len(self.scores)} clips"]
        lines += [f"not scored: {reason}" for reason in self.unread.values()]
        explained = (
            "corr: correlation at lag 0, offset corrected; best: at the best lag within 100 ms; "
            "raw: at lag 0 and best, not corrected\n"
            "P, R, F1: onsets within 50 ms, where contacts are annotated; all: F1 everywhere; "
            "wide: F1 within 100 ms, not corrected; "
            "L1: of the envelope, over that of silence; offset: sound late by"
        )
        return "\n".join([explained, *lines])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, in seconds; None stands for NaN."""
        facts: dict[str, Any] = jsonable(
            {
                "mean": asdict(self.mean),
                "clips": [asdict(score) for score in self.scores],
                "num_clips": len(self.scores),
                "not_scored": self.unread,
            }
        )
        return facts


def evaluate_mapper(
    data: Path,
    split: str | None,
    weights: Path | None,
    progress: Progress | None = None,
    *,
    fold: Fold | None = None,
    cache: Path | None = None,
) -> MapperReport:
    """Score the mapper on the clips of a folder, or of one split of it, or of those on the clips
    that a fold of cross-validation leaves out.

    What was read is kept in `cache` between the two passes, 38 kB a step (70 MB a minute of
    video); without one, in a temporary folder. One clip at a time is in memory.
    Raises ValueError for a folder or weights that will not do, and if no clip can be read.
    """
    models = checkpoints.load_mapper(weights)
    unread: dict[str, str] = {}
    scores = [
        score_clip(clip, predict_envelope([clip.pictures], models), offset)
        for clip, offset in aligned_clips(data, split, unread, progress, fold=fold, cache=cache)
    ]
    return report_of(data, scores, unread)


def report_of(data: Path, scores: Sequence[ClipScore], unread: dict[str, str]) -> MapperReport:
    """Raises ValueError where there is no score, with the first reason."""
    if not scores:
        raise ValueError(f"{data}: no clip can be scored; {next(iter(unread.values()))}")
    return MapperReport(tuple(scores), unread)


def aligned_clips(
    data: Path,
    split: str | None,
    unread: dict[str, str],
    progress: Progress | None = None,
    *,
    fold: Fold | None = None,
    cache: Path | None = None,
) -> Iterator[tuple[Clip, float]]:
    """The clips to score, one at a time, each with the seconds by which its sound is late; why the
    others cannot be scored goes into `unread`. The rest as `evaluate_mapper`."""
    listings = list_clips(data, split)
    if fold is not None:
        _, listings = fold.apart(listings)
    beside = beside_those(data, listings)
    told = Steps(progress, 2 * len(listings) + len(beside))
    with folder_or_temporary(cache) as folder:
        offsets = estimate_offsets(
            chain(_readable(listings, folder, unread, told), _readable(beside, folder, {}, told))
        )
        listings = [listing for listing in listings if listing.name in offsets]
        for clip in _readable(listings, folder, unread, told):
            yield clip, offsets[clip.name]
    told.finish()


def beside_those(data: Path, listings: Sequence[Listing]) -> list[Listing]:
    """Clips of other splits that lie beside those to score: of the same cameras, so they too tell
    what offset clips of one frame rate have in common. Nothing else of them is looked at."""
    names = {listing.name for listing in listings}
    folders = {listing.path.parent for listing in listings}
    others = (listing for listing in list_clips(data) if listing.name not in names)
    return [listing for listing in others if listing.path.parent in folders]


def score_clip(clip: Clip, envelope: Envelope, offset: float, since: float = 0.0) -> ClipScore:
    """Figures of one clip's predicted envelope, given how late its sound is (seconds); of what
    comes after `since` seconds alone."""
    predicted, true = _curves(clip, envelope, offset, since)
    correlation = envelope_correlation(predicted, true)
    truth, onsets, (first, last) = true_onsets(clip, offset)
    onsets, everywhere = (times[times >= since] for times in (onsets, envelope.onsets))
    told = everywhere[(everywhere >= first) & (everywhere <= last)]
    scores = onset_scores(told, onsets, TOLERANCE)
    raw = envelope_correlation(*_curves(clip, envelope, 0.0, since))
    known = 1.0 if len(onsets) else math.nan
    return ClipScore(
        correlation=correlation.at_zero,
        best=correlation.best,
        lag=correlation.lag,
        uncorrected=raw.at_zero,
        uncorrected_best=raw.best,
        precision=known * scores.precision,
        recall=known * scores.recall,
        f1=known * scores.f1,
        f1_all=known * onset_scores(everywhere, onsets, TOLERANCE).f1,
        f1_wide=known * onset_scores(told, onsets + offset, _WIDE).f1,
        l1=l1_over_silence(predicted, true),
        offset=offset,
        truth=truth,
        name=clip.name,
    )


def _curves(clip: Clip, envelope: Envelope, offset: float, since: float) -> tuple[Floats, Floats]:
    """(predicted, true) RMS at 125 Hz on the picture's clock, where there is picture and sound."""
    heard = (len(clip.rms) - 1) / TRUTH_RATE  # when the last value of the sound is
    last = min(envelope.times[-1], heard - offset)
    first = max(since, -offset)
    times = np.arange(math.ceil(first * RMS_RATE), math.floor(last * RMS_RATE) + 1) / RMS_RATE
    true = np.interp((times + offset) * TRUTH_RATE, np.arange(len(clip.rms)), clip.rms)
    return envelope.at(times), true


def true_onsets(clip: Clip, offset: float) -> tuple[str, Floats, tuple[float, float]]:
    """Where they are from, when they are on the picture's clock (those outside it left out), and
    from when to when, on the same clock, nothing but them sounds."""
    if clip.annotated is not None:
        truth, onsets = "annotated", refine_onsets(clip.annotated, clip.rms)
        first, last = annotated_span(onsets)
    else:
        truth, onsets = "sound", find_onsets(clip.rms, TRUTH_RATE)
        first, last = EVERYWHERE
    onsets = onsets - offset
    inside = onsets[(onsets >= 0) & (onsets <= clip.pictures.duration)]
    return truth, inside, (first - offset, last - offset)


def _readable(
    listings: Sequence[Listing], cache: Path, unread: dict[str, str], told: Steps
) -> Iterator[Clip]:
    """The clips, one at a time; what is wrong with the others goes into `unread`."""
    for listing in listings:
        try:
            (clip,) = load_clips([listing], cache)
        except ValueError as error:
            unread[listing.name] = " ".join(str(error).split())
        except FileNotFoundError:
            unread[listing.name] = f"{listing.path}: no such file"
        else:
            if clip.rms.any():
                yield clip
            else:
                unread[listing.name] = f"{listing.path}: its sound is silent, nothing to compare"
        told.step()
