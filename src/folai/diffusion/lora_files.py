"""A low-rank addition to the small sound model's denoiser, from its file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from folai.checkpoints import load_weights
from folai.diffusion.addition import check_base, read_addition, write_addition
from folai.models.dit import DiT, DiTConfig
from folai.models.lora import merge_lora_tensors
from folai.models.stable_dit import StableDiT


def save_foley_lora(
    path: Path, lora: Mapping[str, Tensor], base: DiTConfig, notes: Mapping[str, Any]
) -> None:
    """Writes `NAME.down` [rank, in] and `NAME.up` [out, rank] of each layer NAME as one file."""
    arrays = {name: tensor.detach().cpu().numpy() for name, tensor in lora.items()}
    write_addition(path, arrays, asdict(base), notes)


def merge_foley_lora(path: Path, dit: DiT) -> None:
    """Adds it to the denoiser's weights in place. Raises ValueError as `merge_lora_file`."""
    addition = read_addition(path)
    check_base(path, addition.base, asdict(dit.config))
    tensors = {name: torch.from_numpy(value).float() for name, value in addition.tensors.items()}
    _merge(path, dit, tensors)


def merge_lora_file(path: Path, kind: str, dit: DiT | StableDiT) -> None:
    """Adds a LoRA of a kind of weights to a denoiser's weights in place.

    Raises ValueError where the file is missing or damaged, or was trained on another base.
    """
    weights = load_weights(path, kind)
    check_base(path, weights.config.get("base", {}), asdict(dit.config))
    _merge(path, dit, weights.tensors)


def _merge(path: Path, dit: DiT | StableDiT, tensors: Mapping[str, Tensor]) -> None:
    try:
        merge_lora_tensors(dit, tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
