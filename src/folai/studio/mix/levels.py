"""How loud a sound is: integrated loudness, true peak and highest sample."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from folai.studio.project_sounds import Sound, blocks, peak
from folai.takes.loudness import gated, step_powers
from folai.takes.true_peak import true_peak


@dataclass(frozen=True)
class Levels:
    """-inf: silent. integrated: LUFS, where mono counts as both loudspeakers; peaks: dB."""

    integrated: float
    true_peak_db: float
    peak_db: float

    def as_json(self) -> dict[str, float | None]:
        finite = {name: value for name, value in vars(self).items() if math.isfinite(value)}
        return {name: finite.get(name) for name in vars(self)}


def levels_of(sound: Sound) -> Levels:
    """Of the whole sound, read in blocks."""
    highest = max((true_peak(wav) for wav in blocks(sound)), default=0.0)
    steps = [step_powers(wav, sound.sample_rate) for wav in blocks(sound, 60 * sound.sample_rate)]
    loudness = gated(2 * np.concatenate(steps)) if steps else -math.inf
    return Levels(loudness, _decibels(highest), _decibels(peak(sound)))


def _decibels(level: float) -> float:
    return 20 * math.log10(level) if level > 0 else -math.inf
