"""A low-rank addition to the small sound model's denoiser, from its file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from folai.checkpoints import load_weights, save_weights
from folai.models.dit import DiT, DiTConfig
from folai.models.lora import merge_lora_tensors
from folai.models.stable_dit import StableDiT


def save_foley_lora(
    path: Path, lora: Mapping[str, Tensor], base: DiTConfig, notes: Mapping[str, Any]
) -> None:
    """Writes `NAME.down` [rank, in] and `NAME.up` [out, rank] of each layer NAME."""
    save_weights(path, "foley-lora", lora, {"base": asdict(base)}, notes)


def merge_foley_lora(path: Path, dit: DiT) -> None:
    """Adds it to the denoiser's weights in place. Raises ValueError as `merge_lora_file`."""
    merge_lora_file(path, "foley-lora", dit)


def merge_lora_file(path: Path, kind: str, dit: DiT | StableDiT) -> None:
    """Adds a LoRA of a kind of weights to a denoiser's weights in place.

    Raises ValueError where the file is missing or damaged, or was trained on another base.
    """
    weights = load_weights(path, kind)
    if weights.config.get("base") != asdict(dit.config):
        raise ValueError(f"{path}: a LoRA for another base; take the one trained on this model")
    try:
        merge_lora_tensors(dit, weights.tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
