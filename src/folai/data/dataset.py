"""Clips -> augmented training windows of cells, envelope bins and onsets.

There are few clips, so each is shown in many variants: as other cameras would have filmed it
(`folai.data.guises`), and each time mirrored, shifted, sped up or slowed down, partly hidden, or
with one of its two inputs missing. The truth is read at the times of the picture's own steps, so no
augmentation can move sound against picture. Windows are cut on the CPU; augmentation works on whole
batches, on the device that trains.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.data.examples import Example, truth_at
from folai.mapper.predict import frame_times
from folai.models.cells import CHANNELS, FLOW_CHANNELS, GRID, RGB_CHANNELS

Array = NDArray[np.float64]
_AT_START = 0.08  # how often a window is a clip's first: nothing tells there what came before
_UNSEEN = 3  # steps at a window's start in which onsets are not taught, where it is cut from a clip
_FLOW = len(FLOW_CHANNELS)
_MIRRORED = [
    CHANNELS.index({"right": "left", "left": "right"}.get(name, name)) for name in CHANNELS
]
_SIDEWAYS = [CHANNELS.index("mean_x"), CHANNELS.index("moving_x")]
_CHANGES = slice(_FLOW, _FLOW + RGB_CHANNELS.index("red"))  # how much the picture changed
_COLOURS = slice(CHANNELS.index("red"), CHANNELS.index("blue") + 1)


@dataclass(frozen=True)
class Batch:
    """Windows of `T` steps and their truth at `T * upsample` envelope frames."""

    cells: Tensor  # [B, T, C, rows, columns], flow in heights per second; augmented, in `speed`
    speed: Tensor  # [B] the clip's usual one, heights per second
    spans: Tensor  # [B, T] seconds
    rms: Tensor  # [B, T * upsample]
    onset: Tensor  # [B, T * upsample] in [0, 1]
    valid: Tensor  # [B, T * upsample] 1 where there is truth, 0 in padding
    known: Tensor  # [B, T * upsample] the same, 0 also where onsets are not known

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, field.name).to(device) for field in fields(self)))

    @staticmethod
    def stack(windows: list[Batch]) -> Batch:
        return Batch(
            *(torch.stack([getattr(w, field.name) for w in windows]) for field in fields(Batch))
        )


def draw_batch(
    examples: list[Example], size: int, steps: int, upsample: int, rng: np.random.Generator
) -> Batch:
    """A batch of random windows, not yet augmented (`augmented` does that). Clips are drawn in
    proportion to their weight.
    """
    mass = np.array([example.weight for example in examples])
    chosen = rng.choice(len(examples), size, p=mass / mass.sum())
    return Batch.stack([_window(examples[i], steps, upsample, rng) for i in chosen])


def _window(example: Example, steps: int, upsample: int, rng: np.random.Generator) -> Batch:
    view = int(rng.integers(len(example.views)))
    pictures = example.views[view]
    last = max(0, pictures.num_steps - steps)
    first = 0 if rng.random() < _AT_START else int(rng.integers(last + 1))
    part = pictures.part(first, first + steps)
    times = frame_times(part.edges, upsample)
    rms, onset = truth_at(example, times)
    known = np.full_like(rms, example.onsets is not None)
    begin, end = example.annotated
    known *= (times + example.offset >= begin) & (times + example.offset <= end)
    if first > 0:  # what was seen before the window belongs to what sounds where it begins
        known[: _UNSEEN * upsample] = 0.0
    truth = torch.from_numpy(np.stack([rms, onset, np.ones_like(rms), known])).float()
    cells = _pad(torch.from_numpy(np.array(part.cells)), steps)
    spans = _pad(torch.from_numpy(np.diff(part.edges)).float(), steps)
    spans = torch.where(spans > 0, spans, 1 / 30)
    speed = torch.tensor(example.speeds[view])
    return Batch(cells, speed, spans, *_pad(truth.T, steps * upsample).T)


def _pad(x: Tensor, length: int) -> Tensor:
    """Zeros after `x` [T, ...] up to `length`."""
    missing = length - len(x)
    return x if missing == 0 else torch.cat([x, x.new_zeros(missing, *x.shape[1:])])


def augmented(batch: Batch, rng: np.random.Generator) -> Batch:
    """The same events, each window augmented in its own way; cells in float32, flow in units of
    `speed`.
    """
    cells, size = batch.cells.float(), len(batch.cells)

    def some(share: float) -> list[int]:
        return [int(index) for index in np.flatnonzero(rng.random(size) < share)]

    def factors(logarithms: Array) -> Tensor:
        return torch.from_numpy(np.exp(logarithms)).to(batch.speed)

    for index in some(0.5):
        mirrored = cells[index].flip(-1)[:, _MIRRORED]
        mirrored[:, _SIDEWAYS] *= -1
        cells[index] = mirrored
    spans = batch.spans * factors(rng.uniform(-0.25, 0.25, size))[:, None]  # slower or faster
    unit = batch.speed * factors(rng.normal(0, 0.25, size))  # the usual speed may be off by some
    cells[:, :, :_FLOW] /= unit[:, None, None, None, None]
    for index in some(0.3):
        down, right = (int(shift) for shift in rng.integers(-3, 4, 2))
        cells[index] = torch.roll(cells[index], (down, right), (2, 3))
    for index in some(0.3):
        _still_patch(cells[index], rng)
    for index in some(0.3):
        cells[index, :, _COLOURS] = cells[index, :, _COLOURS].mean(1, keepdim=True)
    for index, missing in enumerate(rng.random(size)):
        if missing < 0.06:
            cells[index, :, :_FLOW] = 0
        elif missing < 0.12:
            cells[index, :, _CHANGES] = 0
    return replace(batch, cells=cells, spans=spans)


def _still_patch(cells: Tensor, rng: np.random.Generator) -> None:
    """Something that does not move stands in front of part of the picture."""
    rows, columns = (int(rng.integers(2, 1 + size // 2)) for size in GRID)
    top, left = int(rng.integers(GRID[0] - rows + 1)), int(rng.integers(GRID[1] - columns + 1))
    cells[:, : _CHANGES.stop, top : top + rows, left : left + columns] = 0
