"""`folai adapt`: teach the mapper a clip."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from folai.cli.output import progress_bar, report
from folai.cli.parsing import Commands, add_command, add_seed, add_weights, fields_from


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "adapt",
        "Teach the mapper a clip: from a part whose envelope you have put right it learns the "
        "rest, and other clips of the same people and things.",
        "folai adapt clip.mp4 edited.json --to 10 -o mine.safetensors",
        run,
    )
    command.add_argument("video", type=Path, metavar="VIDEO", help="the clip to learn from")
    command.add_argument(
        "envelope", type=Path, metavar="ENV", help=".json, .csv or a sound file, as long as VIDEO"
    )
    command.add_argument(
        "--from",
        dest="start",
        type=float,
        metavar="S",
        default=0.0,
        help="the envelope is right from S seconds on (default: %(default)s)",
    )
    command.add_argument(
        "--to", dest="end", type=float, metavar="S", help="until S seconds (default: VIDEO's end)"
    )
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="WEIGHTS",
        required=True,
        help=".safetensors, for --weights of `folai envelope` and `folai generate`",
    )
    command.add_argument(
        "--steps",
        type=int,
        metavar="N",
        default=20,
        help="training steps (default: %(default)s)",
    )
    add_seed(command, "vary the training")
    add_weights(command)


def run(parsed: Namespace) -> None:
    from folai.train.adapt import AdaptOptions, adapt_mapper

    began = time.perf_counter()
    with progress_bar(parsed) as progress:
        learned = adapt_mapper(
            parsed.video,
            parsed.envelope,
            parsed.out,
            start=parsed.start,
            end=parsed.end,
            options=AdaptOptions(**fields_from(parsed, AdaptOptions)),
            weights=parsed.weights,
            progress=progress,
        )
    report(
        parsed,
        f"{parsed.out}: has learned {learned:.2f} s of {parsed.video}",
        video=parsed.video,
        envelope=parsed.envelope,
        output=parsed.out,
        learned=learned,
        seconds=time.perf_counter() - began,
    )
