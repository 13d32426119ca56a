"""What the command line takes to measure sounds, and to prepare data sets."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_data(commands: Any, add_command: Any) -> None:
    """Add `folai data`."""
    works = commands.add_parser("data", help="Prepare data sets.").add_subparsers(
        title="works", required=True, metavar="WORK"
    )
    command = add_command(
        works,
        "data prepare",
        "Make clips, envelopes, onsets, prompts and a manifest of a data set as published; a run "
        "that was interrupted goes on.",
        "folai data prepare greatest-hits vis-data prepared --splits splits --piece 10",
    )
    command.add_argument(
        "kind", metavar="KIND", choices=("greatest-hits", "walking-the-maps", "folder"),
        help="greatest-hits, walking-the-maps, or folder",
    )  # fmt: skip
    command.add_argument("source", type=Path, metavar="SRC", help="as published")
    command.add_argument("out", type=Path, metavar="DST")
    command.add_argument(
        "--splits", type=Path, metavar="DIR", help="of train.txt, val.txt, test.txt (default: SRC)"
    )
    command.add_argument(
        "--piece", type=float, metavar="S", help="cut into pieces of S seconds (default: whole)"
    )
    command.add_argument("--height", type=int, metavar="N", help="scale pictures to N rows")
    command.add_argument(
        "--shards", type=int, metavar="N", help="also WebDataset shards of N samples"
    )
    command.add_argument("--workers", type=int, metavar="N", default=1, help="processes")


def add_evaluations(measures: Any, add_command: Any) -> None:
    """Add to the models of `folai evaluate`; `add_command` is that of `model_arguments`."""
    _add_sound(measures, add_command)
    _add_run(measures, add_command)
    _add_experiment(measures, add_command)
    _add_listening(measures, add_command)


def _add_run(measures: Any, add_command: Any) -> None:
    command = add_command(
        measures,
        "evaluate run",
        "Make the sounds that a file asks for, measure them, run its experiments: one report.",
        "folai evaluate run val.toml -o report",
    )
    command.add_argument("config", type=Path, metavar="CONFIG", help="a .toml file")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="for the report (default: CONFIG's name)"
    )
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is computed (default: DIR/cache)"
    )


def _add_experiment(measures: Any, add_command: Any) -> None:
    command = add_command(
        measures,
        "evaluate experiment",
        "Answer a question that the paper leaves open: prediction, envelopes, prompts, control, "
        "inputs, robustness, steps, distances, unseen, or all.",
        "folai evaluate experiment control --data clips -o report",
    )
    command.add_argument("names", nargs="+", metavar="NAME")
    command.add_argument("--data", type=Path, metavar="DIR", required=True, help="folder of clips")
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of DIR/clips.csv (%(default)s)"
    )
    command.add_argument(
        "--wild", metavar="NAME", default="test_wild", help="split of unseen kinds of action"
    )
    command.add_argument(
        "--limit", type=int, metavar="N", default=4, help="pieces to make sound for (%(default)s)"
    )
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--steps", type=int, metavar="N", help="of sampling")
    command.add_argument("--cfg-scale", type=float, metavar="X", help="strength of guidance")
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights of the sound")
    command.add_argument(
        "--mapper",
        type=Path,
        metavar="FILE",
        action="append",
        help="other weights of the mapper; further ones are compared by `inputs`",
    )
    command.add_argument("--embedding", metavar="NAME[=PATH]", help="as of evaluate sound")
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is computed (default: none kept)"
    )
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="for report.html and report.json"
    )


def _add_sound(measures: Any, add_command: Any) -> None:
    command: argparse.ArgumentParser = add_command(
        measures,
        "evaluate sound",
        "Compare the sounds of any systems, in folders, with the true ones of the same names.",
        "folai evaluate sound --truth clips --generated ours --generated theirs -o report",
    )
    command.add_argument(
        "--truth", type=Path, metavar="DIR", required=True, help="true sounds, or clips with sound"
    )
    command.add_argument(
        "--generated",
        type=Path,
        metavar="DIR",
        action="append",
        required=True,
        help="what a system made; give it again for each system",
    )
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="for report.html and report.json"
    )
    command.add_argument(
        "--piece", type=float, metavar="S", help="cut clips into pieces of S seconds; papers: 10"
    )
    command.add_argument(
        "--levels-as-they-are",
        action="store_true",
        help="do not scale each sound to peak 1 for E-L1 and skill",
    )
    command.add_argument(
        "--prompts", type=Path, metavar="CSV", help="name,prompt of clips, for CLAP"
    )
    command.add_argument(
        "--pictures", type=Path, metavar="DIR", help="vectors NAME.npy of the pictures, for FAVD"
    )
    add_measuring(command)
    command.add_argument(
        "--players",
        type=int,
        metavar="N",
        default=6,
        help="clips to hear in the page (%(default)s)",
    )
    command.add_argument(
        "--listening", choices=("pairs", "mushra"), help="put a listening test into the page"
    )
    command.add_argument(
        "--listening-clips", type=int, metavar="N", default=8, help="of the test (%(default)s)"
    )
    command.add_argument("--seed", type=int, metavar="N", default=0, help="of the test's order")


def add_measuring(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--embedding",
        action="append",
        metavar="NAME[=PATH]",
        help="aisfx, clap=FOLDER, ms-clap=FILE or panns=FILE; give it again for more (default: "
        "aisfx where it is installed; log-mel statistics are always there)",
    )
    command.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    command.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="of what was measured, by what is in the files (default: none kept)",
    )


def _add_listening(measures: Any, add_command: Any) -> None:
    command = add_command(
        measures,
        "evaluate listening",
        "Say what the answers to a listening test mean.",
        "folai evaluate listening results.json",
    )
    command.add_argument("results", type=Path, nargs="+", metavar="FILE", help="saved by the page")
