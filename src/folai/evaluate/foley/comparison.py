"""Scores of the sound model on recordings it has never heard, beside simple systems.

Tasks are those of `tasks`, systems those of `systems`. All curves are RMS at 125 Hz of sound at
16 kHz, all similarity is between embeddings, the mean of a sound's blocks, by cosine.

    corr       correlation at lag 0 of a sound's envelope with the one asked for
    best, lag  the same at the best lag within 100 ms, and that lag (positive: the sound is late)
    FD         squared Frechet distance of all blocks to those of the targets; as parts of that of
               `noise` and of `preview`
    own        nearest of all the other true pieces is one of the target's own recording, %
    A/B        nearer to its own reference than to that of another recording, for both under one
               envelope, %
    label      a classifier of true sounds hears what the prompt says, ten classes, mean, %
    2nd        the same by YAMNet (`second_judge`), the seven classes that it has tags for, %
    pred       correlation at lag 0 with the true sound, where the envelope is the mapper's
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds
from folai.evaluate.foley.labels import CLASSES, Classifier, label_tasks, learn_labels
from folai.evaluate.foley.predicted import predicted_tasks
from folai.evaluate.foley.ringing import HEADING as RING_HEADING
from folai.evaluate.foley.ringing import RingScore, ring_scores, ring_systems, ring_tasks
from folai.evaluate.foley.scoring import SystemScore, Trial, mapper_figure, num_plays, score
from folai.evaluate.foley.second_judge import SecondJudge, check_installed
from folai.evaluate.foley.spectrograms import check_folder, draw_spectrograms
from folai.evaluate.foley.speech import SpeechScore, check_detector, speech_score
from folai.evaluate.foley.speed import Speed, measure_speed
from folai.evaluate.foley.systems import System, baselines, generators
from folai.evaluate.foley.tasks import Task, Wav, cut_tasks, partners
from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.embeddings import load_embedder
from folai.media.audio import write_wav
from folai.progress import Progress, Steps
from folai.reporting import folder_or_temporary, jsonable

Floats = NDArray[np.float64]

SHOWN = 6  # clips in the figure
SOUNDS = "sfx"  # name of the folder of labelled recordings, beside that of the clips


@dataclass(frozen=True)
class FoleyOptions:
    """What is measured, with which weights and data."""

    data: Path  # clips with sound
    split: str | None = "val"
    sounds: Path | None = None  # labelled recordings; None: `sfx` beside `data`, if it is there
    weights: Path | None = None  # of the sound model
    mapper: Path | None = None  # weights of the mapper
    generator: bool = True  # False: the baselines only
    predicted: bool = True  # also with the mapper's envelopes
    limit: int | None = None  # number of tasks; None: all there are
    seed: int = 0
    embedding: str | None = None
    sampling: dict[str, Any] = field(default_factory=dict)  # options of the engine diffusion
    durations: tuple[float, ...] = ()  # seconds of sound to measure speed and memory with
    ringing: bool = False  # also whether what should ring does
    speech: int = 0  # takes in which speech is looked for
    second_judge: bool = False  # YAMNet hears the prompted sounds, too
    plot: Path | None = None  # folder for spectrograms and the sounds of six clips
    cache: Path | None = None  # of decoded sound and pictures; None: a temporary folder


@dataclass(frozen=True)
class FoleyReport:
    """Scores of all systems, and what they were measured with."""

    scores: tuple[SystemScore, ...]
    embedding: str
    num_tasks: int
    num_recordings: int
    mapper: float  # correlation at lag 0 of the mapper's own envelopes with the true ones
    speeds: tuple[Speed, ...] = ()
    ringing: tuple[RingScore, ...] = ()
    speech: SpeechScore | None = None

    def table(self) -> str:
        """A line for each system, and what the columns are."""
        heading = (
            f"{'':<11}{'corr':>7}{'best':>7}{'lag/ms':>8}{'FD':>8}{'/noise':>9}{'/preview':>9}"
            f"{'own%':>7}{'A/B%':>7}{'label%':>7}{'pred':>8}"
        )
        judged = any(not math.isnan(score.second) for score in self.scores)
        heading += f"{'2nd%':>7}" if judged else ""
        explained = (
            f"{self.num_tasks} pieces of {self.num_recordings} recordings, "
            f"embedding {self.embedding}\n"
            "corr, best, lag: envelope against the true one it was given, lag + where late; "
            "FD: Frechet distance to the true sounds\n"
            "own: nearest is a piece of its own recording; A/B: nearer to its own of two "
            "references; label: heard as the prompt says\n"
            f"pred: given the mapper's envelope, corr with the true one; the mapper's own: "
            f"{self.mapper:.3f}"
        )
        lines = [explained, heading, *(score.row() for score in self.scores)]
        lines += [f"{name}: {self._classes(name)}" for name in self._labelled()]
        if self.ringing:
            lines += [RING_HEADING, *(score.row() for score in self.ringing)]
        if self.speech is not None:
            lines.append(self.speech.row())
        return "\n".join([*lines, *(speed.row() for speed in self.speeds)])

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON; None stands for NaN, lags are seconds."""
        facts: dict[str, Any] = jsonable(asdict(self))
        return facts

    def _labelled(self) -> list[str]:
        return [score.name for score in self.scores if score.labels]

    def _classes(self, name: str) -> str:
        (labels,) = [score.labels for score in self.scores if score.name == name]
        return ", ".join(f"{label} {100 * share:.0f}" for label, share in labels.items())


