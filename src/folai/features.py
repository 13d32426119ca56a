"""Frames -> what the mapper looks at: small pictures and camera-free flow on a timeline of steps.

A step is the time between two neighbouring frames, about 1/30 s. Flow is a velocity in picture
heights per second, so neither resolution nor frame rate shows in it. The timeline is that of the
frames themselves, never resampled: putting 25 fps on a 30 Hz grid would smear or repeat motion
just where a contact has to be seen. `edges` says when each step begins and ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.cadence import taken_times
from folai.flow import FLOW_SIZE, FlowEstimator, camera_motion, remove_camera
from folai.video import Frame, iter_frames

GRID_SIZE = (86, 64)  # width, height of what the encoder sees
STEP = 1 / 30  # seconds; frames further apart are given several steps
MAX_FPS = 31.0  # faster video is thinned to this: 60 fps becomes 30
BLOCK = 1800  # frames examined and handed over together: a minute


@dataclass(frozen=True)
class Pictures:
    """What the mapper sees of `T` steps."""

    edges: NDArray[np.float64]  # [T + 1] seconds; step i runs from edges[i] to edges[i + 1]
    rgb: NDArray[np.uint8]  # [T, H, W, 3], the frame at the end of the step
    flow: NDArray[np.float16]  # [T, 2, H, W] picture heights per second, camera motion removed

    @property
    def num_steps(self) -> int:
        return len(self.rgb)

    @property
    def duration(self) -> float:
        return float(self.edges[-1])

    def part(self, first: int, last: int) -> Pictures:
        """Steps `first` to `last`, the latter not included."""
        last = min(last, self.num_steps)
        return Pictures(self.edges[first : last + 1], self.rgb[first:last], self.flow[first:last])

    @staticmethod
    def join(blocks: Iterable[Pictures]) -> Pictures:
        parts = list(blocks)
        edges = [part.edges[:-1] for part in parts[:-1]] + [parts[-1].edges]
        rgb, flow = [part.rgb for part in parts], [part.flow for part in parts]
        return Pictures(np.concatenate(edges), np.concatenate(rgb), np.concatenate(flow))


def read_pictures(path: Path) -> Pictures:
    """The whole of a video file, in memory (38 kB a step: a minute is 70 MB)."""
    return Pictures.join(iter_pictures(iter_frames(path, height=FLOW_SIZE[1], max_fps=MAX_FPS)))


def iter_pictures(frames: Iterable[Frame], block: int = BLOCK) -> Iterator[Pictures]:
    """`frames` in presentation order -> consecutive `Pictures` of at most `block` frames each."""
    estimate = FlowEstimator()
    before: NDArray[np.uint8] | None = None
    pending: list[_Pair] = []
    times: list[float] = []
    start = 0.0
    for frame in frames:
        image = _shrunk(frame.image, FLOW_SIZE)
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        times.append(frame.time)
        if before is not None:
            pending.append(_measure(estimate, before, grey, image))
        before = grey
        if len(pending) == block:
            done = _on_timeline(times, pending, start)
            yield done
            start, times, pending = done.duration, times[-1:], []
    if pending:
        yield _on_timeline(times, pending, start)


@dataclass(frozen=True)
class _Pair:
    """One pair of neighbouring frames."""

    rgb: NDArray[np.uint8]  # [H, W, 3] the later frame
    flow: NDArray[np.float16]  # [2, H, W] displacement in picture heights
    change: float  # mean absolute grey difference


def _measure(
    estimate: FlowEstimator,
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    image: NDArray[np.uint8],
) -> _Pair:
    flow = estimate(before, after)
    flow = remove_camera(flow, camera_motion(flow)) / np.float32(FLOW_SIZE[1])
    small = cv2.resize(flow.transpose(1, 2, 0), GRID_SIZE, interpolation=cv2.INTER_AREA)
    change = float(cv2.absdiff(before, after).mean())
    return _Pair(_shrunk(image, GRID_SIZE), small.transpose(2, 0, 1).astype(np.float16), change)


def _shrunk(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _on_timeline(times: list[float], pairs: list[_Pair], start: float) -> Pictures:
    """Displacements become velocities, and long pairs become several equal steps.

    `start` is where the block before ended: its last frame is this block's first, and the two
    blocks may place it a few milliseconds apart.
    """
    taken = taken_times(np.array(times), np.array([pair.change for pair in pairs]))
    taken[0] = start
    spans = np.diff(taken)
    counts = np.maximum(1, np.round(spans / STEP)).astype(int)
    parts = [np.arange(n) / n * span + t for n, span, t in zip(counts, spans, taken, strict=False)]
    edges = np.concatenate([*parts, taken[-1:]])
    flow = np.stack([pair.flow / np.float16(span) for pair, span in zip(pairs, spans, strict=True)])
    rgb = np.stack([pair.rgb for pair in pairs])
    return Pictures(edges, np.repeat(rgb, counts, axis=0), np.repeat(flow, counts, axis=0))
