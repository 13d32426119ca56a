"""`folai envelope`: a clip's predicted envelope, and a picture of it."""

from __future__ import annotations

import time
from argparse import Namespace
from pathlib import Path

from folai.cli.output import check_extras, envelope_facts, plot, progress_bar, report, summary
from folai.cli.parsing import Commands, add_command, add_expect, add_plot, add_weights


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "envelope",
        "Predict a clip's envelope: how loud its sound should be at each moment.",
        "folai envelope clip.mp4 -o env.json --plot env.png",
        run,
    )
    command.add_argument("video", type=Path, metavar="VIDEO", help="the clip")
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="ENV",
        help=".json or .csv (default: VIDEO's stem with .envelope.json, in the current directory)",
    )
    add_plot(command)
    command.add_argument(
        "--truth",
        action="store_true",
        help="measure the clip's own sound, and plot its envelope behind the prediction",
    )
    command.add_argument(
        "--pan",
        choices=("auto",),
        help="also say where in the picture it moves, for sound in stereo",
    )
    add_expect(command)
    add_weights(command)


def run(parsed: Namespace) -> None:
    from folai.pipeline import measure_envelope, predict_envelope

    began = time.perf_counter()
    out = parsed.out or Path(f"{parsed.video.stem}.envelope.json")
    check_extras(parsed, out)
    truth = measure_envelope(parsed.video) if parsed.truth else None
    with progress_bar(parsed) as progress:
        envelope = predict_envelope(
            parsed.video,
            weights=parsed.weights,
            expect=parsed.expect,
            pan=parsed.pan == "auto",
            progress=progress,
        )
    envelope.save(out)
    plot(parsed, envelope, truth)
    report(
        parsed,
        f"{out}: {summary(envelope)}",
        video=parsed.video,
        output=out,
        plot=parsed.plot,
        duration=envelope.duration,
        frame_rate=envelope.frame_rate,
        **envelope_facts(envelope),
        seconds=time.perf_counter() - began,
    )
