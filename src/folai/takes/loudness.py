"""One loudness for all takes of an envelope, whichever engine made them.

An envelope asks for a loudness: that of a sound with its levels, to which the ear is equally
sensitive at all frequencies. Every take is brought to it (ITU-R BS.1770-4: K-weighted, gated), so
that takes can be compared by what they are, not by how loud they are, and a preview promises the
level of the take. The louder hits of a take are never more than LOUDEST, so that peaks have room.

A mono take counts as the same sound from both loudspeakers, which is how it is played.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.metrics.lufs import BLOCK, OFFSET, RELATIVE, SILENCE, STEP, k_weighted

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]
Weighted = Callable[[Floats, int], Floats]  # one of `folai.metrics.lufs`

LOUDEST = 10 ** (-15 / 20)  # RMS over 32 ms; a hit's peak is 10 to 15 dB above it
PIECE = 8.0  # seconds that are weighted at once, to bound the memory
RUN_IN = 0.5  # seconds before a piece that its filters have to have heard
TRIES = 12  # of a gain


def headroom(peak: float) -> float:
    """The gain, 1 at most, with which an envelope of this highest RMS leaves room for peaks."""
    return min(1.0, LOUDEST / max(peak, 1e-9))


def wanted_loudness(envelope: Envelope) -> float:
    """LUFS that takes of this envelope have; -inf where it is silent."""
    peak = float(envelope.values.max(initial=0.0))
    if peak == 0:
        return float("-inf")
    power = (envelope.values.astype(np.float64) * headroom(peak)) ** 2
    number = max(round(envelope.duration / STEP), 1)
    edges = np.linspace(0, len(power), number + 1).round().astype(int)
    total = np.concatenate([[0.0], np.cumsum(power)])
    steps = np.diff(total[edges]) / np.maximum(np.diff(edges), 1)
    return gated(steps)


def loudness_of(wav: Wav, sample_rate: int) -> float:
    """LUFS of [C, T], the mean of its channels; -inf for silence. Short sound is padded."""
    return gated(step_powers(wav, sample_rate))


def gain_to(wanted: float, steps: Floats) -> float:
    """The gain in dB that brings powers [N] of steps to `wanted` LUFS; 0 where there is none.

    What is gated depends on the gain, so that it is found by trying.
    """
    gain = 0.0
    for _ in range(TRIES):
        missing = wanted - gated(steps * 10 ** (gain / 10))
        if not np.isfinite(missing):  # all below -70 LUFS: by the mean of what there is
            loudest = float(steps.max(initial=0.0))
            missing = wanted - OFFSET - 10 * np.log10(max(loudest, 1e-20)) if gain == 0 else 0.0
        if abs(missing) < 0.01:
            break
        gain += missing
    return gain if np.isfinite(gain) else 0.0


def step_powers(wav: Wav, sample_rate: int, weighted: Weighted = k_weighted) -> Floats:
    """K-weighted power of [C, T] in each 0.1 s, the mean of its channels, [N]."""
    step, parts = round(STEP * sample_rate), []
    piece, run_in = step * round(PIECE / STEP), step * round(RUN_IN / STEP)
    for first in range(0, wav.shape[1], piece):
        before = min(first, run_in)
        part = wav[:, first - before : first + piece].astype(np.float64)
        power = np.mean(weighted(part, sample_rate)[:, before:] ** 2, axis=0)
        power = np.pad(power, (0, -len(power) % step))
        parts.append(power.reshape(-1, step).mean(axis=1))
    return np.concatenate(parts) if parts else np.zeros(0)


def gated(steps: Floats) -> float:
    """LUFS of mean powers [N] of steps of 0.1 s, by blocks of 0.4 s as the standard gates them."""
    width = round(BLOCK / STEP)
    steps = np.pad(steps, (0, max(0, width - len(steps))))
    blocks = np.lib.stride_tricks.sliding_window_view(steps, width).mean(axis=1)
    blocks = blocks[blocks > 10 ** ((SILENCE - OFFSET) / 10)]
    if not blocks.size:
        return float("-inf")
    blocks = blocks[blocks > 10 ** (RELATIVE / 10) * blocks.mean()]
    return OFFSET + 10 * float(np.log10(blocks.mean()))
