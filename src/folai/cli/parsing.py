"""What the parsers of the commands share, and how options become a dataclass."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

Commands = Any  # argparse's subparsers, whose class it does not name


def add_command(
    commands: Commands,
    name: str,
    about: str,
    example: str,
    run: Callable[[argparse.Namespace], int | None],
) -> argparse.ArgumentParser:
    """A parser for the command called `name` in full; its last word is what the user adds.

    run: does the command; it returns the exit code, or None for 0.
    """
    command: argparse.ArgumentParser = commands.add_parser(
        name.split()[-1], help=about, description=about, epilog=f"example: {example}"
    )
    command.set_defaults(command=name, run=run)
    command.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    command.add_argument("--quiet", action="store_true", help="print nothing but warnings")
    return command


def add_group(commands: Commands, name: str, about: str, title: str) -> Commands:
    """A command that only holds others, such as `train`."""
    group = commands.add_parser(name, help=about, description=about)
    return group.add_subparsers(title=title, required=True, metavar=title.upper()[:-1])


def fields_from(parsed: argparse.Namespace, kind: type) -> dict[str, Any]:
    """The fields of a dataclass that the command line sets; those left at None are not among them.

    Each option's `dest` is the name of a field, so `kind(**fields_from(parsed, kind))` is all that
    a command needs.
    """
    values = vars(parsed)
    names = (field.name for field in fields(kind))
    return {name: values[name] for name in names if values.get(name) is not None}


def add_plot(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw the envelope under the frames"
    )


def add_seed(command: argparse.ArgumentParser, about: str = "vary the hits") -> None:
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help=f"{about} (default: %(default)s)"
    )


def add_weights(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="weights of the mapper; `open`: folai's own of open data alone (default: folai's own)",
    )


def add_expect(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--expect",
        choices=("steps", "hits", "continuous"),
        help="what is to be heard: the steps of a walk, placed by their rhythm where contacts are "
        "not plain; hits with nothing between them; or a continuous sound without hits",
    )


def add_sampling(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--steps", dest="num_steps", type=int, metavar="N", help="of sampling (default: 4)"
    )
    command.add_argument("--cfg-scale", type=float, metavar="X", help="strength of guidance")


def sampling_from(parsed: argparse.Namespace) -> dict[str, Any]:
    """What `add_sampling` added, as the sound model's options."""
    options = {"num_steps": parsed.num_steps, "cfg_scale": parsed.cfg_scale}
    return {name: value for name, value in options.items() if value is not None}


def add_fold(command: argparse.ArgumentParser, about: str) -> None:
    command.add_argument("--fold", type=_fold, metavar="K/N", help=about)


def _fold(text: str) -> Any:
    from folai.data.folds import Fold

    try:
        return Fold.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
