"""LoRA files of Stable Audio 3's published trainer: merged into a model's weights.

Each adapts linear layers, W + s B A, s = alpha / rank (arXiv 2106.09685). Some then draw W's rows
or columns to lengths that are learned ("dora", arXiv 2402.09353; "bora", both), and those that end
in "-xs" learn only the middle of U M V, the base's own largest singular vectors (arXiv 2405.17604).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from folai.models.int8 import to_int8
from folai.stable.tensor_files import open_tensors
from folai.stable3.base_files import Stable3Base
from folai.stable3.model_config import Stable3Config
from folai.stable3.tensor_names import DIT, entries
from folai.writing import written_whole

KINDS = (
    "lora", "dora-rows", "dora-cols", "bora", "lora-xs", "dora-rows-xs", "dora-cols-xs", "bora-xs",
)  # fmt: skip
MIDDLE = ".parametrizations.weight.0."
PARTS = ("lora_A", "lora_B", "M_xs", "magnitude", "magnitude_r", "magnitude_c")


@dataclass(frozen=True)
class Adapter:
    """What a LoRA file says of itself."""

    kind: str
    strength: float  # alpha / rank

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"adapter_type is {self.kind!r}; allowed: {', '.join(KINDS)}")


def merge_lora(path: Path, base: Stable3Base, scale: float = 1.0) -> None:
    """Adds a LoRA to the weights of the denoiser and the conditioning, in place.

    scale: 0 changes nothing, 1 is as it was trained. Raises ValueError, before any weight is
    changed, for a file of another kind or of another base.
    """
    tensors, config = open_tensors(path).read(), _config(path)
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    adapter = _adapter(path, config, _layers(path, shapes))
    merge_adapters(path, tensors, adapter, base, scale)


def merge_adapters(
    path: Path,
    tensors: Mapping[str, Tensor],
    adapter: Adapter,
    base: Stable3Base,
    scale: float = 1.0,
) -> None:
    """Adds the tensors of a LoRA that was read from `path`; as `merge_lora`."""
    layers = _layers(path, {key: tuple(tensor.shape) for key, tensor in tensors.items()})
    own = {**dict(base.named_parameters()), **dict(base.named_buffers())}
    names = {_short(entry.tools[0]): entry.own for entry in entries(base.config)}
    for name, shapes in layers.items():
        weight = own.get(names.get(f"{name}.weight", ""))
        if weight is None:
            raise ValueError(f"{path}: adapts {name}, which this model lacks; take its own LoRA")
        if not _fits(shapes, weight.shape):
            raise ValueError(f"{path}: its {name} has another size; take this model's own LoRA")
    for name in layers:
        parts = {part: tensors[f"{name}{MIDDLE}{part}"] for part in layers[name]}
        weight = own[names[f"{name}.weight"]]
        if weight.dtype == torch.int8:
            lengths = own[names[f"{name}.weight"].removesuffix("weight") + "scale"]
            whole = merged_weight(weight * lengths.unsqueeze(1), parts, adapter, scale)
            (weight.data, lengths.data) = to_int8(whole)
        else:
            weight.data.copy_(merged_weight(weight.detach(), parts, adapter, scale))


def published(config: Stable3Config, lora: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Additions to the denoiser, as `folai.models.lora.lora_tensors` gives them, by the names that
    the published trainer has for them."""
    names = {entry.own: _short(entry.tools[0]) for entry in entries(config)}
    ends = {"down": "lora_A", "up": "lora_B"}
    found = {}
    for key, tensor in lora.items():
        layer, end = key.rsplit(".", 1)
        name = names[f"dit.{layer}.weight"].removesuffix(".weight")
        found[f"{name}{MIDDLE}{ends[end]}"] = tensor
    return found


def save_lora(path: Path, config: Stable3Config, lora: Mapping[str, Tensor], rank: int) -> None:
    """Writes a LoRA of attention as the published trainer does, so that its package reads it."""
    from safetensors.torch import save_file

    described = {
        "adapter_type": "lora", "rank": rank, "alpha": rank,
        "include": ["self_attn.to_", "cross_attn.to_"],
    }  # fmt: skip
    tensors = {
        name: tensor.detach().cpu().half().contiguous()
        for name, tensor in published(config, lora).items()
    }
    with written_whole(path) as temporary:
        save_file(tensors, temporary, metadata={"lora_config": json.dumps(described)})


