"""A file while it is written: copied pictures, encoded sound, further tracks. PyAV alone."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from folai.media.carried import Carried, copy_file_tags, copy_tags, missing_in
from folai.media.clip import Clip
from folai.media.containers import ENCODERS, add_pictures
from folai.writing import one_line


class Output:
    """A file while it is written: pictures as they are handed in, its sound between them."""

    def __init__(
        self,
        out: Path,
        target: OutputContainer,
        clip: Clip,
        sound: NDArray[np.float32],
        rate: int,
        codec: str,
        layout: str | None,
        timecode: str | None,
    ) -> None:
        """layout: of more than two channels. timecode: of the first picture."""
        self.out, self.written = out, 0
        self._target, self._clip, self._timecode = target, clip, timecode
        self._pictures = add_pictures(target, clip.stream)
        copy_tags(clip.stream, self._pictures)
        if timecode:
            self._pictures.metadata["timecode"] = timecode
        track = _add_track(target, sound.shape[0], rate, codec, layout)
        if clip.sound is not None:
            track.metadata["language"] = clip.sound.language or "und"
        self._carried = Carried(clip, target)
        copy_file_tags(clip.container, target, clip.info.start)
        target.start_encoding()
        self._sound = _encoded(sound, rate, track)
        self._following = next(self._sound, None)

    def add(self, packet: Packet[Stream], is_picture: bool, start: float) -> None:
        """Write a packet of pictures, or of a further track.

        Pictures and sound go by decoding time, so that neither waits in memory for the other.
        """
        with failures_named(self.out):
            if not is_picture:
                for carried in self._carried.moved(packet, start):
                    self._target.mux(carried)
                return
            _move(packet, start)
            self._write_sound(until=_decoding_time(packet))
            packet.stream = self._pictures
            self._target.mux(packet)
            self.written += 1

    def finish(self) -> None:
        """Write what is left of the sound."""
        with failures_named(self.out):
            self._write_sound(until=None)

    def warn_of_losses(self) -> None:
        """Name what of the clip is not in the file."""
        lost = [*self._carried.lost, *missing_in(self.out, self._clip, self._timecode)]
        if lost:
            warnings.warn(f"{self.out}: does not hold {', '.join(lost)}", stacklevel=2)

    def _write_sound(self, until: Fraction | None) -> None:
        while self._following is not None:
            if until is not None and _decoding_time(self._following) >= until:
                return
            self._target.mux(self._following)
            self._following = next(self._sound, None)


@contextmanager
def failures_named(out: Path) -> Iterator[None]:
    """Say which file could not be written."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{out}: cannot be written ({one_line(error)})") from error


def _decoding_time(packet: Packet[Stream]) -> Fraction:
    """Seconds."""
    return (packet.dts or 0) * packet.time_base


def _move(packet: Packet[Stream], start: float) -> None:
    """Earlier by `start` seconds: what is shown at `start` is shown at 0."""
    shift = round(start / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts - shift
    packet.dts = None if packet.dts is None else packet.dts - shift


def dated(packets: Iterable[Packet[Stream]], pictures: Stream) -> Iterator[Packet[Stream]]:
    """Give a decoding time to the pictures that lack one: with B-frames, Matroska's first few."""
    waiting: list[Packet[Stream]] = []
    for packet in packets:
        if not packet.size:
            continue
        if packet.stream.index != pictures.index:
            yield packet
            continue
        if packet.dts is None:
            waiting.append(packet)
            continue
        for back, early in enumerate(reversed(waiting), start=1):
            early.dts = packet.dts - back * (packet.duration or 1)
        yield from [*waiting, packet]
        waiting = []
    # A clip of a few pictures ends before one has a decoding time: in order, before any is shown.
    ordered = sorted(packet.pts or 0 for packet in waiting)
    early_by = max((t - (p.pts or 0) for t, p in zip(ordered, waiting, strict=True)), default=0)
    for time, packet in zip(ordered, waiting, strict=True):
        packet.dts = time - early_by
    yield from waiting


def _add_track(
    target: OutputContainer, channels: int, rate: int, codec: str, layout: str | None
) -> AudioStream:
    """Add a stream of encoded sound; layout: of more than two channels."""
    track = target.add_stream(ENCODERS.get(codec, codec), rate=rate)
    assert isinstance(track, AudioStream)
    track.codec_context.layout = layout or ("mono" if channels == 1 else "stereo")
    if codec == "flac":
        track.codec_context.format = "s32"  # 24 bits; FLAC would start at 16
    else:
        track.bit_rate = 128_000 * channels
    return track


def _encoded(sound: NDArray[np.float32], rate: int, track: AudioStream) -> Iterator[Packet[Stream]]:
    """Yield the sound as encoded packets.

    The encoders stamp their packets earlier by their own delay (AAC 1024 samples, Opus 312) and
    the containers record it, so that a player drops it: the sound is not moved here.
    """
    block = track.codec_context.frame_size or 4096
    for begin in range(0, sound.shape[1], block):
        samples = np.ascontiguousarray(sound[:, begin : begin + block].clip(-1.0, 1.0))
        frame = AudioFrame.from_ndarray(samples, "fltp", track.codec_context.layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
        yield from track.encode(frame)
    yield from track.encode(None)
