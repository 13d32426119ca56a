"""What a Stable Audio model is, read from the JSON files that are published beside its weights.

Two layouts are known: `model_config.json` of stable-audio-tools, and the folders of diffusers.
Whatever in them would change the computation and is not built here is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from folai.models.oobleck import OobleckConfig
from folai.models.seconds import SecondsConfig
from folai.models.stable_dit import StableDiTConfig


@dataclass(frozen=True)
class StableConfig:
    """The default is Stable Audio Open 1.0."""

    dit: StableDiTConfig = field(default_factory=StableDiTConfig)
    autoencoder: OobleckConfig = field(default_factory=OobleckConfig)
    seconds: SecondsConfig = field(default_factory=SecondsConfig)
    objective: str = "v_prediction"
    distilled: bool = False  # few steps, each from fresh noise, without guidance
    window: int = 1024  # latent frames of training, hence the most sampled at once
    text_length: int = 128  # tokens of a prompt
    text_model: str = "t5-base"
    sigma_min: float = 0.3  # of the noise over the sound in the last step but one
    sigma_max: float = 500.0

    def __post_init__(self) -> None:
        if self.dit.latent_channels != self.autoencoder.latent_channels:
            raise ValueError(
                f"the denoiser has {self.dit.latent_channels} latent channels, the autoencoder "
                f"{self.autoencoder.latent_channels}; take both from one model"
            )
        global_dim = self.seconds.dim * len(self.seconds.names)
        if self.dit.global_dim != global_dim or self.dit.cond_token_dim != self.seconds.dim:
            raise ValueError(
                f"the denoiser takes tokens of {self.dit.cond_token_dim} and {self.dit.global_dim} "
                f"numbers of seconds, its conditioning has {self.seconds.dim} and {global_dim}; "
                "take both from one model"
            )

    @property
    def sample_rate(self) -> int:
        return self.autoencoder.sample_rate

    @property
    def longest(self) -> float:
        """Seconds of the longest sound that is sampled in one window."""
        return self.window * self.autoencoder.hop_length / self.sample_rate


def read_json(path: Path) -> dict[str, Any]:
    """Raises ValueError where it is missing or no JSON object."""
    if not path.is_file():
        raise ValueError(f"{path}: not found; copy the whole model folder")
    try:
        document = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}); copy it again") from None
    if not isinstance(document, dict):
        raise ValueError(f"{path}: not a JSON object; copy it again")
    return document


# stable-audio-tools


def from_tools(path: Path) -> StableConfig:
    """Reads a `model_config.json`. Raises ValueError for one that is not of this kind."""
    document = read_json(path)
    try:
        return _from_tools(document)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: not the config of a Stable Audio model ({error!r})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_tools(document: Mapping[str, Any]) -> StableConfig:
    model = document["model"]
    diffusion, codec = model["diffusion"], model["pretransform"]["config"]
    conditioners = {one["id"]: one for one in model["conditioning"]["configs"]}
    only_known("model.diffusion.type", diffusion["type"], "dit", "dit_controlnet")
    only_known("model.pretransform.type", model["pretransform"]["type"], "autoencoder")
    objective = diffusion.get("diffusion_objective", "v")
    only_known("diffusion_objective", objective, "v", "rectified_flow", "rf_denoiser")
    names = tuple(diffusion["global_cond_ids"])
    for name in names:
        only_known("the type of " + name, conditioners[name]["type"], "number")
        only_known("min_val", conditioners[name]["config"]["min_val"], 0)
    prompt = conditioners["prompt"]["config"]
    only_known("the type of prompt", conditioners["prompt"]["type"], "t5")
    text_model = prompt.get("t5_model_name", "t5-base")
    text_dim = {"t5-small": 512, "t5-large": 1024}.get(text_model, 768)
    cond_dim = model["conditioning"]["cond_dim"]
    projected = text_dim != cond_dim or prompt.get("project_out", False)
    return StableConfig(
        _dit_from_tools(diffusion["config"]),
        _codec_from_tools(codec, document["sample_rate"]),
        SecondsConfig(
            names,
            cond_dim,
            conditioners[names[0]]["config"]["max_val"],
            text_dim if projected else None,
        ),
        objective="v_prediction" if objective == "v" else "rectified_flow",
        distilled=objective == "rf_denoiser",
        window=document["sample_size"] // codec["downsampling_ratio"],
        text_length=prompt.get("max_length", 128),
        text_model=text_model,
    )


def _dit_from_tools(dit: Mapping[str, Any]) -> StableDiTConfig:
    known = {
        "io_channels", "embed_dim", "depth", "num_heads", "cond_token_dim", "global_cond_dim",
        "project_cond_tokens", "transformer_type", "attn_kwargs", "controlnet_depth_factor",
        "global_cond_type", "patch_size", "project_global_cond", "timestep_cond_type",
    }  # fmt: skip
    unknown = sorted(set(dit) - known)
    if unknown:
        raise ValueError(f"model.diffusion.config has unknown {', '.join(unknown)}")
    only_known("transformer_type", dit["transformer_type"], "continuous_transformer")
    only_known("global_cond_type", dit.get("global_cond_type", "prepend"), "prepend")
    only_known("timestep_cond_type", dit.get("timestep_cond_type", "global"), "global")
    only_known("patch_size", dit.get("patch_size", 1), 1)
    only_known("project_global_cond", dit.get("project_global_cond", True), True)
    attention = dit.get("attn_kwargs", {})
    only_known("attn_kwargs", attention, {}, {"qk_norm": "ln"}, {"qk_norm": "none"})
    own = dit["cond_token_dim"]
    return StableDiTConfig(
        latent_channels=dit["io_channels"],
        dim=dit["embed_dim"],
        depth=dit["depth"],
        num_heads=dit["num_heads"],
        cond_token_dim=own,
        cond_dim=dit["embed_dim"] if dit.get("project_cond_tokens", True) else own,
        global_dim=dit["global_cond_dim"],
        qk_norm=attention.get("qk_norm") == "ln",
    )


def _codec_from_tools(codec: Mapping[str, Any], sample_rate: int) -> OobleckConfig:
    encoder, decoder = codec["encoder"]["config"], codec["decoder"]["config"]
    for part in ("encoder", "decoder"):
        only_known(f"the {part}'s type", codec[part]["type"], "oobleck")
        only_known(f"the {part}'s use_snake", codec[part]["config"].get("use_snake", False), True)
    only_known("the decoder's final_tanh", decoder.get("final_tanh", True), False)
    only_known("the bottleneck's type", codec["bottleneck"]["type"], "vae")
    only_known("the decoder's strides", decoder["strides"], encoder["strides"])
    only_known("the decoder's c_mults", decoder["c_mults"], encoder["c_mults"])
    return OobleckConfig(
        sample_rate=sample_rate,
        channels=codec["io_channels"],
        latent_channels=codec["latent_dim"],
        strides=tuple(encoder["strides"]),
        widths=tuple(encoder["c_mults"]),
        encoder_dim=encoder["channels"],
        decoder_dim=decoder["channels"],
    )


def to_tools(config: StableConfig) -> dict[str, Any]:
    """What `from_tools` reads back as this config."""
    codec, seconds = config.autoencoder, config.seconds
    prompt = {
        "t5_model_name": config.text_model,
        "max_length": config.text_length,
        "project_out": seconds.text_dim is not None,
    }
    number = {"min_val": 0, "max_val": seconds.longest}
    objective = "v" if config.objective == "v_prediction" else config.objective
    return {
        "model_type": "diffusion_cond",
        "sample_size": config.window * codec.hop_length,
        "sample_rate": codec.sample_rate,
        "audio_channels": codec.channels,
        "model": {
            "pretransform": {"type": "autoencoder", "config": _codec_to_tools(codec)},
            "conditioning": {
                "configs": [
                    {"id": "prompt", "type": "t5", "config": prompt},
                    *({"id": n, "type": "number", "config": number} for n in seconds.names),
                ],
                "cond_dim": seconds.dim,
            },
            "diffusion": {
                "cross_attention_cond_ids": ["prompt", *seconds.names],
                "global_cond_ids": list(seconds.names),
                "type": "dit",
                "diffusion_objective": "rf_denoiser" if config.distilled else objective,
                "config": _dit_to_tools(config.dit),
            },
            "io_channels": config.dit.latent_channels,
        },
    }


def _codec_to_tools(codec: OobleckConfig) -> dict[str, Any]:
    sizes = {"c_mults": list(codec.widths), "strides": list(codec.strides), "use_snake": True}
    encoder = {
        "in_channels": codec.channels,
        "channels": codec.encoder_dim,
        "latent_dim": 2 * codec.latent_channels,
    }
    decoder = {
        "out_channels": codec.channels,
        "channels": codec.decoder_dim,
        "latent_dim": codec.latent_channels,
        "final_tanh": False,
    }
    return {
        "encoder": {"type": "oobleck", "config": {**encoder, **sizes}},
        "decoder": {"type": "oobleck", "config": {**decoder, **sizes}},
        "bottleneck": {"type": "vae"},
        "latent_dim": codec.latent_channels,
        "downsampling_ratio": codec.hop_length,
        "io_channels": codec.channels,
    }


def _dit_to_tools(dit: StableDiTConfig) -> dict[str, Any]:
    return {
        "io_channels": dit.latent_channels,
        "embed_dim": dit.dim,
        "depth": dit.depth,
        "num_heads": dit.num_heads,
        "cond_token_dim": dit.cond_token_dim,
        "global_cond_dim": dit.global_dim,
        "project_cond_tokens": dit.cond_dim == dit.dim,
        "transformer_type": "continuous_transformer",
        **({"attn_kwargs": {"qk_norm": "ln"}} if dit.qk_norm else {}),
    }


# diffusers


def from_diffusers(folder: Path) -> StableConfig:
    """Reads the config files of a pipeline's folders. Raises ValueError as `from_tools`."""
    parts = {
        part: read_json(folder / part / "config.json")
        for part in ("transformer", "vae", "projection_model")
    }
    scheduler = folder / "scheduler" / "scheduler_config.json"
    sigmas = read_json(scheduler) if scheduler.is_file() else {}
    tokenizer = folder / "tokenizer" / "tokenizer_config.json"
    tokenizer_config = read_json(tokenizer) if tokenizer.is_file() else {}
    try:
        return _from_diffusers(parts, sigmas, tokenizer_config)
    except (KeyError, TypeError) as error:
        reason = f"not the config of a Stable Audio model ({error!r})"
        raise ValueError(f"{folder}: {reason}") from None
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None


