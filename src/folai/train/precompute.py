"""Clips -> what training reads: pictures, true envelope and onsets, computed once and kept on disk.

A folder of clips is any folder with video files in it. Where it has a `clips.csv` (columns `path`
and `split`, as ../shared/clips has), that decides which clips belong to which split; where it has
an `onsets.csv` (`path`, `time_seconds`), those annotations say where the contacts are.
"""

from __future__ import annotations

import csv
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.audio import peak_normalise, read_audio, resample, to_mono
from folai.features import Pictures, read_pictures
from folai.rms import centred_rms
from folai.video import probe
from folai.writing import written_whole

TRUTH_RATE = 480.0  # Hz at which the true envelope is kept
AUDIO_RATE = 16_000  # Hz at which it is measured, as the papers do
VIDEO_SUFFIXES = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi")
_VERSION = 1  # raise when what is stored changes


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


def list_clips(folder: Path, split: str | None = None) -> list[Listing]:
    """The clips of `folder`, or of one split of it, in a fixed order.

    Raises ValueError where the folder is missing, holds no clips, or has no such split.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give the folder that holds the clips")
    onsets = _read_onsets(folder / "onsets.csv")
    table = folder / "clips.csv"
    if table.is_file():
        rows = list(csv.DictReader(table.open(newline="")))
        splits = sorted({row["split"] for row in rows})
        if split is not None and split not in splits:
            raise ValueError(f"{table}: no split {split!r}; it has {', '.join(splits)}")
        names = [row["path"] for row in rows if split in (None, row["split"])]
    else:
        files = (path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES)
        names = sorted(path.relative_to(folder).as_posix() for path in files)
    if not names:
        raise ValueError(f"{folder}: no video files; expected {', '.join(VIDEO_SUFFIXES)}")
    return [Listing(folder / name, name, onsets.get(name)) for name in names]


def _read_onsets(path: Path) -> dict[str, NDArray[np.float64]]:
    if not path.is_file():
        return {}
    times: dict[str, list[float]] = {}
    for row in csv.DictReader(path.open(newline="")):
        times.setdefault(row["path"], []).append(float(row["time_seconds"]))
    return {name: np.sort(np.array(values)) for name, values in times.items()}


def load_clips(listings: list[Listing], cache: Path) -> Iterator[Clip]:
    """Reads each clip, from `cache` where it has been read before."""
    cache.mkdir(parents=True, exist_ok=True)
    for listing in listings:
        stored = cache / f"{_key(listing.path)}.npz"
        if not stored.is_file():
            _store(listing.path, stored)
        with np.load(stored) as data:
            pictures = Pictures(data["edges"], data["rgb"], data["flow"])
            yield Clip(listing.name, probe(listing.path).fps, pictures, data["rms"], listing.annotated)


def _store(path: Path, stored: Path) -> None:
    pictures = read_pictures(path)
    rms = true_rms(path)
    with written_whole(stored) as temporary:
        np.savez(
            temporary, edges=pictures.edges, rgb=pictures.rgb, flow=pictures.flow, rms=rms
        )


def true_rms(path: Path) -> NDArray[np.float32]:
    """RMS [N] at TRUTH_RATE of a clip's own sound, mono, 16 kHz, peak-normalised."""
    wav, sample_rate = read_audio(path)
    mono = resample(to_mono(wav), sample_rate, AUDIO_RATE)
    return centred_rms(peak_normalise(mono), AUDIO_RATE, TRUTH_RATE)


def _key(path: Path) -> str:
    """Names a file by what would change if it did, and by the code that reads it."""
    from folai import cadence, features, flow

    status = path.stat()
    code = b"".join(Path(module.__file__).read_bytes() for module in (cadence, features, flow))
    told = f"{path.resolve()} {status.st_size} {status.st_mtime_ns} {_VERSION} {zlib.crc32(code)}"
    return hashlib.sha256(told.encode()).hexdigest()[:20]
