"""Tensors in files: what a file holds, known from its header, and one tensor at a time.

A file of 5 GB that is cut short, or of another model, is refused at once and without reading it;
and tensors that are converted to another precision are never in memory all at once.
"""

from __future__ import annotations

import json
import math
import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.stable.tensor_names import Shape
from folai.writing import one_line

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class TensorFile:
    """A `.safetensors` file; or a `.ckpt` of PyTorch, which is mapped and not read at once."""

    path: Path
    shapes: Mapping[str, Shape]
    places: Mapping[str, tuple[str, int, int]] = field(default_factory=dict)  # type, start, stop

    def __post_init__(self) -> None:
        if not self.shapes:
            raise ValueError(f"{self.path}: holds no tensors; copy it again")

    def read(self) -> Mapping[str, Tensor]:
        """Its tensors, each read when it is looked up."""
        return _Lazy(self) if self.places else _unpickled(self.path)


def open_tensors(path: Path) -> TensorFile:
    """Reads the header. Raises ValueError for a file that is missing, cut short or not weights."""
    if not path.is_file():
        raise ValueError(f"{path}: weights not found; copy the whole model folder")
    if path.suffix == ".safetensors":
        return _read_header(path)
    if path.suffix in (".ckpt", ".pt", ".pth"):
        return TensorFile(path, {name: tuple(t.shape) for name, t in _unpickled(path).items()})
    raise ValueError(f"{path}: is no file of weights; give a .safetensors or .ckpt file")


def _read_header(path: Path) -> TensorFile:
    """Eight bytes of length, JSON, tensors: https://github.com/huggingface/safetensors#format."""
    size = path.stat().st_size
    damaged = f"{path}: cut short or damaged, {size} bytes; download it again"
    with path.open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= size - 8:
            raise ValueError(damaged)
        try:
            header: dict[str, dict[str, Any]] = json.loads(file.read(length))
        except ValueError:
            raise ValueError(damaged) from None
    header.pop("__metadata__", None)
    begin = 8 + length
    places = {
        name: (entry["dtype"], *(begin + offset for offset in entry["data_offsets"]))
        for name, entry in header.items()
    }
    if size != max((stop for _, _, stop in places.values()), default=begin):
        raise ValueError(damaged)
    return TensorFile(path, {n: tuple(entry["shape"]) for n, entry in header.items()}, places)


class _Lazy(Mapping[str, "Tensor"]):
    """Reads, rather than maps: pages of a mapped file would count as this process's memory.

    Each tensor is read into pages of its own. Large arrays that come and go between small ones
    that stay would leave holes in the heap, of half the size of a model of eight bits.
    """

    def __init__(self, file: TensorFile) -> None:
        self._file = file

    def __getitem__(self, name: str) -> Tensor:
        import torch

        types = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16,
                 "BF16": torch.bfloat16, "I64": torch.int64}  # fmt: skip
        kind, start, stop = self._file.places[name]
        if kind not in types:
            known = ", ".join(types)
            raise ValueError(f"{self._file.path}: {name} is of type {kind}; allowed: {known}")
        data = mmap.mmap(-1, max(stop - start, 1))
        with self._file.path.open("rb") as file:
            file.seek(start)
            file.readinto(data)
        shape = self._file.shapes[name]
        return torch.frombuffer(data, dtype=types[kind], count=math.prod(shape)).reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._file.shapes)

    def __len__(self) -> int:
        return len(self._file.shapes)


def _unpickled(path: Path) -> dict[str, Tensor]:
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # a damaged pickle may raise anything
        reason = one_line(error, 120)
        raise ValueError(f"{path}: cannot be read ({reason}); download it again") from None
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {name: tensor for name, tensor in content.items() if isinstance(tensor, torch.Tensor)}
