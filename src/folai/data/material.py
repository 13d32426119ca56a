"""What the sound model learns from: recordings and computed impacts as levels, measured once.

All that is laid together later (events into rhythms, rooms under them) is done on band levels and
power curves, so that a training example costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from folai.data.cache import cache_key
from folai.data.sounds import SAMPLE_RATE, Sound
from folai.envelope.rms import centred_rms
from folai.models.autoencoder import Autoencoder
from folai.preview.impacts import Impactor
from folai.preview.materials import MATERIALS
from folai.writing import written_whole

SAMPLES = 4  # of the power curve in a latent frame
STRIKES = 6  # of each computed object
MODELLED = "folai"  # origin of what is computed

VERSION = 1
"""Raise when the same sounds would be measured otherwise, or other impacts be computed: when
`Autoencoder.levels`, `preview.impacts`, `preview.materials` or `envelope.rms` compute other
numbers. The autoencoder's analysis counts by its config; its learned weights play no part."""


@dataclass(frozen=True, eq=False)
class Material:
    """A recording, or an event, as the model sees it.

    levels: [C, F] dB, float16. power: [SAMPLES * F], squared RMS over 32 ms. parts: what is known
    to sound when, as (first frame, last frame, label), for recordings of more than one thing.
    """

    name: str
    label: str
    origin: str
    levels: NDArray[np.float16]
    power: NDArray[np.float32]
    parts: tuple[tuple[int, int, str], ...] = ()

    @property
    def num_frames(self) -> int:
        return int(self.levels.shape[1])


def load_material(
    sounds: Sequence[Sound],
    autoencoder: Autoencoder,
    cache: Path,
    log: Callable[[str], None],
    objects: int = 10,
) -> list[Material]:
    """Measures all sounds, and `objects` computed ones of each material; kept in `cache`."""
    clips = {s.name for s in sounds if s.label == ""}
    whole = [s for s in sounds if s.label == "" or s.name.partition("@")[0] not in clips]
    parts = _parts(sounds, autoencoder.config.frame_rate)
    c = autoencoder.config
    analysis = (
        c.sample_rate,
        c.hop_length,
        c.window_length,
        c.n_fft,
        c.latent_channels,
        c.floor_db,
    )
    lengths = [(sound.name, len(sound.samples)) for sound in whole]
    key = cache_key(VERSION, SAMPLES, STRIKES, analysis, objects, lengths)
    stored = cache / f"material-{key}.npz"
    if not stored.is_file():
        log(f"measuring {len(whole)} sounds and {objects} objects of each material")
        cache.mkdir(parents=True, exist_ok=True)
        _measure(whole, objects, autoencoder, stored)
    with np.load(stored) as file:
        names, labels, origins, ends = (file[key] for key in ("names", "labels", "origins", "ends"))
        levels, power = file["levels"], file["power"]
    starts = np.concatenate([[0], ends[:-1]])
    return [
        Material(
            str(name),
            str(label),
            str(origin),
            levels[:, a:b],
            power[SAMPLES * a : SAMPLES * b],
            parts.get(str(name), ()),
        )
        for name, label, origin, a, b in zip(names, labels, origins, starts, ends, strict=True)
    ]


def _parts(
    sounds: Sequence[Sound], frame_rate: float
) -> dict[str, tuple[tuple[int, int, str], ...]]:
    """Labelled parts of each whole clip, by its name."""
    found: dict[str, list[tuple[int, int, str]]] = {s.name: [] for s in sounds if s.label == ""}
    for sound in sounds:
        clip, _, start = sound.name.partition("@")
        if sound.label and clip in found:
            first = float(start) * frame_rate
            last = first + sound.seconds * frame_rate
            found[clip].append((round(first), round(last), sound.label))
    return {name: tuple(parts) for name, parts in found.items()}


def _measure(sounds: Sequence[Sound], objects: int, autoencoder: Autoencoder, stored: Path) -> None:
    names, labels, origins, ends, levels, power = [], [], [], [], [], []
    rate = autoencoder.config.frame_rate * SAMPLES
    end = 0
    for name, label, origin, wav in _all(sounds, objects):
        with torch.inference_mode():
            measured = autoencoder.levels(torch.from_numpy(wav)[None, None], chunk=4096)[0]
        frames = measured.shape[1]
        curve = centred_rms(wav, SAMPLE_RATE, rate) ** 2
        end += frames
        names.append(name)
        labels.append(label)
        origins.append(origin)
        ends.append(end)
        levels.append(measured.numpy().astype(np.float16))
        fitted = np.pad(curve, (0, max(0, SAMPLES * frames - len(curve))))[: SAMPLES * frames]
        power.append(fitted.astype(np.float32))
    arrays: dict[str, NDArray[Any]] = {
        "names": np.array(names),
        "labels": np.array(labels),
        "origins": np.array(origins),
        "ends": np.array(ends),
        "levels": np.concatenate(levels, axis=1),
        "power": np.concatenate(power),
    }
    with written_whole(stored) as temporary:
        np.savez(temporary, allow_pickle=False, **arrays)


def _all(
    sounds: Sequence[Sound], objects: int
) -> Iterator[tuple[str, str, str, NDArray[np.float32]]]:
    """(name, label, origin, wav [T]) of the recordings and of the computed objects."""
    for sound in sounds:
        yield sound.name, sound.label, sound.origin, sound.wav
    for material in MATERIALS:
        label = "footstep" if material == "footstep" else f"hit/{material}"
        for index in range(objects):
            rng = np.random.default_rng([MATERIALS.index(material), index])
            thing = Impactor.of(material, SAMPLE_RATE, rng)
            origin = f"{MODELLED} {material} {index}"
            for level in np.geomspace(0.15, 1.0, STRIKES):
                yield f"{origin} strike {level:.2f}", label, origin, thing.strike(rng, level=level)
            if material != "footstep":
                yield f"{origin} scrape", f"scratch/{material}", origin, thing.scrape(rng, 3.0)
