"""`folai generate`: a clip gets its sound."""

from __future__ import annotations

import argparse
import time
from argparse import Namespace
from dataclasses import Field, asdict, fields
from pathlib import Path
from typing import Any

from folai.cli.output import check_extras, envelope_facts, plot, progress_bar, report, summary
from folai.cli.parsing import (
    Commands,
    add_command,
    add_expect,
    add_plot,
    add_seed,
    add_weights,
    fields_from,
)
from folai.engines import engine_names, get_engine
from folai.preview.materials import DEFAULT_SOUND, MATERIALS
from folai.takes.options import FinishOptions


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
    _add_description(command)
    _add_finish(command)
    _add_engines(command)
    _add_envelope_and_output(command)
    add_plot(command)
    add_expect(command)
    add_seed(command)
    add_weights(command)


def _add_description(command: argparse.ArgumentParser) -> None:
    """What the sound should be like, and how many takes."""
    sounds = command.add_mutually_exclusive_group()
    sounds.add_argument(
        "--reference",
        type=Path,
        nargs="+",
        metavar="SOUND",
        help="file to sound like; several, or a folder of them, are a pool to choose from",
    )
    sounds.add_argument(
        "--library",
        metavar="WORDS",
        help='what these words find in your library is the pool, such as "footstep gravel"',
    )
    sounds.add_argument(
        "--sound",
        choices=tuple(MATERIALS),
        metavar="NAME",
        help=f"a built-in sound instead: {', '.join(MATERIALS)} (default: {DEFAULT_SOUND})",
    )
    command.add_argument(
        "--prompt", metavar="WORDS", help='what to sound like, such as "footsteps on gravel"'
    )
    command.add_argument(
        "--negative-prompt", metavar="WORDS", help="what the sound must not be like"
    )
    command.add_argument(
        "--variations",
        type=int,
        metavar="N",
        default=1,
        help="number of takes; the second goes to OUT's name with .take2 before its suffix "
        "(default: %(default)s)",
    )


def _add_envelope_and_output(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--envelope",
        type=Path,
        metavar="ENV",
        help=".json, .csv or a sound file to take the envelope from, instead of predicting it",
    )
    command.add_argument(
        "--library-file", type=Path, metavar="FILE", help="that library (default: your own)"
    )
    command.add_argument(
        "--cue-sheet",
        type=Path,
        metavar="CUES",
        help="also write which recording of a pool is heard when: .csv or .json",
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


def _add_finish(command: argparse.ArgumentParser) -> None:
    """What happens to a take of any engine, as its dataclass describes it."""
    group = command.add_argument_group("of the finished takes")
    for field in fields(FinishOptions):
        _add_option(group, field, [("", field)])


def _add_engines(command: argparse.ArgumentParser) -> None:
    """`--engine`, and every engine's own options, as their dataclasses describe them."""
    command.add_argument(
        "--engine",
        choices=engine_names(),
        help="diffusion, the trained model; preview, which is instant; or another (default: "
        "diffusion, but preview for --sound alone, and stable_audio_open for --model)",
    )
    engines = [get_engine(name) for name in engine_names()]
    owners: dict[str, list[tuple[str, Field[Any]]]] = {}
    for engine in engines:
        for field in fields(engine.Options):
            owners.setdefault(field.name, []).append((engine.Options.engine, field))
    for engine in engines:
        group = command.add_argument_group(engine.TITLE)
        for field in fields(engine.Options):
            if owners[field.name][0][1] is field:  # shared ones are added with their first owner
                _add_option(group, field, owners[field.name])


def _add_option(group: Any, field: Field[Any], owners: list[tuple[str, Field[Any]]]) -> None:
    described = field.metadata
    flag = f"--{field.name.replace('_', '-')}"
    if described["kind"] is bool:
        group.add_argument(flag, action="store_true", default=None, help=described["about"])
        return
    defaults = [
        f"with {engine}: {_default_of(own)}" if engine != owners[0][0] else _default_of(own)
        for engine, own in owners
    ]
    group.add_argument(
        flag,
        type=described["kind"],
        metavar=None if described["choices"] else described["metavar"],
        choices=described["choices"],
        help=f"{described['about']} (default: {'; '.join(dict.fromkeys(defaults))})",
    )


def _default_of(field: Field[Any]) -> str:
    return str(field.metadata["default_text"] or field.default)


def _options(parsed: Namespace) -> dict[str, Any]:
    """The options that were given, of the command and of the engines."""
    from folai.pipeline import GenerateOptions

    engines = [get_engine(name).Options for name in engine_names()]
    kinds: list[type] = [GenerateOptions, FinishOptions, *engines]
    return {name: value for kind in kinds for name, value in fields_from(parsed, kind).items()}


def run(parsed: Namespace) -> None:
    from folai.media.mux import finished_name
    from folai.pipeline import GenerateOptions, generate
    from folai.preview.pool import write_cue_sheet

    began = time.perf_counter()
    out = parsed.out or Path(finished_name(parsed.video))
    check_extras(parsed, parsed.save_envelope)
    if parsed.cue_sheet:
        _check_cues(parsed)
    if parsed.reference is not None and len(parsed.reference) == 1:
        parsed.reference = parsed.reference[0]
    options = GenerateOptions.of(**_options(parsed))
    with progress_bar(parsed) as progress:
        result = generate(parsed.video, out, options, progress=progress)
    if parsed.save_envelope:
        result.envelope.save(parsed.save_envelope)
    if parsed.cue_sheet:
        write_cue_sheet(parsed.cue_sheet, result.cues, read_fps(parsed.video))
    plot(parsed, result.envelope)
    sound = _sound(parsed)
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
        **envelope_facts(result.envelope),
        sound=sound,
        understood=_understood(parsed),
        cues=[asdict(cue) for cue in result.cues],
        seed=parsed.seed,
        seconds=time.perf_counter() - began,
    )


def _check_cues(parsed: Namespace) -> None:
    """Refuse, before any work, a cue sheet that cannot be written or would be empty."""
    from folai.preview.pool import check_cue_sheet
    from folai.writing import check_writable

    check_cue_sheet(parsed.cue_sheet)
    check_writable(parsed.cue_sheet, inputs=(parsed.video, *(parsed.reference or ())))
    if parsed.reference is None and parsed.library is None:
        raise ValueError("a cue sheet lists recordings, and none are used; give --library words")


def read_fps(video: Path) -> float:
    """Frames a second of a clip, for timecodes."""
    from folai.media.clip import opened

    with opened(video) as clip:
        return float(clip.info.nominal_fps)


def _sound(parsed: Namespace) -> str:
    """What was asked for, in one line."""
    reference = parsed.reference
    if isinstance(reference, list):
        reference = f"{len(reference)} recordings"
    hints = (reference, parsed.library, parsed.prompt, parsed.sound)
    text = ", ".join(str(hint) for hint in hints if hint) or DEFAULT_SOUND
    understood = _understood(parsed)
    return f"{text} ({', '.join(understood)})" if understood else text


def _understood(parsed: Namespace) -> list[str] | None:
    """The words that the small model was given of the prompt."""
    if parsed.prompt is None or parsed.engine == "stable_audio_open":
        return None
    from folai.diffusion.vocabulary import MAX_WORDS, understand

    return list(understand(parsed.prompt).words[:MAX_WORDS])
