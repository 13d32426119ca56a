"""What the command line takes: every command, its options and an example of its use."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from folai import __version__
from folai.engines import DEFAULT_SOUND, ENGINES, Sampling
from folai.materials import MATERIALS

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
    _add_demo(commands)
    _add_train(commands)
    _add_evaluate(commands)
    return parser


def _command(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    """A parser for the command called `name` in full; its last word is what the user adds."""
    command: argparse.ArgumentParser = commands.add_parser(
        name.split()[-1], help=about, description=about, epilog=f"example: {example}"
    )
    command.set_defaults(command=name)
    command.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    command.add_argument("--quiet", action="store_true", help="print nothing but warnings")
    return command


def _add_generate(commands: Any) -> None:
    command = _command(
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
    command.add_argument(
        "--envelope", type=Path, metavar="ENV", help=".json, .csv or sound, not predicted"
    )
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
    command = _command(
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
    command = _command(
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


class _AddEdit(argparse.Action):
    """Keeps the edits in the order given: a gain before a gate is not a gain after it."""

    def __call__(
        self, parser: object, parsed: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        parsed.edits = [*parsed.edits, (EDITS[str(option)][0], values)]


def _add_demo(commands: Any) -> None:
    command = _command(
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


def _add_train(commands: Any) -> None:
    trainers = commands.add_parser("train", help="Train a model.").add_subparsers(
        title="models", required=True, metavar="MODEL"
    )
    command = _command(
        trainers,
        "train mapper",
        "Train the RMS-Mapper on clips with sound; a run that was interrupted is resumed.",
        "folai train mapper --data clips --out runs/mapper",
    )
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of clips with sound")
    command.add_argument(
        "--rendered", type=float, metavar="MINUTES", default=50.0, help="of drawn clips besides"
    )
    command.add_argument("--out", type=Path, metavar="DIR", default=Path("runs/mapper"))
    command.add_argument("--steps", type=int, metavar="N", default=2800)
    command.add_argument(
        "--batch-size", type=int, metavar="N", default=6, help="windows of 5 s seen in a step"
    )
    command.add_argument("--inputs", choices=("rgb", "flow", "both"), default="both")
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--threads", type=int, metavar="N", default=os.cpu_count() or 1)
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is computed from clips (default: in OUT)"
    )
    command = _command(
        trainers,
        "train join",
        "Put several trained mappers into one file of weights: their predictions are averaged.",
        "folai train join runs/0/mapper.safetensors runs/1/mapper.safetensors -o both.safetensors",
    )
    command.add_argument("weights", type=Path, nargs="+", metavar="WEIGHTS")
    command.add_argument("-o", dest="out", type=Path, metavar="FILE", required=True)

    _add_train_autoencoder(trainers)
    _add_train_foley(trainers)


def _add_train_autoencoder(trainers: Any) -> None:
    command = _command(
        trainers,
        "train autoencoder",
        "Train the autoencoder's decoder on recordings; a run that was interrupted is resumed.",
        "folai train autoencoder --data recordings --out runs/autoencoder",
    )
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="DIR",
        required=True,
        help="folders with an index.csv or a clips.csv, or that hold such folders",
    )
    command.add_argument("--out", type=Path, metavar="DIR", default=Path("runs/autoencoder"))
    command.add_argument("--steps", type=int, metavar="N", default=3000)
    command.add_argument(
        "--batch-size", type=int, metavar="N", default=8, help="windows of 0.74 s seen in a step"
    )
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--threads", type=int, metavar="N", default=os.cpu_count() or 1)
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of decoded recordings (default: in OUT)"
    )


def _add_train_foley(trainers: Any) -> None:
    for name, about, steps in (
        ("foley", "Train the sound model on recordings: what things sound like.", 2000),
        ("control", "Train the ControlNet: the sound model follows envelopes.", 1200),
    ):
        base = " --base runs/foley/foley.safetensors" if name == "control" else ""
        command = _command(
            trainers,
            f"train {name}",
            f"{about} A run that was interrupted is resumed.",
            f"folai train {name} --data recordings clips{base} --out runs/{name}",
        )
        command.add_argument(
            "--data",
            type=Path,
            nargs="+",
            metavar="DIR",
            required=True,
            help="folders of recordings or clips, or of such folders",
        )
        if name == "control":
            command.add_argument("--base", type=Path, metavar="FILE", help="sound model to steer")
        command.add_argument("--out", type=Path, metavar="DIR", default=Path("runs") / name)
        command.add_argument("--autoencoder", type=Path, metavar="FILE", help="other weights of it")
        command.add_argument("--steps", type=int, metavar="N", default=steps)
        command.add_argument(
            "--batch-seconds", type=float, metavar="S", default=32.0, help="of sound in a step"
        )
        command.add_argument("--seed", type=int, metavar="N", default=0)
        command.add_argument("--threads", type=int, metavar="N", default=os.cpu_count() or 1)
        command.add_argument(
            "--cache", type=Path, metavar="DIR", help="of what is measured (default: in OUT)"
        )


def _add_evaluate(commands: Any) -> None:
    measures = commands.add_parser("evaluate", help="Measure a model.").add_subparsers(
        title="models", required=True, metavar="MODEL"
    )
    command = _command(
        measures,
        "evaluate mapper",
        "Compare predicted envelopes and onsets with the sound that clips have.",
        "folai evaluate mapper --data clips --split val",
    )
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of clips with sound")
    command.add_argument("--split", metavar="NAME", help="only this split of DIR/clips.csv")
    command.add_argument(
        "--rendered", type=int, metavar="N", help="N drawn clips with exact contacts instead"
    )
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
    _add_evaluate_autoencoder(measures)
    _add_evaluate_foley(measures)


def _add_evaluate_autoencoder(measures: Any) -> None:
    command = _command(
        measures,
        "evaluate autoencoder",
        "Compare sounds with what the autoencoder makes of them, and with Opus at 32 kbit/s.",
        "folai evaluate autoencoder --data recordings clips",
    )
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="DIR",
        required=True,
        help="folders of recordings (index.csv) or of clips with sound (clips.csv)",
    )
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of the tables (%(default)s)"
    )
    command.add_argument("--limit", type=int, metavar="N", help="only N sounds, evenly spread")
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
    _add_embedding_and_cache(command)


def _add_evaluate_foley(measures: Any) -> None:
    command = _command(
        measures,
        "evaluate foley",
        "Let the sound model imitate recordings it has never heard, beside simple systems.",
        "folai evaluate foley --data clips --split val",
    )
    command.add_argument(
        "--data", type=Path, metavar="DIR", required=True, help="folder of clips (clips.csv)"
    )
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of DIR/clips.csv (%(default)s)"
    )
    command.add_argument(
        "--sounds",
        type=Path,
        metavar="DIR",
        help="labelled recordings (index.csv) for the label figure (default: sfx beside --data)",
    )
    command.add_argument("--limit", type=int, metavar="N", help="only N tasks, evenly spread")
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--baselines", action="store_true", help="without the sound model")
    command.add_argument("--steps", type=int, metavar="N", help="of sampling")
    command.add_argument("--cfg-scale", type=float, metavar="X", help="strength of guidance")
    command.add_argument(
        "--true-only", action="store_true", help="not also with the mapper's envelopes"
    )
    command.add_argument(
        "--speed",
        type=float,
        nargs="+",
        metavar="S",
        default=(),
        help="also time S seconds of sound and measure the memory, such as 10 600",
    )
    command.add_argument(
        "--plot", type=Path, metavar="DIR", help="write spectrograms and the sounds of six clips"
    )
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
    command.add_argument("--mapper", type=Path, metavar="FILE", help="other weights of the mapper")
    _add_embedding_and_cache(command)


def _add_embedding_and_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--embedding",
        choices=("aisfx", "log-mel"),
        help="what likeness is measured with (default: aisfx where it is installed)",
    )
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is decoded (default: a temporary folder)"
    )


def _add_engine(command: Any) -> None:
    command.add_argument(
        "--engine",
        choices=ENGINES,
        help="diffusion, the trained model, or preview, which is instant (default: diffusion; "
        "preview for --sound)",
    )
    model = command.add_argument_group("of the engine diffusion")
    model.add_argument("--negative-prompt", metavar="WORDS", help="what the sound must not be like")
    model.add_argument("--num-steps", type=int, metavar="N", default=Sampling.num_steps)
    model.add_argument(
        "--cfg-scale",
        type=float,
        metavar="X",
        default=Sampling.cfg_scale,
        help="of guidance toward reference and prompt; 1: none (default: %(default)s)",
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
