"""Predictions of other systems, read as envelopes: onsets of SyncFusion, RMS of Video2RMS.

SyncFusion (arXiv 2310.15247, github mcomunita/syncfusion) keeps onsets in `NAME.times.csv`, those
that it predicts too, or in `NAME.times.pred.csv`: a row a hit, its time in seconds and, where they
are known, words for it. Greatest Hits has the same in `NAME_times.txt`, parted by spaces.

Video2RMS, stage one of Video-Foley (arXiv 2408.11915, github jnwnlee/video-foley), gives for each
10 s a score for 64 classes at 125 Hz, `pred_rms`; that, the classes, or the RMS that they stand
for is read, as `numpy.save` (.npy) or `torch.save` (.pt) writes it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.envelope.rms import FRAME_RATE

Floats = NDArray[np.float64]

ONSET_NAMES = (".times.csv", ".times.pred.csv", "_times.txt", "_times.csv")
ARRAY_NAMES = (".npy", ".pt")
TAIL = 1.0  # seconds after the last hit, where nothing else says how long the clip is
CLASSES, LEAST = 64, 0.01  # of Video2RMS: companded by mu = CLASSES - 1 from this RMS on
WINDOW = 10.0  # seconds that Video2RMS predicts at once
RATES = (125.0, 100.0)  # Hz: of its classes, and as it hands them to its second stage
PADDED = 1024  # frames of those: 10.24 s, of which the last 24 are empty


def has_onsets(path: Path) -> bool:
    """Whether the name says that it is a list of onsets."""
    return path.name.lower().endswith(ONSET_NAMES)


def has_array(path: Path) -> bool:
    """Whether the name says that it is a stored array."""
    return path.suffix.lower() in ARRAY_NAMES


def read_onsets(path: Path) -> list[float]:
    """Seconds, sorted. Raises ValueError for a file that holds something else."""
    times = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        word = line.replace(",", " ").split(maxsplit=1)[:1]
        if not word:
            continue
        try:
            times.append(float(word[0]))
        except ValueError:
            fix = "each row is time[,words], in seconds"
            raise ValueError(f"row {number} is {line!r}: {fix}") from None
        if not math.isfinite(times[-1]) or times[-1] < 0:
            raise ValueError(f"row {number} is {line!r}: give a time of 0 s or more")
    if not times:
        raise ValueError("holds no onsets: give a row for each, time[,words]")
    return sorted(times)


def read_prediction(path: Path, frame_rate: float | None) -> tuple[NDArray[np.float32], float]:
    """(RMS [T], its rate in Hz) of a stored array of Video2RMS, at `frame_rate` or our own."""
    rms = _rms_of(_stored(path))
    own_rate = next((rate for rate in RATES if rms.shape[1] == rate * WINDOW), None)
    if own_rate is None:
        counts = " or ".join(f"{rate * WINDOW:.0f}" for rate in RATES)
        raise ValueError(f"has {rms.shape[1]} frames a window: Video2RMS has {counts} in 10 s")
    rms = rms.reshape(-1)  # windows follow one another
    rate = FRAME_RATE if frame_rate is None else frame_rate
    times = np.arange(round(rms.size / own_rate * rate)) / rate
    # Its windows are centred half a frame after their number says.
    centres = (np.arange(rms.size) + 0.5) / own_rate
    return np.interp(times, centres, rms).astype(np.float32), rate


def _stored(path: Path) -> NDArray[np.generic]:
    if path.suffix.lower() == ".npy":
        try:
            stored = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"cannot be read as an array ({error}): save it again") from error
        return np.asarray(stored)
    import torch

    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling raises what it likes
        raise ValueError(f"cannot be read as a tensor ({type(error).__name__})") from error
    if not isinstance(tensor, torch.Tensor):
        raise ValueError(f"holds a {type(tensor).__name__}: store the tensor pred_rms itself")
    return tensor.detach().numpy()


def _rms_of(stored: NDArray[np.generic]) -> Floats:
    """RMS [windows, T] of scores [.., 64, T], of classes [.., T], or of RMS [.., T]."""
    if stored.ndim >= 2 and stored.shape[-2] == CLASSES:
        stored = stored.argmax(axis=-2)
    if stored.ndim == 0 or not np.issubdtype(stored.dtype, np.number):
        raise ValueError("holds no array of numbers: store pred_rms")
    if np.issubdtype(stored.dtype, np.integer):
        if stored.min() < 0 or stored.max() >= CLASSES:
            raise ValueError(f"holds classes beyond 0 to {CLASSES - 1}: store pred_rms")
        stored = class_levels()[stored.astype(int)]
    rms = stored.reshape(-1, stored.shape[-1]).astype(np.float64)
    if not np.isfinite(rms).all() or rms.min() < 0:
        raise ValueError("holds RMS that is negative or no number: store pred_rms")
    return rms[:, :1000] if rms.shape[1] == PADDED else rms


def class_levels() -> Floats:
    """The RMS [64] of each class: evenly spaced once companded, the lowest silent."""
    mu = CLASSES - 1
    lowest = math.log1p(mu * LEAST) / math.log1p(mu)
    levels = np.expm1(np.linspace(lowest, 1.0, CLASSES) * math.log1p(mu)) / mu
    levels[0] = 0.0
    return np.asarray(levels)
