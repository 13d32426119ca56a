"""Clips -> augmented training windows of pictures, envelope bins and onsets.

Our clips are few, so each is shown in many guises: mirrored, cropped, sped up or slowed down,
recoloured, at half its frame rate, with one of its two inputs missing. The truth is read at the
times of the picture's own steps, so no augmentation can move sound against picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from folai.features import GRID_SIZE, Pictures
from folai.mapper import frame_times
from folai.train.precompute import TRUTH_RATE

Array = NDArray[np.float64]
_ONSET_WIDTH = 0.012  # seconds; sigma of the bump that marks an onset in the target


@dataclass(frozen=True)
class Example:
    """A clip with its truth, on the clock of the picture."""

    name: str
    pictures: Pictures
    speed: float  # the clip's usual one, picture heights per second: the unit of its flow
    rms: NDArray[np.float32]  # [N] at TRUTH_RATE
    onsets: Array | None  # seconds, on the sound's clock as `rms` is; None where nobody knows
    offset: float  # seconds by which the sound is late; it is read that much later
    weight: float = 1.0  # how often it is drawn, for each second of it
    exact: bool = False  # rendered: the offset is known to be 0


@dataclass(frozen=True)
class Batch:
    """Windows of `T` steps and their truth at `T * upsample` envelope frames."""

    rgb: Tensor  # uint8 [B, T, 3, H, W]
    flow: Tensor  # float16 [B, T, 2, H, W]
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


def truth_at(example: Example, times: Array) -> tuple[Array, Array]:
    """(RMS, onset probability) of the sound that belongs to the picture at `times`, each [N]."""
    heard = times + example.offset
    rms = np.interp(heard * TRUTH_RATE, np.arange(len(example.rms)), example.rms)
    distance = np.full(len(heard), np.inf)
    if example.onsets is not None and len(example.onsets):
        nearest = np.searchsorted(example.onsets, heard).clip(0, len(example.onsets) - 1)
        before = (nearest - 1).clip(0)
        distance = np.minimum(
            np.abs(example.onsets[nearest] - heard), np.abs(example.onsets[before] - heard)
        )
    return rms, np.exp(-0.5 * (distance / _ONSET_WIDTH) ** 2)


def batches(
    examples: list[Example], size: int, steps: int, upsample: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Batches of random windows, for ever; long and heavily weighted clips come up more often."""
    mass = np.array([example.weight * example.pictures.num_steps for example in examples])
    while True:
        chosen = rng.choice(len(examples), size, p=mass / mass.sum())
        yield Batch.stack([_window(examples[i], steps, upsample, rng) for i in chosen])


def _window(example: Example, steps: int, upsample: int, rng: np.random.Generator) -> Batch:
    pictures = example.pictures
    first = int(rng.integers(max(1, pictures.num_steps - steps + 1)))
    part = slice(first, first + steps)
    edges = pictures.edges[first : first + steps + 1]
    rms, onset = truth_at(example, frame_times(edges, upsample))
    rgb = torch.from_numpy(pictures.rgb[part]).permute(0, 3, 1, 2)
    flow, spans = (
        torch.from_numpy(pictures.flow[part]).float() / example.speed,
        torch.from_numpy(np.diff(edges)),
    )
    rgb, flow, spans = _augment(rgb, flow, spans.float(), rng)
    known = np.full_like(rms, example.onsets is not None)
    truth = torch.from_numpy(np.stack([rms, onset, np.ones_like(rms), known])).float()
    rgb, flow, spans = (_pad(x, steps) for x in (rgb, flow, spans))
    spans = torch.where(spans > 0, spans, 1 / 30)
    return Batch(rgb, flow.half(), spans, *_pad(truth.T, steps * upsample).T)


def _pad(x: Tensor, length: int) -> Tensor:
    """Zeros after `x` [T, ...] up to `length`."""
    missing = length - len(x)
    return x if missing == 0 else torch.cat([x, x.new_zeros(missing, *x.shape[1:])])


def _augment(
    rgb: Tensor, flow: Tensor, spans: Tensor, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Another guise of the same event. rgb uint8 [T, 3, H, W], flow [T, 2, H, W], spans [T]."""
    if rng.random() < 0.5:
        rgb, flow = rgb.flip(-1), flow.flip(-1) * flow.new_tensor([-1.0, 1.0]).view(2, 1, 1)
    if rng.random() < 0.15:
        rgb, flow, spans = _halve_rate(rgb, flow, spans)
    if rng.random() < 0.6:
        rgb, flow = _crop(rgb, flow, rng)
    # Played faster or slower; the unit of flow follows the clip, which may be off by some.
    flow, spans = flow * float(np.exp(rng.normal(0, 0.3))), spans / np.exp(rng.uniform(-0.22, 0.22))
    if rng.random() < 0.8:
        rgb = _recolour(rgb, rng)
    if rng.random() < 0.3:
        rgb, flow = _hide_patch(rgb, flow, rng)
    choice = rng.random()
    if choice < 0.08:
        rgb = torch.full_like(rgb, 128)
    elif choice < 0.16:
        flow = torch.zeros_like(flow)
    return rgb, flow, spans


def _halve_rate(rgb: Tensor, flow: Tensor, spans: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As if every other frame were missing: pairs of steps share a picture and a velocity."""
    pairs = len(rgb) // 2 * 2
    rgb, flow, spans = rgb.clone(), flow.clone(), spans.clone()
    rgb[0:pairs:2] = rgb[1:pairs:2]
    for x in (flow, spans):
        x[0:pairs:2] = x[1:pairs:2] = (x[0:pairs:2] + x[1:pairs:2]) / 2
    return rgb, flow, spans


def _crop(rgb: Tensor, flow: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Part of the picture, enlarged to the whole; what moves then moves faster."""
    width, height = GRID_SIZE
    h, w = (round(size * rng.uniform(0.7, 1.0)) for size in (height, width))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    both = torch.cat([rgb.float(), flow], dim=1)[..., top : top + h, left : left + w]
    both = F.interpolate(both, (height, width), mode="bilinear", align_corners=False)
    zoom = flow.new_tensor([width / w, height / h]).view(2, 1, 1)
    return both[:, :3].round().to(torch.uint8), both[:, 3:] * zoom


def _recolour(rgb: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast, gamma and a colour cast; sometimes no colour at all."""
    levels = torch.linspace(0, 1, 256) ** float(np.exp(rng.uniform(-0.4, 0.4)))
    gain = torch.from_numpy(rng.uniform(0.75, 1.25, (3, 1)) * rng.uniform(0.7, 1.2))
    shift = torch.from_numpy(rng.uniform(-0.12, 0.12, (1, 1)))
    table = ((levels * gain + shift) * 255).round().clamp(0, 255).to(torch.uint8)  # [3, 256]
    if rng.random() < 0.15:
        grey = rgb.float().mean(1).to(torch.uint8)
        rgb = torch.stack([grey, grey, grey], dim=1)
    planes = [table[c][rgb[:, c].int()] for c in range(3)]
    return torch.stack(planes, dim=1)


def _hide_patch(rgb: Tensor, flow: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Something stands in front of part of the picture."""
    width, height = GRID_SIZE
    h, w = int(rng.integers(8, height // 2)), int(rng.integers(8, width // 2))
    top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    rgb, flow = rgb.clone(), flow.clone()
    rgb[..., top : top + h, left : left + w] = int(rng.integers(256))
    flow[..., top : top + h, left : left + w] = 0
    return rgb, flow
