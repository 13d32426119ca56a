"""What the denoiser of Stable Audio 3 says of noisy latents: of one clip, or of several in a batch.

Guidance is drawn on the clean latents, and what lies along those of the prompt is left out of it
(adaptive projected guidance, arXiv 2410.02416): they are turned and not made louder.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from folai.models.stable3_control import Stable3Control
from folai.models.stable3_dit import Hearing, Stable3DiT


@dataclass(frozen=True, eq=False)
class Steered:
    """What a control sees and hears of a window."""

    control: Stable3Control
    seen: Tensor  # [1, ...] from its `see`
    scale: float
    hearing: Hearing | None = None  # from its `hear`


@dataclass(frozen=True, eq=False)
class Conditions:
    """What is the same in all steps of a window, with a row for each branch of guidance."""

    duration: Tensor  # [branches, G]
    hearing: Hearing  # of the first branches; those without a row of it are not conditioned
    num_frames: int
    steered: Steered | None = None

    def alike(self) -> Hashable:
        """Equal for windows that can be denoised in one batch, which are of one length."""
        keys = self.hearing.memory[0][0].shape
        gaps = tuple(gap.shape[1] for gap in self.hearing.gaps[:1])
        steered = None
        if self.steered is not None:
            steered = (id(self.steered.control), self.steered.scale)
        return (len(self.duration), keys[0], keys[-2], gaps, self.num_frames, steered)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked about a window of a clip."""

    conditions: Conditions
    noisy: Tensor  # [1, C, F]
    t: float


def denoise(dit: Stable3DiT, questions: Sequence[Question]) -> list[Tensor]:
    """The denoiser's output [branches, C, F] for each question; their conditions are alike.

    Rows of the batch: the first branch of all clips, then the second. So those that are conditioned
    come first, as the blocks expect.
    """
    windows = [question.conditions for question in questions]
    branches, count = len(windows[0].duration), len(windows)
    noisy = torch.cat([question.noisy for question in questions]).repeat(branches, 1, 1)
    time = torch.tensor([q.t for q in questions] * branches, device=noisy.device)
    duration = _by_branch([window.duration for window in windows])
    hearing = windows[0].hearing
    if count > 1:
        hearing = _heard([window.hearing for window in windows], branches)
    steered = windows[0].steered
    if steered is None:
        output = dit(noisy, time, duration, hearing)
    else:
        output = steered.control(
            dit, noisy, time, duration, hearing, *_steered(windows, branches), steered.scale
        )
    by_clip = output.float().unflatten(0, (branches, count))
    return [by_clip[:, number] for number in range(count)]


def _steered(windows: Sequence[Conditions], branches: int) -> tuple[Tensor, Hearing | None]:
    """What a control sees and hears of several clips."""
    parts = [window.steered for window in windows if window.steered is not None]
    seen = torch.cat([part.seen for part in parts]).repeat(branches, 1, 1)
    hearings = [part.hearing for part in parts if part.hearing is not None]
    if not hearings:
        return seen, None
    return seen, hearings[0] if len(parts) == 1 else _heard(hearings, branches)


def _heard(hearings: Sequence[Hearing], branches: int) -> Hearing:
    """Of several clips, block by block."""
    memory = [
        (_by_branch([keys for keys, _ in block]), _by_branch([values for _, values in block]))
        for block in zip(*(hearing.memory for hearing in hearings), strict=True)
    ]
    biases = [hearing.bias for hearing in hearings if hearing.bias is not None]
    gaps = [
        torch.cat(list(block)).repeat(branches, 1, 1)
        for block in zip(*(hearing.gaps for hearing in hearings), strict=True)
    ]
    return Hearing(memory, _by_branch(biases) if biases else None, gaps)


def _by_branch(parts: Sequence[Tensor]) -> Tensor:
    """[branches, ...] of each clip -> the first branch of all clips, then the second."""
    return parts[0] if len(parts) == 1 else torch.stack(list(parts), 1).flatten(0, 1)


def guide_apart(
    noisy: Tensor, wanted: Tensor, unwanted: Tensor, t: float, scale: float, apart: float = 1.0
) -> Tensor:
    """Noise - clean, [B, C, F], guided away from what is not wanted.

    apart: how much of what lies along the wanted latents is left out, 0 (classifier-free guidance,
    arXiv 2207.12598) to 1.
    """
    clean = noisy - t * wanted
    difference = t * (unwanted - wanted)  # of the clean latents
    length = clean.square().sum((1, 2), keepdim=True).sqrt()
    along = clean / length.clamp(min=1e-12)
    share = (difference * along).sum((1, 2), keepdim=True)
    return wanted - (scale - 1) * (difference - apart * share * along) / t
