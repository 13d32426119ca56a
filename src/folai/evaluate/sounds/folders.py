"""Any video-to-sound system, from folders of files: generated sounds against true ones.

    report = evaluate_sound(truth, [first, second], SoundOptions())
    print(report.text())

Pairs are those of one name. Every pair is measured by itself in worker processes (`measure`), every
system as a set by each embedding (`sets`). The figures are those of `metrics`.
"""

from __future__ import annotations

import math
import multiprocessing
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from folai.evaluate.sounds.embeddings import Embedder, load_embedder
from folai.evaluate.sounds.measure import MeasureOptions, PairScore, PieceScore, measure
from folai.evaluate.sounds.pairs import Pairing, pair_folders, system_names
from folai.evaluate.sounds.sets import SetScore, embed_pairs, of_log_mel, score_set
from folai.metrics import figures as metrics
from folai.reporting import Progress, Steps, jsonable

SILENCE = "(silence)"  # the row that an empty file would have
INLINE = 12  # pairs that are measured sooner here than it takes to start workers
AT_ONCE = 4  # pairs sent to a worker together


@dataclass(frozen=True)
class SoundOptions:
    """How systems are compared. Raises ValueError for what cannot be meant."""

    measure: MeasureOptions = field(default_factory=MeasureOptions)
    embeddings: tuple[str, ...] = ()  # as `load_embedder` names them; none: aiSFX if installed
    prompts: dict[str, str] = field(default_factory=dict)  # of clips by name, for CLAP's words
    pictures: Path | None = None  # folder of NAME.npy, vectors of the clips' pictures, for FAVD
    workers: int | None = None  # processes; None: one a core
    cache: Path | None = None  # of what was measured, by what is in the files

    def __post_init__(self) -> None:
        if self.workers is not None and not 1 <= self.workers <= 256:
            raise ValueError(f"workers is {self.workers}; give 1 to 256")


@dataclass(frozen=True)
class Mean:
    """Of a figure over the pieces that have it, and between what other clips would have it."""

    value: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, eq=False)
class SystemScore:
    pairing: Pairing
    scores: tuple[PairScore, ...]
    sets: tuple[SetScore, ...]

    @property
    def name(self) -> str:
        return self.pairing.system

    @property
    def pieces(self) -> list[PieceScore]:
        return [piece for score in self.scores for piece in score.pieces]

    @property
    def errors(self) -> dict[str, str]:
        """Clip: what is wrong with it."""
        return {score.name: score.error for score in self.scores if score.error is not None}

    def mean(self, figure: str) -> Mean:
        values = [getattr(piece, figure) for piece in self.pieces]
        known = [value for value in values if not math.isnan(value)]
        low, high = metrics.bootstrap_interval(known)
        return Mean(float(np.mean(known)) if known else math.nan, low, high, len(known))

    def skill(self, form: str = "16k") -> float:
        """Of the mean E-L1 against that of silence: no single quiet clip runs away with it."""
        silence = self.mean(f"silence_{form}").value
        return 1 - self.mean(f"l1_{form}").value / silence if silence > 0 else math.nan

    def counted(self) -> dict[str, int]:
        """How many pairs needed what, such as being trimmed."""
        notes = [note for score in self.scores for note in score.notes]
        return {note: notes.count(note) for note in dict.fromkeys(sorted(notes))}


@dataclass(frozen=True, eq=False)
class SoundReport:
    truth: Path
    options: SoundOptions
    systems: tuple[SystemScore, ...]

    @property
    def failed(self) -> bool:
        """Whether any file could not be read."""
        return any(system.errors for system in self.systems)

    def text(self) -> str:
        from folai.evaluate.sounds.sections import sound_sections

        return "\n\n".join(section.text() for section in sound_sections(self))

    def to_dict(self) -> dict[str, Any]:
        """For JSON, times in seconds; None stands for NaN."""
        facts: dict[str, Any] = jsonable(
            {
                "truth": str(self.truth),
                "peak_normalised": self.options.measure.peak_normalised,
                "piece": self.options.measure.piece,
                "systems": [_system_facts(system) for system in self.systems],
            }
        )
        return facts


