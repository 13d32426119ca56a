"""What the denoiser at full size says of noisy latents: of one clip, or of several in one batch.

Several are brought to one length by zeros that nothing attends to. A clip then gets what it would
get alone, up to rounding.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from folai.models.dit import Memory
from folai.models.stable_control import StableControlNet
from folai.models.stable_dit import StableDiT


@dataclass(frozen=True, eq=False)
class Conditions:
    """What is the same in all steps of a window, with a row for each branch of guidance."""

    seconds: Tensor  # [branches, G]
    memory: Memory  # of the first branches; those without one are not conditioned
    control_memory: Memory  # the same of the ControlNet; empty without one
    envelope: Tensor | None  # [1, C, F] from the ControlNet's `look`
    control_scale: float
    num_frames: int

    def alike(self) -> Hashable:
        """Equal for windows that can be denoised in one batch, which are of about one length."""
        keys = self.memory[0][0].shape
        own = self.envelope is None, self.control_scale, self.num_frames.bit_length()
        return (len(self.seconds), keys[0], keys[2], *own)


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked about a window of a clip."""

    conditions: Conditions
    noisy: Tensor  # [1, C, F]
    t: float


@torch.inference_mode()  # whoever was the last to ask computes it for all
def denoise(
    dit: StableDiT, controlnet: StableControlNet | None, questions: Sequence[Question]
) -> list[Tensor]:
    """The denoiser's output [branches, C, F] for each question; their conditions are alike.

    Rows of the batch: the first branch of all clips, then the second. So those that are conditioned
    come first, as the blocks expect.
    """
    windows = [question.conditions for question in questions]
    branches, count = len(windows[0].seconds), len(windows)
    length = max(window.num_frames for window in windows)
    noisy = torch.cat([_lengthened(q.noisy, length) for q in questions]).repeat(branches, 1, 1)
    device = noisy.device
    time = torch.tensor([q.t for q in questions] * branches, device=device)
    seconds = _by_branch([window.seconds for window in windows])
    memory = _memory([window.memory for window in windows])
    rotary = dit.trunk.rotary(length, device)
    present = None
    if any(window.num_frames < length for window in windows):
        lengths = torch.tensor([window.num_frames + 1 for window in windows] * branches)
        present = torch.arange(length + 1, device=device) < lengths.to(device).unsqueeze(1)
    control = None
    hints = [w.envelope for w in windows if w.envelope is not None]
    if controlnet is not None and hints:
        hint = torch.cat([_lengthened(hint, length) for hint in hints]).repeat(branches, 1, 1)
        steered = _memory([window.control_memory for window in windows])
        parts = controlnet(noisy, time, seconds, hint, steered, rotary, present)
        control = [windows[0].control_scale * part for part in parts]
    before = controlnet is not None and controlnet.config.before
    output = dit(noisy, time, seconds, memory, rotary, control, before, present)
    by_clip = output.float().unflatten(0, (branches, count))
    return [by_clip[:, n, :, : window.num_frames] for n, window in enumerate(windows)]


def _memory(memories: Sequence[Memory]) -> Memory:
    """Keys and values of all clips, block by block."""
    return [
        (_by_branch([key for key, _ in block]), _by_branch([value for _, value in block]))
        for block in zip(*memories, strict=True)
    ]


def _by_branch(parts: Sequence[Tensor]) -> Tensor:
    """[branches, ...] of each clip -> the first branch of all clips, then the second."""
    return parts[0] if len(parts) == 1 else torch.stack(list(parts), 1).flatten(0, 1)


def _lengthened(latents: Tensor, length: int) -> Tensor:
    """[1, C, F], followed by zeros."""
    return F.pad(latents, (0, length - latents.shape[-1]))
