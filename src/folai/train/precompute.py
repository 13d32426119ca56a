"""Clips -> what training reads: pictures, true envelope and onsets, computed once and kept on disk.

A folder of clips is any folder with video files in it. Where it has a `clips.csv` (columns `path`
and `split`, as ../shared/clips has), that decides which clips belong to which split; where it has
an `onsets.csv` (`path`, `time_seconds`), those annotations say where the contacts are.
"""

from __future__ import annotations

import functools
import hashlib
import math
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from folai import render
from folai.audio import peak_normalise, read_audio, resample, to_mono
from folai.cadence import taken_times
from folai.features import MAX_FPS, Pictures, iter_pictures, read_pictures
from folai.flow import FLOW_SIZE
from folai.render import Scene, random_scene, render_frames
from folai.rms import centred_rms
from folai.tables import read_table
from folai.train.guises import random_guise, seen_as
from folai.train.views import Action
from folai.video import Frame, iter_frames, probe
from folai.writing import written_whole

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

TRUTH_RATE = 480.0  # Hz at which the true envelope is kept
AUDIO_RATE = 16_000  # Hz at which it is measured, as the papers do
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
RENDERED_SECONDS = 8.0  # of each rendered clip
SCENES = 100_000  # that training may draw, by seed; others are for scoring
_VERSION = 3  # raise when what is stored changes
_FILMED_AT = (24.0, 25.0, 30000 / 1001, 30.0, 30.0, None)  # fps of rendered clips; None: it varies
_RATES = (0.55, 0.4, 0.05)  # how often a guise keeps every, every second, every third frame
_GUISE_HEIGHT = 256  # pixels, of the pictures other cameras come nearer to
SHORTEST = 0.02  # seconds between pictures where it varies: what is closer is thinned out
_SLOW = 20.0  # fps below which it keeps every frame


@dataclass(frozen=True)
class Clip:
    """One clip ready for training or scoring. Sound is on the picture's clock, uncorrected."""

    name: str
    fps: float  # as the file says
    pictures: Pictures
    rms: NDArray[np.float32]  # [N] at TRUTH_RATE, of the sound at peak 1
    annotated: NDArray[np.float64] | None  # contact times as annotated, seconds


@dataclass(frozen=True)
class Listing:
    """A clip in a folder, before it is read."""

    path: Path
    name: str
    annotated: NDArray[np.float64] | None
    sync: str = ""  # as `clips.csv` rates it: A, plainly of contacts that are seen; B, partly


