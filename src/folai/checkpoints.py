"""Trained weights: which files they are, whether they are whole, and how they become models.

A set of weights is a `.safetensors` file with a `.json` beside it that holds the model's config
and the file's sha256. Those that ship with the package are in `weights/`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.writing import written_whole

if TYPE_CHECKING:
    from torch import Tensor

    from folai.models.rms_mapper import RMSMapper

WEIGHTS = Path(__file__).parent / "weights"
MAPPER = WEIGHTS / "mapper.safetensors"
_FORMAT = {"format": "folai-mapper", "version": 1}


def save_mapper(models: Sequence[RMSMapper], path: Path, notes: dict[str, Any]) -> None:
    """Writes the models as fp16, and their config, hash and `notes` beside them."""
    from safetensors.torch import save_file

    tensors = {
        f"{index}.{name}": tensor.half().contiguous() if tensor.is_floating_point() else tensor
        for index, model in enumerate(models)
        for name, tensor in model.state_dict().items()
    }
    with written_whole(path) as temporary:
        save_file(tensors, temporary)
    card = {
        **_FORMAT,
        "sha256": _sha256(path),
        "num_models": len(models),
        "config": dataclasses.asdict(models[0].config),
        "notes": notes,
    }
    with written_whole(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n")


def join_mappers(paths: Sequence[Path], out: Path) -> None:
    """Writes the models of several sets of weights as one set, whose predictions are averaged.

    Raises ValueError where one cannot be read or is of another config than the first.
    """
    models = [model for path in paths for model in load_mapper(path)]
    for model in models[1:]:
        if model.config != models[0].config:
            raise ValueError(f"{out}: the mappers to join differ in config; train them alike")
    notes = [_read_card(path)["notes"] for path in paths]
    save_mapper(models, out, {"joined": notes})


def load_mapper(path: Path = MAPPER) -> list[RMSMapper]:
    """The models of a set of weights, ready to run on the CPU.

    Raises ValueError where a file is missing, damaged, of another version or not a mapper.
    """
    from safetensors.torch import load_file

    from folai.models.rms_mapper import MapperConfig, RMSMapper

    card = _read_card(path)
    tensors = load_file(path)
    models = []
    try:
        config = MapperConfig(**{**card["config"], "channels": tuple(card["config"]["channels"])})
        for index in range(card["num_models"]):
            model = RMSMapper(config)
            model.load_state_dict(_own_tensors(tensors, f"{index}."))
            models.append(model.eval())
    except (KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: config and weights do not fit each other ({reason})") from error
    return models


def _own_tensors(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Those of the model called `prefix`, under their own names and in float32."""
    return {
        name.removeprefix(prefix): tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _read_card(path: Path) -> dict[str, Any]:
    described = path.with_suffix(".json")
    for needed in (path, described):
        if not needed.is_file():
            raise ValueError(f"{needed}: weights not found; reinstall folai or give another path")
    try:
        card = json.loads(described.read_text())
    except ValueError as error:
        raise ValueError(f"{described}: not JSON ({error}); copy the weights again") from None
    if not isinstance(card, dict) or {k: card.get(k) for k in _FORMAT} != _FORMAT:
        raise ValueError(f"{described}: not weights of a mapper that this version can read")
    if card.get("sha256") != _sha256(path):
        raise ValueError(f"{path}: damaged, its sha256 is not the recorded one; copy it again")
    return card


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