def evaluate_sound(
    truth: Path,
    generated: Sequence[Path],
    options: SoundOptions = SoundOptions(),
    progress: Progress | None = None,
    *,
    names: Sequence[str] | None = None,
    only: Collection[str] | None = None,
) -> SoundReport:
    """Measure every folder of generated sounds against the true ones, `only` those names if given.

    A file that cannot be read is in `errors`, and the rest goes on. Many pairs are measured in new
    processes, which import the main module: a script must call this under `__main__`.
    Raises ValueError for folders or embeddings that will not do, and where not a single pair can be
    measured.
    """
    if not generated:
        raise ValueError("no generated folder; give at least one")
    named = list(names) if names is not None else system_names(generated)
    pairings = [
        pair_folders(truth, folder, name, only)
        for folder, name in zip(generated, named, strict=True)
    ]
    embedders = [load_embedder(name) for name in options.embeddings]
    if not embedders:
        embedders = [e for e in [load_embedder()] if e.name != "log-mel"]
    embedders = [e for e in embedders if e.name != "log-mel"]
    if options.cache is not None:
        options.cache.mkdir(parents=True, exist_ok=True)
    pairs = sum(len(pairing.pairs) for pairing in pairings)
    told = Steps(progress, max(1, pairs * (1 + len(embedders))))
    measured = _measure_all(pairings, options, told)
    systems = tuple(
        SystemScore(pairing, scores, _sets(pairing, scores, embedders, options, told))
        for pairing, scores in zip(pairings, measured, strict=True)
    )
    told.finish()
    for system in systems:
        if not system.pieces:
            raise ValueError(
                f"{system.name}: no pair can be measured; {min(system.errors.values())}"
            )
    return SoundReport(truth, options, systems)


def _measure_all(
    pairings: Sequence[Pairing], options: SoundOptions, told: Steps
) -> list[tuple[PairScore, ...]]:
    """In the order of the pairs, whichever worker was first."""
    pairs = [pair for pairing in pairings for pair in pairing.pairs]
    run = partial(measure, options=options.measure, cache=options.cache)
    workers = options.workers or cores()
    scores = []
    if workers == 1 or len(pairs) <= INLINE:
        for pair in pairs:
            scores.append(run(pair))
            told.step()
    else:
        # Fresh processes: one that holds PyTorch's threads must not be forked.
        context = multiprocessing.get_context("spawn")
        try:
            with ProcessPoolExecutor(workers, mp_context=context) as pool:
                for score in pool.map(run, pairs, chunksize=AT_ONCE):
                    scores.append(score)
                    told.step()
        except BrokenProcessPool as error:
            reason = "a worker was ended from outside, perhaps for lack of memory"
            raise ValueError(f"{reason}; use fewer than {workers} workers") from error
    each = iter(scores)
    return [tuple(next(each) for _ in pairing.pairs) for pairing in pairings]


def _sets(
    pairing: Pairing,
    scores: Sequence[PairScore],
    embedders: Sequence[Embedder],
    options: SoundOptions,
    told: Steps,
) -> tuple[SetScore, ...]:
    readable = [p for p, s in zip(pairing.pairs, scores, strict=True) if s.error is None]
    if not readable:
        return ()
    found = [score_set("log-mel", of_log_mel(scores, options.pictures))]
    for embedder in embedders:
        clips = embed_pairs(
            embedder,
            readable,
            options.measure.piece,
            options.cache,
            prompts=options.prompts,
            pictures=options.pictures,
            step=told.step,
        )
        found.append(score_set(embedder.name, clips))
    return tuple(found)


def _system_facts(system: SystemScore) -> dict[str, Any]:
    figures = [name for name in PieceScore.__dataclass_fields__ if name not in ("name", "start")]
    return {
        "name": system.name,
        "num_pairs": len(system.pairing.pairs),
        "num_pieces": len(system.pieces),
        "unpaired": {
            "without_generated": list(system.pairing.missing),
            "without_truth": list(system.pairing.extra),
        },
        "errors": system.errors,
        "counted": system.counted(),
        "skill": {form: system.skill(form) for form in ("16k", "44k")},
        "means": {name: asdict(system.mean(name)) for name in figures},
        "sets": [asdict(score) | {"warning": score.warning} for score in system.sets],
        "pieces": [asdict(piece) for piece in system.pieces],
    }


def cores() -> int:
    """That this process may use."""
    own = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return own or os.cpu_count() or 1


def warnings(report: SoundReport) -> Iterator[str]:
    """What a reader must know before believing the numbers, a line each."""
    for system in report.systems:
        for name, reason in system.errors.items():
            yield f"{system.name}: {name} could not be measured: {reason}"
        for names, what in (
            (system.pairing.missing, "true files without a generated one"),
            (system.pairing.extra, "generated files without a true one"),
        ):
            if names:
                yield f"{system.name}: {len(names)} {what}: {', '.join(names)}"
        counted = system.counted()
        if counted:
            told = ", ".join(f"{count} {note}" for note, count in counted.items())
            yield f"{system.name}: of {len(system.scores)} pairs: {told}"
