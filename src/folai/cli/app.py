"""`folai`: all commands in one parser, and what happens to errors."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence

from folai import __version__
from folai.cli.output import warn_in_one_line
from folai.writing import line_with_file

COMMANDS = (
    "generate", "batch", "envelope", "edit", "suggest", "library", "adapt", "demo", "studio",
    "models", "train", "evaluate", "data",
)  # fmt: skip
"""Each a file of this folder."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 1 if some files fail, 2 bad input, 130 stopped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the console has not: as a code
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if argv is None else argv
    parsed = make_parser([name for name in words[:1] if name in COMMANDS]).parse_args(words)
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


def make_parser(commands: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser of these commands, all where none is named: importing all takes 0.4 s."""
    parser = argparse.ArgumentParser(
        prog="folai",
        description="Gives a silent video its Foley sound.",
        epilog="example: folai generate clip.mp4 -o out.mp4 --sound wood",
    )
    parser.add_argument("--version", action="version", version=f"folai {__version__}")
    parsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in commands or COMMANDS:
        importlib.import_module(f"folai.cli.{name}").add_to(parsers)
    return parser
