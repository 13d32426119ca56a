"""Pictures of clips for a page: a strip of frames, and a small silent video."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.evaluate.report.page import picture_uri
from folai.media.encode import write_pictures
from folai.media.frames import frames_between, iter_frames


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
    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        silent = Path(folder) / "clip.mp4"
        frames = frames_between(path, start, start + duration, height)
        if not write_pictures(silent, frames, crf=30):
            raise ValueError(f"{path}: shows no picture from {start:g} s on")
        return f"data:video/mp4;base64,{base64.b64encode(silent.read_bytes()).decode()}"
