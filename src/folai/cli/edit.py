"""`folai edit`: an envelope edited, or a sound's envelope measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from folai.cli.output import report, summary
from folai.cli.parsing import Commands, add_command

EDITS = {  # option of `folai edit`: method of Envelope, what it takes, help
    "--gain": ("gain", ("DB",), "louder by DB decibels"),
    "--shift": ("shift", ("S",), "later by S seconds, earlier if negative"),
    "--smooth": ("smooth", ("S",), "blur with a Gaussian of S seconds"),
    "--gate": ("gate", ("DB",), "silence what lies below a level such as -50"),
    "--sharpen": ("sharpen", ("A",), "contrast with the surroundings; 1 is strong"),
    "--scale": ("scale_region", ("START", "END", "DB"), "louder by DB from START to END seconds"),
    "--mute": ("mute", ("START", "END"), "silence from START to END seconds"),
    "--place": ("place", ("START", "END", "PAN"), "heard at PAN, -1 left to 1 right, in between"),
    "--add-hit": ("add_hit", ("S", "LEVEL"), "add a hit at S seconds, of peak RMS LEVEL"),
    "--remove-hit": ("remove_hit", ("S",), "remove the hit nearest to S seconds"),
    "--move-hit": ("move_hit", ("S", "TO"), "move the hit nearest to S seconds to TO seconds"),
    "--snap": ("snap", ("GRID",), "move hits onto the multiples of GRID seconds within 50 ms"),
    "--rate": ("resample", ("HZ",), "resample the curve to HZ frames per second"),
}


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "edit",
        "Edit an envelope, or measure that of a sound; edits apply in the order given.",
        "folai edit env.json -o louder.json --gate -40 --gain 3 --move-hit 1.24 1.30",
        run,
    )
    command.add_argument("envelope", type=Path, metavar="ENV", help=".json, .csv or a sound file")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="OUT", required=True, help=".json or .csv"
    )
    command.set_defaults(edits=[])
    for option, (_, metavars, about) in EDITS.items():
        command.add_argument(
            option,
            action=_AddEdit,
            nargs=len(metavars),
            type=float,
            metavar=metavars,
            dest="edits",
            help=about,
        )
    command.add_argument(
        "--paste",
        action=_AddPaste,
        nargs=3,
        metavar=("ENV", "START", "END"),
        dest="edits",
        help="replace START to END seconds by that part of another envelope",
    )
    command.add_argument(
        "--set-hit",
        action=_AddSettings,
        nargs="+",
        metavar=("S", "NAME=VALUE"),
        dest="edits",
        help="the hit nearest to S seconds has sound=N (of a pool or reference, from 0), "
        "pitch=SEMITONES, level_db=DB, foot=left or right",
    )


class _AddEdit(argparse.Action):
    """Keeps the edits in the order given: a gain before a gate is not a gain after it."""

    def __call__(
        self, parser: object, parsed: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        parsed.edits = [*parsed.edits, (EDITS[str(option)][0], values)]


class _AddPaste(argparse.Action):
    """The same for --paste, whose envelope is read when the edits are made."""

    def __call__(
        self, parser: object, parsed: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        try:
            start, end = map(float, values[1:])
        except ValueError:
            raise argparse.ArgumentError(self, "START and END are seconds") from None
        parsed.edits = [*parsed.edits, ("paste", (Path(values[0]), start, end))]


class _AddSettings(argparse.Action):
    """The same for --set-hit, of which only the first value is a number."""

    def __call__(
        self, parser: object, parsed: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        try:
            time = float(values[0])
        except ValueError:
            raise argparse.ArgumentError(self, "S is seconds") from None
        parsed.edits = [*parsed.edits, ("set_hit", (time, values[1:]))]


def run(parsed: argparse.Namespace) -> None:
    from folai.envelope import Envelope
    from folai.envelope.files import check_envelope_name
    from folai.envelope.hits import settings_of

    check_envelope_name(parsed.out)
    envelope = Envelope.load(parsed.envelope)
    for method, values in parsed.edits:
        if method == "set_hit":
            envelope = envelope.set_hit(values[0], **settings_of(values[1]))
            continue
        if method == "paste":  # names a file
            values = (Envelope.load(values[0]), *values[1:])
        envelope = getattr(envelope, method)(*values)
    envelope.save(parsed.out)
    report(
        parsed,
        f"{parsed.out}: {summary(envelope)}",
        envelope=parsed.envelope,
        output=parsed.out,
        duration=envelope.duration,
        frame_rate=envelope.frame_rate,
        onsets=envelope.onsets.tolist(),
    )
