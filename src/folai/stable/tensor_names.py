"""What each tensor is called: here, in stable-audio-tools' single file, in diffusers' folders.

`entries` names every tensor of a model once, in all layouts; reading and writing follow that list,
so a key that is unknown, missing or used twice cannot pass unseen. A tensor that diffusers keeps in
parts (query, key, value) is joined along its first axis.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from folai.models.stable_control import StableControlConfig
from folai.stable.model_config import StableConfig

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["tools", "diffusers"]
Shape = tuple[int, ...]
# Computed from the config, so of no use when read: angles of rotary positions.
ANGLES = "transformer.rotary_pos_emb.inv_freq"


@dataclass(frozen=True)
class Entry:
    """One tensor's names; how it is shaped elsewhere, where that is not as here (-1: its size)."""

    own: str
    tools: tuple[str, ...]
    diffusers: tuple[str, ...] = ()  # PART/NAME, where PART is a folder
    tools_shape: Shape | None = None
    diffusers_shape: Shape | None = None

    def names(self, layout: Layout) -> tuple[str, ...]:
        return self.tools if layout == "tools" else self.diffusers

    def shape(self, layout: Layout) -> Shape | None:
        return self.tools_shape if layout == "tools" else self.diffusers_shape


def entries(config: StableConfig) -> list[Entry]:
    """Of all that a base model is made of: `dit.`, `autoencoder.` and `seconds.`."""
    tools, folder = "model.model.", "transformer/"
    found = [*_trunk("dit.trunk.", tools, folder, config.dit.depth, config.dit.qk_norm)]
    for own, theirs, other in (
        ("project", "transformer.project_out", "proj_out"),
        ("finish", "postprocess_conv", "postprocess_conv"),
    ):
        found += _layer(f"dit.{own}", tools + theirs, folder + other, bias=False)
    found += _encoder(len(config.autoencoder.strides))
    found += _decoder(len(config.autoencoder.strides))
    for own, other in (("seconds_start", "start"), ("seconds_total", "end")):
        if own in config.seconds.names:
            here, there = f"seconds.numbers.{own}.", f"conditioner.conditioners.{own}.embedder."
            further = f"projection_model/{other}_number_conditioner.time_positional_embedding."
            found.append(
                Entry(f"{here}rates", (f"{there}embedding.0.weights",), (f"{further}0.weights",))
            )
            found += _layer(f"{here}layer", f"{there}embedding.1", f"{further}1")
    if config.seconds.text_dim is not None:
        theirs, other = "conditioner.conditioners.prompt.proj_out", "text_projection"
        found += _layer("seconds.text", theirs, f"projection_model/{other}")
    return found


def control_entries(control: StableControlConfig, config: StableConfig) -> list[Entry]:
    """Of a ControlNet in the layout of the published student code: its keys after `controlnet.`,
    and those of the conditioner that stands beside it after `conditioners.`."""
    count = control.count(config.dit.depth)
    found = [*_trunk("trunk.", "", "", count, config.dit.qk_norm)]
    found.append(Entry("look.weight", ("conv_in.weight",)))
    for index in range(count):
        theirs = (f"conv_outs.{index}.weight",)
        found.append(Entry(f"outward.{index}.weight", theirs, tools_shape=(0, 0, 1)))
    if control.clap:
        for name in ("weight", "bias"):
            found.append(Entry(f"clap.{name}", (f"audio.proj_out.{name}",)))
    return found


def ignored(layout: Layout) -> tuple[str, ...]:
    """Keys that hold nothing to read, by their ends."""
    return (ANGLES,) if layout == "tools" else ()


