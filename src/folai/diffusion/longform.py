"""Any length in bounded memory: windows one after another, their latents cross-faded.

Neighbouring windows begin from the same noise where they overlap and follow the same envelope, so
what they say there is nearly the same, and a cross-fade hides the rest.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def make_windows(num_frames: int, window: int, overlap: int) -> list[tuple[int, int]]:
    """(start, stop) of windows alike in length, evenly spread, that overlap by `overlap` or more.

    One alone where the whole is no longer than a window.
    """
    if not 0 <= overlap < window:
        raise ValueError(f"overlap is {overlap} frames; give 0 or more, below {window}")
    if num_frames <= window:
        return [(0, num_frames)]
    count = -(-(num_frames - overlap) // (window - overlap))
    spare = num_frames - window
    starts = [round(index * spare / (count - 1)) for index in range(count)]
    return [(start, start + window) for start in starts]


def sample_windows(
    sample: Callable[[Tensor, int, int], Tensor], noise: Tensor, window: int, overlap: int
) -> Tensor:
    """Latents [B, C, T] from noise alike: `sample(noise, start, stop)` gives those of a window."""
    pieces: list[Tensor] = []  # those that are finished, in order
    previous: Tensor | None = None  # the last window's, from `begun` on
    begun = 0
    for start, stop in make_windows(noise.shape[-1], window, overlap):
        latents = sample(noise[..., start:stop], start, stop)
        if previous is not None:
            done, shared = previous[..., : start - begun], previous[..., start - begun :]
            rise = fade_in(shared.shape[-1]).to(latents)
            mixed = shared * (1 - rise) + latents[..., : shared.shape[-1]] * rise
            latents = torch.cat([mixed, latents[..., shared.shape[-1] :]], dim=-1)
            pieces.append(done)
        previous, begun = latents, start
    assert previous is not None
    return torch.cat([*pieces, previous], dim=-1)


def fade_in(num_frames: int) -> Tensor:
    """A raised cosine from near 0 to near 1, [T]: latents are levels, so shares add up to 1."""
    place = (torch.arange(num_frames) + 0.5) / max(1, num_frames)
    return 0.5 - 0.5 * torch.cos(torch.pi * place)
