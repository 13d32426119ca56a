"""What a Stable Audio 3 model is, from the `model_config.json` published beside its weights.

Whatever in it would change the computation and is not built here is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from folai.models.same import SameConfig
from folai.models.stable3_conditioner import Stable3ConditionerConfig
from folai.models.stable3_dit import TIME_FEATURES, Stable3DiTConfig
from folai.stable.model_config import only_known, read_json
from folai.stable3.schedule import Shift

TEXT_MODELS = {"google/t5gemma-b-b-ul2": 768}  # and the width of what they say
GAP_IDS = ["inpaint_mask", "inpaint_masked_input"]


@dataclass(frozen=True)
class Stable3Config:
    """The default is Stable Audio 3 Small."""

    dit: Stable3DiTConfig = field(default_factory=Stable3DiTConfig)
    autoencoder: SameConfig = field(default_factory=SameConfig)
    conditioner: Stable3ConditionerConfig = field(default_factory=Stable3ConditionerConfig)
    shift: Shift = field(default_factory=Shift)
    distilled: bool = True  # few steps, each from fresh noise, without guidance
    num_samples: int = 5292032  # of the longest sound
    text_model: str = "google/t5gemma-b-b-ul2"

    def __post_init__(self) -> None:
        dit, latents = self.dit, self.autoencoder.latent_channels
        if dit.latent_channels != latents:
            raise ValueError(
                f"the denoiser has {dit.latent_channels} latent channels, the autoencoder "
                f"{latents}; take both from one model"
            )
        if (dit.cond_token_dim, dit.global_dim) != (self.conditioner.dim, self.conditioner.dim):
            raise ValueError(
                f"the denoiser takes tokens of {dit.cond_token_dim} and a duration of "
                f"{dit.global_dim}, its conditioning gives {self.conditioner.dim}; "
                "take both from one model"
            )

    @property
    def sample_rate(self) -> int:
        return self.autoencoder.sample_rate

    @property
    def longest(self) -> float:
        """Seconds of the longest sound."""
        return self.num_samples / self.sample_rate


def from_published(path: Path) -> Stable3Config:
    """Reads a `model_config.json`. Raises ValueError for one that is not of this kind."""
    document = read_json(path)
    try:
        return _from_published(document)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"{path}: not the config of Stable Audio 3 ({error!r})") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_published(document: Mapping[str, Any]) -> Stable3Config:
    model = document["model"]
    diffusion, conditioning = model["diffusion"], model["conditioning"]
    objective = diffusion["diffusion_objective"]
    only_known("diffusion_objective", objective, "rf_denoiser", "rectified_flow")
    only_known("cross_attention_cond_ids", diffusion["cross_attention_cond_ids"], TOKEN_IDS)
    only_known("global_cond_ids", diffusion["global_cond_ids"], TOKEN_IDS[1:])
    gaps = diffusion.get("local_add_cond_ids", [])
    only_known("local_add_cond_ids", gaps, GAP_IDS, [])
    for name in ("input_concat_ids", "prepend_cond_ids", "modular_local_cond_configs"):
        only_known(name, diffusion.get(name, []), [])
    dit = _dit(diffusion["config"])
    if dit.fills_gaps != bool(gaps):
        raise ValueError(f"local_add_cond_ids is {gaps!r} and contradicts local_add_cond_dim")
    prompt = _by_id(conditioning, "prompt", "t5gemma")
    return Stable3Config(
        dit,
        _codec(model["pretransform"]["config"], document["sample_rate"]),
        _conditioner(conditioning, prompt),
        _shift(diffusion.get("sampling_distribution_shift_options")),
        distilled=objective == "rf_denoiser",
        num_samples=document.get("sample_size", Stable3Config.num_samples),
        text_model=prompt.get("model_name", next(iter(TEXT_MODELS))),
    )


TOKEN_IDS = ["prompt", "seconds_total"]


def _by_id(conditioning: Mapping[str, Any], name: str, kind: str) -> Mapping[str, Any]:
    one = next(one for one in conditioning["configs"] if one["id"] == name)
    only_known(f"the type of {name}", one["type"], kind)
    config: Mapping[str, Any] = one["config"]
    return config


def _conditioner(
    conditioning: Mapping[str, Any], prompt: Mapping[str, Any]
) -> Stable3ConditionerConfig:
    seconds = _by_id(conditioning, "seconds_total", "number")
    only_known("fourier_features_type", seconds.get("fourier_features_type", "learned"), "expo")
    name, dim = prompt.get("model_name", next(iter(TEXT_MODELS))), conditioning["cond_dim"]
    only_known("model_name", name, *TEXT_MODELS)
    text_dim = TEXT_MODELS[name]
    return Stable3ConditionerConfig(
        text_dim,
        dim,
        projected=text_dim != dim or prompt.get("project_out", False),
        padding=prompt.get("padding_mode", "zero"),
        text_length=prompt.get("max_length", 128),
        shortest=seconds.get("min_val", 0),
        longest=seconds["max_val"],
    )


# Values that change nothing or are the only ones built here, by the key of a config
DIT_ONLY: dict[str, tuple[object, ...]] = {
    "patch_size": (1,), "project_cond_tokens": (True,), "project_global_cond": (True,),
    "input_concat_dim": (0,), "prepend_cond_dim": (0,), "timestep_embed_dim": (None,),
    "transformer_type": ("continuous_transformer",), "global_cond_type": ("adaLN",),
    "timestep_cond_type": ("global",), "timestep_features_type": ("expo",),
    "timestep_features_dim": (TIME_FEATURES,), "norm_type": ("rms_norm",),
    "causal": (False,), "conformer": (False,), "rotary_pos_emb": (True,),
    "cross_attn_rotary_pos_emb": (False,), "use_sinusoidal_emb": (False,),
    "use_abs_pos_emb": (False,), "sliding_window": (None,), "final_cross_attn_ix": (-1,),
    "layer_scale": (False,), "add_rope": (False,),
}  # fmt: skip
DIT_DEFAULTS = {"global_cond_type": "prepend", "timestep_features_type": "learned",
                "norm_type": "layer_norm"}  # fmt: skip
DIT_KNOWN = {
    "io_channels", "embed_dim", "depth", "num_heads", "cond_token_dim", "global_cond_dim",
    "local_add_cond_dim", "num_memory_tokens", "timestep_features_logsnr", "attn_kwargs",
    "ff_kwargs", "norm_kwargs", "zero_init_branch_outputs", "abs_pos_emb_max_length",
}  # fmt: skip


def _dit(dit: Mapping[str, Any]) -> Stable3DiTConfig:
    _no_others("model.diffusion.config", dit, {*DIT_KNOWN, *DIT_ONLY})
    for name, allowed in DIT_ONLY.items():
        only_known(name, dit.get(name, DIT_DEFAULTS.get(name, allowed[0])), *allowed)
    attention, wide = dit.get("attn_kwargs", {}), dit.get("ff_kwargs", {})
    _no_others("attn_kwargs", attention, {"qk_norm", "qk_norm_eps", "differential", "feat_scale"})
    only_known("qk_norm", attention.get("qk_norm", "none"), "rms")
    only_known("qk_norm_eps", attention.get("qk_norm_eps", 1e-6), 1e-6)
    only_known("feat_scale", attention.get("feat_scale", False), False)
    _no_others("ff_kwargs", wide, {"mult", "no_bias", "glu", "use_conv"})
    only_known("no_bias", wide.get("no_bias", False), False)
    only_known("glu", wide.get("glu", True), True)
    only_known("use_conv", wide.get("use_conv", False), False)
    norms = dit.get("norm_kwargs", {})
    _no_others("norm_kwargs", norms, {"eps", "force_fp32", "fix_scale"})  # all are summed in fp32
    only_known("eps", norms.get("eps", 1e-5), 1e-5)
    channels, gaps = dit["io_channels"], dit.get("local_add_cond_dim")
    only_known("local_add_cond_dim", gaps, None, channels + 1)
    return Stable3DiTConfig(
        latent_channels=channels,
        dim=dit["embed_dim"],
        depth=dit["depth"],
        num_heads=dit["num_heads"],
        hidden=int(dit["embed_dim"] * wide.get("mult", 4)),
        cond_token_dim=dit["cond_token_dim"],
        global_dim=dit["global_cond_dim"],
        front_tokens=dit.get("num_memory_tokens", 0),
        fills_gaps=gaps is not None,
        twin=attention.get("differential", False),
        log_time=dit.get("timestep_features_logsnr", False),
    )


CODEC_ONLY: dict[str, tuple[object, ...]] = {
    "conformer": (False,), "causal": (False,), "feat_scale": (False,), "cross_attn": (False,),
}  # fmt: skip
CODEC_KNOWN = {
    "in_channels", "out_channels", "channels", "latent_dim", "c_mults", "strides",
    "transformer_depths", "sliding_window", "chunk_size", "chunk_midpoint_shift", "dim_heads",
    "differential", "variable_stride", "sinusoidal_blocks", "ff_mult", "dyt", "conv_mapping",
    "layer_scale",
    # of training alone: noise on learned tokens, recomputing, what is frozen
    "mask_noise", "checkpointing", "freeze_backbone", "mapping_bias",
}  # fmt: skip


def _codec(codec: Mapping[str, Any], sample_rate: int) -> SameConfig:
    encoder, decoder = codec["encoder"]["config"], codec["decoder"]["config"]
    patches, bottleneck = codec["pretransform"]["config"], codec["bottleneck"]["config"]
    only_known("the autoencoder's channels", codec["io_channels"], 2)
    only_known("oversampling", patches.get("oversampling", 1), 1)
    only_known("postfilter_channels", patches.get("postfilter_channels", 0), 0)
    only_known("noise_augment_dim", bottleneck.get("noise_augment_dim", 0), 0)
    for part, config in (("encoder", encoder), ("decoder", decoder)):
        _no_others(f"the {part}'s config", config, {*CODEC_KNOWN, *CODEC_ONLY})
        only_known("mapping_bias", config.get("mapping_bias", True), True)
        for name, allowed in CODEC_ONLY.items():
            only_known(f"the {part}'s {name}", config.get(name, allowed[0]), *allowed)
    own, other = (_codec_part(part, config) for part, config in
                  (("encoder", encoder), ("decoder", decoder)))  # fmt: skip
    if own != other:
        wrong = next(name for name in own if own[name] != other[name])
        raise ValueError(f"{wrong}: encoder has {own[wrong]!r}, decoder {other[wrong]!r}")
    config = SameConfig(
        sample_rate=sample_rate,
        latent_channels=codec["latent_dim"],
        patch=patches["patch_size"],
        encoder_depth=_single("transformer_depths", encoder["transformer_depths"]),
        decoder_depth=_single("transformer_depths", decoder["transformer_depths"]),
        sines=_single("sinusoidal_blocks", decoder.get("sinusoidal_blocks", [0])),
        one_token=decoder.get("variable_stride", False),
        smooth_in=encoder.get("conv_mapping", False),
        smooth_out=decoder.get("conv_mapping", False),
        clipped=codec["decoder"].get("soft_clip", False),
        **own,
    )
    only_known("downsampling_ratio", codec["downsampling_ratio"], config.hop_length)
    return config


def _codec_part(part: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What encoder and decoder have in common."""
    dim = _single("c_mults", config["c_mults"]) * config.get("channels", 128)
    stride = _single("strides", config["strides"])
    window = config.get("sliding_window")
    if window is not None:
        only_known(f"the {part}'s sliding_window", window[1], window[0])
    chunk = config.get("chunk_size", 128)
    if chunk % stride:
        raise ValueError(f"the {part}'s chunk_size is {chunk}; this version reads multiples of "
                         f"the stride {stride}")  # fmt: skip
    return {
        "stride": stride,
        "dim": dim,
        "head_dim": min(config.get("dim_heads", 128), dim),
        "hidden": int(dim * config.get("ff_mult", 3)),
        "chunk": chunk // stride,
        "shifted": config.get("chunk_midpoint_shift", False),
        "window": None if window is None else window[0],
        "twin": config.get("differential", True),
        "tanh": config.get("dyt", True),
        "scaled": config.get("layer_scale", False),
    }


