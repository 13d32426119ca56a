"""What each tensor of Stable Audio 3 is called, here and in the published file.

As in `folai.stable.tensor_names`: one entry a tensor, which reading and writing follow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from folai.models.same import SameConfig
from folai.models.stable3_dit import LEAST_TURNED
from folai.stable.tensor_names import Entry
from folai.stable3.model_config import Stable3Config

if TYPE_CHECKING:
    from torch import Tensor

DIT, CODEC = "model.model.", "pretransform.model."
PROMPT = "conditioner.conditioners.prompt."
SECONDS = "conditioner.conditioners.seconds_total.embedder.embedding.1"


def entries(config: Stable3Config) -> list[Entry]:
    """All tensors of a model: `dit.`, `autoencoder.` and `conditioner.`."""
    table = list(_dit(config))
    table += _codec(config.autoencoder)
    table += _layer("conditioner.seconds", SECONDS)
    if config.conditioner.padding == "learned":
        table.append(Entry("conditioner.padding", (f"{PROMPT}padding_embedding",)))
    if config.conditioner.projected:
        table += _layer("conditioner.project", f"{PROMPT}proj_out")
    return table


def constants(config: Stable3Config) -> dict[str, Tensor]:
    """What a published file holds beside: rates of positions, computed from the config here."""
    import torch

    def rates(dim: int) -> Tensor:
        return 1.0 / (10_000 ** (torch.arange(0, dim, 2).float() / dim))

    codec, turned = config.autoencoder, max(config.dit.head_dim // 2, LEAST_TURNED)
    found = {
        f"{DIT}transformer.rotary_pos_emb.inv_freq": rates(turned),
        f"{CODEC}bottleneck.noise_scaling_factor": torch.ones(1, 0, 1),
    }
    for part, depth in (("encoder.layers.0", codec.encoder_depth),
                        ("decoder.layers.3", codec.decoder_depth)):  # fmt: skip
        for index in range(depth):
            name = f"{CODEC}{part}.transformers.{index}.rope.inv_freq"
            found[name] = rates(codec.head_dim // 2)
    return found


def _dit(config: Stable3Config) -> Iterator[Entry]:
    inner = f"{DIT}transformer."
    for own, name, bias in (
        ("time", f"{DIT}to_timestep_embed", True),
        ("duration", f"{DIT}to_global_embed", False),
        ("tokens", f"{DIT}to_cond_embed", False),
        ("modulation", f"{inner}global_cond_embedder", True),
    ):
        for at in (0, 2):
            yield from _layer(f"dit.{own}.{at}", f"{name}.{at}", bias)
    for own, name in (
        ("prepare", f"{DIT}preprocess_conv"),
        ("finish", f"{DIT}postprocess_conv"),
        ("embed", f"{inner}project_in"),
        ("project", f"{inner}project_out"),
    ):
        yield from _layer(f"dit.{own}", name, bias=False)
    yield Entry("dit.front", (f"{inner}memory_tokens",))
    for index in range(config.dit.depth):
        own, name = f"dit.blocks.{index}.", f"{inner}layers.{index}."
        yield Entry(f"{own}modulation", (f"{name}to_scale_shift_gate",))
        for here, there in (("norm", "pre_norm"), ("cross_norm", "cross_attend_norm"),
                            ("wide_norm", "ff_norm")):  # fmt: skip
            yield Entry(f"{own}{here}.weight", (f"{name}{there}.gamma",))
        yield from _attention(f"{own}attention.", f"{name}self_attn.", ("inward",), tanh=False)
        cross = ("query", "memory")
        yield from _attention(f"{own}cross.", f"{name}cross_attn.", cross, tanh=False)
        yield from _wide(f"{own}wide.", f"{name}ff.ff.")
        if config.dit.fills_gaps:
            for at in (0, 2):
                yield from _layer(f"{own}gaps.{at}", f"{name}to_local_embed.{at}")


def _codec(config: SameConfig) -> Iterator[Entry]:
    for part, at, layer, depth in (
        ("encoder", 0, ("project", 2), config.encoder_depth),
        ("decoder", 3, ("embed", 1), config.decoder_depth),
    ):
        own, name = f"autoencoder.{part}.", f"{CODEC}{part}.layers."
        yield from _layer(f"{own}{layer[0]}", f"{name}{layer[1]}")
        for here, there in (("length", "weight_g"), ("direction", "weight_v"), ("bias", "bias")):
            yield Entry(f"{own}mapping.{here}", (f"{name}{at}.mapping.{there}",))
        yield Entry(f"{own}token", (f"{name}{at}.new_tokens",), tools_shape=(1, 0, 0))
        for index in range(depth):
            yield from _codec_block(
                config, f"{own}blocks.{index}.", f"{name}{at}.transformers.{index}."
            )
    own, name = "autoencoder.", f"{CODEC}bottleneck."
    yield Entry(f"{own}scale", (f"{name}scaling_factor",), tools_shape=(1, 0, 1))
    yield Entry(f"{own}offset", (f"{name}bias",), tools_shape=(1, 0, 1))
    yield Entry(f"{own}deviation", (f"{name}running_std",))


def _codec_block(config: SameConfig, own: str, name: str) -> Iterator[Entry]:
    for here, there in (("norm", "pre_norm"), ("wide_norm", "ff_norm")):
        yield from _norm(f"{own}{here}", f"{name}{there}", config.tanh)
    yield from _attention(f"{own}attention.", f"{name}self_attn.", ("inward",), config.tanh)
    yield from _wide(f"{own}wide.", f"{name}ff.ff.")
    if config.scaled:
        yield Entry(f"{own}scale", (f"{name}self_attn_scale.scale",))
        yield Entry(f"{own}wide_scale", (f"{name}ff_scale.scale",))


def _attention(own: str, name: str, layers: tuple[str, ...], tanh: bool) -> Iterator[Entry]:
    published = {"inward": "to_qkv", "query": "to_q", "memory": "to_kv", "outward": "to_out"}
    for layer in (*layers, "outward"):
        yield Entry(f"{own}{layer}.weight", (f"{name}{published[layer]}.weight",))
    yield from _norm(f"{own}query_norm", f"{name}q_norm", tanh)
    yield from _norm(f"{own}key_norm", f"{name}k_norm", tanh)


def _norm(own: str, name: str, tanh: bool) -> Iterator[Entry]:
    if tanh:
        for part in ("alpha", "gamma", "beta"):
            yield Entry(f"{own}.{part}", (f"{name}.{part}",))
    else:
        yield Entry(f"{own}.weight", (f"{name}.gamma",))


def _wide(own: str, name: str) -> Iterator[Entry]:
    yield from _layer(f"{own}widen", f"{name}0.proj")
    yield from _layer(f"{own}narrow", f"{name}2")


def _layer(own: str, name: str, bias: bool = True) -> Iterator[Entry]:
    for part in ("weight", "bias") if bias else ("weight",):
        yield Entry(f"{own}.{part}", (f"{name}.{part}",))
