"""A layer's sound as a session's file holds it: handles, the 2-pop, one side of a stereo sound."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from folai.studio.broadcast_wave import sample_bytes
from folai.studio.handover.timing import Times
from folai.studio.project_sounds import BLOCK, Resampled, Sound, Wav

POP_HZ, POP_LEVEL = 1000.0, 10 ** (-20 / 20)  # of the 2-pop: its peak relative to full scale
AHEAD = 3  # blocks that are being computed


@dataclass(frozen=True)
class Side:
    """One channel of a sound."""

    source: Sound
    channel: int
    channels: int = 1

    @property
    def sample_rate(self) -> int:
        return self.source.sample_rate

    @property
    def num_samples(self) -> int:
        return self.source.num_samples

    def read(self, first: int, count: int) -> Wav:
        return self.source.read(first, count)[self.channel : self.channel + 1]


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


def bytes_ahead(sound: Sound, gain: float) -> Iterator[bytes]:
    """The samples of a sound as a WAV file holds them, a block at a time.

    Some blocks are computed at once, in threads: resampling is most of the work of a session.
    """

    def samples(first: int) -> bytes:
        count = min(BLOCK, sound.num_samples - first)
        return sample_bytes(sound.read(first, count) * np.float32(gain))

    with ThreadPoolExecutor(2) as threads:
        waiting: deque[Future[bytes]] = deque()
        for first in range(0, sound.num_samples, BLOCK):
            waiting.append(threads.submit(samples, first))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
