"""Prompts, duration and what is kept around gaps, as the denoiser hears them in all steps."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from folai.models.stable3_conditioner import Stable3Conditioner
from folai.models.stable3_dit import Stable3DiT
from folai.stable3.denoising import Conditions, Steered

Tokens = tuple[Tensor, Tensor]  # conditioning tokens [1, L, D], and how often each counts [1, L]


@torch.no_grad()
def condition(
    dit: Stable3DiT,
    conditioner: Stable3Conditioner,
    duration: float,
    num_frames: int,
    words: Tensor | None,
    unwanted: Tensor | None = None,
    *,
    guided: bool = False,
    kept: Tensor | None = None,
    steered: Steered | None = None,
) -> Conditions:
    """What the denoiser hears of a clip of `duration` seconds in `num_frames` latents.

    words, unwanted: the text model's output [1, W, D] for the prompt and the negative prompt; None
    for none. guided: a second branch of the batch is told what is not wanted, or nothing. kept: as
    `Stable3DiT.hear` takes it. steered: what a control sees of the envelope.
    """
    weight = dit.project.weight
    seconds = conditioner.duration(torch.tensor([duration], device=weight.device))
    rows = [token_row(conditioner, words, seconds)]
    if guided and unwanted is not None:
        rows.append(token_row(conditioner, unwanted, seconds, negative=True))
    tokens, counts = side_by_side(rows)
    said = tokens.to(weight), counts.log().to(weight), kept
    if steered is not None:
        steered = replace(steered, hearing=steered.control.hear(dit, *said))
    heard = dit.hear(*said)
    return Conditions(seconds.to(weight).expand(2 if guided else 1, -1), heard, num_frames, steered)


def token_row(
    conditioner: Stable3Conditioner, words: Tensor | None, seconds: Tensor, negative: bool = False
) -> Tokens:
    """The tokens of a text, then that of the duration."""
    if words is None:
        words = seconds.new_zeros(1, 0, conditioner.config.text_dim)
    tokens, counts = conditioner.text(words.to(seconds), negative)
    one = counts.new_ones(1, 1)
    return torch.cat([tokens, seconds.unsqueeze(1)], dim=1), torch.cat([counts, one], dim=1)


def side_by_side(rows: list[Tokens]) -> Tokens:
    """Of several texts, brought to one length by tokens that count 0 times."""
    longest = max(tokens.shape[1] for tokens, _ in rows)
    tokens = [
        torch.cat([one, one.new_zeros(1, longest - one.shape[1], one.shape[2])], dim=1)
        for one, _ in rows
    ]
    counts = [torch.cat([one, one.new_zeros(1, longest - one.shape[1])], dim=1) for _, one in rows]
    return torch.cat(tokens), torch.cat(counts)
