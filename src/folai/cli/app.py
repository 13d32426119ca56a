"""`folai`: all commands in one parser, and what happens to errors."""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence

from folai import __version__
from folai.cli import (
    adapt,
    batch,
    data,
    demo,
    edit,
    envelope,
    evaluate,
    generate,
    library,
    models,
    studio,
    suggest,
    train,
)
from folai.cli.output import warn_in_one_line
from folai.writing import line_with_file


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 1 if some files fail, 2 bad input, 130 stopped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the console has not: as a code
            stream.reconfigure(errors="backslashreplace")
    parsed = make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warn_in_one_line()
            code: int | None = parsed.run(parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("folai: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads our output has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, ImportError) as error:
        print(f"folai: {line_with_file(error)}", file=sys.stderr)
        return 2
    return code or 0


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="folai",
        description="Gives a silent video its Foley sound.",
        epilog="example: folai generate clip.mp4 -o out.mp4 --sound wood",
    )
    parser.add_argument("--version", action="version", version=f"folai {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (
        generate, batch, envelope, edit, suggest, library, adapt, demo, studio, models,
        train, evaluate, data,
    ):  # fmt: skip
        command.add_to(commands)
    return parser
