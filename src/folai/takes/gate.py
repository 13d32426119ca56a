"""Silence where an envelope asks for none: the gate between events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.rms import WINDOW
from folai.envelope.silence import opening

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]

LEAD, RISE = 0.004, 0.002  # seconds before an onset at which the gate begins to open; until open


def gated(wav: Wav, sample_rate: int, envelope: Envelope) -> Wav:
    """[C, T], silent where the envelope is."""
    times, gains = _curve(envelope)
    wav = wav.copy()
    for first in range(0, wav.shape[1], 1 << 18):  # some seconds at a time, to bound the memory
        part = wav[:, first : first + (1 << 18)]
        at = (first + np.arange(part.shape[1])) / sample_rate
        part *= np.interp(at, times, gains).astype(np.float32)
    return wav


def _curve(envelope: Envelope) -> tuple[Floats, Floats]:
    """(Seconds, gains) of the points that straight lines join, [P] each.

    An envelope's window is centred, so it rises before the sound does: while the window touches an
    onset the frames are left out, and the gate opens in RISE just before the onset, to what the
    window says when it has left it.
    """
    gain, frames = opening(envelope.values.astype(np.float64)), envelope.times
    times, gains = [frames], [gain]
    kept = np.ones(len(frames), bool)
    for onset in envelope.onsets:
        first, last = np.searchsorted(frames, [onset - WINDOW / 2, onset + WINDOW / 2])
        before = gain[first - 1] if first > 0 else 0.0
        after = gain[first : last + 1].max(initial=0.0)
        kept[first:last] = False
        times.append(np.array([onset - LEAD, onset - LEAD + RISE]))
        gains.append(np.array([min(before, after), after]))
    times[0], gains[0] = frames[kept], gain[kept]
    order = np.argsort(np.concatenate(times), kind="stable")
    return np.concatenate(times)[order], np.concatenate(gains)[order]
