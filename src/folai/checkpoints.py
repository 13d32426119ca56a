"""Trained weights: their files, their checks, and the models they become.

A set of weights is a `.safetensors` file with a `.json` beside it that holds the model's config
and the file's sha256. Those that ship with the package are in `weights/`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.writing import alone_in, one_line, written_whole

if TYPE_CHECKING:
    from torch import Tensor, nn

    from folai.mapper.confidence import Calibration
    from folai.models.autoencoder import Autoencoder
    from folai.models.light_mapper import LightMapper
    from folai.models.mapper_config import MapperConfig
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
        return _misfit(self.path, error)


def _misfit(path: Path, error: Exception) -> ValueError:
    """The error to raise where config and weights contradict each other."""
    reason = one_line(error, 200)
    return ValueError(
        f"{path}: config and weights do not fit each other ({reason}); copy both again"
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
    _write_set(path, kind, lambda file: save_file(halved, file), config, notes)


def _write_set(
    path: Path,
    kind: str,
    write: Callable[[Path], Any],
    config: Mapping[str, Any],
    notes: Mapping[str, Any],
) -> None:
    """Lets `write` fill the file of tensors, and writes the card beside it.

    Two files cannot be replaced at once. In between, the card knows the tensors before and those
    to come, so that a process that is killed leaves one set or the other; another process that
    writes here waits, so that no set is made of two.
    """
    described = path.with_suffix(".json")
    with alone_in(path.parent):
        with written_whole(path) as temporary:
            write(temporary)
            card = {
                "format": f"folai-{kind}",
                "version": _VERSION,
                "sha256": sha256_of(temporary),
                "config": dict(config),
                "notes": dict(notes),
            }
            if path.is_file():
                with contextlib.suppress(ValueError):  # what is no weights is replaced
                    _write_card(described, {**card, "before": _read_card(path, kind)})
        _write_card(described, card)


def _write_card(described: Path, card: Mapping[str, Any]) -> None:
    with written_whole(described) as temporary:
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


def load_light_mapper(path: str | Path | None = None) -> list[LightMapper]:
    """The models of `load_mapper`, to be run without PyTorch. Raises ValueError as that does."""
    import numpy as np
    from safetensors.numpy import load_file

    from folai.models.light_mapper import LightMapper

    file = _mapper_path(path)
    card, stored = _read_card(file, "mapper"), load_file(file)
    models = []
    for index, config in enumerate(_mapper_configs(file, card.get("config"), stored)):
        prefix = f"{index}."
        own = {k.removeprefix(prefix): v for k, v in stored.items() if k.startswith(prefix)}
        try:
            models.append(LightMapper(config, {k: v.astype(np.float32) for k, v in own.items()}))
        except ValueError as error:
            raise _misfit(file, error) from error
    return models


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
    config = card["config"]
    if "models" not in config:  # older files: one for all
        config = {"models": [config] * len(load_mapper(path))}
    config = {**config, "calibration": calibration.to_dict()}
    notes = {**card.get("notes", {}), "calibrated": dict(notes)}
    if out.resolve() == path.resolve():
        _write_card(out.with_suffix(".json"), {**card, "config": config, "notes": notes})
    else:
        _write_set(out, "mapper", lambda file: shutil.copyfile(path, file), config, notes)


def _mapper_path(path: str | Path | None) -> Path:
    """A file, or the one that a name in MAPPERS stands for."""
    return MAPPER if path is None else MAPPERS.get(str(path), Path(path))


def _mappers_of(weights: Weights) -> list[RMSMapper]:
    from folai.models.rms_mapper import RMSMapper

    configs = _mapper_configs(weights.path, weights.config, weights.tensors)
    models = [RMSMapper(config) for config in configs]
    for index, model in enumerate(models):
        weights.fill(model, f"{index}.")
    return [model.eval() for model in models]


def _mapper_configs(path: Path, config: Any, names: Iterable[str]) -> list[MapperConfig]:
    """The config of each model in a file of tensors with such names."""
    from folai.models.mapper_config import MapperConfig

    if not isinstance(config, dict):
        raise ValueError(f"{path.with_suffix('.json')}: has no config; copy the weights again")
    count = len({name.split(".")[0] for name in names})
    per_model = config.get("models", [config] * count)  # older files: one for all
    try:
        configs = [MapperConfig(**{**c, "channels": tuple(c["channels"])}) for c in per_model]
    except (KeyError, TypeError) as error:
        raise _misfit(path, error) from error
    if len(configs) != count:
        raise _misfit(path, ValueError(f"{len(configs)} configs for {count} models"))
    return configs


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
    found, before = sha256_of(path), card.pop("before", None)
    if card.get("sha256") != found and isinstance(before, dict):
        card = before  # of weights that were being replaced when the process ended
    if card.get("sha256") != found:
        raise ValueError(f"{path}: damaged, its sha256 is not the recorded one; copy it again")
    return card


def _a(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def sha256_of(path: Path) -> str:
    """Hash of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