SHIFT_NAMES = {
    "none": {},
    "flux": {"alpha_min": "at_min", "alpha_max": "at_max"},
    "full": {"base_shift": "at_min", "max_shift": "at_max", "use_sine": "curved"},
    "logsnr": {},
}
SHIFT_DEFAULTS: dict[str, dict[str, float]] = {
    "none": {}, "flux": {}, "full": {"at_min": 0.5, "at_max": 1.15}, "logsnr": {"rate": 1.0},
}  # fmt: skip


def _shift(options: Mapping[str, Any] | None) -> Shift:
    if options is None:
        return Shift()
    kind = options.get("type", "full")
    only_known("the type of sampling_distribution_shift_options", kind, *SHIFT_NAMES)
    names = SHIFT_NAMES[kind]
    values = {names.get(key, key): value for key, value in options.items() if key != "type"}
    return Shift(kind, **{**SHIFT_DEFAULTS[kind], **values})


# Writing


def to_published(config: Stable3Config) -> dict[str, Any]:
    """What `from_published` reads back as this config, and the published code builds."""
    conditioner = config.conditioner
    prompt = {
        "model_name": config.text_model,
        "max_length": conditioner.text_length,
        "project_out": conditioner.projected,
        "padding_mode": conditioner.padding,
    }
    seconds = {
        "min_val": conditioner.shortest,
        "max_val": conditioner.longest,
        "fourier_features_type": "expo",
    }
    return {
        "model_type": "diffusion_cond_inpaint",
        "sample_size": config.num_samples,
        "sample_rate": config.sample_rate,
        "audio_channels": 2,
        "model": {
            "pretransform": {"type": "autoencoder", "config": codec_to_published(config)},
            "conditioning": {
                "configs": [
                    {"id": "prompt", "type": "t5gemma", "config": prompt},
                    {"id": "seconds_total", "type": "number", "config": seconds},
                ],
                "cond_dim": conditioner.dim,
            },
            "diffusion": {
                "cross_attention_cond_ids": TOKEN_IDS,
                "global_cond_ids": TOKEN_IDS[1:],
                "local_add_cond_ids": GAP_IDS if config.dit.fills_gaps else [],
                "type": "dit",
                "diffusion_objective": "rf_denoiser" if config.distilled else "rectified_flow",
                "sampling_distribution_shift_options": _shift_to_published(config.shift),
                "config": _dit_to_published(config.dit),
            },
            "io_channels": config.dit.latent_channels,
        },
    }


