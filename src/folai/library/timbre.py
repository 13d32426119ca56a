"""What an event sounds like, as a vector: near vectors are sounds of one kind.

The features are levels of mel bands over the parts of an event and how they change. A projection,
learned from labelled recordings, keeps of them what tells kinds of sound apart whoever recorded
them (linear discriminants, Fisher 1936): `timbre.safetensors`, written by `learn_projection`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SAMPLE_RATE = 44_100  # Hz of what is compared
BANDS = 40
SIZE = 48  # of a vector
_N_FFT, _HOP = 1024, 512
_LONGEST = 3.0  # seconds of an event that are looked at
_RANGE_DB = 70.0  # below its loudest band: what counts as silent
_PROJECTION = Path(__file__).with_name("timbre.safetensors")


def vectors_of(events: Sequence[Floats]) -> list[bytes]:
    """The vector of each event [T] at SAMPLE_RATE, of length 1, as float16 bytes."""
    if not events:
        return []
    mean, matrix = _projection()
    features = np.stack([features_of(event) for event in events])
    vectors = (features - mean) @ matrix
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return [vector.tobytes() for vector in vectors.astype(np.float16)]


def features_of(event: Floats) -> Floats:
    """What the projection is applied to, [F]."""
    levels = _mel_levels(event[: round(_LONGEST * SAMPLE_RATE)])  # [frames, BANDS]
    loudness = levels.max(axis=1)
    weights = np.exp(loudness / 8.7)[:, None]  # by amplitude
    weights /= weights.sum()
    mean = (weights * levels).sum(axis=0)
    spread = np.sqrt((weights * (levels - mean) ** 2).sum(axis=0))
    first = levels[:4].mean(axis=0)
    late = levels[len(levels) // 2 :].mean(axis=0)
    rises = np.maximum(np.diff(levels, axis=0), 0).mean(axis=0) if len(levels) > 1 else 0 * mean
    course = np.interp(np.arange(24) * 2, np.arange(len(loudness)), loudness, right=-_RANGE_DB)
    length = np.log2(len(event) / SAMPLE_RATE + 0.01) * 10
    tilt = np.fft.rfft(mean - mean.mean()).real[1:9] / 8  # the shape of the spectrum, coarsely
    parts = (mean, spread, first, late, rises * 4, course, tilt, [length])
    return np.concatenate(parts).astype(np.float32)


def _mel_levels(event: Floats) -> NDArray[np.float64]:
    """dB re the loudest band, [frames, BANDS], the frames centred."""
    padded = np.pad(event.astype(np.float32), _N_FFT // 2)
    padded = np.pad(padded, (0, max(0, _N_FFT - len(padded))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_N_FFT).astype(np.float32))) ** 2
    bands = power @ _filters().T
    peak = max(float(bands.max()), 1e-20)
    return np.asarray(10 * np.log10(bands / peak + 10 ** (-_RANGE_DB / 10)))


@cache
def _filters() -> NDArray[np.float64]:
    """[BANDS, bins]: triangles on the mel scale from 0 to 20 kHz, sum 1 each."""
    hertz = np.fft.rfftfreq(_N_FFT, 1 / SAMPLE_RATE)
    mel = 2595 * np.log10(1 + hertz / 700)
    edges = np.linspace(30, 2595 * np.log10(1 + 20_000 / 700), BANDS + 2)[:, None]
    rising = (mel - edges[:-2]) / np.diff(edges[:-1], axis=0)
    falling = (edges[2:] - mel) / np.diff(edges[1:], axis=0)
    filters = np.maximum(np.minimum(rising, falling), 0)
    # A band below the resolution of the transform takes the bin nearest to it.
    for band, middle in enumerate(edges[1:-1, 0]):
        if not filters[band].any():
            filters[band, np.argmin(np.abs(mel - middle))] = 1
    return np.asarray(filters / filters.sum(axis=1, keepdims=True))


@cache
def _projection() -> tuple[Floats, Floats]:
    """(mean [F], matrix [F, SIZE])."""
    from safetensors.numpy import load_file

    tensors = load_file(_PROJECTION)
    return tensors["mean"].astype(np.float32), tensors["matrix"].astype(np.float32)


def learn_projection(
    features: Floats, kinds: NDArray[np.int64], origins: NDArray[np.int64], *, ridge: float = 0.3
) -> tuple[Floats, Floats]:
    """(mean [F], matrix [F, SIZE]) from N labelled events: features [N, F], numbers [N].

    What differs between origins within a kind is rooms and microphones: it counts as spread within
    the kind, and each origin of a kind counts alike. Directions are those of the largest variance
    between kinds over that within (both whitened with a `ridge` of the mean variance).
    """
    pairs = np.unique(np.stack([kinds, origins], axis=1), axis=0, return_inverse=True)[1].ravel()
    weights = 1.0 / np.sqrt(np.bincount(pairs))[pairs]
    weights /= weights.sum()
    mean = weights @ features
    centred = features - mean
    within, between = np.zeros((2, features.shape[1], features.shape[1]))
    for kind in np.unique(kinds):
        rows, share = centred[kinds == kind], weights[kinds == kind]
        middle = share @ rows / share.sum()
        spread = rows - middle
        within += (spread * share[:, None]).T @ spread
        between += share.sum() * np.outer(middle, middle)
    within += ridge * np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh(within)
    whiten = vectors / np.sqrt(values)
    strengths, directions = np.linalg.eigh(whiten.T @ between @ whiten)
    matrix = whiten @ directions[:, ::-1][:, :SIZE] * np.sqrt(np.maximum(strengths[::-1][:SIZE], 0))
    return mean.astype(np.float32), matrix.astype(np.float32)
