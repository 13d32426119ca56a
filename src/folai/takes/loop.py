"""A take that loops: played a little too long, and what is too much faded into its beginning.

Each sample but those of the seam is followed by the one that the engine made after it, also from
the last to the first: there is no edge that could click. In the seam two sounds of one envelope
cross-fade with equal power, as they are independent.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from folai.takes.true_peak import limited

Wav = NDArray[np.float32]

RUN_IN = 0.1  # seconds that the limiter hears before the beginning and after the end


def closed(wav: Wav, sample_rate: int, num_samples: int, start: float) -> Wav:
    """[C, num_samples + seam], which begins `start` seconds after the clip -> [C, num_samples]."""
    seam = wav.shape[1] - num_samples
    if not 0 < seam <= num_samples:
        raise ValueError(f"the seam has {seam} samples; give 1 to {num_samples}")
    rise = np.sin(np.pi / 2 * (np.arange(seam) + 0.5) / seam).astype(np.float32)
    whole = wav[:, :num_samples].copy()
    whole[:, :seam] *= rise
    whole[:, :seam] += wav[:, num_samples:] * rise[::-1]
    return _limited_round(np.roll(whole, round(start * sample_rate), axis=1), sample_rate)


def _limited_round(wav: Wav, sample_rate: int) -> Wav:
    """Limited as if it had played before and went on."""
    more = min(round(RUN_IN * sample_rate), wav.shape[1])
    around = np.concatenate([wav[:, wav.shape[1] - more :], wav, wav[:, :more]], axis=1)
    return np.ascontiguousarray(limited(around, sample_rate)[:, more : more + wav.shape[1]])
