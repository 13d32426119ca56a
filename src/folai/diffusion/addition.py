"""A low-rank addition to the small sound model as one file: tensors, and in its header what it is.

No PyTorch: the studio checks the files that a person chooses without loading it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.checkpoints import FOLEY
from folai.writing import one_line, written_whole

Tensors = Mapping[str, NDArray[Any]]

_CARD = "folai-foley-lora"  # its place in the header
_VERSION = 1


@dataclass(frozen=True)
class Addition:
    """`NAME.down` [rank, in] and `NAME.up` [out, rank] of each layer NAME; the base's config."""

    tensors: dict[str, NDArray[Any]]
    base: dict[str, Any]


def write_addition(
    path: Path, tensors: Tensors, base: Mapping[str, Any], notes: Mapping[str, Any]
) -> None:
    """One file of fp16. base: the config of the denoiser that it was trained on."""
    from safetensors.numpy import save_file

    halved = {name: np.ascontiguousarray(t, np.float16) for name, t in tensors.items()}
    card = {
        "version": _VERSION,
        "sha256": _hash_of(halved),
        "base": dict(base),
        "notes": dict(notes),
    }
    with written_whole(path) as temporary:
        save_file(halved, temporary, metadata={_CARD: json.dumps(card)})


def read_addition(path: Path) -> Addition:
    """Raises ValueError where the file is missing, damaged, or no addition to the sound model."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ValueError(f"{path}: does not exist; check the path")
    try:
        with safe_open(path, "np") as file:
            card = json.loads((file.metadata() or {}).get(_CARD, "null"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path}: damaged ({one_line(error, 100)}); copy it again") from error
    if not isinstance(card, dict) or card.get("version") != _VERSION:
        raise ValueError(
            f"{path}: no addition to folai's sound model; give the lora.safetensors that "
            "`folai train foley --init shipped --library WORDS` wrote"
        )
    if card.get("sha256") != _hash_of(tensors):
        raise ValueError(f"{path}: damaged, its sha256 is not the recorded one; copy it again")
    return Addition(tensors, card.get("base", {}))


def check_addition(path: Path) -> None:
    """Raises ValueError as `read_addition`, and for one to another model than what ships."""
    shipped = json.loads(FOLEY.with_suffix(".json").read_text(encoding="utf-8"))
    check_base(path, read_addition(path).base, shipped["config"]["dit"])


def check_base(path: Path, base: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raises ValueError where an addition was trained on another base than is wanted."""
    names = base.keys() | wanted.keys()  # an option that is newer than a file is off in it
    if any((base.get(name) or None) != (wanted.get(name) or None) for name in names):
        raise ValueError(f"{path}: a LoRA for another base; take the one trained on this model")


def _hash_of(tensors: Tensors) -> str:
    """Of all names and values."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(name.encode())
        found.update(tensors[name].tobytes())
    return found.hexdigest()
