"""Frames -> the mapper's input: a coarse grid of cells that describe motion and appearance.

A step is the time between two neighbouring frames, about 1/30 s. In each of 12 x 16 cells stand
the mean of the flow, how fast the fastest of it goes to each side, how it changed since the step
before, how much the picture changed, and its colour. All is measured at a size at which a drumstick
is two pixels thick, so that it shows in the maxima of a cell of ten pixels. Flow is a velocity in
picture heights per second, so neither resolution nor frame rate shows in it. The timeline is that
of the frames themselves, never resampled: putting 25 fps on a 30 Hz grid would smear or repeat
motion just where a contact has to be detected. `edges` says when each step begins and ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from folai.mapper.flow import FLOW_SIZE, FlowEstimator, camera_motion, follow_camera, remove_camera
from folai.media.cadence import taken_times
from folai.media.frames import Frame, iter_frames
from folai.models.cells import FLOW_CHANNELS, GRID

STEP = 1 / 30  # seconds; frames further apart are given several steps
MAX_FPS = 31.0  # faster video is thinned to this: 60 fps becomes 30
BLOCK = 1800  # frames examined and handed over together, at least: a minute

_CELL = [np.arange(n) * size // n for n, size in zip(GRID, FLOW_SIZE[::-1], strict=True)]


def _shares(cells: int, size: int) -> NDArray[np.float32]:
    """What part of each cell's mean each of `size` pixels is: [cells, size], rows sum to 1.

    Pixels on the border of two cells count for both, by the part that lies in each.
    """
    edges, pixels = np.arange(cells + 1)[:, None] * size / cells, np.arange(size)
    inside = np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels)
    return np.asarray(inside.clip(min=0.0) * cells / size, np.float32)


_SHARES = [_shares(n, size) for n, size in zip(GRID, FLOW_SIZE[::-1], strict=True)]
_TIMED = len(FLOW_CHANNELS)  # these channels are displacements until the steps' spans are known


@dataclass(frozen=True)
class Pictures:
    """The mapper's input of `T` steps."""

    edges: NDArray[np.float64]  # [T + 1] seconds; step i runs from edges[i] to edges[i + 1]
    cells: NDArray[np.float16]  # [T, len(CHANNELS), rows, columns], camera motion removed

    @property
    def num_steps(self) -> int:
        return len(self.cells)

    @property
    def duration(self) -> float:
        return float(self.edges[-1])

    def part(self, first: int, last: int) -> Pictures:
        """Steps `first` to `last`, the latter not included."""
        last = min(last, self.num_steps)
        return Pictures(self.edges[first : last + 1], self.cells[first:last])

    @staticmethod
    def join(blocks: Iterable[Pictures]) -> Pictures:
        parts = list(blocks)
        edges = [part.edges[:-1] for part in parts[:-1]] + [parts[-1].edges]
        return Pictures(np.concatenate(edges), np.concatenate([part.cells for part in parts]))


def read_pictures(path: Path) -> Pictures:
    """The whole of a video file, in memory (7 kB a step: a minute is 13 MB)."""
    return Pictures.join(iter_pictures(iter_frames(path, height=FLOW_SIZE[1], max_fps=MAX_FPS)))


def iter_pictures(
    frames: Iterable[Frame], block: int = BLOCK, watch: Watch | None = None
) -> Iterator[Pictures]:
    """`frames` in presentation order -> consecutive `Pictures` of `block` frames or more.

    The last has up to twice as many: dropped frames cannot be found in a few that are left over.
    watch: is told of every pair of frames as it comes, and knows those that were watched before.
    """
    pending: list[Pair] = []
    times: list[float] = []
    start = 0.0
    for time, pair in _pairs(frames, watch):
        times.append(time)
        if pair is not None:
            pending.append(pair)
        if len(pending) == 2 * block:
            done = _on_timeline(times[: block + 1], pending[:block], start)
            yield done
            start, times, pending = done.duration, times[block:], pending[block:]
    if pending:
        yield _on_timeline(times, pending, start)


class Watch(Protocol):
    """Looks on while a clip is watched."""

    def before(self) -> Iterator[tuple[float, Pair | None]]:
        """Frames that were watched before, from the first on, as `see` was told of them."""
        ...

    def see(self, time: float, pair: Pair | None) -> None:
        """The next frame, at `time` seconds, and how it differs from the one before it."""
        ...


def _pairs(frames: Iterable[Frame], watch: Watch | None) -> Iterator[tuple[float, Pair | None]]:
    """(time, the pair with the frame before) of each frame; the first has none."""
    known = 0
    for time, kept in watch.before() if watch is not None else ():
        yield time, kept
        known += 1
    describe = _Describer()
    for number, frame in enumerate(frames):
        # The flow of a pair is compared with the one before it: two frames are seen again.
        if number < known - 2:
            continue
        pair = describe(frame.image)
        if number < known:
            continue
        if watch is not None:
            watch.see(frame.time, pair)
        yield frame.time, pair


def join_pairs(times: Sequence[float], pairs: Sequence[Pair]) -> Pictures:
    """A stretch of a clip by itself: [N + 1] times, [N] pairs."""
    return _on_timeline(list(times), list(pairs), times[0])


