"""Sounds of a project, read in parts however long they are, and written as WAV files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from folai.media.audio import resample
from folai.writing import one_line, written_whole

Wav = NDArray[np.float32]

BLOCK = 1 << 19  # samples read at once
CEILING = 0.99  # highest sample of a mix that would clip


class Sound(Protocol):
    """Sound of which any part can be read."""

    @property
    def sample_rate(self) -> int: ...  # Hz

    @property
    def num_samples(self) -> int: ...

    @property
    def channels(self) -> int: ...

    def read(self, first: int, count: int) -> Wav:
        """[C, count] from sample `first`; silence beyond either end."""
        ...


class SoundFile:
    """A WAV file that the studio wrote."""

    def __init__(self, path: Path) -> None:
        import soundfile

        self.path = path
        try:
            info = soundfile.info(str(path))
        except soundfile.LibsndfileError as error:
            raise ValueError(f"{path.name}: cannot be read ({error})") from error
        self.sample_rate, self.num_samples = int(info.samplerate), int(info.frames)
        self.channels = int(info.channels)

    def read(self, first: int, count: int) -> Wav:
        import soundfile

        begin, end = max(0, first), min(self.num_samples, first + count)
        wav = np.zeros((self.channels, count), np.float32)
        if begin < end:
            with soundfile.SoundFile(str(self.path)) as file:
                file.seek(begin)
                part = file.read(end - begin, dtype="float32", always_2d=True).T
            wav[:, begin - first : begin - first + part.shape[1]] = part
        return wav


@dataclass(frozen=True)
class Mix:
    """Sounds of one rate added, each with its gain; mono goes to every channel."""

    parts: tuple[tuple[Sound, float], ...]
    num_samples: int
    sample_rate: int
    channels: int

    @classmethod
    def of(cls, parts: list[tuple[Sound, float]], duration: float, sample_rate: int) -> Mix:
        channels = max((sound.channels for sound, _ in parts), default=1)
        return cls(tuple(parts), round(duration * sample_rate), sample_rate, channels)

    def read(self, first: int, count: int) -> Wav:
        wav = np.zeros((self.channels, count), np.float32)
        for sound, gain in self.parts:
            wav += sound.read(first, count) * np.float32(gain)
        return wav


@dataclass(frozen=True)
class Resampled:
    """A sound at another rate. Each part is resampled when it is read, as if all were at once."""

    source: Sound
    sample_rate: int

    @property
    def channels(self) -> int:
        return self.source.channels

    @property
    def num_samples(self) -> int:
        return round(self.source.num_samples * self.sample_rate / self.source.sample_rate)

    def read(self, first: int, count: int) -> Wav:
        if self.sample_rate == self.source.sample_rate:
            return self.source.read(first, count)
        divisor = int(np.gcd(self.sample_rate, self.source.sample_rate))
        up, down = self.sample_rate // divisor, self.source.sample_rate // divisor
        margin = 16 * max(up, down) // up + 1  # source samples: the filter reaches 10 * max / up
        begin = (first // up) * down - margin * down  # where an output falls on a source sample
        end = -(-(first + count) * down // up) + margin * down
        wav = resample(self.source.read(begin, end - begin), down, up)
        offset = first - begin * up // down
        return wav[:, offset : offset + count]


@dataclass(frozen=True)
class Patched:
    """A sound whose part from sample `first` on is replaced by `wav` [C, n]."""

    source: Sound
    first: int
    wav: Wav

    @property
    def sample_rate(self) -> int:
        return self.source.sample_rate

    @property
    def num_samples(self) -> int:
        return self.source.num_samples

    @property
    def channels(self) -> int:
        return int(self.wav.shape[0])

    def read(self, first: int, count: int) -> Wav:
        wav = self.source.read(first, count)
        wav = np.repeat(wav, self.channels // wav.shape[0], axis=0)
        begin = max(first, self.first)
        end = min(first + count, self.first + self.wav.shape[1])
        if begin < end:
            wav[:, begin - first : end - first] = self.wav[:, begin - self.first : end - self.first]
        return wav


def blocks(sound: Sound, size: int = BLOCK) -> Iterator[Wav]:
    """The whole sound, [C, up to `size`] at a time."""
    for first in range(0, sound.num_samples, size):
        yield sound.read(first, min(size, sound.num_samples - first))


def peak(sound: Sound) -> float:
    """The highest absolute sample."""
    return max((float(np.abs(block).max(initial=0.0)) for block in blocks(sound)), default=0.0)


def wav_bytes(wav: Wav, sample_rate: int, bits: int = 16) -> bytes:
    """A WAV file of 16 or 24 bits of [C, T]."""
    import soundfile

    buffer = io.BytesIO()
    samples = np.clip(wav.T, -1.0, 1.0)
    soundfile.write(buffer, samples, sample_rate, subtype=f"PCM_{bits}", format="WAV")
    return buffer.getvalue()


def write_sound(path: Path, sound: Sound, num_samples: int) -> None:
    """A WAV file of 24 bits of the first `num_samples`, silence after the sound's end.

    Written in parts, however long it is. Raises ValueError where it cannot be written.
    """
    import soundfile

    try:
        with written_whole(path) as partial:
            form = (sound.sample_rate, sound.channels, "PCM_24")
            with soundfile.SoundFile(str(partial), "w", *form, format="WAV") as file:
                for first in range(0, num_samples, BLOCK):
                    wav = sound.read(first, min(BLOCK, num_samples - first))
                    file.write(np.clip(wav.T, -1.0, 1.0))
    except (OSError, soundfile.LibsndfileError) as error:
        raise ValueError(f"{path.name}: cannot be written ({one_line(error)})") from error
