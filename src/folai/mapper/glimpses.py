"""What a long prediction shows before it is done: the envelope so far, piece by piece; and what it
has watched, kept on the disk, so that it goes on where it was stopped.

The pieces are provisional. The models see less of what follows, and the clip's usual speed is that
of what was seen so far; the prediction itself is the same whether somebody looks on or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.envelope import FRAME_RATE
from folai.mapper import predict
from folai.mapper.features import Pair, Pictures, join_pairs
from folai.models.cells import FLOW_CHANNELS
from folai.writing import written_whole

FIRST, LATER = 90, 240  # frames between two pieces: at the beginning, and then
ONCE_MORE = 150  # frames of the piece before that the models see too: 5 s
NOT_YET = 20  # frames at the end of what was seen that wait for the next piece
KEPT = 240  # frames of a file
KEPT_MOST = 200 << 20  # bytes that stay once the prediction is done, 15 minutes or so
WHOLE = "whole"  # the file that says that all was watched
_SCALE = 30.0  # of displacements: a float16 holds velocities better than them


@dataclass(frozen=True)
class Piece:
    """Part of the envelope so far, from `first / FRAME_RATE` seconds on."""

    first: int
    values: NDArray[np.float32]  # [T] RMS at FRAME_RATE
    onsets: NDArray[np.float64]  # seconds of the clip


@dataclass
class Watcher:
    """Looks on while `folai.mapper.features.iter_pictures` watches a clip."""

    tell: Callable[[Piece], None] | None = None
    folder: Path | None = None  # where what was watched is kept; None: nowhere
    models: Callable[[], Sequence[predict.Mapper]] | None = None
    _times: list[float] = field(default_factory=list)
    _pairs: list[Pair | None] = field(default_factory=list)
    _told: int = 0  # frames of the envelope
    _looked: int = 0  # pictures
    _strengths: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether the clip was watched to its end before."""
        return self.folder is not None and (self.folder / WHOLE).exists()

    def before(self) -> Iterator[tuple[float, Pair | None]]:
        """What `folder` holds; it is shown as it is read."""
        for path in sorted(self.folder.glob("*.npz")) if self.folder is not None else ():
            if not path.with_suffix(".npy").exists():  # of a long clip that was done
                return
            times, pairs = _read(path)
            self._add(times, pairs)
            self._look()
            yield from zip(times, pairs, strict=True)

    def see(self, time: float, pair: Pair | None) -> None:
        self._add([time], [pair])
        count = len(self._times)
        if self.folder is not None and count % KEPT == 0:
            _write(self.folder, count - KEPT, self._times[-KEPT:], self._pairs[-KEPT:])
        if count - self._looked >= (FIRST if count < KEPT else LATER):
            self._look()

    def _add(self, times: Sequence[float], pairs: Sequence[Pair | None]) -> None:
        old = max(0, len(self._pairs) - 2 * KEPT)
        self._times += times
        self._pairs += pairs
        gone = max(0, len(self._pairs) - 2 * KEPT)
        self._pairs[old:gone] = [None] * (gone - old)  # of all before, only the times are needed

    def end(self, size: int = KEPT_MOST) -> None:
        """The clip is watched to its end: the rest is kept, or nothing where it takes too much."""
        if self.folder is None:
            return
        left = len(self._times) % KEPT
        if left and not self.whole:
            _write(self.folder, len(self._times) - left, self._times[-left:], self._pairs[-left:])
        files = list(self.folder.glob("*.npy"))
        if sum(path.stat().st_size for path in files) > size:
            for path in files:
                path.unlink()
        else:
            (self.folder / WHOLE).touch()

    def _look(self) -> None:
        """Tells the envelope of what was seen since the last look."""
        count = len(self._times)
        if self.tell is None or self.models is None or count < FIRST // 2:
            return
        seen = max(1, self._looked - ONCE_MORE, count - 2 * KEPT)
        self._looked = count
        pairs = [pair for pair in self._pairs[seen:] if pair is not None]
        pictures = join_pairs(self._times[count - len(pairs) - 1 :], pairs)
        self._strengths.append(predict.motion_strength(pictures))
        speed = predict.usual_speed(np.concatenate(self._strengths))
        models = self.models()
        bins, onset = predict.predict_frames(pictures, models, speed)
        upsample = len(onset) // pictures.num_steps
        times = predict.frame_times(pictures.edges, upsample)
        levels = predict.decode_bins(predict.over_a_step(bins, upsample), models[0].config.mu)
        self._say(pictures, times, levels, predict.pick_onsets(times, onset))

    def _say(
        self,
        pictures: Pictures,
        times: NDArray[np.float64],
        levels: NDArray[np.float64],
        onsets: NDArray[np.float64],
    ) -> None:
        until = float(pictures.edges[max(0, pictures.num_steps - NOT_YET)])
        first, stop = self._told, int(until * FRAME_RATE)
        if stop <= first or self.tell is None:
            return
        values = np.interp(np.arange(first, stop) / FRAME_RATE, times, levels).astype(np.float32)
        inside = (onsets >= first / FRAME_RATE) & (onsets < stop / FRAME_RATE)
        self._told = stop
        self.tell(Piece(first, values, onsets[inside]))


def changes_of(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(times [N], how much each picture differs from the one before it [N], 0 to 255), as far as
    the clip was watched."""
    times, changes = [np.zeros(0)], [np.zeros(0)]
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            missing = len(arrays["times"]) - len(arrays["changes"])  # the first picture has none
            times.append(arrays["times"])
            changes.append(np.concatenate([np.zeros(missing), arrays["changes"]]))
    return np.concatenate(times), np.concatenate(changes)


def _write(folder: Path, first: int, times: list[float], pairs: Sequence[Pair | None]) -> None:
    """One file for the cells, which take much, and one for the rest, which is written last."""
    folder.mkdir(exist_ok=True)
    shown = [pair for pair in pairs if pair is not None]
    cells = np.stack([pair.cells for pair in shown])
    cells[:, : len(FLOW_CHANNELS)] *= np.float32(_SCALE)
    path = folder / f"{first:07d}.npz"
    with written_whole(path.with_suffix(".npy")) as partial, open(partial, "wb") as file:
        np.save(file, cells.astype(np.float16))
    changes = np.array([pair.change for pair in shown])
    with written_whole(path) as partial, open(partial, "wb") as file:
        np.savez(file, times=np.array(times), changes=changes)


def _read(path: Path) -> tuple[list[float], list[Pair | None]]:
    with np.load(path, allow_pickle=False) as arrays:
        times, changes = arrays["times"].tolist(), arrays["changes"].tolist()
    cells = np.load(path.with_suffix(".npy"), allow_pickle=False).astype(np.float32)
    cells[:, : len(FLOW_CHANNELS)] /= np.float32(_SCALE)
    pairs: list[Pair | None] = [None] * (len(times) - len(changes))  # the first picture has none
    pairs += [Pair(cell, change) for cell, change in zip(cells, changes, strict=True)]
    return times, pairs
