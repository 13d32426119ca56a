"""Some seconds of sound as band powers, to which other sounds are added and filters applied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.data.material import SAMPLES

Floats = NDArray[np.float32]


@dataclass
class Part:
    """Sound being assembled: power [C, F] above silence, curve [SAMPLES * F] of squared RMS."""

    power: Floats
    curve: Floats

    @classmethod
    def silent(cls, channels: int, num_frames: int) -> Part:
        return cls(
            np.zeros((channels, num_frames), np.float32), np.zeros(SAMPLES * num_frames, np.float32)
        )

    def add(self, levels: NDArray[np.float16], curve: Floats, at: int, gain_db: float) -> None:
        """Adds levels [C, f] from frame `at`; what lies outside is dropped."""
        first, stop = max(0, at), min(self.power.shape[1], at + levels.shape[1])
        if first >= stop:
            return
        gain = np.float32(10 ** (gain_db / 10))
        cut = slice(first - at, stop - at)
        self.power[:, first:stop] += gain * power_of(levels[:, cut])
        self.curve[SAMPLES * first : SAMPLES * stop] += (
            gain * curve[SAMPLES * cut.start : SAMPLES * cut.stop]
        )

    def filtered(self, gains: Floats) -> Part:
        """Bands [C] amplified by `gains`; the curve changes as their sum does."""
        power = self.power * gains[:, None]
        change = (power.sum(0) + 1e-9) / (self.power.sum(0) + 1e-9)
        frames = np.arange(len(self.curve)) / SAMPLES
        return Part(power, self.curve * np.interp(frames, np.arange(len(change)), change))

    def at_level(self, level: float) -> Part:
        """The highest RMS brought to `level`."""
        gain = np.float32(level**2 / max(float(self.curve.max()), 1e-12))
        return Part(self.power * gain, self.curve * gain)


def power_of(levels: NDArray[np.float16]) -> Floats:
    """dB [C, F] -> power, 0 for silence (-90 dB)."""
    power = np.exp(levels.astype(np.float32) * np.float32(np.log(10) / 10)) - np.float32(1e-9)
    return np.asarray(np.maximum(power, 0))


def filled(part: Part, frames: int) -> Part:
    """The part repeated until it has `frames` frames."""
    times = -(-frames // max(1, part.power.shape[1]))
    power, curve = np.tile(part.power, (1, times)), np.tile(part.curve, times)
    return Part(power[:, :frames], curve[: SAMPLES * frames])
