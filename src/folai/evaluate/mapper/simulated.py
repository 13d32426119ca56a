"""Scores of the mapper on simulated scenes, whose contact times are exact, by family.

Scenes are of seeds that training never sees, and are looked at as they were filmed. Contacts within
60 ms of a louder one are taken for one with it, since the mapper gives onsets no closer than that,
and so are those 20 dB under the loudest. Recall and the median distance are against those; for
precision, every contact and every start of a stroke is right. Counts are pooled over the scenes of
a family. Where nothing touches there is only the number of hits a minute, which should be none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai import checkpoints
from folai.data.simulated_scenes import FIRST_SCORED, SimulatedClip, load_simulated
from folai.evaluate.mapper.clip_scores import TOLERANCE
from folai.evaluate.mapper.rendered import apart
from folai.mapper.features import Pictures
from folai.mapper.predict import predict_envelope
from folai.metrics import harmonic_mean, match_onsets, median_onset_error
from folai.models.rms_mapper import RMSMapper
from folai.progress import Progress, Steps
from folai.reporting import folder_or_temporary, jsonable
from folai.scenes import FAMILIES

Floats = NDArray[np.float64]

_APART = 1000.0  # seconds between scenes whose onsets are pooled: none matches across


@dataclass(frozen=True)
class FamilyScore:
    """Figures of the scenes of one family; NaN where there is nothing to find."""

    family: str
    num_scenes: int
    num_contacts: int
    median_error: float  # seconds from a contact to the onset matched to it
    precision: float
    recall: float
    f1: float
    hits_a_minute: float  # onsets that were given

    def row(self) -> str:
        counts = f"{self.family:>10}{self.num_scenes:8}{self.num_contacts:10}"
        onsets = f"{self.precision:7.3f}{self.recall:7.3f}{self.f1:7.3f}"
        return f"{counts}{1000 * self.median_error:11.1f}{onsets}{self.hits_a_minute:10.1f}"


@dataclass(frozen=True)
class SimulatedReport:
    families: tuple[FamilyScore, ...]

    def table(self) -> str:
        counts = f"{'family':>10}{'scenes':>8}{'contacts':>10}"
        heading = f"{counts}{'median/ms':>11}{'P':>7}{'R':>7}{'F1':>7}{'hits/min':>10}"
        explained = (
            "median: distance of a contact to its onset; P, R, F1: within 50 ms, contacts exact; "
            "hits/min: given"
        )
        return "\n".join([explained, heading, *(score.row() for score in self.families)])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON, in seconds; None stands for NaN."""
        facts: dict[str, Any] = jsonable({"families": [asdict(s) for s in self.families]})
        return facts


def evaluate_simulated(
    num_scenes: int,
    weights: Path | None,
    progress: Progress | None = None,
    *,
    cache: Path | None = None,
) -> SimulatedReport:
    """Score the mapper on `num_scenes` scenes of each family, kept in `cache` where one is given.

    Raises ValueError for fewer than one scene, weights that cannot be read, or without PyBullet.
    """
    if num_scenes < 1:
        raise ValueError(f"number of scenes is {num_scenes}; give 1 or more")
    models = checkpoints.load_mapper(weights)
    steps = Steps(progress, num_scenes * len(FAMILIES))
    seeds = range(FIRST_SCORED, FIRST_SCORED + num_scenes)
    scores = []
    with folder_or_temporary(cache) as folder:
        for family in FAMILIES:
            scenes = []
            for clip in load_simulated(seeds, folder, family):
                scenes.append(_predict(clip, models))
                steps.step()
            scores.append(_pooled(family, scenes))
    return SimulatedReport(tuple(scores))


@dataclass(frozen=True, eq=False)
class _Scene:
    """What was predicted in one scene, and what is in it: seconds, sorted."""

    onsets: Floats
    contacts: Floats  # 60 ms apart
    right: Floats  # every contact and start of a stroke
    duration: float


def _predict(clip: SimulatedClip, models: Sequence[RMSMapper]) -> _Scene:
    pictures: Pictures = clip.views[0]
    onsets = predict_envelope([pictures], models).onsets
    loud = clip.levels >= 0.1 * clip.levels.max(initial=0.0)
    contacts = apart(clip.contacts[loud], clip.levels[loud])
    last = pictures.duration  # what comes after the last picture cannot be known
    return _Scene(onsets, contacts[contacts <= last], clip.onsets, last)


def _pooled(family: str, scenes: Sequence[_Scene]) -> FamilyScore:
    def joined(name: str) -> Floats:
        parts = [getattr(scene, name) + _APART * index for index, scene in enumerate(scenes)]
        return np.concatenate(parts)

    onsets, contacts, right = (joined(name) for name in ("onsets", "contacts", "right"))
    found = len(match_onsets(onsets, right, TOLERANCE))
    met = len(match_onsets(onsets, contacts, TOLERANCE))
    some = len(contacts) > 0
    precision = found / max(1, len(onsets)) if some else float("nan")
    recall = met / len(contacts) if some else float("nan")
    return FamilyScore(
        family=family,
        num_scenes=len(scenes),
        num_contacts=len(contacts),
        median_error=median_onset_error(onsets, contacts),
        precision=precision,
        recall=recall,
        f1=harmonic_mean(precision, recall) if some else float("nan"),
        hits_a_minute=60 * len(onsets) / sum(scene.duration for scene in scenes),
    )
