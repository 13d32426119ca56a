"""Pictures of clips for a page: a strip of frames, and a small silent video."""

from __future__ import annotations

import base64
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.evaluate.report.page import picture_uri
from folai.media import x264_options
from folai.video import iter_frames

TIME_BASE = Fraction(1, 90_000)  # s


def frame_strip(path: Path, duration: float, *, count: int = 9, height: int = 64) -> str:
    """HTML of `count` frames, evenly spread over `duration` seconds."""
    wanted = [(i + 0.5) * duration / count for i in range(count)]
    shown: list[NDArray[np.uint8]] = []
    for frame in iter_frames(path, height=height):
        while len(shown) < count and frame.time >= wanted[len(shown)]:
            shown.append(frame.image)
        if len(shown) == count:
            break
    images = "".join(f'<img alt="" src="{picture_uri(image)}">' for image in shown)
    return f'<div class="strip">{images}</div>'


def small_video(path: Path, start: float, duration: float, *, height: int = 180) -> str:
    """A URI of `duration` seconds from `start` on: H.264 without sound, times as they are."""
    import av

    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        made = Path(folder) / "clip.mp4"
        with av.open(made, "w") as container:
            stream = None
            for frame in iter_frames(path, height=height):
                if frame.time < start - 1e-6:
                    continue
                if frame.time >= start + duration:
                    break
                image = np.ascontiguousarray(frame.image[: height // 2 * 2])
                image = image[:, : image.shape[1] // 2 * 2]
                if stream is None:
                    stream = container.add_stream("libx264", rate=30, options=x264_options(30))
                    stream.width, stream.height = image.shape[1], image.shape[0]
                    stream.pix_fmt = "yuv420p"
                    stream.time_base = stream.codec_context.time_base = TIME_BASE
                picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                picture.time_base = TIME_BASE
                picture.pts = round(Fraction(frame.time - start) / TIME_BASE)
                container.mux(stream.encode(picture))
            if stream is None:
                raise ValueError(f"{path}: shows no picture from {start} s on")
            container.mux(stream.encode())
        return f"data:video/mp4;base64,{base64.b64encode(made.read_bytes()).decode()}"
