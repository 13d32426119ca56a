"""The options of the sound that a clip gets, as commands describe and read them."""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from folai.cli.parsing import fields_from
from folai.engines import engine_names, get_engine
from folai.preview.materials import DEFAULT_SOUND, MATERIALS
from folai.takes.options import FinishOptions


def add_description(command: argparse.ArgumentParser) -> None:
    """What the sound should be like, and how many takes."""
    sounds = command.add_mutually_exclusive_group()
    sounds.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        metavar="SOUND",
        help="file to sound like; several, or a folder of them, are a pool to choose from",
    )
    sounds.add_argument(
        "--library",
        metavar="WORDS",
        help='what these words find in your library is the pool, such as "footstep gravel"',
    )
    sounds.add_argument(
        "--sound",
        choices=tuple(MATERIALS),
        metavar="NAME",
        help=f"a built-in sound instead: {', '.join(MATERIALS)} (default: {DEFAULT_SOUND})",
    )
    command.add_argument(
        "--library-file", type=Path, metavar="FILE", help="that library (default: your own)"
    )
    command.add_argument(
        "--prompt", metavar="WORDS", help='what to sound like, such as "footsteps on gravel"'
    )
    command.add_argument(
        "--negative-prompt", metavar="WORDS", help="what the sound must not be like"
    )
    command.add_argument(
        "--variations",
        type=int,
        metavar="N",
        default=1,
        help="number of takes; the second goes to OUT's name with .take2 before its suffix "
        "(default: %(default)s)",
    )


def add_mixing(command: argparse.ArgumentParser) -> None:
    """How the sound comes into the clip."""
    command.add_argument(
        "--resample", action="store_true", help="fit that envelope to the clip's length and rate"
    )
    command.add_argument(
        "--mix",
        dest="mix_db",
        type=float,
        metavar="DB",
        help="keep the clip's own sound at this level, like -12",
    )
    command.add_argument("--codec", help="sound codec: flac, opus or aac, for .mkv")


def add_finish(command: argparse.ArgumentParser) -> None:
    """What happens to a take of any engine, as its dataclass describes it."""
    group = command.add_argument_group("of the finished takes")
    for field in fields(FinishOptions):
        _add_option(group, field, [("", field)])


def add_engines(command: argparse.ArgumentParser) -> None:
    """`--engine`, and every engine's own options, as their dataclasses describe them."""
    command.add_argument(
        "--engine",
        choices=engine_names(),
        help="diffusion, the trained model; preview, which is instant; or another (default: "
        "diffusion, but preview for --sound alone, and a model's own for --model)",
    )
    engines = [get_engine(name) for name in engine_names()]
    owners: dict[str, list[tuple[str, Field[Any]]]] = {}
    for engine in engines:
        for field in fields(engine.Options):
            owners.setdefault(field.name, []).append((engine.Options.engine, field))
    for engine in engines:
        group = command.add_argument_group(engine.TITLE)
        for field in fields(engine.Options):
            if owners[field.name][0][1] is field:  # shared ones are added with their first owner
                _add_option(group, field, owners[field.name])


def _add_option(group: Any, field: Field[Any], owners: list[tuple[str, Field[Any]]]) -> None:
    described = field.metadata
    flag = f"--{field.name.replace('_', '-')}"
    if described["kind"] is bool:
        group.add_argument(flag, action="store_true", default=None, help=described["about"])
        return
    defaults = [
        f"with {engine}: {_default_of(own)}" if engine != owners[0][0] else _default_of(own)
        for engine, own in owners
    ]
    group.add_argument(
        flag,
        type=described["kind"],
        metavar=None if described["choices"] else described["metavar"],
        choices=described["choices"],
        help=f"{described['about']} (default: {'; '.join(dict.fromkeys(defaults))})",
    )


def _default_of(field: Field[Any]) -> str:
    return str(field.metadata["default_text"] or field.default)


def alone(parsed: Namespace) -> None:
    """One reference is a file or folder; several are a list."""
    if parsed.reference is not None and len(parsed.reference) == 1:
        parsed.reference = parsed.reference[0]


def options_from(parsed: Namespace) -> dict[str, Any]:
    """The options that were given, of the command and of the engines."""
    from folai.pipeline import GenerateOptions

    engines = [get_engine(name).Options for name in engine_names()]
    kinds: list[type] = [GenerateOptions, FinishOptions, *engines]
    return {name: value for kind in kinds for name, value in fields_from(parsed, kind).items()}