def check(
    found: Iterable[Entry],
    layout: Layout,
    own: Mapping[str, Shape],
    given: Mapping[str, Shape],
    where: str,
) -> None:
    """Raises ValueError unless the given tensors are just those that the config asks for.

    own: shapes of the model built from the config. given: shapes as the file's header says.
    """
    left = {name for name in given if not name.endswith(ignored(layout))}
    for entry in found:
        names = entry.names(layout)
        missing = [name for name in names if name not in given]
        if missing or not names:
            named = missing[0] if missing else entry.own
            raise ValueError(
                f"{where}: has no tensor {named}, which its config asks for; copy both again"
            )
        parts = [_plain(given[name]) for name in names]
        joined = (sum(part[0] for part in parts), *parts[0][1:])
        wanted = _plain(own[entry.own])
        if joined != wanted or any(part[1:] != parts[0][1:] for part in parts):
            raise ValueError(
                f"{where}: {names[0]} is {list(given[names[0]])} and its config asks for "
                f"{list(wanted)} in {len(names)}; take config and weights of one model"
            )
        left -= set(names)
    if left:
        more = f" and {len(left) - 1} more" if len(left) > 1 else ""
        raise ValueError(
            f"{where}: unknown tensor {min(left)}{more}, which its config does not ask for"
        )


def joined(parts: list[Tensor], shape: Shape) -> Tensor:
    """Our tensor of these, in our shape."""
    import torch

    return (torch.cat(parts) if len(parts) > 1 else parts[0]).reshape(shape)


