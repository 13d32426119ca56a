"""A LoRA (arXiv 2106.09685) on the attention of a base, from its file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from torch import Tensor

from folai.checkpoints import save_weights
from folai.diffusion.lora_files import merge_lora_file
from folai.models.stable_dit import StableDiT, StableDiTConfig


def save_lora(path: Path, lora: Mapping[str, Tensor], base: StableDiTConfig, rank: int) -> None:
    """Writes a LoRA: `NAME.down` [rank, in] and `NAME.up` [out, rank] of each layer NAME."""
    save_weights(path, "stable-lora", lora, {"base": asdict(base), "rank": rank}, {})


def merge_lora(path: Path, dit: StableDiT) -> None:
    """Adds a LoRA to the denoiser's weights in place. Raises ValueError for another base's."""
    merge_lora_file(path, "stable-lora", dit)
