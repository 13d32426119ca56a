"""Media files opened and taken apart: streams, packets, frames, and when each is presented.

What pictures (`frames.py`), sound (`audio.py`) and clips (`clip.py`) share. PyAV alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from folai.media.rebasing import may_jump, rebased
from folai.writing import one_line

WAVE = (".wav", ".wave", ".bwf")
PROBED = 1 << 15  # bytes of a WAV: its header says all, and FFmpeg would decode 5 MB to find out


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """Open a media file for reading, or raise a ValueError that says what is wrong with it."""
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"{path}: is a directory; give a video or sound file")
    if not file.exists():
        raise ValueError(f"{path}: does not exist; check the path")
    if not file.is_file():
        raise ValueError(f"{path}: is a pipe or a device; save it to a file first")
    if file.stat().st_size == 0:
        raise ValueError(f"{path}: is empty (0 bytes); copy or export it again")
    try:
        # AVI stores decoding times only; genpts works out when each picture is shown. The path is
        # absolute because FFmpeg takes what stands before a colon for a protocol.
        options = {"fflags": "+genpts"}
        if file.suffix.lower() in WAVE:
            options["probesize"] = str(PROBED)
        container = av.open(str(file.absolute()), "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise ValueError(
            f"{path}: is not a readable video or sound file ({one_line(error)}); "
            "it may be damaged, cut short or of another type: export it again"
        ) from error
    with container:
        yield container


def decode(
    container: InputContainer, stream: Stream, beside: StreamEnd | None = None
) -> Iterator[object]:
    """Yield every frame of a stream that decodes; damaged packets are skipped, and counted.

    beside: watches the packets of another stream, which are passed over.
    """
    damaged = 0
    packets = _demux(container, [stream] if beside is None else [stream, beside.stream])
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                break
            if packet.stream.index != stream.index:
                assert beside is not None
                beside.add(packet)
                continue
            frames = packet.decode()
        except av.FFmpegError:
            damaged += 1
            continue  # after an error in the container itself, `packets` has simply ended
        yield from frames
    if damaged:
        warnings.warn(
            f"{container.name}: skipped {damaged} damaged packets of its {stream.type}",
            stacklevel=2,
        )


def packets_of(container: InputContainer, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets of these streams in file order, as far as the file goes.

    An empty packet at the end of each stream makes a decoder hand out its last frames.
    """
    try:
        yield from _demux(container, streams)
    except av.FFmpegError:
        return  # cut short: what was read is used


def _demux(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Stream]]:
    packets = container.demux(streams)
    try:
        yield from rebased(packets) if may_jump(container) else packets
    except IndexError:
        # In a damaged transport stream other streams seem to begin midway. PyAV does not know
        # them, and fails where it ends them; ours have been read to their end by then.
        return


class StreamEnd:
    """Watches the packets of a stream: when the last of them ends."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._end = 0  # ticks: fractions would take longer than reading the packets
        self._last: int | None = None  # presentation time of a packet of unknown duration

    def add(self, packet: Packet[Stream]) -> None:
        if not packet.size or packet.pts is None or packet.is_discard:
            return
        if packet.duration:
            self._end = max(self._end, packet.pts + packet.duration)
        else:
            self._last = packet.pts if self._last is None else max(self._last, packet.pts)

    @property
    def seconds(self) -> Fraction:
        """Container time at which the last packet ends; 0 where no packet has a time."""
        tick = self.stream.time_base or Fraction(0)
        rate = self.stream.average_rate if isinstance(self.stream, VideoStream) else None
        ends = [Fraction(0), self._end * tick]
        if self._last is not None:
            ends.append(self._last * tick + (1 / rate if rate else 0))
        return max(ends)


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that moves: not a cover picture."""
    pictures = (s for s in container.streams.video if s.codec_context is not None)
    return next((s for s in pictures if not s.disposition & Disposition.attached_pic), None)


def require_video(container: InputContainer, path: str | Path) -> VideoStream:
    """Return the stream of `video_stream`; raises ValueError where there is none."""
    stream = video_stream(container)
    if stream is None:
        raise ValueError(f"{path}: has no video, only sound; give a video file")
    return stream


def audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the sound to use: the container's own choice, or the first that can be decoded.

    Telephones write a spatial format beside a plain one, and mark the spatial one as the default.
    Where there is sound but none that can be decoded, a warning says so, and the result is None.
    """
    streams = container.streams.audio
    able = [stream for stream in streams if _can_decode(stream)]
    best = container.streams.best("audio")
    if streams and not able:
        warnings.warn(
            f"{container.name}: its sound is in a format that cannot be decoded; "
            "it is taken as silent",
            stacklevel=2,
        )
    return next((stream for stream in able if stream is best), able[0] if able else None)


def _can_decode(stream: Stream) -> bool:
    """Whether there is a decoder; PyAV gives a stream without one no codec context."""
    context = stream.codec_context
    return context is not None and context.codec is not None


def frame_time(frame: AudioFrame | VideoFrame, default: Fraction) -> Fraction:
    """Return when a frame is presented, in container seconds, exactly."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return default if stamp is None or frame.time_base is None else stamp * frame.time_base


def picture_start(path: str | Path) -> Fraction | None:
    """Return the container time (seconds) of the first picture: the zero of the video clock.

    The first that decodes: it may be later than `stream.start_time`. None where none does.
    """
    with open_media(path) as container:
        stream = video_stream(container)
        frames = () if stream is None else decode(container, stream)
        first = next((frame for frame in frames if isinstance(frame, VideoFrame)), None)
    return None if first is None else frame_time(first, default=Fraction(0))
