"""A model filled from files by the table of its tensors' names, each checked and read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from folai.models.int8 import to_int8
from folai.stable.memory import require_memory
from folai.stable.tensor_files import TensorFile
from folai.stable.tensor_names import Entry, Layout, Shape, check, joined


def fill(
    model: nn.Module,
    table: Sequence[Entry],
    layout: Layout,
    files: Mapping[str, TensorFile],
    where: str,
    *,
    dtype_of: Callable[[str], torch.dtype],
    device: torch.device,
    beside: int = 0,
) -> None:
    """Fills a model on the meta device with the tensors of files, in place.

    files: by the prefix that their names get in the table. dtype_of: the precision of a tensor by
    our name; int8 is for layers of `folai.models.int8`, whose scale is computed. beside: bytes of
    memory that other models will need. Raises ValueError, before anything large is read, where
    names or shapes differ and where the memory is too small.
    """
    own = model.state_dict()
    own_shapes = {name: tuple(tensor.shape) for name, tensor in own.items()}
    file_shapes: dict[str, Shape] = {}
    for prefix, file in files.items():
        file_shapes |= {prefix + name: shape for name, shape in file.shapes.items()}
    check(table, layout, own_shapes, file_shapes, where)
    sizes = [tensor.numel() * dtype_of(name).itemsize for name, tensor in own.items()]
    lowest = min((dtype_of(entry.own) for entry in table), key=lambda dtype: dtype.itemsize)
    require_memory(sum(sizes) + beside, where, lowest, device)
    contents = {prefix: file.read() for prefix, file in files.items()}
    tensors = {}
    for entry in table:
        parts = [_look_up(contents, name) for name in entry.names(layout)]
        tensor = joined(parts, own_shapes[entry.own])
        if dtype_of(entry.own) == torch.int8:
            tensor, scale = to_int8(tensor)
            tensors[f"{entry.own.removesuffix('weight')}scale"] = scale.to(device)
        tensors[entry.own] = tensor.to(device, dtype_of(entry.own)).contiguous()
    model.load_state_dict(tensors, assign=True)


def _look_up(contents: Mapping[str, Mapping[str, Tensor]], name: str) -> Tensor:
    for prefix, tensors in contents.items():
        if name.startswith(prefix) and name.removeprefix(prefix) in tensors:
            return tensors[name.removeprefix(prefix)]
    raise KeyError(name)
