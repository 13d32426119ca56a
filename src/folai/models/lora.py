"""Low-rank additions to linear layers (arXiv 2106.09685): W x + up (down x), W frozen."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

LAYERS = ("inward", "outward", "query", "memory")  # of attention, by the ends of their names


class LoRA(nn.Module):
    def __init__(self, layer: nn.Linear, rank: int) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        weight = layer.weight
        self.down = nn.Parameter(torch.empty(rank, weight.shape[1], device=weight.device))
        self.up = nn.Parameter(torch.zeros(weight.shape[0], rank, device=weight.device))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """[..., in] -> [..., out]."""
        own: Tensor = self.layer(x)
        return own + (x.to(self.down.dtype) @ self.down.T @ self.up.T).to(own.dtype)


def add_lora(model: nn.Module, rank: int) -> None:
    """Adds additions of `rank` to all layers of attention, in place; they are 0 at first."""
    if rank < 1:
        raise ValueError(f"rank is {rank}; give 1 or more, such as 16")
    for module in list(model.modules()):
        for name, layer in list(module.named_children()):
            if name in LAYERS and isinstance(layer, nn.Linear):
                setattr(module, name, LoRA(layer, rank))


def merge_lora_tensors(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Adds additions, as `lora_tensors` gives them, to the layers' own weights, in place.

    Raises ValueError for a layer that the model lacks, or has in another size.
    """
    layers = dict(model.named_modules())
    for name in sorted({key.rsplit(".", 1)[0] for key in tensors}):
        layer = layers.get(name)
        if not isinstance(layer, nn.Linear):
            raise ValueError(f"has a layer {name} that this model lacks; take its own LoRA")
        up, down = (tensors[f"{name}.{end}"].to(layer.weight.device) for end in ("up", "down"))
        if (up.shape[0], down.shape[1]) != tuple(layer.weight.shape):
            raise ValueError(f"its layer {name} has another size; take this model's own LoRA")
        with torch.no_grad():
            layer.weight.add_((up @ down).to(layer.weight))


def lora_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The additions alone: `NAME.down` and `NAME.up` of each layer NAME."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, LoRA):
            found[f"{name}.down"], found[f"{name}.up"] = module.down.detach(), module.up.detach()
    return found
