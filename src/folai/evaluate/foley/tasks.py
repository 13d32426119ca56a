"""Tasks for a generator: pieces of recordings to be imitated, from their envelope and a reference.

A recording is brought to peak 1 and cut into pieces of about 5 s that do not overlap. Each piece
with sound in it is a target, and its measured envelope is the control. The reference is another
piece of the same recording, chosen as a person would: where annotations say what is struck or
scraped, the piece that has most of it in common with the target; otherwise a random one.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE, Sound
from folai.envelope import Envelope
from folai.media.audio import peak_normalise

Wav = NDArray[np.float32]

PIECE = 5.0  # seconds
SHORTEST_PIECE = 1.0  # seconds; recordings that give two pieces of less are left out
AUDIBLE_DB = 26.0  # a piece has sound if its loudest moment is within this of the recording's


@dataclass(frozen=True, eq=False)
class Task:
    """What a system has to generate, and the truth it is measured against; sound at 44.1 kHz."""

    name: str
    recording: str
    start: float  # seconds into the recording
    envelope: Envelope
    target: Wav  # [T], which no system but `truth` may look at
    reference: Wav | None  # [N]
    reference_start: float = 0.0  # seconds into the recording
    prompt: str | None = None
    sound: str | None = None  # the preview's built-in material nearest to the prompt
    seed: int = 0

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.target) / SAMPLE_RATE

    def with_reference(self, other: Task) -> Task:
        """The same envelope with another task's reference."""
        return replace(self, reference=other.reference, reference_start=other.reference_start)


def cut_tasks(sounds: Sequence[Sound], *, seed: int = 0, limit: int | None = None) -> list[Task]:
    """The tasks of whole recordings (label ""), in order; `limit` of them, evenly spread.

    The other sounds, parts of recordings with a label, say what is heard where.
    Raises ValueError where fewer than two recordings give tasks.
    """
    whole = [sound for sound in sounds if not sound.label]
    tasks = [task for sound in whole for task in _of_recording(sound, sounds, seed)]
    if len({task.recording for task in tasks}) < 2:
        raise ValueError(f"{len(whole)} recordings: at least two with 2 s of sound are needed")
    if limit is None or limit >= len(tasks):
        return tasks
    if limit < 2:
        raise ValueError(f"number of tasks is {limit}; give 2 or more")
    chosen = np.linspace(0, len(tasks) - 1, limit).round().astype(int)
    return [tasks[i] for i in chosen]


def partners(tasks: Sequence[Task], seed: int = 0) -> list[int]:
    """For each task, the index of a random one of another recording; the same for the same seed."""
    rng = np.random.default_rng([seed, 1])
    recordings = np.array([task.recording for task in tasks])
    return [int(rng.choice(np.flatnonzero(recordings != name))) for name in recordings]


@dataclass(frozen=True, eq=False)
class _Piece:
    start: float  # seconds
    wav: Wav
    envelope: Envelope
    heard: frozenset[str]  # labels


def _of_recording(sound: Sound, sounds: Sequence[Sound], seed: int) -> list[Task]:
    pieces = _audible_pieces(sound, sounds)
    tasks = []
    for index, piece in enumerate(pieces):
        rng = np.random.default_rng([seed, zlib.crc32(sound.name.encode()), index])
        others = [other for other in pieces if other is not piece]
        if not others:
            continue
        shared = np.array([len(piece.heard & other.heard) for other in others])
        reference = others[int(rng.choice(np.flatnonzero(shared == shared.max())))]
        tasks.append(
            Task(
                name=f"{sound.name}@{piece.start:.1f}",
                recording=sound.name,
                start=piece.start,
                envelope=piece.envelope,
                target=piece.wav,
                reference=reference.wav,
                reference_start=reference.start,
                seed=int(rng.integers(1 << 31)),
            )
        )
    return tasks


def _audible_pieces(sound: Sound, sounds: Sequence[Sound]) -> list[_Piece]:
    number = max(2, round(sound.seconds / PIECE))
    length = len(sound.samples) // number
    if length < SHORTEST_PIECE * SAMPLE_RATE:
        return []
    wav = peak_normalise(sound.wav)
    runs = labelled_runs(sound, sounds)
    pieces = []
    for first in range(0, number * length, length):
        start, part = first / SAMPLE_RATE, wav[first : first + length]
        stop = start + length / SAMPLE_RATE
        heard = frozenset(label for a, b, label in runs if a < stop and b > start)
        pieces.append(_Piece(start, part, Envelope.from_audio(part, SAMPLE_RATE), heard))
    needed = max(piece.envelope.values.max() for piece in pieces) * 10 ** (-AUDIBLE_DB / 20)
    return [p for p in pieces if len(p.envelope.onsets) and p.envelope.values.max() > needed]


def labelled_runs(sound: Sound, sounds: Sequence[Sound]) -> list[tuple[float, float, str]]:
    """(start, stop, label) of the labelled parts of a recording, from their names' `@start`."""
    runs = []
    for part in sounds:
        name, _, start = part.name.rpartition("@")
        if part.label and name == sound.name:
            runs.append((float(start), float(start) + part.seconds, part.label))
    return runs