def evaluate_foley(
    options: FoleyOptions,
    systems: Sequence[System] | None = None,
    progress: Progress | None = None,
) -> FoleyReport:
    """Score the systems (None: the baselines and the trained generator), the truth last.

    Raises ValueError for a folder or weights that cannot be read.
    """
    if options.durations and not options.generator:
        raise ValueError("speed is that of the sound model: do not leave it out")
    if options.plot is not None:
        check_folder(options.plot)
    if options.speech:
        check_detector()
    if options.second_judge:
        check_installed()
    if systems is None:
        trained = generators(options.weights, **options.sampling) if options.generator else []
        *simple, truth = baselines()
        systems = [*simple, *trained, truth]
    with folder_or_temporary(options.cache) as cache:
        trial = prepare(options, cache)
        steps = Steps(progress, sum(num_plays(system, trial) for system in systems))
        if options.plot is not None:
            draw(trial.tasks, systems, options.plot)
        scores = [score(system, trial, steps) for system in systems]
        ringing = _ringing(options, cache) if options.ringing else ()
        speech = _speech(options, cache) if options.speech else None
    speeds = tuple(
        measure_speed(duration, options.weights, options.sampling) for duration in options.durations
    )
    steps.finish()
    return FoleyReport(
        scores=tuple(_related(scores)),
        embedding=trial.embedder.name,
        num_tasks=len(trial.tasks),
        num_recordings=len(set(trial.recordings)),
        mapper=mapper_figure(trial),
        speeds=speeds,
        ringing=ringing,
        speech=speech,
    )


def prepare(options: FoleyOptions, cache: Path) -> Trial:
    """Read the recordings, cut the tasks, embed the truth, teach the classifier."""
    embedder = load_embedder(options.embedding)
    heard = load_sounds(options.data, cache, options.split)
    tasks = cut_tasks(heard, seed=options.seed, limit=options.limit)
    labelled, classifier = _labels(options, heard, embedder, cache)
    predicted: list[Task] = []
    if options.predicted:
        predicted = predicted_tasks(tasks, options.data, options.mapper, cache)
    return Trial(
        embedder=embedder,
        tasks=tasks,
        targets=[embedder.embed(task.target) for task in tasks],
        references=embedder.means([_reference_of(task) for task in tasks]),
        partners=partners(tasks, options.seed),
        predicted=predicted,
        labelled=labelled,
        classifier=classifier,
        judge=SecondJudge() if options.second_judge else None,
    )


def draw(tasks: Sequence[Task], systems: Sequence[System], folder: Path) -> None:
    """Six clips as spectrograms, the truth first, and as sounds, in `folder`."""
    shown = [systems[-1], *(s for s in systems[:-1] if s.name in ("preview", "folai"))]
    chosen = np.linspace(0, len(tasks) - 1, min(SHOWN, len(tasks))).round().astype(int)
    clips = []
    for number, task in enumerate((tasks[i] for i in chosen), start=1):
        sounds = {system.name: system(task) for system in shown}
        for name, wav in sounds.items():
            write_wav(folder / f"{number}-{name}.wav", wav[None], SAMPLE_RATE)
        clips.append((Path(task.name).name, sounds))
    draw_spectrograms(clips, folder)


def _related(scores: Sequence[SystemScore]) -> list[SystemScore]:
    """The same scores with Frechet distances relative to those of noise and preview."""
    distance = {score.name: score.frechet for score in scores}
    noise, preview = (distance.get(name) or math.nan for name in ("noise", "preview"))
    return [
        replace(score, over_noise=score.frechet / noise, over_preview=score.frechet / preview)
        for score in scores
    ]


# What is asked for


def _labels(
    options: FoleyOptions, heard: Sequence[Sound], embedder: Embedder, cache: Path
) -> tuple[list[Task], Classifier | None]:
    """Tasks with prompts and who judges them; none where there are no labelled recordings."""
    folder = _labelled_folder(options)
    if folder is None:
        return [], None
    learned = load_sounds([options.data, folder], cache, "train")
    classifier = learn_labels(learned, embedder, seed=options.seed)
    sounds = [*heard, *load_sounds(folder, cache, "val")]
    names = [kind.name for kind in CLASSES if kind.name in classifier.names]
    return label_tasks(sounds, names, seed=options.seed), classifier


def _labelled_folder(options: FoleyOptions) -> Path | None:
    """Of labelled recordings; None where none is named and none lies beside the clips."""
    folder = options.sounds or options.data.parent / SOUNDS
    named = options.sounds is not None
    return folder if named or (folder / "index.csv").is_file() else None


def _labelled(options: FoleyOptions, cache: Path, what: str) -> list[Sound]:
    """The labelled recordings of the split. Raises ValueError where there are none."""
    folder = _labelled_folder(options)
    if folder is None:
        raise ValueError(f"{what} needs labelled recordings; give --sounds DIR")
    return load_sounds(folder, cache, options.split)


def _ringing(options: FoleyOptions, cache: Path) -> tuple[RingScore, ...]:
    tasks = ring_tasks(_labelled(options, cache, "ringing"))
    sampling = {"foley_weights": options.weights, **options.sampling}
    return tuple(ring_scores(ring_systems(sampling, generator=options.generator), tasks))


def _speech(options: FoleyOptions, cache: Path) -> SpeechScore:
    sounds = _labelled(options, cache, "speech")
    return speech_score(
        options.speech, sounds, {"foley_weights": options.weights, **options.sampling}
    )


def _reference_of(task: Task) -> Wav:
    assert task.reference is not None  # cut_tasks gives every task one
    return task.reference
