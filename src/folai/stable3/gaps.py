"""Which latents a model makes and which it is given: gaps in a sound that is kept.

Stable Audio 3 was trained to fill gaps. So a part of a sound can be made anew, several at once; and
silence that is kept between hits lets nothing sound there, and hits sound nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope

if TYPE_CHECKING:
    from torch import Tensor

    Model = Callable[[Tensor, float], Tensor]

QUIET = 0.01  # of the envelope's peak: below it, 40 dB, nothing is asked for
BEFORE, AFTER = 0.02, 0.05  # seconds around what sounds that may sound, too


def gap_frames(
    gaps: Sequence[tuple[float, float]], num_frames: int, frame_rate: float
) -> NDArray[np.bool_]:
    """[F]: true for every latent that a gap, (start, stop) in seconds, reaches into."""
    is_gap = np.zeros(num_frames, dtype=bool)
    for start, stop in gaps:
        if not 0 <= start < stop:
            raise ValueError(f"gap is {start} to {stop} s; give a start of 0 or more below its end")
        first = math.floor(start * frame_rate + 1e-6)
        is_gap[first : math.ceil(stop * frame_rate - 1e-6)] = True
    return is_gap


def sounding(envelope: Envelope) -> list[tuple[float, float]]:
    """(start, stop) in seconds of what an envelope asks to sound, with a little around it."""
    loud = envelope.values > QUIET * envelope.values.max()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], loud, [False]]).astype(int)))
    spans: list[tuple[float, float]] = []
    for first, last in edges.reshape(-1, 2):
        start = max(0.0, first / envelope.frame_rate - BEFORE)
        stop = last / envelope.frame_rate + AFTER
        if spans and start <= spans[-1][1]:
            start = spans.pop()[0]
        spans.append((start, stop))
    return spans


def filled(
    kept: NDArray[np.float32],
    laid: NDArray[np.float32],
    gaps: Sequence[tuple[float, float]],
    sample_rate: int,
) -> NDArray[np.float32]:
    """A sound [C, T] that has in its gaps, (start, stop) in seconds, what is laid there."""
    channels, count = max(len(kept), len(laid)), min(kept.shape[1], laid.shape[1])
    whole = np.repeat(kept, channels // len(kept), axis=0)
    for start, stop in gaps:
        part = slice(round(start * sample_rate), min(count, round(stop * sample_rate)))
        whole[:, part] = laid[:, part]
    return whole


def keeping(model: Model, kept: Tensor) -> Model:
    """A rectified-flow model whose estimate of the clean latents is what is kept, outside gaps.

    kept: [1, 1 + C, F] from `kept_latents`. The denoiser was trained to hear what is kept, not to
    repeat it exactly.
    """
    keeps, latents = kept[:, :1], kept[:, 1:]

    def kept_outside(noisy: Tensor, t: float) -> Tensor:
        answer = model(noisy, t)
        return answer + keeps * ((noisy - latents) / t - answer)

    return kept_outside


def kept_latents(latents: Tensor, is_gap: NDArray[np.bool_]) -> Tensor:
    """As `Stable3DiT.hear` takes it, [1, 1 + C, F]: 1 where latents are kept, then the latents."""
    import torch

    keeps = torch.from_numpy(~is_gap).to(latents).expand(1, 1, -1)
    return torch.cat([keeps, keeps * latents], dim=1)
