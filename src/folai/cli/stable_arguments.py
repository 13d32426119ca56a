"""What the command line takes for models at full size."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

DTYPES = ("float32", "bfloat16", "float16")


def add_stable(command: argparse.ArgumentParser) -> None:
    """To `generate`."""
    group = command.add_argument_group("at full size: Stable Audio Open (see docs/full_size.md)")
    group.add_argument(
        "--model",
        metavar="NAME",
        help="stable-audio-open-1.0, another name of `folai models`, or a folder (default: small)",
    )
    group.add_argument("--control", type=Path, metavar="FILE", help="ControlNet for it")
    group.add_argument("--lora", type=Path, metavar="FILE", help="LoRA for it, merged")
    group.add_argument("--clap", type=Path, metavar="DIR", help="CLAP from this folder")
    _add_dtype_and_offline(group)


def add_stable_training(command: argparse.ArgumentParser) -> None:
    """To `train control`."""
    command.set_defaults(steps=None)
    group = command.add_argument_group("at full size: Stable Audio Open (see docs/full_size.md)")
    group.add_argument(
        "--model", metavar="NAME", help="train for stable-audio-open-1.0, or a folder of it"
    )
    group.add_argument(
        "--lora-rank", type=int, metavar="N", default=0, help="a LoRA instead, such as 16"
    )
    for name, kind, what in (
        ("windows", int, "how many are encoded (4000)"),
        ("seconds", float, "of a window (10)"),
        ("batch-size", int, "windows a process sees at once (12)"),
        ("accumulate", int, "so many times before a step (4)"),
        ("learning-rate", float, "(1e-4)"),
        ("depth-factor", float, "share of the base's blocks that is copied (0.2)"),
    ):
        group.add_argument(f"--{name}", type=kind, metavar="X", help=what)
    group.add_argument("--clap", type=Path, metavar="DIR", help="CLAP from this folder")
    group.add_argument("--no-clap", action="store_true", help="no reference is heard in training")
    _add_dtype_and_offline(group)


def generate_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """What `add_stable` added, as `GenerateOptions` takes it."""
    names = ("model", "control", "lora", "clap", "dtype", "offline")
    return {name: getattr(parsed, name) for name in names}


def training_options(parsed: argparse.Namespace) -> dict[str, Any]:
    """As `folai.train.full_size.StableOptions` takes it; what is not given is left out."""
    names = (
        "model", "out", "cache", "lora_rank", "windows", "seconds", "steps", "batch_size", "clap",
        "accumulate", "learning_rate", "depth_factor", "dtype", "seed", "threads", "offline",
    )  # fmt: skip
    given = {name: getattr(parsed, name) for name in names if getattr(parsed, name) is not None}
    if parsed.no_clap:
        given["clap"] = None
    return {"data": tuple(parsed.data), **given}


def _add_dtype_and_offline(group: Any) -> None:
    group.add_argument(
        "--dtype", choices=DTYPES, help="of its weights (default: bfloat16 on a GPU, else float32)"
    )
    group.add_argument("--offline", action="store_true", help="never ask the network")