@dataclass(frozen=True)
class Pair:
    """Two neighbouring frames: cells [C, rows, columns], whose flow is still a displacement."""

    cells: NDArray[np.float32]
    change: float  # mean absolute grey difference


class _Describer:
    """Turns frames, one after the other, into cells; the first frame yields none."""

    def __init__(self) -> None:
        self._estimate = FlowEstimator()
        self._grey: NDArray[np.uint8] | None = None
        self._flow: _Flow | None = None

    def __call__(self, image: NDArray[np.uint8]) -> Pair | None:
        image = np.asarray(cv2.resize(image, FLOW_SIZE, interpolation=cv2.INTER_AREA), np.uint8)
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        before, self._grey = self._grey, grey
        if before is None:
            return None
        whole = self._estimate(before, grey)
        camera = camera_motion(whole)
        flow = _Flow.of(remove_camera(whole, camera) / np.float32(FLOW_SIZE[1]))
        earlier, self._flow = self._flow or flow, flow
        cells = [
            _motion_cells(flow, earlier),
            _look_cells(image, grey, follow_camera(before, camera)),
        ]
        return Pair(np.concatenate(cells), float(cv2.absdiff(before, grey).mean()))


@dataclass(frozen=True)
class _Flow:
    """A displacement field [2, H, W] without the camera's motion, and its lengths [H, W]."""

    field: NDArray[np.float32]
    speed: NDArray[np.float32]

    @classmethod
    def of(cls, field: NDArray[np.float32]) -> _Flow:
        return cls(field, _lengths(field))


def _motion_cells(flow: _Flow, earlier: _Flow) -> NDArray[np.float32]:
    """FLOW_CHANNELS of a displacement field and the one before it."""
    # One array for all planes: means are taken of the first six, maxima of the last four.
    planes = np.empty((7, *flow.speed.shape), np.float32)
    np.multiply(flow.field, flow.speed, out=planes[:2])
    planes[2] = _lengths(flow.field - earlier.field)
    planes[3:5], planes[5] = flow.field, flow.speed
    np.subtract(earlier.speed, flow.speed, out=planes[6])
    weighted_x, weighted_y, changed, vx, vy, mean = _means(planes[:6])
    weight = mean + 1e-4  # picture heights: flow noise is no motion
    right, down, top, lost = _tops(planes[3:])
    left, up = _depths(planes[3:5])
    moving = weighted_x / weight, weighted_y / weight
    return np.stack([vx, vy, *moving, mean, top, right, left, down, up, changed, lost])


def _lengths(field: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of the vectors of a field [2, H, W]: [H, W].

    By NumPy, whose products, sums and roots are rounded as IEEE 754 says. `cv2.magnitude` rounds
    some pixels otherwise when an array lies elsewhere in memory, so that two runs differ.
    """
    x, y = field
    return np.asarray(np.sqrt(x * x + y * y), np.float32)


def _look_cells(
    image: NDArray[np.uint8], grey: NDArray[np.uint8], before: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """RGB_CHANNELS of a frame [H, W, 3], from its grey and the grey before it, both [H, W].

    before: warped as the camera moved, so that only what moves by itself differs.
    """
    now = grey.astype(np.float32) / np.float32(255)
    planes = np.empty((3, *grey.shape), np.float32)
    size, signed, contrast = planes
    np.subtract(now, before.astype(np.float32) / np.float32(255), out=signed)
    np.abs(signed, out=size)
    np.subtract(now, cv2.blur(now, (9, 9)), out=contrast)
    np.abs(contrast, out=contrast)
    means = _means(planes)
    colour = cv2.resize(image, GRID[::-1], interpolation=cv2.INTER_AREA).astype(
        np.float32
    ) / np.float32(255)
    return np.stack([means[0], *_tops(planes[:1]), means[1], *colour.transpose(2, 0, 1), means[2]])


def _means(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over each cell of planes [N, H, W]: [N, rows, columns]."""
    rows, columns = _SHARES
    return np.asarray(rows @ (planes @ columns.T), np.float32)


def _tops(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Maximum over each cell of planes [N, H, W], 0 at least: [N, rows, columns]."""
    return np.maximum(_extremes(np.maximum, planes), np.float32(0))


def _depths(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far each cell of planes [N, H, W] goes below 0: [N, rows, columns]."""
    return np.maximum(-_extremes(np.minimum, planes), np.float32(0))


def _extremes(most: np.ufunc, planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each cell of planes [N, H, W]: [N, rows, columns]."""
    # Whole rows first, many numbers at a time: reduceat alone takes three times as long.
    rows = np.empty((len(planes), GRID[0], planes.shape[2]), np.float32)
    ends = [*_CELL[0][1:], planes.shape[1]]
    for row, (first, end) in enumerate(zip(_CELL[0], ends, strict=True)):
        most.reduce(planes[:, first:end], axis=1, out=rows[:, row])
    return np.asarray(most.reduceat(rows, _CELL[1], axis=2), np.float32)


def _on_timeline(times: list[float], pairs: list[Pair], start: float) -> Pictures:
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
    cells = np.stack([pair.cells for pair in pairs])
    cells[:, :_TIMED] /= spans[:, None, None, None].astype(np.float32)
    return Pictures(edges, np.repeat(cells.astype(np.float16), counts, axis=0))
