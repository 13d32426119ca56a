"""A piece of a video with its sound: pictures anew as H.264, the sound beside them."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from folai.media import x264_options
from folai.mux import mux
from folai.video import iter_frames, probe

TIME_BASE = Fraction(1, 90_000)  # s
QUALITY = 18  # crf of x264: hard to tell from the original


def write_piece(
    video: Path,
    start: float,
    seconds: float,
    wav: NDArray[np.floating[Any]],
    sample_rate: int,
    out: Path,
    height: int | None = None,
) -> None:
    """Write `seconds` of a video from `start` on to `out`, with `wav` [C, T] as its sound.

    The first picture is the one on view at `start`; frame times are kept. Raises ValueError where
    no picture is there.
    """
    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        silent = Path(folder) / "silent.mp4"
        _write_pictures(video, start, seconds, silent, height)
        mux(silent, wav, sample_rate, out)


def _write_pictures(
    video: Path, start: float, seconds: float, out: Path, height: int | None
) -> None:
    rate = Fraction(probe(video).fps or 30.0).limit_denominator(1001)
    with av.open(out, "w") as container:
        stream: Any = None
        held: tuple[float, NDArray[np.uint8]] | None = None

        def put(time: float, image: NDArray[np.uint8]) -> None:
            nonlocal stream
            even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options=x264_options(QUALITY))
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuv420p"
                stream.time_base = stream.codec_context.time_base = TIME_BASE
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            frame.time_base, frame.pts = TIME_BASE, round(Fraction(time) / TIME_BASE)
            container.mux(stream.encode(frame))

        for time, image in iter_frames(video, height=height):
            if time >= start + seconds - 1e-6:
                break
            if time <= start + 1e-6:
                held = (0.0, image)  # on view at the start, unless a later one is
                continue
            if held is not None:
                put(*held)
                held = None
            put(time - start, image)
        if held is not None:
            put(*held)
        if stream is None:
            raise ValueError(f"{video}: shows no picture from {start:g} s on")
        container.mux(stream.encode())
