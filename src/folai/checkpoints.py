"""Trained weights: their files, their checks, and the models they become.

A set of weights is a `.safetensors` file with a `.json` beside it that holds the model's config
and the file's sha256. Those that ship with the package are in `weights/`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.writing import one_line, written_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

    from folai.mapper.confidence import Calibration
    from folai.models.autoencoder import Autoencoder
    from folai.models.rms_mapper import RMSMapper

WEIGHTS = Path(__file__).parent / "weights"
MAPPER = WEIGHTS / "mapper.safetensors"
MAPPERS = {"all": MAPPER, "open": WEIGHTS / "mapper_open.safetensors"}  # by what they have seen
TRAINED_ON = {
    "all": "the Greatest Hits (CC BY 4.0), scenes, 50 clips from the web; the default",
    "open": "the Greatest Hits (CC BY 4.0) and scenes: open data alone",
}
AUTOENCODER = WEIGHTS / "autoencoder.safetensors"
FOLEY = WEIGHTS / "foley.safetensors"
CONTROL = WEIGHTS / "control.safetensors"
_VERSION = 1


@dataclass(frozen=True)
class Weights:
    """A set of weights as read: tensors in float32, config and notes."""

    path: Path
    tensors: dict[str, Tensor]
    config: dict[str, Any]
    notes: dict[str, Any]

    def fill(self, model: nn.Module, prefix: str = "") -> None:
        """Loads the tensors whose names start with `prefix` into the model, strictly.

        Raises ValueError where names or shapes are not exactly those of the model.
        """
        own = {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}
        try:
            model.load_state_dict(own)
        except RuntimeError as error:
            raise self.misfit(error) from error

    def misfit(self, error: Exception) -> ValueError:
        """The error to raise where config and weights contradict each other."""
        reason = one_line(error, 200)
        return ValueError(
            f"{self.path}: config and weights do not fit each other ({reason}); copy both again"
        )


def save_weights(
    path: Path,
    kind: str,
    tensors: Mapping[str, Tensor],
    config: Mapping[str, Any],
    notes: Mapping[str, Any],
) -> None:
    """Writes tensors as fp16, and `kind`, config, hash and notes beside them."""
    from safetensors.torch import save_file

    halved = {
        name: (tensor.detach().cpu().half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in tensors.items()
    }
    with written_whole(path) as temporary:
        save_file(halved, temporary)
    card = {
        "format": f"folai-{kind}",
        "version": _VERSION,
        "sha256": sha256_of(path),
        "config": dict(config),
        "notes": dict(notes),
    }
    with written_whole(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n")


def load_weights(path: Path, kind: str) -> Weights:
    """Reads a set of weights of a `kind`, such as "mapper".

    Raises ValueError where a file is missing, damaged, of another version or of another kind.
    """
    from safetensors.torch import load_file

    card = _read_card(path, kind)
    tensors = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in load_file(path).items()
    }
    config, notes = card.get("config"), card.get("notes", {})
    if not isinstance(config, dict):
        raise ValueError(f"{path.with_suffix('.json')}: has no config; copy the weights again")
    return Weights(path, tensors, config, notes)


def save_autoencoder(model: Autoencoder, path: Path, notes: Mapping[str, Any]) -> None:
    config = dataclasses.asdict(model.config)
    save_weights(path, "autoencoder", model.state_dict(), config, notes)


def load_autoencoder(path: Path = AUTOENCODER) -> Autoencoder:
    """The autoencoder, ready to run on the CPU. Raises ValueError as `load_weights`."""
    from folai.models.autoencoder import Autoencoder, AutoencoderConfig

    weights = load_weights(path, "autoencoder")
    try:
        model = Autoencoder(AutoencoderConfig(**weights.config))
    except TypeError as error:
        raise weights.misfit(error) from error
    weights.fill(model)
    return model.eval()


def save_mapper(
    models: Sequence[RMSMapper],
    path: Path,
    notes: Mapping[str, Any],
    calibration: Calibration | None = None,
) -> None:
    """Writes the models as one set of weights, and what tells how sure they are."""
    tensors = {
        f"{index}.{name}": tensor
        for index, model in enumerate(models)
        for name, tensor in model.state_dict().items()
    }
    config: dict[str, Any] = {"models": [dataclasses.asdict(model.config) for model in models]}
    if calibration is not None:
        config["calibration"] = calibration.to_dict()
    save_weights(path, "mapper", tensors, config, notes)


def join_mappers(paths: Sequence[Path], out: Path) -> None:
    """Writes the models of several sets of weights as one set, whose predictions are averaged.

    They may differ in size. Raises ValueError where one cannot be read or predicts other bins or
    at another rate than the first.
    """
    sets = [load_weights(path, "mapper") for path in paths]
    models = [model for weights in sets for model in _mappers_of(weights)]
    for name in ("upsample", "num_bins", "mu"):
        if len({getattr(model.config, name) for model in models}) > 1:
            raise ValueError(
                f"{out}: the mappers to join differ in {name}; train them with the same"
            )
    save_mapper(models, out, {"joined": [weights.notes for weights in sets]})


def average_mappers(paths: Sequence[Path], out: Path) -> None:
    """Writes the mean of several sets of weights, which costs no more to run than one of them.

    Only for models fine-tuned from the same weights (Wortsman et al., "Model soups", arXiv
    2203.05482): the weights of others have nothing in common. Raises ValueError where one cannot be
    read, or differs from the first in size.
    """
    import torch

    sets = [load_weights(path, "mapper") for path in paths]
    mappers = [_mappers_of(weights) for weights in sets]
    configs = [[model.config for model in models] for models in mappers]
    if any(config != configs[0] for config in configs):
        raise ValueError(f"{out}: the mappers to average differ in size; join them instead")
    for models in zip(*mappers, strict=True):
        states = [model.state_dict() for model in models]
        for name, mean in states[0].items():
            if mean.is_floating_point():
                mean.copy_(torch.stack([state[name] for state in states]).mean(0))
    save_mapper(mappers[0], out, {"averaged": [weights.notes for weights in sets]})


def load_mapper(path: str | Path | None = None) -> list[RMSMapper]:
    """The models of a set of weights (None: those that ship), ready to run on the CPU.

    path: a file, or a name in MAPPERS: `open` has seen open data alone.
    Raises ValueError where a file is missing, damaged, of another version or not a mapper.
    """
    return _mappers_of(load_weights(_mapper_path(path), "mapper"))


def load_calibration(path: str | Path | None = None) -> Calibration | None:
    """What tells how sure the mapper of a set of weights is; None where it was never calibrated.

    Raises ValueError as `load_mapper`.
    """
    from folai.mapper.confidence import Calibration

    card = _read_card(_mapper_path(path), "mapper")
    given = card["config"].get("calibration") if isinstance(card.get("config"), dict) else None
    return None if given is None else Calibration.from_dict(given)


def calibrate_mapper(
    source: str | Path | None, out: Path, calibration: Calibration, notes: Mapping[str, Any]
) -> None:
    """The weights `source` (None: those that ship) at `out`, with this calibration beside them.

    The tensors are those of the source to the last bit. notes: how the calibration came about.
    """
    path = _mapper_path(source)
    card = _read_card(path, "mapper")
    if out.resolve() != path.resolve():
        with written_whole(out) as temporary:
            shutil.copyfile(path, temporary)
    config = card["config"]
    if "models" not in config:  # older files: one for all
        config = {"models": [config] * len(load_mapper(path))}
    card["config"] = {**config, "calibration": calibration.to_dict()}
    card["notes"] = {**card.get("notes", {}), "calibrated": dict(notes)}
    with written_whole(out.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(card, indent=2) + "\n")


def _mapper_path(path: str | Path | None) -> Path:
    """A file, or the one that a name in MAPPERS stands for."""
    return MAPPER if path is None else MAPPERS.get(str(path), Path(path))


def _mappers_of(weights: Weights) -> list[RMSMapper]:
    from folai.models.rms_mapper import MapperConfig, RMSMapper

    count = len({name.split(".")[0] for name in weights.tensors})
    per_model = weights.config.get("models", [weights.config] * count)  # older files: one for all
    try:
        configs = [MapperConfig(**{**c, "channels": tuple(c["channels"])}) for c in per_model]
    except (KeyError, TypeError) as error:
        raise weights.misfit(error) from error
    if len(configs) != count:
        raise weights.misfit(ValueError(f"{len(configs)} configs for {count} models"))
    models = [RMSMapper(config) for config in configs]
    for index, model in enumerate(models):
        weights.fill(model, f"{index}.")
    return [model.eval() for model in models]


def _read_card(path: Path, kind: str) -> dict[str, Any]:
    described = path.with_suffix(".json")
    for needed in (path, described):
        if not needed.is_file():
            raise ValueError(f"{needed}: weights not found; reinstall folai or give another path")
    try:
        card = json.loads(described.read_text())
    except ValueError as error:
        raise ValueError(f"{described}: not JSON ({error}); copy the weights again") from None
    known = {"format": f"folai-{kind}", "version": _VERSION}
    if not isinstance(card, dict) or {k: card.get(k) for k in known} != known:
        raise ValueError(f"{described}: not weights of {_a(kind)} that this version can read")
    if card.get("sha256") != sha256_of(path):
        raise ValueError(f"{path}: damaged, its sha256 is not the recorded one; copy it again")
    return card


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
