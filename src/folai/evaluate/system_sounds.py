"""The sounds of a system that folai plays: one WAV file for each clip, generated once.

Beside each sound lies a stamp of everything it depends on. With another stamp the sound is
generated again: for other options, another clip, reference, envelope or weights.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai import checkpoints
from folai.data.cache import cache_key, content_key, file_stamp
from folai.data.listing import Listing
from folai.evaluate.run_file import OWN, TRUE, SystemConfig
from folai.progress import Progress, part_of
from folai.writing import written_whole

if TYPE_CHECKING:
    from folai.envelope import Envelope

VERSION = 2  # raise when the same options and files would give another envelope or other sounds


def system_sounds(
    system: SystemConfig,
    listings: Sequence[Listing],
    folder: Path,
    cache: Path,
    progress: Progress | None = None,
) -> Path:
    """Generates the sounds that are missing in `folder`, under the names of the clips, and returns
    `folder`.

    Raises ValueError as `generate` does.
    """
    shared = [system.name, system.options, system.envelope, *_files_of(system)]
    for index, listing in enumerate(listings):
        report = part_of(progress, index, len(listings))
        wav = folder / Path(listing.name).with_suffix(".wav")
        stamp = wav.with_suffix(".json")
        current = cache_key(VERSION, file_stamp(listing.path), *shared)
        if not (wav.is_file() and stamp.is_file() and stamp.read_text() == current):
            wav.parent.mkdir(parents=True, exist_ok=True)
            _play(system, listing.path, wav, cache, report)
            with written_whole(stamp) as partial:
                partial.write_text(current)
        report(1.0)
    return folder


def _play(system: SystemConfig, video: Path, wav: Path, cache: Path, progress: Progress) -> None:
    from folai.pipeline import generate

    reference = video if system.reference == OWN else system.reference
    options = system.generate_options(reference=reference, envelope=_envelope(system, video, cache))
    generate(video, wav, options, progress=progress)


def _envelope(system: SystemConfig, video: Path, cache: Path) -> Envelope:
    """The envelope that a system follows; a prediction is made once for all systems."""
    from folai.envelope import Envelope
    from folai.pipeline import measure_envelope, predict_envelope

    if system.envelope == TRUE:
        return measure_envelope(video)
    weights = system.options.get("weights", checkpoints.MAPPER)
    key = cache_key(VERSION, file_stamp(video), _hash_of(weights))
    stored = cache / f"envelope-{key}.json"
    if not stored.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        predict_envelope(video, weights=weights).save(stored)
    return Envelope.load(stored)


def _files_of(system: SystemConfig) -> Iterator[Any]:
    """What identifies the files that a system plays with: the reference, weights, folders."""
    if isinstance(system.reference, Path):
        yield content_key(system.reference)
    foley = Path(system.options.get("foley_weights", checkpoints.FOLEY))
    mapper = system.options.get("weights", checkpoints.MAPPER)
    control = foley.with_name(checkpoints.CONTROL.name)
    yield [_hash_of(path) for path in (mapper, foley, control, checkpoints.AUTOENCODER)]
    for name, path in sorted(system.options.items()):
        if isinstance(path, Path):
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            yield [name, *(file_stamp(file) for file in files if file.is_file())]


def _hash_of(weights: Path) -> str | None:
    """The hash in the card beside weights; None where there is none, which `generate` refuses."""
    card = weights.with_suffix(".json")
    return str(json.loads(card.read_text())["sha256"]) if card.is_file() else None
