"""Pictures of a clip on demand, in a separate process: one picture, or a strip of small ones.

`serve_pictures` is what that process does: for each line of JSON it reads, it writes a line of JSON
with a length, and so many bytes of JPEG.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.media.files import frame_time, open_media, require_video
from folai.writing import one_line

# Containers round timestamps, Matroska to 1 ms: times closer than this (seconds) are the same.
ROUNDING = 0.001
SPARSE = 2.0  # seconds between the pictures of a strip above which keyframes are enough
NEAR = 8.0  # seconds that are decoded through rather than jumped over

Image = NDArray[np.uint8]


def serve_pictures(path: str, start: float) -> None:
    """Answer until standard input ends. start: container time of the first picture, seconds."""
    with ExitStack() as stack:
        reader = _Reader(stack.enter_context(open_media(path)), path, start)
        for line in sys.stdin:
            try:
                image = _answer(reader, json.loads(line))
                _reply(_to_jpeg(image))
            except (ValueError, OSError, av.FFmpegError) as error:
                _reply(b"", error=one_line(error))


def _answer(reader: _Reader, query: dict[str, Any]) -> Image:
    if "time" in query:
        return reader.picture(query["time"], query["height"])
    start, end, count = query["start"], query["end"], query["count"]
    interval = (end - start) / count
    height, width = query["height"], query["width"]
    strip = np.zeros((height, width * count, 3), np.uint8)
    times = [start + (index + 0.5) * interval for index in range(count)]
    pictures = reader.keys(times, height) if interval > SPARSE else reader.exact(times, height)
    for index, picture in enumerate(pictures):
        part = picture[:height, :width]
        strip[: part.shape[0], index * width : index * width + part.shape[1]] = part
    return strip


def _reply(content: bytes, **facts: Any) -> None:
    out = sys.stdout.buffer
    out.write(json.dumps({"length": len(content), **facts}).encode() + b"\n" + content)
    out.flush()


def _to_jpeg(image: Image) -> bytes:
    import cv2

    done, coded = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise ValueError("the picture cannot be written as JPEG")
    return coded.tobytes()


class _Reader:
    """The clip, opened, and the picture at which the decoder stands."""

    def __init__(self, container: InputContainer, path: str, start: float) -> None:
        self.container, self.start = container, start
        self.stream: VideoStream = require_video(container, path)
        self.stream.thread_type = "SLICE"
        self.shrink = VideoReformatter()
        self.pictures: Iterator[tuple[float, VideoFrame]] = iter(())
        self.here: tuple[float, VideoFrame] | None = None
        self.following: tuple[float, VideoFrame] | None = None

    def picture(self, time: float, height: int) -> Image:
        return next(self.exact([time], height))

    def exact(self, times: list[float], height: int) -> Iterator[Image]:
        """The pictures on screen at rising times."""
        for time in times:
            at = None if self.here is None else self.here[0]
            if at is None or not at - ROUNDING <= time <= at + NEAR:
                self._jump(time)
            while self.following is not None and self.following[0] <= time + ROUNDING:
                self.here, self.following = self.following, next(self.pictures, None)
            if self.here is None:
                raise ValueError(f"no picture can be decoded at {time:.2f} s")
            yield self._upright(self.here[1], height)

    def keys(self, times: list[float], height: int) -> Iterator[Image]:
        """Keyframes near these times: each costs the decoding of one picture."""
        self.here = self.following = None
        context = self.stream.codec_context
        context.skip_frame = "NONKEY"
        try:
            for time in times:
                self._seek(time)
                found = next(self._decoded(), None)
                if found is None:  # nothing after the last keyframe decodes
                    self._seek(0.0)
                    found = next(self._decoded(), None)
                if found is None:
                    raise ValueError(f"no picture can be decoded at {time:.2f} s")
                yield self._upright(found[1], height)
        finally:
            context.skip_frame = "DEFAULT"

    def _jump(self, time: float) -> None:
        """Stand at a picture at or before `time`: the last keyframe there."""
        for earlier in (time, time - 2, 0.0):  # some containers' seeking lands late
            self._seek(earlier)
            self.pictures = self._decoded()
            self.here = next(self.pictures, None)
            if self.here is not None and self.here[0] <= time + ROUNDING:
                break
        self.following = next(self.pictures, None)

    def _seek(self, time: float) -> None:
        tick = self.stream.time_base
        assert tick is not None
        place = int((max(0.0, time) + self.start + ROUNDING) / tick)
        try:
            self.container.seek(place, stream=self.stream, backward=True)
        except av.FFmpegError:
            self.container.seek(0)

    def _decoded(self) -> Iterator[tuple[float, VideoFrame]]:
        """(seconds on the clock, picture) from where the container stands."""
        from fractions import Fraction

        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
                frames = packet.decode() if packet is not None else []
            except (av.FFmpegError, IndexError):  # PyAV's, of streams that begin midway
                continue
            if packet is None:
                return
            for frame in frames:
                if isinstance(frame, VideoFrame):
                    yield float(frame_time(frame, Fraction(0))) - self.start, frame

    def _upright(self, picture: VideoFrame, height: int) -> Image:
        turns = round(picture.rotation / 90) % 4
        shown, other = picture.height, picture.width
        if turns % 2:
            shown, other = other, shown
        width = max(2, round(other * height / shown))
        size = (height, width) if turns % 2 else (width, height)
        scaled = self.shrink.reformat(
            picture, *size, format="rgb24", interpolation="AREA", threads=1
        )
        return np.ascontiguousarray(np.rot90(scaled.to_ndarray(), turns), np.uint8)
