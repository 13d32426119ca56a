"""Pictures written as H.264."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

TIME_BASE = Fraction(1, 90_000)  # s; divides 24, 25, 30000/1001, 30 and 60 fps exactly


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
