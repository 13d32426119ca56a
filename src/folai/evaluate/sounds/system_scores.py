"""The comparison of systems: options, and the scores of each system by clip and as a set."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from folai import metrics
from folai.evaluate.sounds.measure import MeasureOptions, PairScore, PieceScore
from folai.evaluate.sounds.pairs import Pairing
from folai.evaluate.sounds.sets import SetScore
from folai.reporting import jsonable


@dataclass(frozen=True)
class SoundOptions:
    """How systems are compared. Raises ValueError for what is out of range."""

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
    """A figure's mean over the pieces that have it, with its interval over clips."""

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
        """1 - mean E-L1 / mean E-L1 of silence. Of the means, so that no single quiet clip
        dominates.
        """
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


def warnings(report: SoundReport) -> Iterator[str]:
    """What to know before trusting the numbers, one line each."""
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
            notes = ", ".join(f"{count} {note}" for note, count in counted.items())
            yield f"{system.name}: of {len(system.scores)} pairs: {notes}"