def written(found: Iterable[Entry], layout: Layout, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the names and in the shapes of a layout."""
    made: dict[str, Tensor] = {}
    for entry in found:
        names, shape = entry.names(layout), entry.shape(layout)
        for name, part in zip(names, own[entry.own].chunk(len(names)), strict=True):
            if shape is not None:
                sizes = iter(part.shape)
                part = part.reshape([1 if size == 1 else next(sizes) for size in shape])
            assert name not in made, name
            made[name] = part.contiguous()
    return made


def _plain(shape: Shape) -> Shape:
    """Without axes of length 1, on which layouts differ."""
    return tuple(size for size in shape if size != 1) or (1,)


# The parts


def _layer(own: str, tools: str, other: str, bias: bool = True) -> Iterator[Entry]:
    for name in ("weight", "bias") if bias else ("weight",):
        yield Entry(f"{own}.{name}", (f"{tools}.{name}",), (f"{other}.{name}",))


def _trunk(own: str, tools: str, other: str, depth: int, qk_norm: bool) -> Iterator[Entry]:
    weight = (f"{tools}timestep_features.weight",)
    yield Entry(f"{own}rates", weight, (f"{other}time_proj.weight",), tools_shape=(0, 1))
    for here, there, further, bias in (
        ("time", "to_timestep_embed", "timestep_proj", True),
        ("seconds", "to_global_embed", "global_proj", False),
        ("tokens", "to_cond_embed", "cross_attention_proj", False),
    ):
        for at in (0, 2):
            names = (f"{own}{here}.{at}", f"{tools}{there}.{at}", f"{other}{further}.{at}")
            yield from _layer(*names, bias=bias)
    yield from _layer(f"{own}prepare", f"{tools}preprocess_conv", f"{other}preprocess_conv", False)
    yield from _layer(f"{own}embed", f"{tools}transformer.project_in", f"{other}proj_in", False)
    for index in range(depth):
        there = f"{tools}transformer.layers.{index}."
        further = f"{other}transformer_blocks.{index}."
        yield from _block(f"{own}blocks.{index}.", there, further, qk_norm)


def _block(own: str, tools: str, other: str, qk_norm: bool) -> Iterator[Entry]:
    for here, there, further in (
        ("norm", "pre_norm", "norm1"),
        ("cross_norm", "cross_attend_norm", "norm2"),
        ("wide_norm", "ff_norm", "norm3"),
    ):
        for mine, theirs, others in (("weight", "gamma", "weight"), ("bias", "beta", "bias")):
            names = (f"{tools}{there}.{theirs}",), (f"{other}{further}.{others}",)
            yield Entry(f"{own}{here}.{mine}", *names)
    for here, there, further, parts in (
        ("attention.inward", "self_attn.to_qkv", "attn1", ("to_q", "to_k", "to_v")),
        ("attention.outward", "self_attn.to_out", "attn1", ("to_out.0",)),
        ("cross.query", "cross_attn.to_q", "attn2", ("to_q",)),
        ("cross.memory", "cross_attn.to_kv", "attn2", ("to_k", "to_v")),
        ("cross.outward", "cross_attn.to_out", "attn2", ("to_out.0",)),
    ):
        others_ = tuple(f"{other}{further}.{part}.weight" for part in parts)
        yield Entry(f"{own}{here}.weight", (f"{tools}{there}.weight",), others_)
    yield from _layer(f"{own}widen", f"{tools}ff.ff.0.proj", f"{other}ff.net.0.proj")
    yield from _layer(f"{own}narrow", f"{tools}ff.ff.2", f"{other}ff.net.2")
    if qk_norm:
        for here, there in (("attention", "self_attn"), ("cross", "cross_attn")):
            for mine, theirs in (("query_norm", "q_norm"), ("key_norm", "k_norm")):
                for name in ("weight", "bias"):
                    yield Entry(f"{own}{here}.{mine}.{name}", (f"{tools}{there}.{theirs}.{name}",))


TOOLS_CODEC, OTHER_CODEC = "pretransform.model.", "vae/"


def _conv(own: str, tools: str, other: str, bias: bool = True) -> Iterator[Entry]:
    own, tools, other = f"autoencoder.{own}", f"{TOOLS_CODEC}{tools}", f"{OTHER_CODEC}{other}"
    yield Entry(f"{own}.length", (f"{tools}.weight_g",), (f"{other}.weight_g",))
    yield Entry(f"{own}.direction", (f"{tools}.weight_v",), (f"{other}.weight_v",))
    if bias:
        yield Entry(f"{own}.bias", (f"{tools}.bias",), (f"{other}.bias",))


def _snake(own: str, tools: str, other: str) -> Iterator[Entry]:
    for name in ("alpha", "beta"):
        theirs, others = (f"{TOOLS_CODEC}{tools}.{name}",), (f"{OTHER_CODEC}{other}.{name}",)
        yield Entry(f"autoencoder.{own}.{name}", theirs, others, diffusers_shape=(1, 0, 1))


def _unit(own: str, tools: str, other: str) -> Iterator[Entry]:
    yield from _snake(f"{own}.snake", f"{tools}.layers.0", f"{other}.snake1")
    yield from _conv(f"{own}.conv", f"{tools}.layers.1", f"{other}.conv1")
    yield from _snake(f"{own}.last_snake", f"{tools}.layers.2", f"{other}.snake2")
    yield from _conv(f"{own}.last", f"{tools}.layers.3", f"{other}.conv2")


def _encoder(count: int) -> Iterator[Entry]:
    yield from _conv("encoder.first", "encoder.layers.0", "encoder.conv1")
    for index in range(count):
        own, other = f"encoder.blocks.{index}", f"encoder.block.{index}"
        tools = f"encoder.layers.{index + 1}.layers"
        for unit in range(3):
            names = (f"{own}.units.{unit}", f"{tools}.{unit}", f"{other}.res_unit{unit + 1}")
            yield from _unit(*names)
        yield from _snake(f"{own}.snake", f"{tools}.3", f"{other}.snake1")
        yield from _conv(f"{own}.conv", f"{tools}.4", f"{other}.conv1")
    yield from _snake("encoder.snake", f"encoder.layers.{count + 1}", "encoder.snake1")
    yield from _conv("encoder.last", f"encoder.layers.{count + 2}", "encoder.conv2")


def _decoder(count: int) -> Iterator[Entry]:
    yield from _conv("decoder.first", "decoder.layers.0", "decoder.conv1")
    for index in range(count):
        own, other = f"decoder.blocks.{index}", f"decoder.block.{index}"
        tools = f"decoder.layers.{index + 1}.layers"
        yield from _snake(f"{own}.snake", f"{tools}.0", f"{other}.snake1")
        yield from _conv(f"{own}.conv", f"{tools}.1", f"{other}.conv_t1")
        for unit in range(3):
            names = (f"{own}.units.{unit}", f"{tools}.{unit + 2}", f"{other}.res_unit{unit + 1}")
            yield from _unit(*names)
    yield from _snake("decoder.snake", f"decoder.layers.{count + 1}", "decoder.snake1")
    yield from _conv("decoder.last", f"decoder.layers.{count + 2}", "decoder.conv2", bias=False)
