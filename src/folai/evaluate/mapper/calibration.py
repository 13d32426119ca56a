"""The calibration of a mapper: what makes its confidences hold (`folai train calibrate`).

    hits     right where a true onset is within 100 ms, one to one; truth as `clip_scores` has it
    moments  ten a second: of the hits around, predicted and real, in a window of a second's
             standard deviation, the share that agrees. Moments with nothing around do not count

A calibration has five weights (`folai.mapper.confidence`). Splits count alike in it, however many
hits they have: a mapper is to be right about what is like its training and about what is not. Read
on the clips that it was fitted to, it flatters; so each clip is read with a calibration fitted to
all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai import checkpoints
from folai.data.clips import Clip
from folai.evaluate.mapper.clip_scores import aligned_clips, true_onsets
from folai.evaluate.mapper.hit_reliability import (
    TOLERANCE,
    Reliability,
    matched_hits,
    reliability_of,
)
from folai.mapper.confidence import Calibration, fit_logistic, log_odds
from folai.mapper.predict import Curves, around, decode, own_probability, predict_curves
from folai.metrics import expected_calibration_error
from folai.progress import Progress, part_of
from folai.reporting import jsonable

Floats = NDArray[np.float64]

MOMENTS = 10.0  # Hz
BREADTH = 1.0  # seconds: standard deviation of what is around a moment
ALIKE = 5.0  # hits of a clip come together: so many of them tell as much as one alone
FEWEST = 0.3  # hits around a moment, as weighted; below it nothing is around


@dataclass(frozen=True, eq=False)
class Observed:
    """What one clip tells: of N hits and M moments."""

    name: str
    split: str
    around_hits: Floats  # [N] log odds
    own: Floats  # [N] onset probability
    right: NDArray[np.bool_]  # [N]
    around_moments: Floats  # [M] log odds
    agreed: Floats  # [M] share


def observe(clip: Clip, offset: float, curves: Curves, split: str = "") -> Observed:
    """What a clip tells, given how late its sound is (seconds)."""
    _, true, (first, last) = true_onsets(clip, offset)
    hits = decode(curves).onsets
    hits = hits[(hits >= first) & (hits <= last)]
    right, found = matched_hits(hits, true)
    last = min(last, clip.pictures.duration)
    moments = np.arange(max(first, 0.0), last, 1 / MOMENTS)
    weights = [_window(moments, times) for times in (hits, true)]
    total = weights[0].sum(axis=1) + weights[1].sum(axis=1)
    agreed = (weights[0] @ right + weights[1] @ found) / np.maximum(total, FEWEST)
    counted = total > FEWEST
    return Observed(
        name=clip.name,
        split=split,
        around_hits=around(curves, hits),
        own=own_probability(curves, hits),
        right=right,
        around_moments=around(curves, moments[counted]),
        agreed=agreed[counted],
    )


def _window(moments: Floats, times: Floats) -> Floats:
    """[M, N] how much each of N times is around each of M moments."""
    return np.asarray(np.exp(-0.5 * ((moments[:, None] - times[None, :]) / BREADTH) ** 2))


def fit_calibration(clips: Sequence[Observed]) -> Calibration:
    """The calibration that is right about these clips. Raises ValueError if they have no hits."""
    if not any(len(clip.own) for clip in clips):
        raise ValueError("the mapper gives no hit in these clips: nothing to calibrate on")
    hits = [len(clip.own) for clip in clips]
    seconds = [1.0 if len(clip.agreed) else 0.0 for clip in clips]
    onset = fit_logistic(
        np.column_stack(
            [
                np.concatenate([clip.around_hits for clip in clips]),
                log_odds(np.concatenate([clip.own for clip in clips])),
            ]
        ),
        np.concatenate([clip.right for clip in clips]).astype(np.float64),
        np.concatenate([np.full(len(c.own), w) for c, w in _balanced(clips, hits)]),
        ridge=ALIKE,
    )
    level = fit_logistic(
        np.concatenate([clip.around_moments for clip in clips])[:, None],
        np.concatenate([clip.agreed for clip in clips]),
        np.concatenate(
            [
                np.full(len(c.agreed), 10 * w / max(1, len(c.agreed)))
                for c, w in _balanced(clips, seconds)
            ]
        ),
    )
    return Calibration((float(level[0]), float(level[1])), (onset[0], onset[1], onset[2]))


def _balanced(clips: Sequence[Observed], counts: Sequence[float]) -> list[tuple[Observed, float]]:
    """Each clip with the weight at which every split counts alike, 1 in the mean."""
    of_split: dict[str, float] = {}
    for clip, count in zip(clips, counts, strict=True):
        of_split[clip.split] = of_split.get(clip.split, 0.0) + count
    total, known = sum(of_split.values()), sum(count > 0 for count in of_split.values())
    return [(clip, total / known / max(of_split[clip.split], 1e-9)) for clip in clips]


def read_reliability(
    name: str, clips: Sequence[Observed], calibrations: Sequence[Calibration]
) -> Reliability:
    """Figures of clips, each read with its own calibration."""
    pairs = list(zip(clips, calibrations, strict=True))
    given = [c.onset_confidence(clip.around_hits, clip.own) for clip, c in pairs]
    moments = [c.confidence(clip.around_moments) for clip, c in pairs]
    hits = reliability_of(name, given, [clip.right for clip in clips])
    error = expected_calibration_error(
        np.concatenate(moments), np.concatenate([clip.agreed for clip in clips])
    )
    return Reliability(**{**asdict(hits), "error_of_moments": error})


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration, and how reliable calibrations fitted to all other clips are."""

    calibration: Calibration
    figures: tuple[Reliability, ...]  # of each split, and of all
    unread: dict[str, str]  # clip: what is wrong with it

    def table(self) -> str:
        explained = f"right: within {1000 * TOLERANCE:.0f} ms; each clip by a fit to the others"
        lines = [figure.row() for figure in self.figures]
        return "\n".join([explained, *lines, *(f"not read: {why}" for why in self.unread.values())])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON; None stands for NaN."""
        facts: dict[str, Any] = jsonable(
            {
                "calibration": self.calibration.to_dict(),
                "reliability": [asdict(figure) for figure in self.figures],
                "not_read": self.unread,
            }
        )
        return facts


def calibrate(
    data: Path,
    splits: Sequence[str],
    weights: Path | None,
    out: Path,
    progress: Progress | None = None,
    *,
    cache: Path | None = None,
    log: Callable[[str], None] = lambda text: None,
) -> CalibrationReport:
    """Fits the calibration of a mapper to the clips of some splits, none of which it may have
    learned from, and writes the weights with it to `out`: the tensors stay as they are.

    Raises ValueError for a folder, split or weights that are unusable, and where nothing is heard.
    """
    models = checkpoints.load_mapper(weights)
    unread: dict[str, str] = {}
    clips = []
    for index, split in enumerate(splits):
        told = part_of(progress, index, len(splits))
        for clip, offset in aligned_clips(data, split, unread, told, cache=cache):
            clips.append(observe(clip, offset, predict_curves([clip.pictures], models), split))
            log(clip.name)
    report = cross_validated(clips, unread)
    notes = report.to_dict()["reliability"]
    checkpoints.calibrate_mapper(weights, out, report.calibration, {"cross_validated": notes})
    return report


def cross_validated(
    clips: Sequence[Observed], unread: dict[str, str] | None = None
) -> CalibrationReport:
    """The calibration of all clips, and figures of each clip read with a fit to the others."""
    calibration = fit_calibration(clips)
    others = [
        fit_calibration([other for other in clips if other is not clip])
        if len(clips) > 2
        else calibration
        for clip in clips
    ]
    figures = []
    for split in dict.fromkeys(clip.split for clip in clips):
        chosen = [index for index, clip in enumerate(clips) if clip.split == split]
        figures.append(
            read_reliability(split, [clips[i] for i in chosen], [others[i] for i in chosen])
        )
    if len(figures) > 1:
        figures.append(read_reliability("all", clips, others))
    return CalibrationReport(calibration, tuple(figures), unread or {})
