"""Low-rank additions to linear layers (arXiv 2106.09685): W x + up (down x), W frozen."""

from __future__ import annotations

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


def lora_tensors(model: nn.Module) -> dict[str, Tensor]:
    """The additions alone: `NAME.down` and `NAME.up` of each layer NAME."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, LoRA):
            found[f"{name}.down"], found[f"{name}.up"] = module.down.detach(), module.up.detach()
    return found
