"""`folai demo`: a drawn clip gets its sound."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from folai.cli.output import progress_bar, report
from folai.cli.parsing import Commands, add_command, add_seed, add_weights
from folai.preview.materials import DEFAULT_SOUND, MATERIALS


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "demo",
        "Draw a clip, give it its sound, and measure how far each sound is from its contact.",
        "folai demo -o demo",
        run,
    )
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="DIR",
        default=Path("demo"),
        help="folder of the results (default: %(default)s)",
    )
    command.add_argument("--video", type=Path, metavar="VIDEO", help="a clip of yours instead")
    command.add_argument(
        "--sound",
        metavar="SOUND",
        default=DEFAULT_SOUND,
        help=f"a sound file, or {', '.join(MATERIALS)} (default: {DEFAULT_SOUND})",
    )
    add_seed(command)
    add_weights(command)


def run(parsed: Namespace) -> None:
    from folai.demo import run_demo
    from folai.pipeline import GenerateOptions

    built_in = parsed.sound in MATERIALS
    options = GenerateOptions(
        reference=None if built_in else parsed.sound,
        sound=parsed.sound if built_in else None,
        engine="preview",
        seed=parsed.seed,
        weights=parsed.weights,
    )
    with progress_bar(parsed) as progress:
        result = run_demo(parsed.out, video=parsed.video, options=options, progress=progress)
    files = f"{result.video}\n{result.envelope}\n{result.plot}"
    report(parsed, f"{result.table()}\n{files}", **result.to_dict())
