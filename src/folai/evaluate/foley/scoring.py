"""The figures of one system on all tasks; `comparison` defines the figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE
from folai.evaluate.foley.labels import Classifier, agreement
from folai.evaluate.foley.second_judge import SecondJudge
from folai.evaluate.foley.systems import System
from folai.evaluate.foley.tasks import Task, Wav
from folai.evaluate.sounds.embedder import Embedder
from folai.media.audio import resample
from folai.metrics import (
    RMS_RATE,
    EnvelopeCorrelation,
    cosine,
    envelope_correlation,
    frechet_distance,
    rms_curve,
)
from folai.metrics import SAMPLE_RATE as CURVE_RATE
from folai.progress import Steps
from folai.reporting import mean_of_known

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SystemScore:
    """Figures of one system, as `comparison` defines them; NaN where not measured."""

    name: str
    correlation: float
    best: float
    lag: float  # seconds, mean
    frechet: float
    over_noise: float
    over_preview: float
    own: float  # 0 to 1, as are the following two
    own_reference: float
    label: float
    second: float  # the same by a second judge
    predicted: float
    labels: dict[str, float]  # agreement of each class
    tasks: dict[str, float]  # correlation of each task

    def row(self) -> str:
        timing = f"{self.correlation:7.3f}{self.best:7.3f}{1000 * self.lag:+8.1f}"
        frechet = f"{self.frechet:8.1f}{self.over_noise:9.2f}{self.over_preview:9.2f}"
        shares = "".join(f"{100 * x:7.0f}" for x in (self.own, self.own_reference, self.label))
        second = "" if math.isnan(self.second) else f"{100 * self.second:7.0f}"
        row = f"{self.name:<11}{timing}{frechet}{shares}{self.predicted:8.3f}{second}"
        return row.replace("nan", "  -")


@dataclass(frozen=True, eq=False)
class Trial:
    """The tasks of all systems, and what is known of the truth."""

    embedder: Embedder
    tasks: list[Task]
    targets: list[Floats]  # embeddings [N, D] of each task's target
    references: Floats  # [tasks, D]
    partners: list[int]  # of each task, one of another recording
    predicted: list[Task]  # with the mapper's envelopes, or none
    labelled: list[Task]  # with prompts, or none
    classifier: Classifier | None
    judge: SecondJudge | None = None

    @property
    def truths(self) -> Floats:
        """[tasks, D]: the mean embedding of each target."""
        return np.stack([blocks.mean(axis=0) for blocks in self.targets])

    @property
    def recordings(self) -> NDArray[np.str_]:
        return np.array([task.recording for task in self.tasks])


def score(system: System, trial: Trial, steps: Steps) -> SystemScore:
    """All figures of one system but the ratios of its Frechet distance, which need the others."""
    blocks, correlations = [], []
    for task in trial.tasks:
        wav = play_task(system, task, steps)
        blocks.append(trial.embedder.embed(wav))
        correlations.append(_correlation(wav, task.target))
    means = np.stack([of_task.mean(axis=0) for of_task in blocks])
    label, labels, second = _agreement(system, trial, steps)
    return SystemScore(
        name=system.name,
        correlation=mean_of_known([found.at_zero for found in correlations]),
        best=mean_of_known([found.best for found in correlations]),
        lag=mean_of_known([found.lag for found in correlations]),
        frechet=frechet_distance(np.concatenate(blocks), np.concatenate(trial.targets)),
        over_noise=math.nan,
        over_preview=math.nan,
        own=own_nearest(means, trial.truths, trial.recordings),
        own_reference=_own_reference(system, means, trial, steps),
        label=label,
        second=second,
        predicted=mean_of_known(_predicted(system, trial, steps)),
        labels=labels,
        tasks={
            task.name: found.at_zero for task, found in zip(trial.tasks, correlations, strict=True)
        },
    )


def own_nearest(means: Floats, truths: Floats, recordings: NDArray[np.str_]) -> float:
    """Share of the sounds [N, D] whose nearest truth, its own target left out, is of its recording.

    0 to 1, higher is better; by chance about 1 over the number of recordings.
    """
    similarity = cosine(means[:, None], truths[None])
    np.fill_diagonal(similarity, -np.inf)
    return float(np.mean(recordings[similarity.argmax(axis=1)] == recordings))


def _own_reference(system: System, means: Floats, trial: Trial, steps: Steps) -> float:
    """Share of sounds nearer to their own of two references. A system that uses the reference is
    tried with both.
    """
    own, other = trial.references, trial.references[trial.partners]
    right = list(cosine(means, own) > cosine(means, other))
    if system.listens:
        for index, (task, partner) in enumerate(zip(trial.tasks, trial.partners, strict=True)):
            swapped = task.with_reference(trial.tasks[partner])
            mean = trial.embedder.mean(play_task(system, swapped, steps))
            right.append(cosine(mean, other[index]) > cosine(mean, own[index]))
    return float(np.mean(right))


def _agreement(system: System, trial: Trial, steps: Steps) -> tuple[float, dict[str, float], float]:
    """(Share heard as the prompt says, that of each class, the share by the second judge)."""
    if trial.classifier is None or not system.reads:
        return math.nan, {}, math.nan
    wavs = [play_task(system, task, steps) for task in trial.labelled]
    share, shares = agreement(trial.classifier(trial.embedder.means(wavs)), trial.labelled)
    second = math.nan
    if trial.judge is not None:
        usual = trial.judge.usual_scores([task.target for task in trial.labelled])
        named = [(task.recording, wav) for task, wav in zip(trial.labelled, wavs, strict=True)]
        second = trial.judge.agreement(named, usual)
    return share, dict(shares), second


def _predicted(system: System, trial: Trial, steps: Steps) -> list[float]:
    if not system.follows:
        return []
    pieces = [(play_task(system, task, steps), task.target) for task in trial.predicted]
    return [_correlation(wav, target).at_zero for wav, target in pieces]


def mapper_figure(trial: Trial) -> float:
    """Mean correlation at lag 0 of the predicted envelopes themselves with the true ones."""
    found = []
    for task in trial.predicted:
        true = _curve(task.target)
        curve = task.envelope.at(np.arange(len(true)) / RMS_RATE)
        found.append(envelope_correlation(curve, true).at_zero)
    return mean_of_known(found)


def _correlation(wav: Wav, target: Wav) -> EnvelopeCorrelation:
    return envelope_correlation(_curve(wav), _curve(target))


def _curve(wav: Wav) -> Floats:
    return rms_curve(resample(wav[None], SAMPLE_RATE, CURVE_RATE)[0])


def play_task(system: System, task: Task, steps: Steps) -> Wav:
    wav = system(task)
    steps.step()
    return wav


def num_plays(system: System, trial: Trial) -> int:
    rounds = 2 if system.listens else 1
    labelled = len(trial.labelled) if system.reads else 0
    predicted = len(trial.predicted) if system.follows else 0
    return rounds * len(trial.tasks) + labelled + predicted
