"""Recordings -> labelled sounds, decoded once and mapped from disk, and how to choose among them.

A folder of recordings has an `index.csv` (columns file, start_seconds, seconds, label, split,
origin: many short recordings in few files); a folder of clips has a `clips.csv` (path, split,
dataset), whose sound is taken, and perhaps an `onsets.csv` (path, time_seconds, material, action),
from which parts of a clip get labels such as `hit/wood`. A folder of such folders stands for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.data.cache import cache_key, file_stamp
from folai.media.audio import read_audio
from folai.tables import read_table
from folai.writing import written_whole

SAMPLE_RATE = 44_100  # Hz
BEFORE_ONSET = 0.1  # seconds kept before a labelled part: annotated times are rounded to 1/15 s
AFTER_ONSET = 1.5  # seconds that the last onset may ring on

VERSION = 1  # raise when the same file would be decoded to other samples, by `media.audio` say


@dataclass(frozen=True)
class Sound:
    """One recording, or a part of a clip that has one label.

    A clip also gives one sound of its whole length, whose label is "": many things, or unknown.
    """

    name: str
    label: str  # `group/kind`, such as `footstep/gravel`
    origin: str  # who recorded it, hence which room and microphone
    split: str
    samples: NDArray[np.int16]  # [T] at SAMPLE_RATE, mapped from disk: reading it fetches it

    @property
    def wav(self) -> NDArray[np.float32]:
        """[T] in [-1, 1], made anew at each call."""
        return self.samples.astype(np.float32) / np.float32(32767.0)

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def load_sounds(
    folders: Path | Sequence[Path], cache: Path, split: str | None = "train"
) -> list[Sound]:
    """The sounds of a split (None: of all) in the folders, in a fixed order.

    Raises ValueError where a folder or table is missing, or where nothing is in the split.
    """
    places = [folders] if isinstance(folders, Path) else list(folders)
    cache.mkdir(parents=True, exist_ok=True)
    sounds = [
        sound
        for folder in places
        for table in _tables(folder)
        for sound in (
            _recordings(table, cache, split)
            if table.name == "index.csv"
            else _clips(table, cache, split)
        )
    ]
    if not sounds:
        names = ", ".join(map(str, places))
        raise ValueError(f"{names}: no sounds of split {split!r}; see the column `split`")
    return sounds


def pick_weights(sounds: Sequence[Sound]) -> NDArray[np.float64]:
    """How often to draw each sound, [N], sums to 1.

    A label counts with the square root of its recordings, so that rare labels are heard without
    being overfitted. It is shared evenly among its origins, so that no single room stands for a
    label.
    """
    labels = Counter(sound.label for sound in sounds)
    pairs = Counter((sound.label, sound.origin) for sound in sounds)
    origins = Counter(label for label, _ in pairs)
    weights = np.array(
        [np.sqrt(labels[s.label]) / origins[s.label] / pairs[s.label, s.origin] for s in sounds]
    )
    return np.asarray(weights / weights.sum())


def pick(sounds: Sequence[Sound], rng: np.random.Generator, count: int) -> list[Sound]:
    """`count` sounds, drawn by label and origin with `pick_weights`."""
    return [sounds[i] for i in rng.choice(len(sounds), count, p=pick_weights(sounds))]


def pick_window(sound: Sound, num_samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """`num_samples` from a random place in a sound; a shorter one lies in silence, anywhere."""
    spare = len(sound.samples) - num_samples
    if spare >= 0:
        first = int(rng.integers(spare + 1))
        return sound.samples[first : first + num_samples].astype(np.float32) / np.float32(32767.0)
    wav = np.zeros(num_samples, np.float32)
    first = int(rng.integers(-spare + 1))
    wav[first : first + len(sound.samples)] = sound.wav
    return wav


# Reading


def _tables(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give the folder that holds the recordings")
    names = ("index.csv", "clips.csv")
    places = [folder, *sorted(path for path in folder.iterdir() if path.is_dir())]
    tables = [place / name for place in places for name in names if (place / name).is_file()]
    if not tables:
        raise ValueError(f"{folder}: has no {' or '.join(names)}, nor has a folder in it")
    return tables


def _recordings(table: Path, cache: Path, split: str | None) -> Iterator[Sound]:
    columns = ("file", "start_seconds", "seconds", "label", "split", "origin")
    decoded: dict[str, NDArray[np.int16]] = {}
    for row in read_table(table, columns):
        if split not in (None, row["split"]):
            continue
        name = row["file"]
        if name not in decoded:
            decoded[name] = _decoded(table.parent / name, cache)
        start = round(float(row["start_seconds"]) * SAMPLE_RATE)
        samples = decoded[name][start : start + round(float(row["seconds"]) * SAMPLE_RATE)]
        if len(samples):
            place = f"{name}@{row['start_seconds']}"
            yield Sound(place, row["label"], row["origin"], row["split"], samples)


def _clips(table: Path, cache: Path, split: str | None) -> Iterator[Sound]:
    columns = ("path", "time_seconds", "material", "action")
    onsets = table.with_name("onsets.csv")
    contacts: dict[str, list[tuple[float, str]]] = {}
    for row in read_table(onsets, columns) if onsets.is_file() else []:
        known = "None" not in (row["action"], row["material"])
        label = f"{row['action']}/{row['material']}" if known else ""
        contacts.setdefault(row["path"], []).append((float(row["time_seconds"]), label))
    for row in read_table(table, ("path", "split", "dataset")):
        if split not in (None, row["split"]):
            continue
        samples = _decoded(table.parent / row["path"], cache)
        yield Sound(row["path"], "", row["dataset"], row["split"], samples)
        for start, stop, label in _runs(sorted(contacts.get(row["path"], []))):
            part = samples[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)]
            if len(part):
                name = f"{row['path']}@{start:.2f}"
                yield Sound(name, label, row["dataset"], row["split"], part)


def _runs(contacts: list[tuple[float, str]]) -> Iterator[tuple[float, float, str]]:
    """(start, stop, label) of the stretches in which all contacts have one, known label."""
    first = 0
    for index in range(1, len(contacts) + 1):
        label = contacts[first][1]
        if index < len(contacts) and contacts[index][1] == label:
            continue
        stop = contacts[index - 1][0] + AFTER_ONSET
        if index < len(contacts):
            stop = min(stop, contacts[index][0] - BEFORE_ONSET)
        start = max(contacts[first][0] - BEFORE_ONSET, 0.0)
        if label and stop > start:
            yield start, stop, label
        first = index


def _decoded(path: Path, cache: Path) -> NDArray[np.int16]:
    """[T] at SAMPLE_RATE, mono, from `cache` where it was decoded before."""
    key = cache_key(VERSION, SAMPLE_RATE, *file_stamp(path))
    stored = cache / f"{path.stem[:40]}-{key}.npy"
    if not stored.is_file():
        wav, _ = read_audio(path, sample_rate=SAMPLE_RATE, mono=True)
        with written_whole(stored) as temporary:
            np.save(temporary, np.round(np.clip(wav[0], -1, 1) * 32767).astype(np.int16))
    samples: NDArray[np.int16] = np.load(stored, mmap_mode="r")
    return samples
