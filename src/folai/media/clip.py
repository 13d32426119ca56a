"""Pictures in: what a clip is, and its frames on the clock. PyAV alone.

All times are seconds on one clock that starts when the first picture is shown.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.media.files import (
    decode,
    first_picture,
    frame_time,
    open_media,
    packets_end,
    picture_end,
    require_video,
)

# Containers round timestamps, Matroska to 1 ms: times closer than this (seconds) are the same.
ROUNDING = 0.001


@dataclass(frozen=True)
class VideoInfo:
    """What a clip is: size as shown, seconds, and what it is made of."""

    path: Path
    container: str  # FFmpeg's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2"
    video_codec: str
    audio_codec: str | None
    width: int  # pixels, after rotation
    height: int
    rotation: int  # degrees counter-clockwise that a player turns the stored picture
    fps: float  # average over the clip
    start: float  # container time of the first picture
    duration: float  # from the first picture to the end of the last

    @property
    def has_audio(self) -> bool:
        return self.audio_codec is not None


class Frame(NamedTuple):
    """One picture: when it appears (seconds on the clock) and what it shows (uint8 [H, W, 3])."""

    time: float
    image: NDArray[np.uint8]


def probe(path: str | Path) -> VideoInfo:
    """Read what a clip is, from its headers, its first picture and the times of its packets.

    Raises ValueError for a file that is missing, unreadable or has no video.
    """
    with open_media(path) as container:
        stream = require_video(container, path)
        picture = first_picture(container, stream)
        if picture is None:
            raise ValueError(f"{path}: not one picture could be decoded; export it again")
        sound = container.streams.best("audio")
        start = frame_time(picture, default=Fraction(0))
        width, height = picture.width, picture.height
        sideways = picture.rotation % 180 == 90
        return VideoInfo(
            path=Path(path),
            container=container.format.name,
            video_codec=stream.codec_context.codec.canonical_name,
            audio_codec=sound.codec_context.name if sound else None,
            width=height if sideways else width,
            height=width if sideways else height,
            rotation=picture.rotation,
            fps=float(stream.average_rate or stream.guessed_rate or 0),
            start=float(start),
            duration=float(picture_end(path) - start),
        )


def iter_frames(
    path: str | Path, *, height: int | None = None, max_fps: float | None = None
) -> Iterator[Frame]:
    """Yield the pictures of a clip as they are shown, upright, `height` pixels high.

    With `max_fps`, a clip that has more frames a second is thinned: pictures that follow the last
    one kept by less than 1 / max_fps (less 10 %, so that 31 frames a second is not halved to honour
    30) are left out; where it has not more but comes in bursts, those by less than 60 % of that. A
    clip that is damaged or cut short gives what decodes, and a warning says how much that was.

    Raises ValueError as `probe` does, and at the end if the clip has fewer than two pictures.
    """
    shrink = VideoReformatter()
    with open_media(path) as container:
        stream = require_video(container, path)
        closest = _closest(stream, max_fps)
        stream.thread_type = "AUTO"
        count, last_kept, time = 0, float("-inf"), 0.0
        for time, picture in _timed(container, stream):
            count += 1
            if time - last_kept >= closest:
                last_kept = time
                yield Frame(time, _upright(picture, height, shrink))
        _check_complete(path, container, stream, count, time)


def _closest(stream: VideoStream, max_fps: float | None) -> float:
    """Seconds between pictures that are kept, at least."""
    if max_fps is None:
        return 0.0
    average = float(stream.average_rate or max_fps + 1.0)
    return (0.6 if average <= max_fps else 0.9) / max_fps


def resample_frames(frames: Iterable[Frame], fps: float = 30.0) -> Iterator[Frame]:
    """Yield the picture that is on screen at 0, 1 / fps, 2 / fps, ... until the last one goes."""
    index, shown, interval = 0, None, 1.0 / fps
    for frame in frames:
        if shown is not None:
            interval = frame.time - shown.time
            while index / fps < frame.time - ROUNDING:
                yield Frame(index / fps, shown.image)
                index += 1
        shown = frame
    while shown is not None and index / fps < shown.time + interval - ROUNDING:
        yield Frame(index / fps, shown.image)  # the last picture stays as long as the one before
        index += 1


def frames_between(
    path: str | Path, start: float, end: float, height: int | None = None
) -> Iterator[Frame]:
    """Yield what is shown from `start` to `end`, times counted from `start`.

    The first picture is the one on view at `start`. Raises ValueError as `iter_frames` does.
    """
    held: Frame | None = None
    for time, image in iter_frames(path, height=height):
        if time >= end - 1e-6:
            break
        if time <= start + 1e-6:
            held = Frame(0.0, image)  # on view at the start, unless a later one is
            continue
        if held is not None:
            yield held
            held = None
        yield Frame(time - start, image)
    if held is not None:
        yield held


def _timed(container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
    """Yield decoded pictures with strictly rising times that start at 0.0."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    start = last = None
    for picture in decode(container, stream):
        if not isinstance(picture, VideoFrame):
            continue
        following = Fraction(0) if last is None else last + 1 / rate
        time = frame_time(picture, default=following)
        if last is not None and time <= last:
            continue
        start = time if start is None else start
        last = time
        yield float(time - start), picture


def _upright(
    picture: VideoFrame, height: int | None, shrink: VideoReformatter
) -> NDArray[np.uint8]:
    """Scale a decoded picture to `height` as shown, and turn it: uint8 [H, W, 3] RGB."""
    turns = round(picture.rotation / 90) % 4  # counter-clockwise, as np.rot90 counts
    size: tuple[int | None, int | None] = (None, None)
    if height is not None:
        shown = picture.width if turns % 2 else picture.height
        other = picture.height if turns % 2 else picture.width
        width = max(2, 2 * round(other * height / shown / 2))
        size = (height, width) if turns % 2 else (width, height)
    scaled = shrink.reformat(picture, *size, format="rgb24", interpolation="AREA", threads=1)
    image = scaled.to_ndarray()
    return np.ascontiguousarray(np.rot90(image, turns), dtype=np.uint8)


def _check_complete(
    path: str | Path, container: InputContainer, stream: VideoStream, count: int, last: float
) -> None:
    """Say so when a clip ends before its header says it does; refuse one without movement."""
    if count < 2:
        found = "only one picture" if count else "not one picture"
        raise ValueError(f"{path}: {found} could be decoded; a clip needs at least two")
    interval = last / (count - 1)
    used, enough = last + interval, max(0.25, 2 * interval)
    tick = stream.time_base or Fraction(0)
    declared = float((stream.duration or 0) * tick)
    if stream.duration is None:  # Matroska declares one end, that of the longest stream
        end = Fraction(container.duration or 0, av.time_base)
        sound = container.streams.best("audio")
        if sound is None or packets_end(path, sound.index) < end - enough:
            declared = float(end - (stream.start_time or 0) * tick)
    if declared > used + enough:
        warnings.warn(
            f"{path}: is damaged or cut short: the first {used:.2f} of {declared:.2f} s decode "
            "and are used",
            stacklevel=3,
        )
