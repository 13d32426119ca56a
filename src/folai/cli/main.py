"""The command line: parse, call, print. PyTorch is loaded only once there is work for it."""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.cli.arguments import make_parser
from folai.cli.evaluations import EVALUATIONS
from folai.cli.stable_arguments import generate_options
from folai.cli.trainings import TRAININGS
from folai.engines import DEFAULT_SOUND
from folai.preview.materials import MATERIALS

if TYPE_CHECKING:
    from folai.envelope import Envelope
    from folai.pipeline import Progress


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 1 if some files fail, 2 bad input, 130 stopped."""
    parsed = make_parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            _warn_in_one_line()
            code = COMMANDS[parsed.command](parsed)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever reads our output has gone, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, OSError, ImportError) as error:
        print(f"folai: {_in_one_line(error)}", file=sys.stderr)
        return 2
    return code or 0


# The commands


def _generate(parsed: Namespace) -> None:
    from folai.media.mux import finished_name
    from folai.pipeline import GenerateOptions, generate

    began = time.perf_counter()
    out = parsed.out or Path(finished_name(parsed.video))
    _check_extras(parsed, parsed.save_envelope)
    taken = (
        "reference", "prompt", "negative_prompt", "sound", "engine", "envelope", "resample", "seed",
        "variations", "num_steps", "cfg_scale", "control_scale", "envelope_lock", "likeness",
        "init_strength", "codec", "weights", "foley_weights",
    )  # fmt: skip
    given = {name: getattr(parsed, name) for name in taken} | generate_options(parsed)
    options = GenerateOptions(**given, mix_db=parsed.mix)
    with _progress(parsed) as progress:
        result = generate(parsed.video, out, options, progress=progress)
    if parsed.save_envelope:
        result.envelope.save(parsed.save_envelope)
    _plot(parsed, result.envelope)
    told = (parsed.reference, parsed.prompt, parsed.sound)
    sound = ", ".join(str(given) for given in told if given) or DEFAULT_SOUND
    names = ", ".join(map(str, result.paths))
    text = f"{names}: {_described(result.envelope)}, {sound} by {result.engine}"
    _report(
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


def _envelope(parsed: Namespace) -> None:
    from folai.pipeline import measure_envelope, predict_envelope

    began = time.perf_counter()
    out = parsed.out or Path(f"{parsed.video.stem}.envelope.json")
    _check_extras(parsed, out)
    truth = measure_envelope(parsed.video) if parsed.truth else None
    with _progress(parsed) as progress:
        envelope = predict_envelope(parsed.video, weights=parsed.weights, progress=progress)
    envelope.save(out)
    _plot(parsed, envelope, truth)
    _report(
        parsed,
        f"{out}: {_described(envelope)}",
        video=parsed.video,
        output=out,
        plot=parsed.plot,
        duration=envelope.duration,
        frame_rate=envelope.frame_rate,
        onsets=envelope.onsets.tolist(),
        seconds=time.perf_counter() - began,
    )


def _edit(parsed: Namespace) -> None:
    from folai.envelope import Envelope
    from folai.envelope.files import check_envelope_name

    check_envelope_name(parsed.out)
    envelope = Envelope.load(parsed.envelope)
    for method, values in parsed.edits:
        if method == "paste":  # names a file
            values = (Envelope.load(values[0]), *values[1:])
        envelope = getattr(envelope, method)(*values)
    envelope.save(parsed.out)
    _report(
        parsed,
        f"{parsed.out}: {_described(envelope)}",
        envelope=parsed.envelope,
        output=parsed.out,
        duration=envelope.duration,
        frame_rate=envelope.frame_rate,
        onsets=envelope.onsets.tolist(),
    )


def _adapt(parsed: Namespace) -> None:
    from folai.train.adapt import AdaptOptions, adapt_mapper

    began = time.perf_counter()
    options = AdaptOptions(steps=parsed.steps, seed=parsed.seed)
    with _progress(parsed) as progress:
        learned = adapt_mapper(
            parsed.video,
            parsed.envelope,
            parsed.out,
            start=parsed.start,
            end=parsed.end,
            options=options,
            weights=parsed.weights,
            progress=progress,
        )
    _report(
        parsed,
        f"{parsed.out}: has learned {learned:.2f} s of {parsed.video}",
        video=parsed.video,
        envelope=parsed.envelope,
        output=parsed.out,
        learned=learned,
        seconds=time.perf_counter() - began,
    )


def _demo(parsed: Namespace) -> None:
    from folai.demo import run_demo
    from folai.pipeline import GenerateOptions

    named = parsed.sound in MATERIALS
    options = GenerateOptions(
        reference=None if named else parsed.sound,
        sound=parsed.sound if named else None,
        engine="preview",
        seed=parsed.seed,
        weights=parsed.weights,
    )
    with _progress(parsed) as progress:
        report = run_demo(parsed.out, video=parsed.video, options=options, progress=progress)
    files = f"{report.video}\n{report.envelope}\n{report.plot}"
    _report(parsed, f"{report.table()}\n{files}", **report.to_dict())


def _models(parsed: Namespace) -> None:
    from folai.stable.hub import list_models, models_table

    found = list_models()
    _report(parsed, models_table(found), models=found)


def _studio(parsed: Namespace) -> None:
    try:
        from folai.studio.server import check_host, serve
        from folai.studio.studio import Studio
    except ImportError as error:
        name = (error.name or "a package").split(".")[0]
        raise ImportError(f"{name} is missing: pip install 'folai[studio]'") from error
    password = parsed.password
    if password == "":
        from getpass import getpass

        password = getpass("Password of the studio: ")
    check_host(parsed.host, password)
    studio = Studio(parsed.projects)
    try:
        if parsed.video is not None:
            studio.open_file(parsed.video)
        serve(
            studio,
            host=parsed.host,
            port=parsed.port,
            password=password,
            ready=lambda link: _tell_link(parsed, link),
        )
    finally:
        studio.close()


def _tell_link(parsed: Namespace, link: str) -> None:
    _report(parsed, f"folai studio: {link}  (ends with Ctrl-C)", link=link)
    sys.stdout.flush()
    if not parsed.no_browser:
        import webbrowser

        webbrowser.open(link)


def _training(parsed: Namespace) -> None:
    outcome = TRAININGS[parsed.command](parsed, _silent if parsed.quiet or parsed.json else print)
    _report(parsed, outcome.text, **outcome.facts)


def _evaluation(parsed: Namespace) -> int:
    with _progress(parsed) as progress:
        outcome = EVALUATIONS[parsed.command](parsed, progress)
    _report(parsed, outcome.text, **outcome.facts)
    return int(outcome.failed)


COMMANDS: dict[str, Callable[[Namespace], int | None]] = {
    "generate": _generate,
    "envelope": _envelope,
    "edit": _edit,
    "adapt": _adapt,
    "demo": _demo,
    "studio": _studio,
    "models": _models,
    **dict.fromkeys(TRAININGS, _training),
    **dict.fromkeys(EVALUATIONS, _evaluation),
}


# What the commands share


def _check_extras(parsed: Namespace, envelope: Path | None) -> None:
    """Refuse, before any work, an envelope or a plot that cannot be written."""
    from folai.envelope.files import check_envelope_name
    from folai.envelope.plot import check_plot
    from folai.writing import check_writable

    if envelope:
        check_envelope_name(envelope)
    if parsed.plot:
        check_plot(parsed.plot)
    for path in (envelope, parsed.plot):
        if path:
            check_writable(path, inputs=(parsed.video,))


def _plot(parsed: Namespace, envelope: Envelope, truth: Envelope | None = None) -> None:
    from folai.envelope.plot import plot_envelope
    from folai.media.clip import iter_frames

    if parsed.plot:
        frames = iter_frames(parsed.video, height=128)
        plot_envelope(envelope, parsed.plot, frames=frames, truth=truth, title=parsed.video.name)


def _silent(text: str) -> None:
    """Say nothing."""


def _described(envelope: Envelope) -> str:
    return f"{envelope.duration:.2f} s, {len(envelope.onsets)} hits"


def _report(parsed: Namespace, text: str, **facts: Any) -> None:
    """Print what was done: as one JSON object, in words, or not at all."""
    if parsed.json:
        print(json.dumps(facts, default=str))
    elif not parsed.quiet:
        print(text)


@contextmanager
def _progress(parsed: Namespace) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing where a script reads along."""
    if parsed.quiet or parsed.json or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    shape = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=parsed.command, bar_format=shape, leave=False) as bar:
        yield lambda share: bar.update(share - bar.n) and None


def _warn_in_one_line() -> None:
    """Within `warnings.catch_warnings`: say each warning once, without its source line."""
    said: set[str] = set()

    def say(message: Warning | str, *_: object, **__: object) -> None:
        text = _in_one_line(message)
        if text not in said:
            said.add(text)
            print(f"folai: warning: {text}", file=sys.stderr)

    warnings.simplefilter("ignore")
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = say


def _in_one_line(error: object) -> str:
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split()) or type(error).__name__
