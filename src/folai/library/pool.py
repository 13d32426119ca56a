"""Recordings as a pool to play from: files and folders that are named, or what words find."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.diffusion.vocabulary import understand
from folai.library.adding import SUFFIXES
from folai.library.index import opened_library
from folai.library.naming import name_of
from folai.library.search import Searcher
from folai.library.tags import read_tags
from folai.media.audio import read_audio, resample
from folai.media.channels import to_mono
from folai.media.rumble import without_rumble
from folai.preview.events import Event, cut_events
from folai.preview.pool import Pool, Source
from folai.takes.noise import without_noise

MOST_FILES = 60  # of a pool
LONGEST_FILE = 60.0  # seconds of each that are used
SHORTEST_FILE = 0.06  # seconds; a shorter one is followed by silence
_STEPS = {"footstep", "barefoot", "heel"}


def pool_from_words(words: str, library: Path | None, sample_rate: int) -> Pool:
    """What a search of the library finds. Raises ValueError where that is nothing."""
    with opened_library(library) as connection:
        hits = Searcher(connection).best_by_words(words, MOST_FILES)
    if not hits:
        raise ValueError(f"the library has nothing for {words!r}; try other words, or add folders")
    sources = [Source(hit.path, hit.licence, hit.credit) for hit in hits]
    return make_pool(sources, sample_rate, are_steps=_names_steps(words))


def pool_from_files(places: Sequence[str | Path], sample_rate: int, prompt: str = "") -> Pool:
    """Files, and all of the folders that are named. Raises ValueError where one is missing."""
    files: list[tuple[Path, Path]] = []  # and the folder that was named
    for place in map(Path, places):
        if place.is_dir():
            inside = sorted(p for p in place.rglob("*") if p.suffix.lower() in SUFFIXES)
            if not inside:
                raise ValueError(f"{place}: no sound file in it; give recordings")
            files += [(path, place) for path in inside]
        elif place.exists():
            files.append((place, place.parent))
        else:
            raise ValueError(f"{place}: does not exist; check the path")
    if len(files) > MOST_FILES:
        warnings.warn(f"of {len(files)} recordings {MOST_FILES} are used", stacklevel=2)
        files = [files[i] for i in np.linspace(0, len(files) - 1, MOST_FILES).astype(int)]
    sources, said = [], []
    for path, root in files:
        naming = name_of(path.resolve(), root.resolve(), read_tags(path, {}))
        sources.append(Source(str(path), naming.licence, naming.credit))
        said.append(naming.subject)
    return make_pool(sources, sample_rate, are_steps=_names_steps(prompt or " ".join(said)))


def _names_steps(text: str) -> bool:
    return not _STEPS.isdisjoint(understand(text).words)


def make_pool(sources: Sequence[Source], sample_rate: int, *, are_steps: bool = False) -> Pool:
    """Reads and cuts recordings. One that cannot be read is told of and left out.

    Raises ValueError where none can.
    """
    wavs: list[tuple[Source, NDArray[np.float32]]] = []
    problem = ""
    for source in sources:
        try:
            wavs.append((source, _read(source.path, sample_rate)))
        except ValueError as error:
            problem = str(error)
            warnings.warn(f"left out of the pool: {problem}", stacklevel=2)
    if any(wav.shape[0] == 1 for _, wav in wavs):
        wavs = [(source, to_mono(wav)) for source, wav in wavs]
    events: list[Event] = []
    owners: list[Source] = []
    for source, wav in wavs:
        cut = cut_events(without_noise(wav, sample_rate)[0], sample_rate)
        events += cut
        owners += [source] * len(cut)
    if not events:
        raise ValueError(f"no recording of the pool can be used: {problem}")
    return Pool(tuple(events), tuple(owners), sample_rate, are_steps)


def _read(path: str, sample_rate: int) -> NDArray[np.float32]:
    """[1 or 2, T], at least SHORTEST_FILE seconds, that can be heard."""
    wav, rate = read_audio(path, longest=LONGEST_FILE)
    if np.abs(wav).max() < 1e-4:
        raise ValueError(f"{path}: is silent (below -80 dB)")
    wav = without_rumble(resample(wav, rate, sample_rate), sample_rate)
    missing = round(SHORTEST_FILE * sample_rate) - wav.shape[1]
    return np.pad(wav, ((0, 0), (0, max(0, missing)))).astype(np.float32)