def _from_diffusers(
    parts: Mapping[str, Mapping[str, Any]], sigmas: Mapping[str, Any], tokenizer: Mapping[str, Any]
) -> StableConfig:
    dit, codec, seconds = parts["transformer"], parts["vae"], parts["projection_model"]
    only_known("time_proj_dim", dit.get("time_proj_dim", 256), 256)
    only_known("out_channels", dit["out_channels"], dit["in_channels"])
    only_known("min_value", seconds["min_value"], 0)
    only_known("prediction_type", sigmas.get("prediction_type", "v_prediction"), "v_prediction")
    cross_dim = dit["num_key_value_attention_heads"] * dit["attention_head_dim"]
    only_known("cross_attention_dim", dit["cross_attention_dim"], cross_dim)
    text_dim, cond_dim = seconds["text_encoder_dim"], seconds["conditioning_dim"]
    longest = tokenizer.get("model_max_length", 128)
    return StableConfig(
        StableDiTConfig(
            latent_channels=dit["in_channels"],
            dim=dit["num_attention_heads"] * dit["attention_head_dim"],
            depth=dit["num_layers"],
            num_heads=dit["num_attention_heads"],
            cond_token_dim=dit["cross_attention_input_dim"],
            cond_dim=dit["cross_attention_dim"],
            global_dim=dit["global_states_input_dim"],
        ),
        OobleckConfig(
            sample_rate=codec["sampling_rate"],
            channels=codec["audio_channels"],
            latent_channels=codec["decoder_input_channels"],
            strides=tuple(codec["downsampling_ratios"]),
            widths=tuple(codec["channel_multiples"]),
            encoder_dim=codec["encoder_hidden_size"],
            decoder_dim=codec["decoder_channels"],
        ),
        SecondsConfig(
            dim=cond_dim,
            longest=seconds["max_value"],
            text_dim=None if text_dim == cond_dim else text_dim,
        ),
        window=int(dit["sample_size"]),
        text_length=longest if longest <= 4096 else 128,  # "no limit" is written as 1e30
        sigma_min=sigmas.get("sigma_min", 0.3),
        sigma_max=sigmas.get("sigma_max", 500.0),
    )


