"""What the sound should be like, as vectors: a reference's latents, and words of a vocabulary.

The reference gives cross-attention tokens, each 46 ms of it, and statistics of its bands: what is
loud in it, how much that varies, and what is left when it is quiet. A word gives a token of its
own. What is missing is masked out, or a learned vector stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class ConditionerConfig:
    latent_channels: int = 96
    dim: int = 256  # of tokens and of the pooled vector
    patch: int = 4  # latent frames of a reference that make one token
    words: tuple[str, ...] = ()  # the vocabulary, in the order of its embeddings


@dataclass(frozen=True)
class Conditioning:
    """tokens [B, L, D]; mask [B, L], true for those that are there; pooled [B, D]."""

    tokens: Tensor
    mask: Tensor
    pooled: Tensor


class Conditioner(nn.Module):
    def __init__(self, config: ConditionerConfig) -> None:
        super().__init__()
        self.config = config
        channels, dim, patch = config.latent_channels, config.dim, config.patch
        self.embed = nn.Conv1d(channels, dim, patch, stride=patch)
        self.spread = nn.ModuleList(nn.Conv1d(dim, dim, 3, padding=1) for _ in range(2))
        self.nothing = nn.Parameter(0.02 * torch.randn(dim))  # the token that is always there
        self.words = nn.Embedding(len(config.words) + 1, dim, padding_idx=0)  # 0: no word
        self.statistics = nn.Sequential(
            nn.Linear(3 * channels, 2 * dim), nn.SiLU(), nn.Linear(2 * dim, dim)
        )
        self.no_reference = nn.Parameter(0.02 * torch.randn(dim))
        self.said = nn.Linear(dim, dim)

    def forward(self, reference: Tensor, is_given: Tensor, words: Tensor) -> Conditioning:
        """Conditioning of B clips.

        reference: latents [B, C, T], T >= patch. is_given: [B], false where there is none.
        words: [B, K] numbers of words, from 1; 0 where there are fewer.
        """
        pieces = self.embed(reference)
        for conv in self.spread:
            pieces = pieces + conv(F.silu(pieces))
        pieces = pieces.transpose(1, 2)  # [B, L, D]
        spoken = self.words(words)  # [B, K, D]
        nothing = self.nothing.to(pieces.dtype).expand(len(words), 1, -1)
        tokens = torch.cat([nothing, spoken.to(pieces.dtype), pieces], dim=1)
        mask = torch.cat(
            [
                torch.ones_like(is_given).unsqueeze(1),
                words > 0,
                is_given.unsqueeze(1).expand(-1, pieces.shape[1]),
            ],
            dim=1,
        )
        statistics = self.statistics(band_statistics(reference))
        pooled = torch.where(is_given.unsqueeze(1), statistics, self.no_reference)
        return Conditioning(tokens, mask, pooled + self.said(spoken.sum(1)))


def band_statistics(latents: Tensor, sharpness: float = 2.5) -> Tensor:
    """Of latents [B, C, T]: mean where loud, deviation where loud, mean where quiet, [B, 3 C].

    A frame's level is its mean band, about 20 dB a unit, so a sharpness of 2.5 weighs frames by
    about their amplitude.
    """
    latents = latents.float()
    level = latents.mean(1, keepdim=True)  # [B, 1, T]
    loud = (sharpness * level).softmax(-1)
    quiet = (-sharpness * level).softmax(-1)
    mean = (loud * latents).sum(-1)
    deviation = (loud * (latents - mean.unsqueeze(-1)).square()).sum(-1).clamp(min=1e-6).sqrt()
    return torch.cat([mean, deviation, (quiet * latents).sum(-1)], dim=1)
