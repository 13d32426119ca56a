"""The version of a clip that every browser plays: H.264 in MP4 (or VP9), 720 lines at most, many
keyframes.

It runs on the clock of `folai.media`: the first picture is shown at 0, whatever the container says.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from folai.media.clip import Clip
from folai.media.encode import TIME_BASE
from folai.media.mux import mux
from folai.writing import written_whole

LINES = 720  # of the picture, at most
BETWEEN_KEYFRAMES = 15  # pictures: what a jump has to decode
LONGEST_SOUND = 1200.0  # seconds; of a longer clip the proxy is silent, to bound the memory


def write_proxy(path: Path, out: Path, progress: Callable[[float], None]) -> str:
    """Write it to `out` (.mp4) and return its media type. Raises ValueError as `Clip` does."""
    with Clip(path) as clip, written_whole(out) as silent:
        _write_pictures(clip, silent, progress)
        if clip.info.has_audio and clip.info.duration <= LONGEST_SOUND:
            _add_sound(clip, silent)
    progress(1.0)
    return "video/mp4"


def _write_pictures(clip: Clip, silent: Path, progress: Callable[[float], None]) -> None:
    info = clip.info
    height = min(LINES, info.height) // 2 * 2
    width = max(2, 2 * round(info.width * height / info.height / 2))
    with av.open(str(silent), "w", format="mp4", options={"movflags": "faststart"}) as target:
        stream = _add_stream(target, width, height)
        for frame in clip.frames(height=height):
            picture = VideoFrame.from_ndarray(frame.image, format="rgb24")
            picture = picture.reformat(width, height, format="yuv420p")
            picture.pts = round(Fraction(frame.time) / TIME_BASE)
            picture.time_base = TIME_BASE
            target.mux(stream.encode(picture))
            progress(min(0.99, frame.time / info.duration))
        target.mux(stream.encode(None))


def _add_stream(target: av.container.OutputContainer, width: int, height: int) -> VideoStream:
    codec = "libx264" if "libx264" in av.codecs_available else "libvpx-vp9"
    stream = target.add_stream(codec, rate=30)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
    stream.time_base = stream.codec_context.time_base = TIME_BASE
    stream.gop_size = BETWEEN_KEYFRAMES
    if codec == "libx264":
        # Without pictures that refer to later ones, the stream begins at 0 and jumps are cheap.
        stream.options = {"preset": "veryfast", "crf": "24", "bf": "0"}
    else:
        stream.options = {"deadline": "realtime", "cpu-used": "8", "crf": "34", "b": "0"}
    return stream


def _add_sound(clip: Clip, silent: Path) -> None:
    """Put the clip's own sound beside the pictures of the proxy; without it where that fails."""
    try:
        wav, rate = clip.audio()
        wav = wav[:2] if wav.shape[0] <= 2 else wav.mean(axis=0, keepdims=True, dtype=np.float32)
        beside = silent.with_name(f"sound-{silent.name}")
        mux(silent, wav, rate, beside)
        beside.replace(silent)
    except ValueError:
        return
