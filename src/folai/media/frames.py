"""The pictures of a clip, decoded: upright, at any size, each with its time. PyAV alone.

All times are seconds on one clock that starts when the first picture is shown.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
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

from folai.media.files import StreamEnd, decode, frame_time, open_media, require_video
from folai.media.orientation import Orientation

# Of pictures that are shown this many times smaller, decoders leave block edges unsmoothed where no
# other picture is decoded from them: up to a third of their work, and it is averaged away. In all
# pictures the difference would add up, and vanish at each key picture, which looks like motion.
HARDLY_SEEN = 4
ROUGH = {"skip_loop_filter": "noref"}


class Frame(NamedTuple):
    """One picture: when it appears (seconds on the clock) and what it shows (uint8 [H, W, 3])."""

    time: float
    image: NDArray[np.uint8]


def iter_frames(
    path: str | Path,
    *,
    height: int | None = None,
    max_fps: float | None = None,
    threads: int | None = None,
) -> Iterator[Frame]:
    """Yield the pictures of a clip in the order they are shown, upright, `height` pixels high.

    max_fps: pictures that follow the last one yielded by less than 0.9 / max_fps seconds are left
    out (0.9, so that 31 frames a second are not halved for a limit of 30). Where the clip's average
    rate is not above max_fps but pictures come in bursts, the limit is 0.6 / max_fps seconds.
    threads: that decode; None: one for each core.
    A clip that is damaged or cut short yields what decodes, and a warning says how much that was.

    Raises ValueError for a file that is missing, unreadable or has no video, and at the end if the
    clip has fewer than two pictures.
    """
    shrink = VideoReformatter()
    with open_media(path) as container:
        stream = require_video(container, path)
        closest = _closest(stream, max_fps)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads or 0
        if height is not None and height * HARDLY_SEEN <= min(stream.width, stream.height):
            stream.codec_context.options = ROUGH
        sound = _end_of_sound(container, stream)
        count, last, time, picture = 0, float("-inf"), 0.0, None
        for time, picture in _timed(container, stream, sound):
            count += 1
            if time - last >= closest:
                last = time
                yield Frame(time, _upright(picture, height, shrink))
        stands = 0.0
        if picture is not None and picture.time_base is not None:
            stands = float(picture.duration * picture.time_base)
        _check_complete(path, container, stream, sound, count, time, stands)


def _closest(stream: VideoStream, max_fps: float | None) -> float:
    """The least time between two pictures that are yielded, seconds."""
    if max_fps is None:
        return 0.0
    average = float(stream.average_rate or max_fps + 1.0)
    return (0.6 if average <= max_fps else 0.9) / max_fps


def frames_between(
    path: str | Path, start: float, end: float, height: int | None = None
) -> Iterator[Frame]:
    """Yield what is shown from `start` to `end`, times counted from `start`.

    The first picture is the one on view at `start`. Raises ValueError as `iter_frames` does.
    """
    on_view: Frame | None = None  # at the start, unless a later one follows in time
    for time, image in iter_frames(path, height=height):
        if time >= end - 1e-6:
            break
        if time <= start + 1e-6:
            on_view = Frame(0.0, image)
            continue
        if on_view is not None:
            yield on_view
            on_view = None
        yield Frame(time - start, image)
    if on_view is not None:
        yield on_view


def _end_of_sound(container: InputContainer, stream: VideoStream) -> StreamEnd | None:
    """What watches the sound of a container that does not declare how long its pictures last."""
    sound = container.streams.best("audio")
    return StreamEnd(sound) if sound is not None and stream.duration is None else None


def _timed(
    container: InputContainer, stream: VideoStream, sound: StreamEnd | None
) -> Iterator[tuple[float, VideoFrame]]:
    """Yield decoded pictures with strictly rising times that start at 0.0."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(30)
    start = last = None
    for picture in decode(container, stream, sound):
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
    orientation = Orientation.of(picture)
    sideways = orientation.transposed
    size: tuple[int | None, int | None] = (None, None)
    if height is not None:
        shown = picture.width if sideways else picture.height
        other = picture.height if sideways else picture.width
        width = max(2, 2 * round(other * height / shown / 2))
        size = (height, width) if sideways else (width, height)
    scaled = shrink.reformat(picture, *size, format="rgb24", interpolation="AREA", threads=1)
    return orientation.apply(np.asarray(scaled.to_ndarray(), np.uint8))


def _check_complete(
    path: str | Path,
    container: InputContainer,
    stream: VideoStream,
    sound: StreamEnd | None,
    count: int,
    last: float,
    stands: float,
) -> None:
    """Warn of a clip that ends before its header says it does; refuse one of fewer than two.

    last: time of the last picture, which `stands` for so many seconds.
    """
    if count < 2:
        found = "only one picture" if count else "not one picture"
        raise ValueError(f"{path}: {found} could be decoded; a clip needs at least two")
    interval = last / (count - 1)
    used, enough = last + max(interval, stands), max(0.25, 2 * interval)
    tick = stream.time_base or Fraction(0)
    declared = float((stream.duration or 0) * tick)
    if stream.duration is None:  # Matroska declares one end, that of the longest stream
        end = Fraction(container.duration or 0, av.time_base)
        if sound is None or sound.seconds < end - enough:
            declared = float(end - (stream.start_time or 0) * tick)
    if declared > used + enough:
        warnings.warn(
            f"{path}: is damaged or cut short: the first {used:.2f} of {declared:.2f} s decode "
            "and are used",
            stacklevel=3,
        )
