"""What the command line takes: every command, its options and an example of its use."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from folai import __version__
from folai.cli.evaluation_arguments import add_data
from folai.cli.model_arguments import add_command, add_evaluate, add_train
from folai.cli.stable_arguments import add_stable
from folai.cli.studio import add_studio
from folai.engines import DEFAULT_SOUND, ENGINES, Sampling
from folai.preview.materials import MATERIALS

EDITS = {  # option of `folai edit`: method of Envelope, what it takes, help
    "--gain": ("gain", ("DB",), "louder by DB decibels"),
    "--shift": ("shift", ("S",), "later by S seconds, earlier if negative"),
    "--smooth": ("smooth", ("S",), "blur with a Gaussian of S seconds"),
    "--gate": ("gate", ("DB",), "silence what lies below a level such as -50"),
    "--sharpen": ("sharpen", ("A",), "contrast with the surroundings; 1 is strong"),
    "--scale": ("scale_region", ("START", "END", "DB"), "louder by DB from START to END seconds"),
    "--mute": ("mute", ("START", "END"), "silence from START to END seconds"),
    "--add-hit": ("add_hit", ("S", "LEVEL"), "one more hit at S seconds, of peak RMS LEVEL"),
    "--remove-hit": ("remove_hit", ("S",), "take away the hit nearest to S seconds"),
    "--move-hit": ("move_hit", ("S", "TO"), "let the hit nearest to S seconds begin at TO"),
    "--snap": ("snap", ("GRID",), "move hits onto the multiples of GRID seconds within 50 ms"),
    "--rate": ("resample", ("HZ",), "the same curve at HZ frames per second"),
}


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="folai",
        description="Gives a silent video its Foley sound.",
        epilog="example: folai generate clip.mp4 -o out.mp4 --sound wood",
    )
    parser.add_argument("--version", action="version", version=f"folai {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_generate(commands)
    _add_envelope(commands)
    _add_edit(commands)
    _add_adapt(commands)
    _add_demo(commands)
    add_studio(commands)
    add_command(
        commands,
        "models",
        "List the models that can be named: size, licence, and whether they are here.",
        "folai models",
    )
    add_train(commands)
    add_evaluate(commands)
    add_data(commands, add_command)
    return parser


def _add_generate(commands: Any) -> None:
    command = add_command(
        commands,
        "generate",
        "Give a clip its sound: predict when it sounds, lay sound there, and put it in the clip.",
        "folai generate clip.mp4 -o out.mp4 --reference hit.wav",
    )
    command.add_argument("video", type=Path, metavar="VIDEO")
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="OUT",
        help=".mp4, .m4v, .mov, .mkv, .webm, or .wav for the sound alone; replaced if it exists "
        "(default: VIDEO's name with .foley before its suffix, in the current directory)",
    )
    sounds = command.add_mutually_exclusive_group()
    sounds.add_argument("--reference", type=Path, metavar="SOUND", help="file to sound like")
    _add_sound(sounds)
    command.add_argument(
        "--prompt", metavar="WORDS", help='what to sound like, such as "footsteps on gravel"'
    )
    _add_engine(command)
    add_stable(command)
    command.add_argument(
        "--envelope", type=Path, metavar="ENV", help=".json, .csv or sound, not predicted"
    )
    command.add_argument("--verbose", action="store_true", help="say what is done to the reference")
    command.add_argument("--resample", action="store_true", help="fit that envelope to the clip")
    command.add_argument(
        "--mix", type=float, metavar="DB", help="keep the clip's own sound at this level, like -12"
    )
    command.add_argument("--codec", help="flac, opus or aac, for .mkv")
    command.add_argument(
        "--save-envelope", type=Path, metavar="ENV", help="also write the envelope: .json or .csv"
    )
    _add_plot(command)
    _add_seed_and_weights(command)


def _add_envelope(commands: Any) -> None:
    command = add_command(
        commands,
        "envelope",
        "Predict a clip's envelope: how loud its sound should be at each moment.",
        "folai envelope clip.mp4 -o env.json --plot env.png",
    )
    command.add_argument("video", type=Path, metavar="VIDEO")
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="ENV",
        help=".json or .csv (default: VIDEO's stem with .envelope.json, in the current directory)",
    )
    _add_plot(command)
    command.add_argument(
        "--truth", action="store_true", help="measure the clip's own sound, and plot that behind"
    )
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")


def _add_edit(commands: Any) -> None:
    command = add_command(
        commands,
        "edit",
        "Edit an envelope, or measure that of a sound; edits apply in the order given.",
        "folai edit env.json -o louder.json --gate -40 --gain 3 --move-hit 1.24 1.30",
    )
    command.add_argument("envelope", type=Path, metavar="ENV", help=".json, .csv or a sound file")
    command.add_argument("-o", dest="out", type=Path, metavar="OUT", required=True)
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
        help="from START to END seconds what another envelope has there",
    )


class _AddEdit(argparse.Action):
    """Keeps the edits in the order given: a gain before a gate is not a gain after it."""

    def __call__(
        self, parser: object, parsed: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        parsed.edits = [*parsed.edits, (EDITS[str(option)][0], values)]


class _AddPaste(argparse.Action):
    """The same of --paste, whose envelope is read when the edits are made."""

    def __call__(
        self, parser: object, parsed: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        try:
            start, end = map(float, values[1:])
        except ValueError:
            raise argparse.ArgumentError(self, "START and END are seconds") from None
        parsed.edits = [*parsed.edits, ("paste", (Path(values[0]), start, end))]


def _add_adapt(commands: Any) -> None:
    command = add_command(
        commands,
        "adapt",
        "Teach the mapper a clip: from a part whose envelope you have put right it learns the "
        "rest, and other clips of the same people and things.",
        "folai adapt clip.mp4 edited.json --to 10 -o mine.safetensors",
    )
    command.add_argument("video", type=Path, metavar="VIDEO")
    command.add_argument(
        "envelope", type=Path, metavar="ENV", help=".json, .csv or a sound file, as long as VIDEO"
    )
    command.add_argument(
        "--from", dest="start", type=float, metavar="S", default=0.0, help="right from S seconds"
    )
    command.add_argument(
        "--to", dest="end", type=float, metavar="S", help="to S seconds (default: VIDEO's end)"
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
        "--steps", type=int, metavar="N", default=30, help="of learning (default: %(default)s)"
    )
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--weights", type=Path, metavar="FILE", help="what learns")


def _add_demo(commands: Any) -> None:
    command = add_command(
        commands,
        "demo",
        "Draw a clip, give it its sound, and measure how far each sound is from its contact.",
        "folai demo -o demo",
    )
    command.add_argument("-o", dest="out", type=Path, metavar="DIR", default=Path("demo"))
    command.add_argument("--video", type=Path, metavar="VIDEO", help="a clip of yours instead")
    command.add_argument(
        "--sound",
        metavar="SOUND",
        default=DEFAULT_SOUND,
        help=f"a sound file, or {', '.join(MATERIALS)} (default: {DEFAULT_SOUND})",
    )
    _add_seed_and_weights(command)


def _add_engine(command: Any) -> None:
    command.add_argument(
        "--engine",
        choices=ENGINES,
        help="diffusion, the trained model, or preview, which is instant (default: diffusion, "
        "but preview for --sound)",
    )
    model = command.add_argument_group("of the engine diffusion")
    model.add_argument("--negative-prompt", metavar="WORDS", help="what the sound must not be like")
    model.add_argument(
        "--num-steps",
        type=int,
        metavar="N",
        help=f"of sampling (default: {Sampling.num_steps}; at full size what suits the model)",
    )
    model.add_argument(
        "--cfg-scale",
        type=float,
        metavar="X",
        help=f"of guidance toward reference and prompt; 1: none (default: {Sampling.cfg_scale}; at "
        "full size what suits the model)",
    )
    model.add_argument(
        "--control-scale",
        type=float,
        metavar="X",
        default=Sampling.control_scale,
        help="how strongly the envelope steers, 0: not at all (default: %(default)s)",
    )
    model.add_argument(
        "--envelope-lock",
        type=float,
        metavar="X",
        default=Sampling.envelope_lock,
        help="how far the level is pulled onto the envelope, 0 to 1 (default: %(default)s)",
    )
    model.add_argument(
        "--likeness",
        type=float,
        metavar="X",
        default=Sampling.likeness,
        help="how far the bands are drawn to the reference's, 0 to 1 (default: %(default)s)",
    )
    model.add_argument(
        "--init-strength",
        type=float,
        metavar="X",
        help="below 1 the preview's sound is re-imagined, the less the lower, not made from "
        "nothing (default: 1; at full size 0.5 without --control)",
    )
    model.add_argument("--foley-weights", type=Path, metavar="FILE", help="other weights of it")
    command.add_argument(
        "--variations",
        type=int,
        metavar="N",
        default=1,
        help="so many takes, the second to OUT's name with .take2 before its suffix",
    )


def _add_sound(command: Any) -> None:
    command.add_argument(
        "--sound",
        choices=tuple(MATERIALS),
        metavar="NAME",
        help=f"a built-in sound instead: {', '.join(MATERIALS)} (default: {DEFAULT_SOUND})",
    )


def _add_plot(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw the envelope under the frames"
    )


def _add_seed_and_weights(command: argparse.ArgumentParser) -> None:
    command.add_argument("--seed", type=int, default=0, metavar="N", help="vary the hits otherwise")
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