def _dit_to_published(dit: Stable3DiTConfig) -> dict[str, Any]:
    return {
        "io_channels": dit.latent_channels,
        "embed_dim": dit.dim,
        "depth": dit.depth,
        "num_heads": dit.num_heads,
        "cond_token_dim": dit.cond_token_dim,
        "global_cond_dim": dit.global_dim,
        "local_add_cond_dim": dit.latent_channels + 1 if dit.fills_gaps else None,
        "num_memory_tokens": dit.front_tokens,
        "transformer_type": "continuous_transformer",
        "global_cond_type": "adaLN",
        "timestep_features_type": "expo",
        "timestep_features_logsnr": dit.log_time,
        "norm_type": "rms_norm",
        "attn_kwargs": {"qk_norm": "rms", "differential": dit.twin},
        "ff_kwargs": {"mult": dit.hidden / dit.dim},
    }


def codec_to_published(config: Stable3Config) -> dict[str, Any]:
    codec = config.autoencoder
    both = {
        "channels": codec.dim,
        "latent_dim": codec.latent_channels,
        "c_mults": [1],
        "strides": [codec.stride],
        "dim_heads": codec.head_dim,
        "ff_mult": codec.hidden / codec.dim,
        "chunk_size": codec.chunk * codec.stride,
        "chunk_midpoint_shift": codec.shifted,
        "sliding_window": None if codec.window is None else [codec.window] * 2,
        "differential": codec.twin,
        "dyt": codec.tanh,
        "layer_scale": codec.scaled,
        "variable_stride": codec.one_token,
    }
    encoder = {
        "in_channels": 2 * codec.patch,
        "transformer_depths": [codec.encoder_depth],
        "conv_mapping": codec.smooth_in,
    }
    decoder = {
        "out_channels": 2 * codec.patch,
        "transformer_depths": [codec.decoder_depth],
        "conv_mapping": codec.smooth_out,
        "sinusoidal_blocks": [codec.sines],
    }
    bottleneck = {"dim": codec.latent_channels, "auto_scale": True}
    return {
        "encoder": {"type": "same", "config": {**both, **encoder}},
        "decoder": {"type": "same", "config": {**both, **decoder}, "soft_clip": codec.clipped},
        "bottleneck": {"type": "softnorm", "config": bottleneck},
        "pretransform": {"type": "patched", "config": {"channels": 2, "patch_size": codec.patch}},
        "latent_dim": codec.latent_channels,
        "downsampling_ratio": codec.hop_length,
        "io_channels": 2,
    }


def _shift_to_published(shift: Shift) -> dict[str, Any]:
    names = {own: theirs for theirs, own in SHIFT_NAMES[shift.kind].items()}
    own = {
        "none": (),
        "flux": ("min_length", "max_length", "at_min", "at_max"),
        "full": ("min_length", "max_length", "at_min", "at_max", "curved"),
        "logsnr": ("anchor_length", "anchor_logsnr", "rate", "logsnr_end"),
    }[shift.kind]
    return {"type": shift.kind, **{names.get(name, name): getattr(shift, name) for name in own}}


def _single(name: str, values: list[int]) -> int:
    """Of a list with an entry for each level of an autoencoder: SAME has one level."""
    if len(values) != 1:
        raise ValueError(f"{name} is {values!r}; this version reads autoencoders of one level")
    return values[0]


def _no_others(name: str, config: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(config) - known)
    if unknown:
        raise ValueError(f"{name} has unknown {', '.join(unknown)}")
