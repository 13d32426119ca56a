"""Channels folded into fewer: surround to stereo, stereo to mono. NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

HALF_POWER = np.sqrt(0.5)  # -3 dB
CANCELLED_DB = -20.0  # a mean this far below the louder channel has lost the sound


def to_stereo(wav: NDArray[np.floating[Any]], names: Sequence[str]) -> NDArray[np.float32]:
    """Fold `[C, T]` into `[2, T]` as ITU-R BS.775-3 (table 2) says; `names`: FFmpeg's, `[C]`.

    Centre and surround channels go to their sides at -3 dB, so dialogue in the centre is heard at
    -3 dB; a single rear channel goes to both sides at -6 dB. The low-frequency channel is left out.
    Nothing is scaled to make room: whoever mixes has to. Channels of no known place, such as
    Ambisonics, are averaged.
    """
    shares = np.array([_shares(name) for name in names], np.float32).T  # [2, C]
    if not shares.any():
        return np.repeat(wav.mean(axis=0, keepdims=True, dtype=np.float32), 2, axis=0)
    return np.asarray(shares @ wav.astype(np.float32, copy=False), np.float32)


def usual_names(count: int) -> tuple[str, ...]:
    """The names of so many channels in their usual order, where nothing says which they are."""
    surround = ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR")
    known = {3: surround[:3], 4: ("FL", "FR", "BL", "BR"), 5: (*surround[:3], "BL", "BR")}
    return known.get(
        count, surround if count == 8 else surround[:6] if count == 6 else ("",) * count
    )


def _shares(name: str) -> tuple[float, float]:
    """How much of a channel goes to the left, and to the right."""
    if name in ("FL", "FR"):
        return (1.0, 0.0) if name == "FL" else (0.0, 1.0)
    if name in ("FC", "TFC", "TC"):
        return HALF_POWER, HALF_POWER
    if name in ("BC", "TBC"):
        return 0.5, 0.5
    if name in ("BL", "SL", "FLC", "WL", "TFL", "TBL", "TSL", "DL"):
        return HALF_POWER, 0.0
    if name in ("BR", "SR", "FRC", "WR", "TFR", "TBR", "TSR", "DR"):
        return 0.0, HALF_POWER
    return 0.0, 0.0


def to_mono(wav: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Average the channels of `[C, T]` into `[1, T]`.

    Where they cancel each other, as the halves of a wrongly wired stereo recording do, the loudest
    channel stands for all.
    """
    mean: NDArray[np.float32] = wav.mean(axis=0, keepdims=True, dtype=np.float32)
    if wav.shape[0] == 1 or not wav.size:
        return mean
    powers = np.array([np.vdot(channel, channel) for channel in wav], np.float64)
    loudest = int(powers.argmax())
    if float(np.vdot(mean, mean)) < 10 ** (CANCELLED_DB / 10) * powers[loudest]:
        return wav[loudest : loudest + 1].astype(np.float32)
    return mean