def list_clips(folder: Path, split: str | None = None) -> list[Listing]:
    """The clips of `folder`, or of one split of it, in a fixed order.

    Raises ValueError where the folder is missing, holds no clips, has no such split, or where its
    tables lack a column or a value.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give the folder that holds the clips")
    onsets, ratings = _read_onsets(folder / "onsets.csv"), dict[str, str]()
    table = folder / "clips.csv"
    if table.is_file():
        rows = read_table(table, ("path", "split"))
        splits = sorted({row["split"] for row in rows})
        if split is not None and split not in splits:
            raise ValueError(f"{table}: no split {split!r}; it has {', '.join(splits)}")
        names = [row["path"] for row in rows if split in (None, row["split"])]
        ratings = {row["path"]: row.get("sync") or "" for row in rows}
    else:
        files = (path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
        names = sorted(path.relative_to(folder).as_posix() for path in files)
    if not names:
        raise ValueError(f"{folder}: no video files; expected {', '.join(VIDEO_SUFFIXES)}")
    return [Listing(folder / name, name, onsets.get(name), ratings.get(name, "")) for name in names]


def _read_onsets(path: Path) -> dict[str, NDArray[np.float64]]:
    if not path.is_file():
        return {}
    times: dict[str, list[float]] = {}
    for row in read_table(path, ("path", "time_seconds")):
        try:
            times.setdefault(row["path"], []).append(float(row["time_seconds"]))
        except ValueError:
            fault = f"{path}: time_seconds is {row['time_seconds']!r} for {row['path']}"
            raise ValueError(f"{fault}; give seconds") from None
    return {name: np.sort(np.array(values)) for name, values in times.items()}


def load_clips(listings: list[Listing], cache: Path) -> Iterator[Clip]:
    """Reads each clip, from `cache` where it has been read before."""
    cache.mkdir(parents=True, exist_ok=True)
    for listing in listings:
        stored = cache / f"{_key(listing.path)}.npz"
        arrays = _kept(stored, functools.partial(_measure, listing.path))
        pictures = Pictures(arrays["edges"], arrays["cells"])
        fps = probe(listing.path).fps
        yield Clip(listing.name, fps, pictures, arrays["rms"], listing.annotated)


def _measure(path: Path) -> Arrays:
    pictures = read_pictures(path)
    return {"edges": pictures.edges, "cells": pictures.cells, "rms": true_rms(path)}


def load_guises(
    listing: Listing, pictures: Pictures, numbers: range, cache: Path
) -> list[Pictures]:
    """The clip, seen by its own camera in `pictures`, as other cameras would have filmed it
    (`folai.train.guises`): the guises of these numbers, of which there are as many as one likes.
    """
    cache.mkdir(parents=True, exist_ok=True)

    @functools.cache
    def taken_by_all() -> tuple[Array, Action, tuple[float, ...]]:
        rates = _RATES if probe(listing.path).fps > _SLOW else (1.0,)
        return _taken(listing.path), Action(pictures), rates

    def film(number: int) -> Arrays:
        taken, action, rates = taken_by_all()
        rng = np.random.default_rng([zlib.crc32(listing.name.encode()), number])
        guise = random_guise(rng, rates, action)
        seen = seen_as(guise, _on_time(listing.path, taken), rng)
        return {"edges": seen.edges, "cells": seen.cells}

    guises = []
    for number in numbers:
        stored = cache / f"{_key(listing.path)}-{number}.npz"
        arrays = _kept(stored, functools.partial(film, number))
        guises.append(Pictures(arrays["edges"], arrays["cells"]))
    return guises


def _taken(path: Path) -> Array:
    """The times at which the frames of a video file were taken (`folai.cadence`)."""
    frames = iter_frames(path, height=FLOW_SIZE[1], max_fps=MAX_FPS)
    grey = ((frame.time, cv2.cvtColor(frame.image, cv2.COLOR_RGB2GRAY)) for frame in frames)
    times, change = [0.0], []  # a video begins at 0
    for (_, before), (time, picture) in pairwise(grey):
        times.append(time)
        change.append(float(cv2.absdiff(before, picture).mean()))
    return taken_times(np.array(times), np.array(change))


def _on_time(path: Path, taken: Array) -> Iterator[Frame]:
    """The frames of a video file with the times at which they were taken."""
    frames = iter_frames(path, height=_GUISE_HEIGHT, max_fps=MAX_FPS)
    return (Frame(float(time), frame.image) for time, frame in zip(taken, frames, strict=True))


def _kept(stored: Path, make: Callable[[], Arrays]) -> Arrays:
    """What was stored; where nothing was, it is made, and stored."""
    arrays = _restore(stored)
    if arrays is None:
        arrays = make()
        with written_whole(stored) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
    return arrays


def _restore(stored: Path) -> Arrays | None:
    """What was stored; None if nothing was, or if the file is damaged, by a full disk for one."""
    try:
        with np.load(stored) as data:
            return dict(data)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None


def true_rms(path: Path) -> NDArray[np.float32]:
    """RMS [N] at TRUTH_RATE of a clip's own sound, mono, 16 kHz, peak-normalised."""
    wav, sample_rate = read_audio(path)
    mono = resample(to_mono(wav), sample_rate, AUDIO_RATE)
    return centred_rms(peak_normalise(mono), AUDIO_RATE, TRUTH_RATE)


def _key(path: Path) -> str:
    """Names a file by what would change if it did, and by the code that reads it."""
    status = path.stat()
    told = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {_code_key()}"
    return hashlib.sha256(told.encode()).hexdigest()[:20]