def merged_weight(
    weight: Tensor, parts: Mapping[str, Tensor], adapter: Adapter, scale: float = 1.0
) -> Tensor:
    """A layer's weight [out, in, ...] with its adapter, in its own precision."""
    if scale == 0:
        return weight
    flat = weight.flatten(1).float()
    parts = {name: part.to(flat) for name, part in parts.items()}
    if adapter.kind.endswith("-xs"):
        left, right = _bases(flat, len(parts["M_xs"]))
        added = left @ parts["M_xs"] @ right
    else:
        added = parts["lora_B"] @ parts["lora_A"]
    changed: Tensor = flat + scale * adapter.strength * added
    if adapter.kind.startswith("dora-rows"):
        changed = _lengthened(changed, parts["magnitude"].flatten(), 1)
    elif adapter.kind.startswith("dora-cols"):
        changed = _lengthened(changed, parts["magnitude"].flatten(), 0)
    elif adapter.kind.startswith("bora"):
        changed = _lengthened(changed, parts["magnitude_r"], 1)
        changed = _lengthened(changed, parts["magnitude_c"], 0)
    return changed.view(weight.shape).to(weight.dtype)


def _lengthened(matrix: Tensor, lengths: Tensor, axis: int) -> Tensor:
    """Rows (axis 1) or columns (axis 0) of these lengths."""
    own = torch.linalg.vector_norm(matrix, dim=axis, keepdim=True)
    drawn: Tensor = matrix / (own + 1e-12) * lengths.unsqueeze(axis)
    return drawn


def _bases(flat: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """[out, rank] and [rank, in]: singular vectors, each pair with its largest number positive."""
    left, _, right = torch.linalg.svd(flat.cpu(), full_matrices=False)
    largest = left.gather(0, left.abs().argmax(dim=0, keepdim=True))[0]
    signs = torch.where(largest < 0, -1.0, 1.0)
    return (left * signs)[:, :rank].to(flat), (right * signs[:, None])[:rank].to(flat)


def _config(path: Path) -> Mapping[str, Any]:
    """What the trainer wrote beside the tensors; empty where it wrote nothing."""
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {}).get("lora_config", "{}"))
    else:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        config = content.get("lora_config", {})
    if not isinstance(config, dict):
        raise ValueError(f"{path}: its lora_config is {type(config).__name__}; copy it again")
    return config


def _layers(path: Path, shapes: Mapping[str, Any]) -> dict[str, dict[str, tuple[int, ...]]]:
    """The shapes of each adapted layer's parts, by the layer's name."""
    layers: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        name, middle, part = key.partition(MIDDLE)
        if not middle or part not in PARTS:
            raise ValueError(f"{path}: has a tensor {key}; give a LoRA of Stable Audio 3's trainer")
        layers.setdefault(name, {})[part] = tuple(shape)
    return layers


def _adapter(
    path: Path, config: Mapping[str, Any], layers: Mapping[str, Mapping[str, tuple[int, ...]]]
) -> Adapter:
    parts = next(iter(layers.values()))
    kind = config.get("adapter_type", "lora")
    if kind == "dora":  # its first version: the shape of its lengths says which
        shape = parts.get("magnitude", ())
        kind = "dora-cols" if len(shape) == 2 and shape[0] == 1 else "dora-rows"
    rank = config.get("rank") or (parts.get("lora_A") or parts["M_xs"])[0]
    try:
        adapter = Adapter(kind, config.get("alpha", rank) / rank)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    needed = _needed(adapter.kind)
    for name, have in layers.items():
        if set(have) != needed:
            wrong = f"{', '.join(sorted(have))} and not {', '.join(sorted(needed))}"
            raise ValueError(f"{path}: {name} has {wrong}, as {kind} needs; copy it again")
    return adapter


def _needed(kind: str) -> set[str]:
    parts = {"M_xs"} if kind.endswith("-xs") else {"lora_A", "lora_B"}
    if kind.startswith("dora"):
        parts.add("magnitude")
    if kind.startswith("bora"):
        parts |= {"magnitude_r", "magnitude_c"}
    return parts


def _fits(parts: Mapping[str, tuple[int, ...]], shape: torch.Size) -> bool:
    rows, columns = shape[0], shape[1:].numel()

    def has(part: str, size: tuple[int, ...]) -> bool:
        if part == "M_xs":
            return len(size) == 2 and size[0] == size[1] <= min(rows, columns)
        if part.startswith("lora_"):
            return size[-1] == columns if part == "lora_A" else size[0] == rows
        allowed = {"magnitude_r": (rows,), "magnitude_c": (columns,)}.get(part, (rows, columns))
        return max(size) in allowed

    return all(has(part, size) for part, size in parts.items())


def _short(published: str) -> str:
    """As the trainer's files call a tensor: they leave out what holds the denoiser."""
    return published.removeprefix(DIT.split(".")[0] + ".").removeprefix("conditioner.")
