"""Controls of Stable Audio 3 from their files and back.

A light control holds the low-rank additions that were trained with it, by the names of the
published trainer's LoRA files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from folai.checkpoints import load_weights, save_weights
from folai.models.stable3_control import Stable3Control, Stable3ControlConfig, make_control
from folai.models.stable3_dit import Stable3DiTConfig
from folai.stable3.base_files import Stable3Base
from folai.stable3.lora_files import Adapter, merge_adapters

KIND = "stable3-control"
NET, LORA = "net.", "lora."


def save_control(
    path: Path,
    control: Stable3Control,
    base: Stable3DiTConfig,
    notes: Mapping[str, Any],
    lora: Mapping[str, Tensor] | None = None,
) -> None:
    """lora: additions to the base by the names of `lora_files.published`."""
    tensors = {f"{NET}{name}": tensor for name, tensor in control.state_dict().items()}
    tensors |= {f"{LORA}{name}": tensor for name, tensor in (lora or {}).items()}
    config = {"control": asdict(control.config), "base": asdict(base)}
    save_weights(path, KIND, tensors, config, notes)


def load_control(path: Path, base: Stable3Base) -> Stable3Control:
    """A control of this base; what it adds to the base's weights is merged into them.

    Raises ValueError where the file is missing, damaged, or made for another base.
    """
    weights = load_weights(path, KIND)
    try:
        config = Stable3ControlConfig(**weights.config["control"])
        trained = Stable3DiTConfig(**weights.config["base"])
    except (TypeError, KeyError) as error:
        raise weights.misfit(error) from error
    if trained != base.config.dit:
        before, present = asdict(trained), asdict(base.config.dit)
        name = next(name for name in before if before[name] != present[name])
        raise ValueError(
            f"{path}: made for a base of {name} {before[name]}, this one has {present[name]}; "
            "take the control that was trained on this base"
        )
    control = make_control(config, base.config.dit)
    weights.fill(control, NET)
    lora = {
        name.removeprefix(LORA): tensor
        for name, tensor in weights.tensors.items()
        if name.startswith(LORA)
    }
    if lora:
        merge_adapters(path, lora, Adapter("lora", 1.0), base)
    return control.requires_grad_(False).eval()


def inspect_control(path: Path) -> int:
    """Bytes of memory that a control will take in float32, at most, by the size of its file.

    Raises ValueError where there is none.
    """
    if not path.is_file():
        raise ValueError(f"{path}: control not found; give another path")
    return 2 * path.stat().st_size