@functools.cache
def _code_key(*packages: ModuleType) -> str:
    """Changes with the code that makes pictures, and with that of the packages."""
    from folai import cadence, features, flow
    from folai.train import guises, views

    files = [Path(str(module.__file__)) for module in (cadence, features, flow, guises, views)]
    for package in packages:
        files += sorted(Path(str(package.__file__)).parent.glob("*.py"))
    return f"{_VERSION}-{zlib.crc32(b''.join(path.read_bytes() for path in files)):08x}"


def num_scenes(minutes: float) -> int:
    """How many rendered clips make up so many minutes."""
    return round(minutes * 60 / RENDERED_SECONDS)


def load_rendered(
    minutes: float, cache: Path, log: Callable[[str], None] = lambda text: None, *, first: int = 0
) -> Iterator[tuple[str, list[Pictures], NDArray[np.float32], NDArray[np.float64]]]:
    """(name, views, rms at TRUTH_RATE, onsets) of `minutes` of rendered scenes, by seed.

    Seeds count from `first` on. A scene is seen as it was filmed, and in two guises.
    """
    cache.mkdir(parents=True, exist_ok=True)
    for seed in range(first, first + num_scenes(minutes)):
        name = f"rendered-{seed:05d}"
        stored = cache / f"{name}-{_code_key(render)}.npz"
        if seed % 50 == 0 and not stored.is_file():
            log(f"rendering from clip {seed}")
        arrays = _kept(stored, functools.partial(_render, seed))
        views = [Pictures(arrays[f"edges{i}"], arrays[f"cells{i}"]) for i in range(3)]
        yield name, views, arrays["rms"], arrays["onsets"]


def _render(seed: int) -> Arrays:
    """Films a random scene as two cameras would, and takes down what sounds."""
    rng = np.random.default_rng([seed, 1])
    scene = random_scene(seed, duration=RENDERED_SECONDS)
    fps = _FILMED_AT[rng.integers(len(_FILMED_AT))]
    shutter = float(rng.choice([0.25, 0.5, 0.8, 1.0]))  # share of the frame, hence of the blur
    exposures = 3 if shutter < 0.4 else 4
    times = list(_variable_times(rng)) if fps is None else None
    filmed = render_frames(
        scene, fps=fps or 30.0, times=times, size=FLOW_SIZE, shutter=shutter, exposures=exposures
    )
    frames = [Frame(time, image) for time, image in filmed]
    plain = Pictures.join(iter_pictures(frames))
    action = Action(plain)
    starts = [start for start, _ in scene.strokes]
    arrays: Arrays = {
        "rms": _as_recorded(scene, rng),
        "onsets": np.sort(np.concatenate([scene.onsets, starts])),
        "edges0": plain.edges,
        "cells0": plain.cells,
    }
    for index, rates in enumerate([(1.0,), (0.4, 0.6)], start=1):
        seen = seen_as(random_guise(rng, rates, action), frames, rng)
        arrays |= {f"edges{index}": seen.edges, f"cells{index}": seen.cells}
    return arrays


def _variable_times(rng: np.random.Generator) -> Array:
    """Times of the pictures of a clip whose frame rate varies, as telephones' and screens' does."""
    usual, spread = 1 / rng.uniform(20, 32), rng.uniform(0.05, 0.45)
    intervals = usual * rng.uniform(1 - spread, 1 + spread, math.ceil(RENDERED_SECONDS * 60))
    times = np.concatenate([[0.0], np.cumsum(np.maximum(intervals, SHORTEST))])
    return np.asarray(times[times < RENDERED_SECONDS], np.float64)


def _as_recorded(scene: Scene, rng: np.random.Generator) -> NDArray[np.float32]:
    """RMS of the scene's sound, as loud as recordings at peak 1 are: their loudest RMS is 0.24 in
    the median, and 0.15 to 0.42 in nine of ten."""
    rms = scene.envelope(TRUTH_RATE)
    if not scene.contacts and not scene.strokes:
        return np.asarray(rms * 0.2, np.float32)
    loudest = np.clip(np.exp(rng.normal(np.log(0.22), 0.35)), 0.08, 0.6)
    return np.asarray(rms * (loudest / max(float(rms.max()), 1e-3)), np.float32)
