"""Broadcast Wave files of long sounds, written as they are computed: alone, or into an archive.

Each sound is computed once, some blocks ahead in threads. That it would clip is known at its end;
then all is written again, quieter.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from folai.studio.broadcast_wave import (
    CLIPPING,
    bext_chunk,
    check_size,
    sample_bytes,
    wave_header,
)
from folai.studio.project_sounds import BLOCK, Sound, Wav
from folai.writing import written_whole

AHEAD = 3  # blocks that are being computed
COPIED = 1 << 20  # bytes at once

Chunks = list[tuple[bytes, bytes]]  # name, content
Tell = Callable[[float], None]  # is told the share that is written; what it raises stops the work


@dataclass(frozen=True)
class WaveFile:
    """A file of an archive: its name, and what it says beside the samples."""

    name: str
    chunks: Chunks


@dataclass(frozen=True)
class Waves:
    """A sound as one file, or as a mono file for each of its channels."""

    sound: Sound
    files: tuple[WaveFile, ...]

    def __post_init__(self) -> None:
        if len(self.files) not in (1, self.sound.channels):
            raise ValueError(f"{len(self.files)} files of {self.sound.channels} channels")

    @property
    def channels(self) -> int:
        """Of each file."""
        return self.sound.channels // len(self.files)

    def parts(self, wav: Wav) -> list[bytes]:
        """The samples of each file."""
        count = self.channels
        return [sample_bytes(wav[n * count :][:count]) for n in range(len(self.files))]

    @property
    def padding(self) -> bytes:
        return b"\0" * (self.sound.num_samples * self.channels % 2)


def write_broadcast_wave(
    path: Path,
    sound: Sound,
    *,
    start: float,
    description: str,
    tell: Tell = lambda share: None,
) -> None:
    """Write `sound` with 24 bits. start: seconds since midnight. Raises ValueError beyond 4 GB.

    A sound that would clip is attenuated as a whole.
    """
    check_size(sound.num_samples * 3 * sound.channels, sound.sample_rate)
    chunks = [(b"bext", bext_chunk(description, round(start * sound.sample_rate)))]
    waves = Waves(sound, (WaveFile(path.name, chunks),))

    def write(partial: Path, gain: float) -> float:
        with open(partial, "wb") as file:
            return _write(waves, [file], gain, tell)

    with written_whole(path) as partial:
        _without_clipping(lambda gain: write(partial, gain))


def write_archive(
    path: Path, waves: Sequence[Waves], more: Callable[[zipfile.ZipFile], None], tell: Tell
) -> float:
    """Write a zip of all files, and of what `more` adds. Returns the gain of all.

    What would clip makes all quieter alike, so that their balance stays.
    """
    total = sum(one.sound.num_samples for one in waves)

    def write(partial: Path, gain: float) -> float:
        highest, done = 0.0, 0
        with zipfile.ZipFile(partial, "w") as archive:
            for one in waves:
                length = one.sound.num_samples

                def told(share: float, done: int = done, length: int = length) -> None:
                    tell((done + share * length) / total)

                highest = max(highest, _write_into(archive, one, gain, told))
                done += length
            more(archive)
        return highest

    with written_whole(path) as partial:
        return _without_clipping(lambda gain: write(partial, gain))


def _without_clipping(write: Callable[[float], float]) -> float:
    """Writes with a gain of 1, and where the highest sample would clip, again. Returns the gain."""
    highest = write(1.0)
    if highest <= CLIPPING:
        return 1.0
    write(CLIPPING / highest)
    return CLIPPING / highest


def _write_into(archive: zipfile.ZipFile, waves: Waves, gain: float, tell: Tell) -> float:
    """An archive takes one file after another: the others of a sound wait outside."""
    folder = Path(archive.filename or ".").parent
    with ExitStack() as stack:
        waiting = [stack.enter_context(tempfile.TemporaryFile(dir=folder)) for _ in waves.files[1:]]
        with archive.open(waves.files[0].name, "w", force_zip64=True) as first:
            highest = _write(waves, [first, *waiting], gain, tell)
        for file, content in zip(waves.files[1:], waiting, strict=True):
            content.seek(0)
            with archive.open(file.name, "w", force_zip64=True) as entry:
                shutil.copyfileobj(content, entry, COPIED)
    return highest


def _write(waves: Waves, outs: Sequence[IO[bytes]], gain: float, tell: Tell) -> float:
    """Returns the highest sample, as it is before the gain."""
    sound, highest, done = waves.sound, 0.0, 0
    for file, out in zip(waves.files, outs, strict=True):
        out.write(wave_header(sound.num_samples, waves.channels, sound.sample_rate, file.chunks))
    for parts, peak, count in _computed(waves, gain):
        for part, out in zip(parts, outs, strict=True):
            out.write(part)
        highest, done = max(highest, peak), done + count
        tell(done / sound.num_samples)
    for out in outs:
        out.write(waves.padding)
    return highest


def _computed(waves: Waves, gain: float) -> Iterator[tuple[list[bytes], float, int]]:
    """(samples of each file, highest sample before the gain, count) of a block after another."""
    sound = waves.sound

    def made(first: int) -> tuple[list[bytes], float, int]:
        wav = sound.read(first, min(BLOCK, sound.num_samples - first))
        peak = max(float(wav.max(initial=0.0)), -float(wav.min(initial=0.0)))
        return waves.parts(wav * np.float32(gain) if gain != 1 else wav), peak, wav.shape[1]

    with ThreadPoolExecutor(min(AHEAD, os.cpu_count() or 1)) as threads:
        waiting: deque[Future[tuple[list[bytes], float, int]]] = deque()
        try:
            for first in range(0, sound.num_samples, BLOCK):
                waiting.append(threads.submit(made, first))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
