"""Media files opened and taken apart: streams, packets, frames and the two ends of the clock; and
pictures written as H.264.

What pictures (`video.py`) and sound (`audio.py`) share. PyAV alone.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.writing import one_line

TIME_BASE = Fraction(1, 90_000)  # s; divides 24, 25, 30000/1001, 30 and 60 fps exactly


@contextmanager
def open_media(path: str | Path) -> Iterator[InputContainer]:
    """Open a media file for reading, or raise a ValueError that says what is wrong with it."""
    file = Path(path)
    if file.is_dir():
        raise ValueError(f"{path}: is a directory; give a video or sound file")
    if not file.exists():
        raise ValueError(f"{path}: does not exist; check the path")
    if file.is_file() and file.stat().st_size == 0:
        raise ValueError(f"{path}: is empty (0 bytes); copy or export it again")
    try:
        # AVI has decoding times only; genpts works out when each picture is shown. The path is
        # absolute because FFmpeg takes what stands before a colon for a protocol.
        options = {"fflags": "+genpts"}
        container = av.open(str(file.absolute()), "r", options=options, metadata_errors="replace")
    except (av.FFmpegError, OSError) as error:
        raise ValueError(
            f"{path}: is not a readable video or sound file ({one_line(error)}); "
            "it may be damaged, cut short or of another type: export it again"
        ) from error
    with container:
        yield container


def decode(container: InputContainer, stream: Stream) -> Iterator[object]:
    """Yield every frame of a stream that decodes; damaged packets are skipped, and counted."""
    damaged = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
            frames = packet.decode() if packet is not None else []
        except av.FFmpegError:
            damaged += 1
            continue  # after an error in the container itself, `packets` has simply ended
        if packet is None:
            break
        yield from frames
    if damaged:
        warnings.warn(
            f"{container.name}: skipped {damaged} damaged packets of its {stream.type}",
            stacklevel=2,
        )


def packets_of(container: InputContainer, stream: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets of a stream, as far as the file goes."""
    try:
        yield from (packet for packet in container.demux(stream) if packet.size)
    except av.FFmpegError:
        return  # cut short: what was read is used


def video_stream(container: InputContainer) -> VideoStream | None:
    """Return the first video stream that moves: not a cover picture."""
    pictures = (s for s in container.streams.video if s.codec_context is not None)
    return next((s for s in pictures if not s.disposition & Disposition.attached_pic), None)


def require_video(container: InputContainer, path: str | Path) -> VideoStream:
    stream = video_stream(container)
    if stream is None:
        raise ValueError(f"{path}: has no video, only sound; give a video file")
    return stream


def first_picture(container: InputContainer, stream: VideoStream) -> VideoFrame | None:
    """Decode one frame. It may be later than `stream.start_time` if the start is undecodable."""
    return next((f for f in decode(container, stream) if isinstance(f, VideoFrame)), None)


def frame_time(frame: AudioFrame | VideoFrame, default: Fraction) -> Fraction:
    """Return when a frame is presented, in container seconds, exactly."""
    stamp = frame.pts if frame.pts is not None else frame.dts
    return default if stamp is None or frame.time_base is None else stamp * frame.time_base


def picture_start(path: str | Path) -> Fraction | None:
    """Return the container time (seconds) of the first picture: the zero of the video clock."""
    with open_media(path) as container:
        stream = video_stream(container)
        picture = first_picture(container, stream) if stream else None
    return frame_time(picture, default=Fraction(0)) if picture else None


def picture_end(path: str | Path) -> Fraction:
    """Return the container time (seconds) at which the last picture goes, from the packets."""
    with open_media(path) as container:
        stream = video_stream(container)
        end = packets_end(path, stream.index) if stream else Fraction(0)
    if not end:
        raise ValueError(f"{path}: its pictures have no times; put it in a container such as .mp4")
    return end


def packets_end(path: str | Path, index: int) -> Fraction:
    """Return the container time (seconds) at which the last packet of a stream ends, or 0."""
    end, last = 0, None  # ticks: fractions would take longer than reading the packets
    with open_media(path) as container:
        stream = container.streams[index]
        rate = stream.average_rate if isinstance(stream, VideoStream) else None
        for packet in packets_of(container, stream):
            if packet.pts is not None and not packet.is_discard:
                if packet.duration:
                    end = max(end, packet.pts + packet.duration)
                else:
                    last = packet.pts if last is None else max(last, packet.pts)
        tick = stream.time_base or Fraction(0)
    ends = [Fraction(0), end * tick]
    if last is not None:
        ends.append(last * tick + (1 / rate if rate else 0))
    return max(ends)


def write_pictures(
    path: str | Path,
    pictures: Iterable[tuple[float, NDArray[np.uint8]]],
    *,
    crf: int,
    rate: Fraction | int = 30,
) -> int:
    """Write (seconds, picture [H, W, 3]) as H.264 mp4 without sound; how many there were.

    Each is shown from its own time on, to the nearest 1/90000 s; `rate` only tells players what to
    expect. An odd row or column is left out. The same pictures always give the same file. Of no
    pictures nothing is written.
    """
    rest = iter(pictures)
    first = next(rest, None)
    if first is None:
        return 0
    height, width = (size // 2 * 2 for size in first[1].shape[:2])
    # What mbtree decides differs from run to run.
    options = {"crf": str(crf), "x264-params": "mbtree=0"}
    count = 0
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = TIME_BASE
        for time, image in chain([first], rest):
            even = np.ascontiguousarray(image[:height, :width])
            frame = av.VideoFrame.from_ndarray(even, format="rgb24")
            frame.pts, frame.time_base = round(Fraction(time) / TIME_BASE), TIME_BASE
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode())
    return count
