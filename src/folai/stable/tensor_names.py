"""What each tensor is called: here, in stable-audio-tools' single file, in diffusers' folders.

`entries` names every tensor of a model once, in all layouts. Reading and writing follow that list,
so a name that is unknown, missing or used twice is an error. A tensor that diffusers splits (query,
key, value) is joined along its first axis.
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
# Computed from the config here, so those in a file are not read: angles of rotary positions, and
# the strength of noise that no published model has.
COMPUTED = (".rotary_pos_emb.inv_freq", ".rope.inv_freq", "bottleneck.noise_scaling_factor")


@dataclass(frozen=True)
class Entry:
    """One tensor's names, and its shape in a layout where that differs from ours.

    In such a shape 1 is an axis of length 1 and 0 stands for the next of our sizes.
    """

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
    """All tensors of a base model: `dit.`, `autoencoder.` and `seconds.`."""
    tools, folder = "model.model.", "transformer/"
    table = [*_trunk("dit.trunk.", tools, folder, config.dit.depth, config.dit.qk_norm)]
    for own, theirs, other in (
        ("project", "transformer.project_out", "proj_out"),
        ("finish", "postprocess_conv", "postprocess_conv"),
    ):
        table += _layer(f"dit.{own}", tools + theirs, folder + other, bias=False)
    table += _encoder(len(config.autoencoder.strides))
    table += _decoder(len(config.autoencoder.strides))
    for name, other in (("seconds_start", "start"), ("seconds_total", "end")):
        if name in config.seconds.names:
            own, tools = f"seconds.numbers.{name}.", f"conditioner.conditioners.{name}.embedder."
            diffusers = f"projection_model/{other}_number_conditioner.time_positional_embedding."
            rates = (f"{tools}embedding.0.weights",), (f"{diffusers}0.weights",)
            table.append(Entry(f"{own}rates", *rates))
            table += _layer(f"{own}layer", f"{tools}embedding.1", f"{diffusers}1")
    if config.seconds.text_dim is not None:
        tools, diffusers = "conditioner.conditioners.prompt.proj_out", "text_projection"
        table += _layer("seconds.text", tools, f"projection_model/{diffusers}")
    return table


def control_entries(control: StableControlConfig, config: StableConfig) -> list[Entry]:
    """All tensors of a ControlNet in the layout of the published student code.

    Its own names follow `controlnet.`, those of the conditioner beside it `conditioners.`.
    """
    count = control.count(config.dit.depth)
    table = [*_trunk("trunk.", "", "", count, config.dit.qk_norm)]
    table.append(Entry("look.weight", ("conv_in.weight",)))
    for index in range(count):
        tools = (f"conv_outs.{index}.weight",)
        table.append(Entry(f"outward.{index}.weight", tools, tools_shape=(0, 0, 1)))
    if control.clap:
        for name in ("weight", "bias"):
            table.append(Entry(f"clap.{name}", (f"audio.proj_out.{name}",)))
    return table


def ignored(layout: Layout) -> tuple[str, ...]:
    """Endings of names that are not read."""
    return COMPUTED if layout == "tools" else ()


def check(
    table: Iterable[Entry],
    layout: Layout,
    own_shapes: Mapping[str, Shape],
    file_shapes: Mapping[str, Shape],
    where: str,
) -> None:
    """Raises ValueError unless a file holds exactly the tensors that its config asks for.

    own_shapes: of the model built from the config. file_shapes: as the file's header says.
    """
    unknown = {name for name in file_shapes if not name.endswith(ignored(layout))}
    for entry in table:
        names = entry.names(layout)
        missing = [name for name in names if name not in file_shapes]
        if missing or not names:
            name = missing[0] if missing else entry.own
            raise ValueError(
                f"{where}: has no tensor {name}, which its config asks for; copy both again"
            )
        parts = [_plain(file_shapes[name]) for name in names]
        shape = (sum(part[0] for part in parts), *parts[0][1:])
        expected = _plain(own_shapes[entry.own])
        if shape != expected or any(part[1:] != parts[0][1:] for part in parts):
            raise ValueError(
                f"{where}: {names[0]} is {list(file_shapes[names[0]])} and its config asks for "
                f"{list(expected)} in {len(names)}; take config and weights of one model"
            )
        unknown -= set(names)
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise ValueError(
            f"{where}: unknown tensor {min(unknown)}{more}, which its config does not ask for; "
            "take config and weights of one model"
        )


def joined(parts: list[Tensor], shape: Shape) -> Tensor:
    """Our tensor of its parts in a file, in our shape."""
    import torch

    return (torch.cat(parts) if len(parts) > 1 else parts[0]).reshape(shape)


def written(table: Iterable[Entry], layout: Layout, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our tensors under the names and in the shapes of a layout."""
    tensors: dict[str, Tensor] = {}
    for entry in table:
        names, shape = entry.names(layout), entry.shape(layout)
        for name, part in zip(names, own[entry.own].chunk(len(names)), strict=True):
            if shape is not None:
                sizes = iter(part.shape)
                part = part.reshape([1 if size == 1 else next(sizes) for size in shape])
            assert name not in tensors, name
            tensors[name] = part.contiguous()
    return tensors


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