def to_diffusers(config: StableConfig) -> dict[str, dict[str, Any]]:
    """The config files that `from_diffusers` reads back as this config, by their paths.

    Raises ValueError for a model that diffusers has no class for.
    """
    dit, codec, seconds = config.dit, config.autoencoder, config.seconds
    if dit.qk_norm or config.objective != "v_prediction" or len(seconds.names) != 2:
        raise ValueError("diffusers knows no Stable Audio Open Small; save it as one file instead")
    if codec.encoder_dim != 2 * codec.latent_channels:
        allowed = 2 * codec.latent_channels
        raise ValueError(f"encoder_dim is {codec.encoder_dim}; diffusers allows only {allowed}")
    return {
        "transformer/config.json": {
            "_class_name": "StableAudioDiTModel",
            "sample_size": config.window,
            "in_channels": dit.latent_channels,
            "out_channels": dit.latent_channels,
            "num_layers": dit.depth,
            "attention_head_dim": dit.head_dim,
            "num_attention_heads": dit.num_heads,
            "num_key_value_attention_heads": dit.num_cross_heads,
            "cross_attention_dim": dit.cond_dim,
            "time_proj_dim": 256,
            "global_states_input_dim": dit.global_dim,
            "cross_attention_input_dim": dit.cond_token_dim,
        },
        "vae/config.json": {
            "_class_name": "AutoencoderOobleck",
            "encoder_hidden_size": codec.encoder_dim,
            "downsampling_ratios": list(codec.strides),
            "channel_multiples": list(codec.widths),
            "decoder_channels": codec.decoder_dim,
            "decoder_input_channels": codec.latent_channels,
            "audio_channels": codec.channels,
            "sampling_rate": codec.sample_rate,
        },
        "projection_model/config.json": {
            "_class_name": "StableAudioProjectionModel",
            "text_encoder_dim": seconds.text_dim or seconds.dim,
            "conditioning_dim": seconds.dim,
            "min_value": 0,
            "max_value": seconds.longest,
        },
        "scheduler/scheduler_config.json": {
            "_class_name": "CosineDPMSolverMultistepScheduler",
            "sigma_min": config.sigma_min,
            "sigma_max": config.sigma_max,
            "prediction_type": "v_prediction",
        },
    }


def only_known(name: str, value: object, *allowed: object) -> None:
    """Raises ValueError for a value that would change the computation and is not built here."""
    if value not in allowed:
        known = " or ".join(map(repr, allowed))
        raise ValueError(f"{name} is {value!r}; this version reads {known}")
