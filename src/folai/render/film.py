"""Films a scene: frames with motion blur and grain, and clips in H.264.

A frame is centred on its presentation time, so what it shows and when it counts agree.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.render.scene import Scene
from folai.writing import written_whole


def render_frames(
    scene: Scene, *, fps: float = 30.0, size: tuple[int, int] = (344, 256), shutter: float = 0.5,
    times: Sequence[float] | None = None, exposures: int = 4,
) -> Iterator[tuple[float, NDArray[np.uint8]]]:  # fmt: skip
    """Yield (time in seconds, picture [H, W, 3]) over the scene, at `fps` or at increasing `times`.

    A picture is the mean of `exposures` instants spread over shutter / fps seconds **centred** on
    its time, plus sensor noise. shutter 0..1: 0 is no motion blur.
    """
    stamps = _frame_times(scene.duration, fps, times)
    if not 0.0 <= shutter <= 1.0:
        raise ValueError(f"shutter must be 0..1 of the frame interval, got {shutter}")
    if exposures < 1:
        raise ValueError(f"exposures must be >= 1, got {exposures}")
    count = exposures if shutter > 0 else 1
    offsets = ((np.arange(count) + 0.5) / count - 0.5) * shutter / fps
    grain = _Grain(scene, size)
    for time in stamps:
        total = np.zeros((size[1], size[0], 3), np.float32)
        for offset in offsets:
            cv2.accumulate(scene.draw(time + offset, size), total)
        yield time, grain.add(total / np.float32(count))


def write_clip(
    scene: Scene, path: str | Path, *, fps: float | Fraction = 30.0,
    times: Sequence[float] | None = None, size: tuple[int, int] = (344, 256), crf: int = 23,
    shutter: float = 0.5, exposures: int = 4,
) -> None:  # fmt: skip
    """Film the scene as H.264 mp4; `times` (seconds, increasing) makes its frame rate variable.

    Frame i is presented at i / fps, or times[i], to the nearest 1/90000 s. The size must be even.
    The file appears under its name only when it is whole.
    """
    from folai.media.encode import write_pictures

    if size[0] % 2 or size[1] % 2:
        raise ValueError(f"size must be even for H.264, got {size}")
    rate = Fraction(fps).limit_denominator(1001)
    frames = render_frames(
        scene, fps=float(fps), size=size, times=times, shutter=shutter, exposures=exposures
    )
    with written_whole(path) as partial:
        write_pictures(partial, frames, crf=crf, rate=rate)


def _frame_times(duration: float, fps: float, times: Sequence[float] | None) -> list[float]:
    if not fps > 0:
        raise ValueError(f"fps must be > 0, got {fps}")
    if times is None:
        return [index / fps for index in range(max(1, round(duration * fps)))]
    if len(times) == 0 or np.any(np.diff(times) <= 0):
        raise ValueError("times must be a non-empty, strictly increasing sequence of seconds")
    return [float(time) for time in times]


class _Grain:
    """Sensor noise: one patch, laid over each picture at a random place, as drawing it is slow."""

    def __init__(self, scene: Scene, size: tuple[int, int]) -> None:
        self._rng = np.random.default_rng((scene.seed, 0x6E01))
        self._size = size
        shape = (size[1] + 64, size[0] + 64, 3)
        mono = self._rng.standard_normal((*shape[:2], 1), dtype=np.float32)
        noise = 0.8 * mono + 0.6 * self._rng.standard_normal(shape, dtype=np.float32)
        self._noise = scene.light.noise * noise + 0.5

    def add(self, picture: NDArray[np.float32]) -> NDArray[np.uint8]:
        left, top = self._rng.integers(0, 65, 2)
        noise = self._noise[top : top + self._size[1], left : left + self._size[0]]
        return np.clip(picture + noise, 0, 255).astype(np.uint8)
