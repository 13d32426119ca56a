"""Pictures of a sound for the page: lowest and highest samples, and a spectrogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.studio.project_sounds import BLOCK, Sound

FLOOR_DB = -90.0  # black in a spectrogram
WINDOWS = 4  # of each column of a spectrogram: the loudest counts


def peaks(sound: Sound, start: float, end: float, count: int) -> bytes:
    """int8 pairs (lowest, highest) of `count` equal parts of start to end seconds, 127 at 1.0."""
    rate = sound.sample_rate
    edges = np.rint(np.linspace(start * rate, end * rate, count + 1)).astype(np.int64)
    low, high = np.zeros(count), np.zeros(count)
    column = 0
    while column < count:
        last = int(np.searchsorted(edges, edges[column] + BLOCK, side="right")) - 1
        last = min(max(last, column + 1), count)
        wav = sound.read(int(edges[column]), max(1, int(edges[last] - edges[column])))
        starts = np.minimum(edges[column:last] - edges[column], wav.shape[1] - 1)
        low[column:last] = np.minimum.reduceat(wav.min(axis=0), starts)
        high[column:last] = np.maximum.reduceat(wav.max(axis=0), starts)
        column = last
    pairs = np.stack([np.floor(low * 127), np.ceil(high * 127)], axis=1)
    return bytes(np.clip(pairs, -127, 127).astype(np.int8).tobytes())


def spectrogram(
    sound: Sound, start: float, end: float, columns: int, height: int, width: int
) -> bytes:
    """A grey PNG: mel bands upward, columns of time; black FLOOR_DB, white 0 dB of a full sine.

    columns: those of start to end seconds; black ones follow up to `width`.
    """
    import cv2

    rate = sound.sample_rate
    step = (end - start) / columns * rate  # samples a column
    size = 2048 if step > 256 else 1024
    window = np.hanning(size).astype(np.float32)
    bands = _mel_bands(height, size, rate)
    per_column = max(1, min(WINDOWS, int(step / size * 2)))
    image = np.zeros((height, width), np.uint8)
    for column in range(columns):
        first = start * rate + column * step
        power = np.zeros(height)
        for part in range(per_column):
            centre = first + (part + 0.5) * step / per_column
            wav = sound.read(round(centre) - size // 2, size)
            spectrum = np.abs(np.fft.rfft(wav * window)) * (2 / window.sum())
            squared = (spectrum**2).max(axis=0)
            power = np.maximum(power, np.maximum.reduceat(squared, bands))
        decibels = 10 * np.log10(np.maximum(power, 1e-12))
        grey = np.clip((decibels - FLOOR_DB) / -FLOOR_DB, 0, 1)
        image[::-1, column] = np.rint(255 * grey)
    done, coded = cv2.imencode(".png", image)
    if not done:
        raise ValueError("the spectrogram cannot be written as PNG")
    return bytes(coded.tobytes())


def _mel_bands(height: int, size: int, rate: int) -> NDArray[np.int64]:
    """The first bin of each band of the mel scale, up to half the rate."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, height, endpoint=False) / 2595) - 1)
    return np.minimum(np.floor(hertz * size / rate).astype(np.int64), size // 2)
