"""The reader of loudness that guides a model, from its file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from folai.checkpoints import load_weights, save_weights
from folai.models.same import SameConfig
from folai.stable3.steering import Loudness, LoudnessConfig

KIND = "stable3-loudness"


def loudness_config(codec: SameConfig) -> LoudnessConfig:
    """Of a reader for the latents of an autoencoder."""
    return LoudnessConfig(codec.latent_channels, codec.hop_length, codec.sample_rate)


def save_loudness(path: Path, loudness: Loudness, notes: Mapping[str, Any]) -> None:
    save_weights(path, KIND, loudness.state_dict(), asdict(loudness.config), notes)


def load_loudness(path: Path, codec: SameConfig) -> Loudness:
    """Raises ValueError for a file of another kind, and for one of another autoencoder."""
    weights = load_weights(path, KIND)
    config = LoudnessConfig(**weights.config)
    if config != loudness_config(codec):
        raise ValueError(f"{path}: reads the latents of another model; take the one trained on it")
    loudness = Loudness(config)
    weights.fill(loudness)
    return loudness.requires_grad_(False).eval()
