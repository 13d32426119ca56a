"""What the small denoiser says of noisy latents: of one clip, or of several in one batch.

Several are brought to one length by zeros that nothing attends to. A clip then gets what it would
get alone, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from folai.models.conditioner import Conditioning
from folai.models.controlnet import ControlNet
from folai.models.dit import DiT, Leap, Memory

# Branches of guidance that the ControlNet steers, at most; a third leads away from what ignores
# the envelope.
STEERED = 2


@dataclass(frozen=True, eq=False)
class Conditions:
    """What is the same in all steps of a clip, with a row for each branch of guidance."""

    cond: Conditioning
    memory: Memory  # of the denoiser
    control_memory: Memory  # of the ControlNet, for the branches it steers; empty without one
    control_scale: float


@dataclass(frozen=True, eq=False)
class Question:
    """What is asked about a window of a clip."""

    conditions: Conditions
    branches: int  # of guidance, the first ones
    noisy: Tensor  # [1, C, F]
    t: float
    seconds: float  # that the window lasts
    envelope: Tensor | None  # [1, N, D] from `ControlNet.look`
    size: float = 0.0  # of the step, and the guidance in the answer: see `Leap`
    guidance: float = 1.0


@torch.inference_mode()  # whoever was the last to ask computes it for all
def denoise(dit: DiT, controlnet: ControlNet | None, questions: Sequence[Question]) -> list[Tensor]:
    """The denoiser's output [branches, C, F] for each question."""
    counts = [question.branches for question in questions]
    noisy = _padded([q.noisy.expand(q.branches, -1, -1) for q in questions], -1)
    time = _by_row([question.t for question in questions], counts, noisy.device)
    duration = _by_row([question.seconds for question in questions], counts, noisy.device)
    every = [slice(count) for count in counts]
    pooled = _joined([q.conditions.cond.pooled[: q.branches] for q in questions])
    mask = _padded([q.conditions.cond.mask[: q.branches] for q in questions], -1)
    sizes = _by_row([question.size for question in questions], counts, noisy.device)
    guidance = _by_row([question.guidance for question in questions], counts, noisy.device)
    leap = Leap(sizes, guidance)
    present = _present(questions, counts, dit.config.patch)
    control = None
    if controlnet is not None:
        rows = noisy, time, duration, pooled, mask
        control = _steer(dit, controlnet, questions, rows, leap, present)
    memory = _memory([q.conditions.memory for q in questions], every)
    output = dit(noisy, time, duration, pooled, memory, mask, control, present, leap)
    parts = output.split(counts)
    return [part[..., : q.noisy.shape[-1]] for part, q in zip(parts, questions, strict=True)]


def _steer(
    dit: DiT,
    controlnet: ControlNet,
    questions: Sequence[Question],
    rows: tuple[Tensor, ...],
    leap: Leap,
    present: Tensor | None,
) -> list[Tensor]:
    """What the ControlNet adds after the first blocks; nothing in branches it does not steer."""
    counts = [min(STEERED, q.branches) for q in questions]
    firsts = [sum(q.branches for q in questions[:index]) for index in range(len(questions))]
    chosen = [
        first + row for first, count in zip(firsts, counts, strict=True) for row in range(count)
    ]
    here = torch.tensor(chosen, device=rows[0].device)
    noisy, time, duration, pooled, mask = (part[here] for part in rows)
    present = None if present is None else present[here]
    x, modulation = dit.begin(noisy, time, duration, pooled, leap.part(here))
    looks = [q.envelope for q in questions if q.envelope is not None]
    looked = [look.expand(count, -1, -1) for look, count in zip(looks, counts, strict=True)]
    memory = _memory([q.conditions.control_memory for q in questions], [slice(n) for n in counts])
    added = controlnet(x, modulation, _padded(looked, 1), memory, mask, present)
    scales = [q.conditions.control_scale for q in questions]
    scale = _by_row(scales, counts, x.device)[:, None, None]
    nothing = x.new_zeros(len(rows[0]), *x.shape[1:])
    return [nothing.index_copy(0, here, scale * part) for part in added]


def _present(questions: Sequence[Question], counts: Sequence[int], patch: int) -> Tensor | None:
    """[B, N], true for tokens of the clip itself; None where all clips are of one length."""
    lengths = [-(-question.noisy.shape[-1] // patch) for question in questions]
    if len(set(lengths)) == 1:
        return None
    device = questions[0].noisy.device
    places = torch.arange(max(lengths), device=device)
    return places < torch.tensor(lengths, device=device).repeat_interleave(
        torch.tensor(counts, device=device)
    ).unsqueeze(1)


def _memory(memories: Sequence[Memory], rows: Sequence[slice]) -> Memory:
    """Keys and values of the clips' rows, block by block; shorter ones end with zeros."""
    return [
        (
            _padded([key[some] for (key, _), some in zip(block, rows, strict=True)], 2),
            _padded([value[some] for (_, value), some in zip(block, rows, strict=True)], 2),
        )
        for block in zip(*memories, strict=True)
    ]


def _by_row(values: Sequence[float], counts: Sequence[int], device: torch.device) -> Tensor:
    """A number for each clip -> [B], one for each of its rows."""
    pairs = zip(values, counts, strict=True)
    numbers = [value for value, count in pairs for _ in range(count)]
    return torch.tensor(numbers, dtype=torch.float32, device=device)


def _padded(parts: Sequence[Tensor], dim: int) -> Tensor:
    """Rows of all clips; those that are shorter along `dim` end with zeros."""
    length = max(part.shape[dim] for part in parts)
    return _joined([_lengthened(part, dim, length) for part in parts])


def _lengthened(part: Tensor, dim: int, length: int) -> Tensor:
    missing = length - part.shape[dim]
    if missing == 0:
        return part
    shape = list(part.shape)
    shape[dim] = missing
    return torch.cat([part, part.new_zeros(shape)], dim)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))
