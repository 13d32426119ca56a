"""A clip, opened once: what it is, its pictures on the clock, its own sound. PyAV alone.

All times are seconds on one clock that starts when the first picture is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.media.audio import read_audio
from folai.media.files import (
    StreamEnd,
    audio_stream,
    frame_time,
    open_media,
    packets_of,
    require_video,
)
from folai.media.frames import Frame, iter_frames
from folai.media.orientation import Orientation
from folai.media.trims import Trims

# Frame rates that cameras and editors count timecode in.
RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48.0, 50.0, 60000 / 1001, 60.0, 100.0, 120.0)

LONGEST_STILL = 1200.0  # seconds that one picture may stand: more is a damaged timestamp


@dataclass(frozen=True)
class VideoInfo:
    """What a clip is: its size as shown, its times, and how it is encoded."""

    path: Path
    container: str  # FFmpeg's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2"
    video_codec: str
    audio_codec: str | None
    pixel_format: str | None  # FFmpeg's name, such as "yuv420p"
    width: int  # pixels, after rotation
    height: int
    rotation: int  # degrees counter-clockwise that a player turns the stored picture
    fps: float  # average over the clip
    nominal_fps: float  # what its timecode counts: 30 where a few pictures of 30 fps are missing
    start: float  # container time of the first picture
    duration: float  # from the first picture to the end of the last
    timecode: str | None  # of the first picture, as the camera wrote it: "01:00:00:00"

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None


class Clip:
    """A clip, open for reading: what it is, its pictures and its sound.

    Opening reads the headers, decodes the first picture and passes over all packets once, to know
    when each picture is shown. All that is remembered. `frames`, `audio` and a `mux` read the file
    once more each, from its beginning: many containers cannot be wound back exactly.

        with Clip("clip.mp4") as clip:
            print(clip.info.duration, clip.info.has_audio)
            for time, image in clip.frames(height=128):
                ...

    path: of the file. info: what it is. start: container time of the first picture, seconds.
    times: [T] seconds on the clock at which a picture is shown, from the packets. trims: what is
    stored but not shown. stream, sound, others: the stored streams, as templates for a copy.

    Raises ValueError for a file that is missing, unreadable or has no video.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._open = ExitStack()
        try:
            container = self._open.enter_context(open_media(path))
            self.stream = require_video(container, path)
            self.sound = audio_stream(container)
            replaced = self.sound or next(iter(container.streams.audio), None)
            self.others = tuple(
                stream for stream in container.streams if stream not in (self.stream, replaced)
            )
            self.container = container
            self.info, self.start, self.times, self.trims = _examine(self)
        except BaseException:
            self._open.close()
            raise

    def __enter__(self) -> Clip:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._open.close()

    def __repr__(self) -> str:
        info = self.info
        return f"Clip({str(self.path)!r}, {info.width}x{info.height}, {info.duration:.2f} s)"

    def frames(
        self,
        *,
        height: int | None = None,
        max_fps: float | None = None,
        threads: int | None = None,
    ) -> Iterator[Frame]:
        """Yield its pictures, as `folai.media.frames.iter_frames` does."""
        return iter_frames(self.path, height=height, max_fps=max_fps, threads=threads)

    def audio(
        self, *, sample_rate: int | None = None, mono: bool = False, surround: bool = False
    ) -> tuple[NDArray[np.float32], int]:
        """Its own sound and that sound's rate, as `folai.media.audio.read_audio` returns them."""
        return read_audio(
            self.path, sample_rate=sample_rate, mono=mono, start=self.start, surround=surround
        )


@contextmanager
def opened(video: str | Path | Clip) -> Iterator[Clip]:
    """An open clip as it is; a file is opened, and closed at the end."""
    if isinstance(video, Clip):
        yield video
    else:
        with Clip(video) as clip:
            yield clip


def probe(path: str | Path) -> VideoInfo:
    """Return what a clip is. Raises ValueError as `Clip` does."""
    with Clip(path) as clip:
        return clip.info


def _examine(clip: Clip) -> tuple[VideoInfo, Fraction, NDArray[np.float64], Trims]:
    """What a clip is, the container time of its first picture, the times of all pictures, and what
    was trimmed away."""
    container, stream, sound, path = clip.container, clip.stream, clip.sound, clip.path
    pixel_format = stream.codec_context.pix_fmt
    picture: VideoFrame | None = None
    end, ticks = StreamEnd(stream), []
    trimmed: list[tuple[int, bool]] = []
    for packet in packets_of(container, stream):
        end.add(packet)
        if packet.size:
            trimmed.append((packet.pts or 0, packet.is_discard))
        if packet.size and packet.pts is not None and not packet.is_discard:
            ticks.append(packet.pts)
        if picture is None:
            picture = _first_picture(packet)
    if picture is None:
        raise ValueError(f"{path}: not one picture could be decoded; export it again")
    if not end.seconds:
        raise ValueError(f"{path}: its pictures have no times; put it in a container such as .mp4")
    start = frame_time(picture, default=Fraction(0))
    width, height = picture.width, picture.height
    sideways = Orientation.of(picture).transposed
    info = VideoInfo(
        path=path,
        container=container.format.name,
        video_codec=stream.codec_context.codec.canonical_name,
        audio_codec=sound.codec_context.name if sound else None,
        pixel_format=pixel_format,
        width=height if sideways else width,
        height=width if sideways else height,
        rotation=picture.rotation,
        fps=float(stream.average_rate or stream.guessed_rate or 0),
        nominal_fps=_nominal_rate(stream),
        start=float(start),
        duration=float(end.seconds - start),
        timecode=_timecode(container),
    )
    times = np.unique(np.array(ticks, np.float64) * float(stream.time_base or 0)) - info.start
    shown = times[(times > -1e-6) & (times < info.duration)].clip(min=0.0)
    longest = float(np.diff(shown, append=info.duration).max(initial=0.0))
    if longest > LONGEST_STILL:
        raise ValueError(
            f"{path}: one of its pictures stands for {longest:.0f} s, so its times are damaged; "
            "export it again"
        )
    return info, start, shown, Trims.of(trimmed)


def _first_picture(packet: Packet[Stream]) -> VideoFrame | None:
    """The first picture that a packet completes; None where it completes none, or is damaged."""
    try:
        frames = packet.decode()
    except av.FFmpegError:
        return None
    return next((frame for frame in frames if isinstance(frame, VideoFrame)), None)


def _nominal_rate(stream: VideoStream) -> float:
    """The usual frame rate that a clip of this one is meant to have; else its own average."""
    average = float(stream.average_rate or stream.guessed_rate or 0)
    finest = float(stream.base_rate or 0)  # the rate whose ticks hold all times
    for rate in (finest, average):
        usual = min(RATES, key=lambda other: abs(other - rate))
        if abs(usual - rate) < 1e-3 * rate and abs(usual - average) < 0.1 * average:
            return usual
    return average


def _timecode(container: InputContainer) -> str | None:
    """The time of day at which the camera began, where it says so: "10:21:00:12"."""
    tags = [container.metadata, *(stream.metadata for stream in container.streams)]
    found = (value for tag in tags for key, value in tag.items() if key.lower() == "timecode")
    return next(found, None)
