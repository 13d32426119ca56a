"""Whether what should ring does: partials of struck metal, glass and ceramic, over the truth's.

A task is a labelled recording of one event that rings. A system gets its envelope, and the
recording itself as the reference: the take should ring as its reference does. Figures are medians
over tasks of what is measured (`folai.metrics.tonality`) over the same of the truth: 1 is right. Of
the decay time of the strongest partials, and of the spectral flatness while it rings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from folai.data.sounds import SAMPLE_RATE, Sound
from folai.envelope import Envelope
from folai.evaluate.foley.tasks import Task, Wav
from folai.metrics import Tonality, tonality
from folai.takes.options import TAILS

KINDS = ("impact/metal", "impact/glass", "impact/ceramic")
FEWEST, SHORTEST, FLATTEST = 3, 0.09, 0.1  # partials; seconds of decay; flatness: of what rings
LEAD, TAIL = 0.25, 0.5  # seconds of silence about a recording


@dataclass(frozen=True)
class RingScore:
    """Of one system, as the module's docstring defines it; NaN where nothing rings."""

    name: str
    num_tasks: int
    decay: float
    flatness: float
    silent: float  # share of takes in which no partial is found

    def row(self) -> str:
        """A line of the table."""
        return (
            f"{self.name:<16}{self.num_tasks:6}{self.decay:8.2f}{self.flatness:10.2f}"
            f"{100 * self.silent:9.0f}"
        )


HEADING = f"{'ringing':<16}{'tasks':>6}{'decay':>8}{'flatness':>10}{'none/%':>9}"


def ring_tasks(sounds: Sequence[Sound]) -> list[Task]:
    """A task for each recording of `KINDS` that rings."""
    known = [sound for sound in sounds if sound.label.startswith(KINDS)]
    tasks = []
    for index, sound in enumerate(known):
        wav = _padded(sound.wav)
        envelope = Envelope.from_audio(wav, SAMPLE_RATE)
        onsets = envelope.onsets
        if len(onsets) != 1 or not rings(ringing(wav, onsets[0])):
            continue
        name = sound.label.partition("/")[2].partition("_")[0]
        tasks.append(
            Task(sound.name, sound.origin, 0.0, envelope, wav, sound.wav, prompt=name, seed=index)
        )
    return tasks


def ring_scores(
    systems: dict[str, Callable[[Task], Wav]], tasks: Sequence[Task]
) -> list[RingScore]:
    """The figures of systems, each a function from a task to its sound [T]."""
    truth = [ringing(task.target, task.envelope.onsets[0]) for task in tasks]
    scores = []
    for name, play in systems.items():
        found = [ringing(play(task), task.envelope.onsets[0]) for task in tasks]
        decays = [f.decay / t.decay for f, t in zip(found, truth, strict=True) if f.num_partials]
        flatness = [f.flatness / t.flatness for f, t in zip(found, truth, strict=True)]
        silent = [not f.num_partials for f in found]
        scores.append(
            RingScore(name, len(tasks), _median(decays), _median(flatness), _mean(silent))
        )
    return scores


def ringing(wav: Wav, onset: float) -> Tonality:
    """Tonality of sound [T] from an onset in seconds on."""
    return tonality(wav[round(onset * SAMPLE_RATE) :], SAMPLE_RATE)


def rings(found: Tonality) -> bool:
    return found.num_partials >= FEWEST and found.decay >= SHORTEST and found.flatness <= FLATTEST


def ring_systems(
    sampling: dict[str, Any], *, generator: bool = True
) -> dict[str, Callable[[Task], Wav]]:
    """Truth, preview and, with `sampling`, the generator with tails of either kind: as
    `folai generate` has them."""
    from folai.pipeline import GenerateOptions, play_envelope

    def of(**own: Any) -> Callable[[Task], Wav]:
        def play(task: Task) -> Wav:
            assert task.reference is not None
            options = GenerateOptions.of(reference=task.reference[None], seed=task.seed, **own)
            wav: Wav = play_envelope(task.envelope, options).wav[0]
            return wav

        return play

    systems = {"truth": lambda task: task.target, "preview": of(engine="preview")}
    if generator:
        for tails in TAILS:
            systems[f"folai, {tails}"] = of(tails=tails, engine="diffusion", **sampling)
    return systems


def _padded(wav: Wav) -> Wav:
    wav = wav / max(float(np.abs(wav).max()), 1e-9)
    before, after = round(LEAD * SAMPLE_RATE), round(TAIL * SAMPLE_RATE)
    return np.asarray(np.pad(wav, (before, after)), np.float32)


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _mean(values: Sequence[bool]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
