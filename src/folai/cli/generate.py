"""`folai generate`: a clip gets its sound."""

from __future__ import annotations

import argparse
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from folai.cli.output import check_extras, envelope_facts, plot, progress_bar, report, summary
from folai.cli.parsing import (
    Commands,
    add_command,
    add_expect,
    add_plot,
    add_seed,
    add_weights,
)
from folai.cli.sound_options import (
    add_description,
    add_engines,
    add_finish,
    add_mixing,
    alone,
    options_from,
)
from folai.preview.materials import DEFAULT_SOUND

if TYPE_CHECKING:
    from folai.suggest.guess import Suggestion


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
    add_description(command)
    add_finish(command)
    add_engines(command)
    _add_parts(command)
    _add_envelope(command)
    add_mixing(command)
    add_plot(command)
    add_expect(command)
    add_seed(command)
    add_weights(command)


def _add_parts(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("of parts of the clip, such as 3-5.5 or 0:03-0:05.5")
    group.add_argument(
        "--segment",
        dest="segments",
        nargs=2,
        action="append",
        metavar=("PART", "WORDS"),
        help="a prompt for this part, beside --prompt for the rest; can be given again",
    )
    group.add_argument(
        "--regenerate",
        nargs="+",
        metavar="PART",
        help="make only these parts anew, in the take of --take; the rest of it stays",
    )
    group.add_argument(
        "--take",
        type=Path,
        metavar="FILE",
        help="that earlier take: a finished clip or its sound",
    )


def _add_envelope(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--envelope",
        type=Path,
        metavar="ENV",
        help=".json, .csv or a sound file to take the envelope from, instead of predicting it; or "
        "what SyncFusion or Video2RMS predicts",
    )
    command.add_argument(
        "--cue-sheet",
        type=Path,
        metavar="CUES",
        help="also write which recording of a pool is heard when: .csv or .json",
    )
    command.add_argument("--verbose", action="store_true", help="say what is done to the reference")
    command.add_argument(
        "--save-envelope", type=Path, metavar="ENV", help="also write the envelope: .json or .csv"
    )


def run(parsed: Namespace) -> None:
    from folai.media.mux import finished_name
    from folai.pipeline import GenerateOptions, generate
    from folai.preview.pool import write_cue_sheet

    began = time.perf_counter()
    out = parsed.out or Path(finished_name(parsed.video))
    check_extras(parsed, parsed.save_envelope)
    if parsed.cue_sheet:
        _check_cues(parsed)
    alone(parsed)
    options = GenerateOptions.of(**options_from(parsed))
    with progress_bar(parsed) as progress:
        result = generate(parsed.video, out, options, progress=progress)
    if parsed.save_envelope:
        result.envelope.save(parsed.save_envelope)
    if parsed.cue_sheet:
        write_cue_sheet(parsed.cue_sheet, result.cues, read_fps(parsed.video))
    plot(parsed, result.envelope)
    sound = _sound(parsed, result.suggestions)
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
        suggestions=[asdict(guess) for guess in result.suggestions],
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


def _sound(parsed: Namespace, suggestions: Sequence[Suggestion] = ()) -> str:
    """What was asked for, or suggested by the picture, in one line."""
    if suggestions:
        guesses = ", ".join(f"{g.prompt} {100 * g.probability:.0f} %" for g in suggestions)
        return f"{suggestions[0].prompt} (a guess from the picture: {guesses})"
    reference = parsed.reference
    if isinstance(reference, list):
        reference = f"{len(reference)} recordings"
    segments = [f"{words} at {part}" for part, words in parsed.segments or ()]
    hints = (reference, parsed.library, parsed.prompt, parsed.sound, *segments)
    text = ", ".join(str(hint) for hint in hints if hint) or DEFAULT_SOUND
    understood = _understood(parsed)
    return f"{text} ({', '.join(understood)})" if understood else text


def _understood(parsed: Namespace) -> list[str] | None:
    """The words that the small model was given of the prompt."""
    is_full_size = str(parsed.engine).startswith("stable_audio_")
    if parsed.prompt is None or is_full_size or parsed.model not in (None, "small"):
        return None
    from folai.diffusion.vocabulary import MAX_WORDS, understand

    return list(understand(parsed.prompt).words[:MAX_WORDS])
