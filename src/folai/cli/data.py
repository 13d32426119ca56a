"""`folai data prepare`: a published data set as clips, envelopes and tables."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from folai.cli.output import Outcome, progress_bar, report_outcome
from folai.cli.parsing import Commands, add_command, add_group, fields_from


def add_to(commands: Commands) -> None:
    works = add_group(commands, "data", "Prepare data sets.", "works")
    command = add_command(
        works,
        "data prepare",
        "Make clips, envelopes, onsets, prompts and a manifest of a data set as published; a run "
        "that was interrupted goes on.",
        "folai data prepare greatest-hits vis-data prepared --splits splits --piece 10",
        prepare,
    )
    command.add_argument(
        "kind", metavar="KIND", choices=("greatest-hits", "walking-the-maps", "folder"),
        help="greatest-hits, walking-the-maps, or folder",
    )  # fmt: skip
    command.add_argument("source", type=Path, metavar="SRC", help="the data set as published")
    command.add_argument("out", type=Path, metavar="DST", help="folder of the results")
    command.add_argument(
        "--splits",
        type=Path,
        metavar="DIR",
        help="folder of train.txt, val.txt, test.txt (default: SRC)",
    )
    command.add_argument(
        "--piece", type=float, metavar="S", help="cut into pieces of S seconds (default: whole)"
    )
    command.add_argument("--height", type=int, metavar="N", help="scale pictures to N rows")
    command.add_argument(
        "--shards", type=int, metavar="N", help="also write WebDataset shards of N samples"
    )
    command.add_argument(
        "--workers", type=int, metavar="N", default=1, help="processes (default: %(default)s)"
    )


def prepare(parsed: Namespace) -> int:
    from folai.data.prepare import PrepareOptions, prepare

    with progress_bar(parsed) as progress:
        result = prepare(PrepareOptions(**fields_from(parsed, PrepareOptions)), progress)
    return report_outcome(parsed, Outcome(result.table(), result.to_dict(), bool(result.broken)))
