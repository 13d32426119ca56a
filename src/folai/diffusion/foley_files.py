"""The sound model's weights: saved, and loaded as a model that is ready to run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from folai.checkpoints import (
    AUTOENCODER,
    CONTROL,
    FOLEY,
    load_autoencoder,
    load_weights,
    save_weights,
)
from folai.diffusion.foley import Foley, FoleyConfig
from folai.diffusion.lora_files import merge_foley_lora
from folai.models.conditioner import Conditioner
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT


def save_base(
    path: Path, dit: DiT, conditioner: Conditioner, config: FoleyConfig, notes: dict[str, Any]
) -> None:
    tensors = {f"dit.{name}": tensor for name, tensor in dit.state_dict().items()}
    tensors |= {f"conditioner.{name}": t for name, t in conditioner.state_dict().items()}
    save_weights(path, "foley", tensors, asdict(config), notes)


def load_base(path: Path = FOLEY) -> tuple[FoleyConfig, DiT, Conditioner]:
    """Raises ValueError where a file is missing, damaged, of another version or kind."""
    weights = load_weights(path, "foley")
    try:
        config = FoleyConfig.from_dict(weights.config)
        dit, conditioner = DiT(config.dit), Conditioner(config.conditioner)
    except (TypeError, KeyError) as error:
        raise weights.misfit(error) from error
    weights.fill(dit, "dit.")
    weights.fill(conditioner, "conditioner.")
    return config, dit.eval(), conditioner.eval()


def save_control(path: Path, controlnet: ControlNet, notes: dict[str, Any]) -> None:
    save_weights(path, "control", controlnet.state_dict(), asdict(controlnet.config), notes)


def load_control(path: Path, dit: DiT) -> ControlNet:
    """The ControlNet of these weights for this DiT. Raises ValueError as `load_base`."""
    weights = load_weights(path, "control")
    try:
        controlnet = ControlNet(ControlConfig(**weights.config), dit)
    except TypeError as error:
        raise weights.misfit(error) from error
    weights.fill(controlnet)
    return controlnet.eval()


def load_foley(
    path: Path = FOLEY,
    *,
    control: Path | None = None,
    autoencoder: Path = AUTOENCODER,
    lora: Path | None = None,
) -> Foley:
    """All models, on the CPU. control: `control.safetensors` beside `path` where not given.

    lora: what a training on one's own recordings has added (`folai.train.small_lora`).
    """
    config, dit, conditioner = load_base(path)
    codec = load_autoencoder(autoencoder)
    if codec.latent_channels != config.dit.latent_channels:
        raise ValueError(f"{path}: not made for the latents of {autoencoder}; take both alike")
    controlnet = load_control(control or path.with_name(CONTROL.name), dit)
    if lora is not None:  # after the ControlNet, which is made from the base as it was trained
        merge_foley_lora(lora, dit)
    return Foley(config, codec, dit, conditioner, controlnet)
