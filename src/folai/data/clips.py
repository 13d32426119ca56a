"""Clips as training and scoring read them: pictures and the true envelope, computed once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.data.cache import Arrays, cache_key, cached_arrays, file_stamp
from folai.data.listing import Listing
from folai.envelope.rms import centred_rms
from folai.mapper.features import MAX_FPS, Pictures, read_pictures
from folai.mapper.flow import FLOW_SIZE
from folai.media.audio import peak_normalise, read_audio, resample
from folai.media.channels import to_mono
from folai.media.clip import probe
from folai.models.cells import CHANNELS, GRID

TRUTH_RATE = 480.0  # Hz at which the true envelope is kept
AUDIO_RATE = 16_000  # Hz at which it is measured, as the papers do

VERSION = 4
"""Raise when the same file would give other pictures or another true envelope: when `mapper.flow`,
`mapper.features`, `media.clip` (which frames, when) or `envelope.rms.centred_rms` compute other
numbers. Not for other words, names or speed. The constants in `PARAMETERS` count by themselves."""

PARAMETERS = (TRUTH_RATE, AUDIO_RATE, MAX_FPS, FLOW_SIZE, GRID, CHANNELS)


@dataclass(frozen=True)
class Clip:
    """One clip ready for training or scoring. Sound is on the picture's clock, uncorrected."""

    name: str
    fps: float  # as the file says
    pictures: Pictures
    rms: NDArray[np.float32]  # [N] at TRUTH_RATE, of the sound at peak 1
    annotated: NDArray[np.float64] | None  # contact times as annotated, seconds


def load_clips(listings: list[Listing], cache: Path) -> Iterator[Clip]:
    """Reads each clip, from `cache` where it has been read before."""
    cache.mkdir(parents=True, exist_ok=True)
    for listing in listings:
        stored = cache / f"{clip_key(listing.path)}.npz"
        arrays = cached_arrays(stored, functools.partial(_measure, listing.path))
        pictures = Pictures(arrays["edges"], arrays["cells"])
        fps = probe(listing.path).fps
        yield Clip(listing.name, fps, pictures, arrays["rms"], listing.annotated)


def clip_key(path: Path) -> str:
    """Names what is computed from a file: another file, version or parameter, another name."""
    return cache_key(VERSION, *PARAMETERS, *file_stamp(path))


def _measure(path: Path) -> Arrays:
    pictures = read_pictures(path)
    return {"edges": pictures.edges, "cells": pictures.cells, "rms": true_rms(path)}


def true_rms(path: Path) -> NDArray[np.float32]:
    """RMS [N] at TRUTH_RATE of a clip's own sound, mono, 16 kHz, peak-normalised."""
    wav, sample_rate = read_audio(path)
    mono = resample(to_mono(wav), sample_rate, AUDIO_RATE)
    return centred_rms(peak_normalise(mono), AUDIO_RATE, TRUTH_RATE)
