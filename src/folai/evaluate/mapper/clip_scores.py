"""Scores of the mapper on clips with sound of their own.

The truth is the RMS of the clip's sound, 16 kHz, peak 1, in centred windows of 32 ms. Both curves
are read at 125 Hz on the picture's clock: the prediction at t, the truth at t + offset, where the
offset (positive: the sound is late) is what `data.alignment` estimates from picture and sound
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
from folai.data.alignment import annotated_span, estimate_offsets, refine_onsets
from folai.data.clips import TRUTH_RATE, Clip, load_clips
from folai.data.examples import EVERYWHERE
from folai.data.folds import Fold
from folai.data.listing import Listing, list_clips
from folai.envelope import Envelope
from folai.envelope.rms import find_onsets
from folai.evaluate.mapper.hit_reliability import Reliability, matched_hits, reliability_of
from folai.mapper.predict import predict_envelope
from folai.metrics import (
    RMS_RATE,
    envelope_correlation,
    l1_over_silence,
    onset_scores,
)
from folai.progress import Progress, Steps
from folai.reporting import folder_or_temporary, jsonable, mean_of_known
from folai.writing import one_line

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
    reliability: Reliability | None = None  # None: the weights were never calibrated

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
        return "\n".join([explained, *lines, *self._how_reliable()])

    def _how_reliable(self) -> list[str]:
        return [] if self.reliability is None else [self.reliability.row()]

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, in seconds; None stands for NaN."""
        facts: dict[str, Any] = jsonable(
            {
                "mean": asdict(self.mean),
                "clips": [asdict(score) for score in self.scores],
                "num_clips": len(self.scores),
                "not_scored": self.unread,
                "reliability": self.reliability and asdict(self.reliability),
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
    """Score the mapper on the clips of a folder: on all, on one split, or on the clips that a fold
    of cross-validation leaves out.

    Clips are read twice; between the passes they are cached in `cache`, 38 kB a step (70 MB a
    minute of video), or in a temporary folder. One clip at a time is in memory.

    Raises ValueError for a folder or weights that cannot be read, and if no clip can be scored.
    """
    models, calibration = checkpoints.load_mapper(weights), checkpoints.load_calibration(weights)
    unread: dict[str, str] = {}
    scores, given, right = [], [], []
    for clip, offset in aligned_clips(data, split, unread, progress, fold=fold, cache=cache):
        envelope = predict_envelope([clip.pictures], models, calibration=calibration)
        scores.append(score_clip(clip, envelope, offset))
        if envelope.onset_confidence is not None:
            known, true = hits_right(clip, envelope.onsets, offset)
            given.append(envelope.onset_confidence[known])
            right.append(true)
    reliability = reliability_of("calibration", given, right) if given else None
    return report_of(data, scores, unread, reliability)


def report_of(
    data: Path,
    scores: Sequence[ClipScore],
    unread: dict[str, str],
    reliability: Reliability | None = None,
) -> MapperReport:
    """The report of these scores. Raises ValueError if there are none, with the first reason."""
    if not scores:
        raise ValueError(f"{data}: no clip can be scored; {next(iter(unread.values()))}")
    return MapperReport(tuple(scores), unread, reliability)


def hits_right(
    clip: Clip, onsets: Floats, offset: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(which onsets lie where it is known what sounds, which of those are right to 100 ms)."""
    _, true, (first, last) = true_onsets(clip, offset)
    known = (onsets >= first) & (onsets <= last)
    return known, matched_hits(onsets[known], true)[0]


def aligned_clips(
    data: Path,
    split: str | None,
    unread: dict[str, str],
    progress: Progress | None = None,
    *,
    fold: Fold | None = None,
    cache: Path | None = None,
) -> Iterator[tuple[Clip, float]]:
    """The clips to score, one at a time, each with the seconds by which its sound is late.

    unread: filled with the reasons why the other clips cannot be scored. Options and errors as in
    `evaluate_mapper`.
    """
    listings = list_clips(data, split)
    if fold is not None:
        _, listings = fold.apart(listings)
    beside = beside_those(data, listings)
    steps = Steps(progress, 2 * len(listings) + len(beside))
    with folder_or_temporary(cache) as folder:
        offsets = estimate_offsets(
            chain(_readable(listings, folder, unread, steps), _readable(beside, folder, {}, steps))
        )
        listings = [listing for listing in listings if listing.name in offsets]
        for clip in _readable(listings, folder, unread, steps):
            yield clip, offsets[clip.name]
    steps.finish()


def beside_those(data: Path, listings: Sequence[Listing]) -> list[Listing]:
    """Clips of other splits that lie in the same folders as those to score.

    They are from the same cameras, so they help to tell what offset clips of one frame rate share.
    Nothing else of them is used.
    """
    names = {listing.name for listing in listings}
    folders = {listing.path.parent for listing in listings}
    others = (listing for listing in list_clips(data) if listing.name not in names)
    return [listing for listing in others if listing.path.parent in folders]


def score_clip(clip: Clip, envelope: Envelope, offset: float, since: float = 0.0) -> ClipScore:
    """Figures of one clip's predicted envelope after `since` seconds; offset: seconds by which its
    sound is late.
    """
    predicted, true = _curves(clip, envelope, offset, since)
    correlation = envelope_correlation(predicted, true)
    truth, onsets, (first, last) = true_onsets(clip, offset)
    onsets, everywhere = (times[times >= since] for times in (onsets, envelope.onsets))
    judged = everywhere[(everywhere >= first) & (everywhere <= last)]
    scores = onset_scores(judged, onsets, TOLERANCE)
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
        f1_wide=known * onset_scores(judged, onsets + offset, _WIDE).f1,
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
    """(where the onsets are from, onsets on the picture's clock, the span in which they are
    complete).
    """
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
    listings: Sequence[Listing], cache: Path, unread: dict[str, str], steps: Steps
) -> Iterator[Clip]:
    """The clips, one at a time; what is wrong with the others goes into `unread`."""
    for listing in listings:
        try:
            (clip,) = load_clips([listing], cache)
        except ValueError as error:
            unread[listing.name] = one_line(error)
        except FileNotFoundError:
            unread[listing.name] = f"{listing.path}: no such file"
        else:
            if clip.rms.any():
                yield clip
            else:
                unread[listing.name] = f"{listing.path}: its sound is silent, nothing to compare"
        steps.step()
