"""Linear layers whose weights are whole numbers of eight bits: a quarter of the memory.

Each row of the weight, and each vector that comes in, is divided by its largest number and rounded
to -127 to 127. Their products are whole numbers, summed exactly, and scaled back (arXiv
2208.07339, without its outliers). Processors have instructions for it: on a CPU it takes a third
of the time.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

AT_ONCE = 64  # rows
LEAST = 1e-12  # a row of zeros is divided by this


class Int8Linear(nn.Module):
    def __init__(self, inward: int, outward: int, bias: bool) -> None:
        super().__init__()
        self.weight: Tensor
        self.scale: Tensor
        self.register_buffer("weight", torch.zeros(outward, inward, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(outward))
        self.bias = nn.Parameter(torch.zeros(outward)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """[..., inward] -> [..., outward], in fp32."""
        rows, scale = to_int8(x.reshape(-1, x.shape[-1]))
        y = torch._int_mm(rows, self.weight.T).float()
        y = y.mul_(scale.unsqueeze(1)).mul_(self.scale)
        if self.bias is not None:
            y = y.add_(self.bias)
        return y.view(*x.shape[:-1], -1)


def to_int8(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Rows [N, D] as whole numbers and the scale [N] that gives them back.

    Some rows at a time: copies of a whole weight would be more memory than the weights are.
    """
    whole, scales = torch.empty(rows.shape, dtype=torch.int8), []
    for first in range(0, len(rows), AT_ONCE):
        part = rows[first : first + AT_ONCE].float()
        scale = part.abs().amax(dim=1).clamp(min=LEAST) / 127
        whole[first : first + AT_ONCE] = (part / scale.unsqueeze(1)).round_()
        scales.append(scale)
    return whole, torch.cat(scales)


def use_int8(module: nn.Module) -> list[str]:
    """Replaces the linear layers inside a module, empty as yet, in place. Gives their names."""
    names = []
    for name, layer in module.named_modules():
        for own, linear in list(layer.named_children()):
            if type(linear) is nn.Linear:
                with torch.device(linear.weight.device):
                    bias = linear.bias is not None
                    small = Int8Linear(linear.in_features, linear.out_features, bias)
                setattr(layer, own, small)
                names.append(f"{name}.{own}" if name else own)
    return names
