"""`folai generate`: a clip gets its sound."""

from __future__ import annotations

import argparse
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

from folai.cli.full_size import TITLE, add_dtype_and_offline
from folai.cli.output import check_extras, plot, progress_bar, report, summary
from folai.cli.parsing import (
    Commands,
    add_command,
    add_plot,
    add_seed,
    add_weights,
    fields_from,
)
from folai.engines import ENGINES, Sampling
from folai.preview.materials import DEFAULT_SOUND, MATERIALS


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "generate",
        "Give a clip its sound: predict when it sounds, lay sound there, and put it in the clip.",
        "folai generate clip.mp4 -o out.mp4 --reference hit.wav",
        run,
    )
    command.add_argument("video", type=Path, metavar="VIDEO", help="the clip")
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
    sounds.add_argument(
        "--sound",
        choices=tuple(MATERIALS),
        metavar="NAME",
        help=f"a built-in sound instead: {', '.join(MATERIALS)} (default: {DEFAULT_SOUND})",
    )
    command.add_argument(
        "--prompt", metavar="WORDS", help='what to sound like, such as "footsteps on gravel"'
    )
    _add_engine(command)
    _add_full_size(command)
    command.add_argument(
        "--envelope",
        type=Path,
        metavar="ENV",
        help=".json, .csv or a sound file to take the envelope from, instead of predicting it",
    )
    command.add_argument("--verbose", action="store_true", help="say what is done to the reference")
    command.add_argument(
        "--resample", action="store_true", help="fit that envelope to the clip's length and rate"
    )
    command.add_argument(
        "--mix",
        dest="mix_db",
        type=float,
        metavar="DB",
        help="keep the clip's own sound at this level, like -12",
    )
    command.add_argument("--codec", help="sound codec: flac, opus or aac, for .mkv")
    command.add_argument(
        "--save-envelope", type=Path, metavar="ENV", help="also write the envelope: .json or .csv"
    )
    add_plot(command)
    add_seed(command)
    add_weights(command)


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
        help="how much to re-imagine the preview's sound, 0 (kept) to 1 (not used; the default; "
        "at full size 0.5 without --control)",
    )
    model.add_argument("--foley-weights", type=Path, metavar="FILE", help="weights of this engine")
    command.add_argument(
        "--variations",
        type=int,
        metavar="N",
        default=1,
        help="number of takes; the second goes to OUT's name with .take2 before its suffix",
    )


def _add_full_size(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group(TITLE)
    group.add_argument(
        "--model",
        metavar="NAME",
        help="stable-audio-open-1.0, another name of `folai models`, or a folder (default: small)",
    )
    group.add_argument("--control", type=Path, metavar="FILE", help="ControlNet for it")
    group.add_argument("--lora", type=Path, metavar="FILE", help="LoRA for it, merged")
    group.add_argument("--clap", type=Path, metavar="DIR", help="CLAP from this folder")
    add_dtype_and_offline(group)


def run(parsed: Namespace) -> None:
    from folai.media.mux import finished_name
    from folai.pipeline import GenerateOptions, generate

    began = time.perf_counter()
    out = parsed.out or Path(finished_name(parsed.video))
    check_extras(parsed, parsed.save_envelope)
    options = GenerateOptions(**fields_from(parsed, GenerateOptions))
    with progress_bar(parsed) as progress:
        result = generate(parsed.video, out, options, progress=progress)
    if parsed.save_envelope:
        result.envelope.save(parsed.save_envelope)
    plot(parsed, result.envelope)
    hints = (parsed.reference, parsed.prompt, parsed.sound)
    sound = ", ".join(str(hint) for hint in hints if hint) or DEFAULT_SOUND
    names = ", ".join(map(str, result.paths))
    text = f"{names}: {summary(result.envelope)}, {sound} by {result.engine}"
    report(
        parsed,
        "\n".join([*(result.notes if parsed.verbose else ()), text]),
        video=parsed.video,
        output=out,
        outputs=[str(path) for path in result.paths],
        engine=result.engine,
        notes=result.notes,
        envelope=parsed.save_envelope,
        plot=parsed.plot,
        duration=result.duration,
        onsets=result.envelope.onsets.tolist(),
        sound=sound,
        seed=parsed.seed,
        seconds=time.perf_counter() - began,
    )
