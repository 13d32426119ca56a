"""A layer's sound as a session's files hold it: handles, and the 2-pop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from folai.studio.handover.timing import Times
from folai.studio.project_sounds import Resampled, Wav

POP_HZ, POP_LEVEL = 1000.0, 10 ** (-20 / 20)  # of the 2-pop: its peak relative to full scale


@dataclass(frozen=True)
class Placed:
    """A clip's sound at its place in a file of the session, whose rate it has."""

    source: Resampled
    times: Times

    @property
    def sample_rate(self) -> int:
        return self.source.sample_rate

    @property
    def num_samples(self) -> int:
        return self.times.file_samples

    @property
    def channels(self) -> int:
        return self.source.channels

    def read(self, first: int, count: int) -> Wav:
        wav = self.source.read(first - self.times.clip_sample, count)
        begin, end = self.times.pop_samples
        begin, end = max(begin, first), min(end, first + count)
        if begin < end:
            time = (np.arange(begin, end) - self.times.pop_samples[0]) / self.sample_rate
            tone = POP_LEVEL * np.sin(2 * np.pi * POP_HZ * time)
            wav[:, begin - first : end - first] += tone.astype(np.float32)
        return wav
