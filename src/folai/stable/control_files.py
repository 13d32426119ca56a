"""ControlNets of Stable Audio Open from files and back: ours, and those of the published code.

The layout of the published student code (github YusuphaJuwara/Stable-V2A-v1) is a whole Lightning
checkpoint: `model.model.controlnet.*` beside the frozen base, and beside them the conditioner with
the layer `audio.proj_out` that makes CLAP's embedding a conditioning token. That layer was drawn at
random and frozen, so nothing but the checkpoint knows it; without it the reference would be heard
as something else than in training. There CLAP's token is the only one: seconds are not attended to.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from folai.checkpoints import load_weights, save_weights
from folai.models.stable_control import StableControlConfig, StableControlNet
from folai.models.stable_dit import StableDiTConfig
from folai.stable.model_config import StableConfig
from folai.stable.tensor_files import TensorFile, open_tensors
from folai.stable.tensor_names import check, control_entries, joined

PROMPTS = ("audio", "text")  # conditioners that hold a layer for CLAP's embedding
UNUSED = "transformer.project_out.weight"  # copied from the base with the rest, never used


def save_control(path: Path, controlnet: StableControlNet, notes: Mapping[str, Any]) -> None:
    config = {"control": asdict(controlnet.config), "base": asdict(controlnet.base)}
    save_weights(path, "stable-control", controlnet.state_dict(), config, notes)


def load_control(path: Path, config: StableConfig) -> StableControlNet:
    """A ControlNet of ours, or one in the layout of the published student code.

    Raises ValueError where the file is missing, damaged, or made for another base than `config`.
    """
    if not path.with_suffix(".json").is_file() and path.is_file():
        return _load_student(path, config)
    weights = load_weights(path, "stable-control")
    try:
        control = StableControlConfig(**weights.config["control"])
        base = StableDiTConfig(**weights.config["base"])
    except (TypeError, KeyError) as error:
        raise weights.misfit(error) from error
    if base != config.dit:
        trained, present = asdict(base), asdict(config.dit)
        name = next(name for name in trained if trained[name] != present[name])
        raise ValueError(
            f"{path}: made for a base of {name} {trained[name]}, this one has {present[name]}; "
            "take the ControlNet that was trained on this base"
        )
    controlnet = StableControlNet(control, config.dit)
    weights.fill(controlnet)
    return controlnet.requires_grad_(False).eval()


def _load_student(path: Path, config: StableConfig) -> StableControlNet:
    file = open_tensors(path)
    names, conditioner = _student_names(path, file)
    _refuse_pictures(path, conditioner)
    projection = _projection(conditioner)
    if not projection:
        warnings.warn(
            f"{path}: holds no layer for the reference (conditioners.audio.proj_out), so that the "
            "envelope alone will steer; give the whole checkpoint, which has it",
            stacklevel=3,
        )
    names |= projection
    count = sum(name.startswith("conv_outs.") for name in names)
    control = StableControlConfig(
        count / config.dit.depth, before=True, clap=bool(projection), seconds_tokens=False
    )
    controlnet = StableControlNet(control, config.dit)
    own_shapes = {name: tuple(tensor.shape) for name, tensor in controlnet.state_dict().items()}
    file_shapes = {name: file.shapes[full] for name, full in names.items()}
    table = control_entries(control, config)
    check(table, "tools", own_shapes, file_shapes, str(path))
    content = file.read()
    controlnet.load_state_dict(
        {
            entry.own: joined([content[names[entry.tools[0]]].float()], own_shapes[entry.own])
            for entry in table
        }
    )
    return controlnet.requires_grad_(False).eval()


def _refuse_pictures(path: Path, conditioner: Mapping[str, str]) -> None:
    """Raises ValueError for a checkpoint that learned to follow picture features as well.

    In its training their tokens stood beside CLAP's in each example that had conditioning at all;
    CLAP's token alone is an input that it has never seen.
    """
    if any(name.startswith("frames.") for name in conditioner):
        raise ValueError(
            f"{path}: was trained with picture features (CAVP, conditioners.frames), which are not "
            "computed here, and would not sound as trained without them; take the checkpoint that "
            "was trained without them (its name says nocavp)"
        )


def _projection(conditioner: Mapping[str, str]) -> dict[str, str]:
    """Full names of the layer for CLAP's embedding by our names for them; empty: it is missing."""
    for prompt in PROMPTS:
        layer = f"{prompt}.proj_out"
        if f"{layer}.weight" in conditioner:
            ends = [end for end in ("weight", "bias") if f"{layer}.{end}" in conditioner]
            return {f"audio.proj_out.{end}": conditioner[f"{layer}.{end}"] for end in ends}
    return {}


def inspect_control(path: Path) -> int:
    """Bytes of memory that a ControlNet will take in float32, by the header of its file.

    A checkpoint of the student code also holds the base: the ControlNet's part counts. Raises
    ValueError for what can be refused without reading the file.
    """
    if not path.is_file():
        raise ValueError(f"{path}: ControlNet not found; give another path")
    if path.with_suffix(".json").is_file():
        return 2 * path.stat().st_size  # float16 in the file
    file = open_tensors(path)
    names, conditioner = _student_names(path, file)
    _refuse_pictures(path, conditioner)
    return sum(4 * math.prod(file.shapes[full]) for full in names.values())


def _student_names(path: Path, file: TensorFile) -> tuple[dict[str, str], dict[str, str]]:
    """Full names by what follows `controlnet.`, and by what follows `conditioners.`."""

    def after(prefix: str) -> dict[str, str]:
        return {name.removeprefix(prefix): name for name in file.shapes if name.startswith(prefix)}

    first = "controlnet.conv_in.weight"
    prefix = next(
        (name.removesuffix("conv_in.weight") for name in file.shapes if name.endswith(first)), None
    )
    if prefix is None:
        raise ValueError(f"{path}: holds no ControlNet: neither ours nor keys of `controlnet.`")
    root = prefix.removesuffix("controlnet.").removesuffix("model.")
    control = after(prefix)
    control.pop(UNUSED, None)
    return control, after(f"{root}conditioner.conditioners.")
