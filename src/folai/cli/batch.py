"""`folai batch`: many clips get their sound."""

from __future__ import annotations

import argparse
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from folai.cli.output import report
from folai.cli.parsing import Commands, add_command, add_expect, add_seed, add_weights
from folai.cli.sound_options import (
    add_description,
    add_engines,
    add_finish,
    add_mixing,
    alone,
    options_from,
)

if TYPE_CHECKING:
    from folai.jobs.batch import BatchProgress

SHOWN = 10  # failures that are printed; all are in the report
EVERY = 30.0  # seconds between two lines of progress where there is no terminal


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "batch",
        "Give many clips their sound. Asked again, it does what is not done yet.",
        "folai batch clips -o finished --engine preview",
        run,
    )
    command.allow_abbrev = False  # --envelope, a column of tables, is no short --envelope-lock
    command.add_argument(
        "jobs",
        metavar="JOBS",
        help="a folder, a pattern such as 'clips/*.mov', or a table (.csv, .jsonl, .parquet) with "
        "a column video, and out and options of generate where wanted",
    )
    command.add_argument("-o", dest="out", metavar="OUT", required=True, help="the output folder")
    command.add_argument(
        "--workers",
        type=_count,
        default="auto",
        metavar="N",
        help="processes, each with the models in memory (default: one a core)",
    )
    command.add_argument(
        "--clips-at-once",
        type=_count,
        default="auto",
        metavar="N",
        help="clips that a worker denoises in one batch (default: 4 on a GPU, 1 on a CPU)",
    )
    command.add_argument("--part", metavar="K/N", help="do the Kth of N parts of the jobs alone")
    command.add_argument(
        "--ray", metavar="ADDRESS", help="do them on this Ray cluster; auto: the one that is here"
    )
    add_description(command)
    add_finish(command)
    add_engines(command)
    add_mixing(command)
    add_expect(command)
    add_seed(command)
    add_weights(command)


def _count(text: str) -> int | str:
    if text != "auto" and not text.isdigit():
        raise argparse.ArgumentTypeError(f"is {text!r}; give auto, or 1 or more")
    return text if text == "auto" else int(text)


def run(parsed: Namespace) -> int:
    from folai.jobs.batch import batch

    with _progress(parsed) as progress:
        done = batch(
            parsed.jobs,
            parsed.out,
            workers=parsed.workers,
            clips_at_once=parsed.clips_at_once,
            part=parsed.part,
            ray=parsed.ray,
            progress=progress,
            **_given(parsed),
        )
    lines = [f"failed: {line}" for line in done.failures[:SHOWN]]
    if len(done.failures) > SHOWN:
        lines.append(f"{len(done.failures) - SHOWN} more failed; all are in {done.page}")
    lines += [done.summary(), f"{done.results}, {done.page}"]
    report(parsed, "\n".join(lines), **done.to_dict())
    return int(done.failed > 0)


def _given(parsed: Namespace) -> dict[str, Any]:
    """Options that were given: those left alone do not stand in the way of a table's."""
    plain = {"seed": 0, "variations": 1, "resample": False}
    alone(parsed)
    options = options_from(parsed)
    return {name: value for name, value in options.items() if plain.get(name) != value}


@contextmanager
def _progress(parsed: Namespace) -> Iterator[Callable[[BatchProgress], None] | None]:
    """A bar with the time left on a terminal, else a line now and then, for a log."""
    if parsed.quiet or parsed.json:
        yield None
    elif sys.stderr.isatty():
        from tqdm import tqdm

        shape = (
            "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {elapsed}<{remaining}{postfix}"
        )
        with tqdm(desc="batch", bar_format=shape, leave=False) as bar:

            def show(now: BatchProgress) -> None:
                bar.total = now.total
                bar.set_postfix_str(f"{now.failed} failed" if now.failed else "", refresh=False)
                bar.update(now.finished - bar.n)

            yield show
    else:
        yield _Lines()


class _Lines:
    """Progress as lines on standard error."""

    def __init__(self) -> None:
        self._began = self._said = time.monotonic()

    def __call__(self, now: BatchProgress) -> None:
        moment = time.monotonic()
        if moment - self._said < EVERY:
            return
        self._said = moment
        done = now.finished - now.skipped
        left = (moment - self._began) / max(1, done) * (now.total - now.finished)
        counts = f"{now.finished} of {now.total} clips, {now.failed} failed"
        print(f"folai: {counts}, {left / 60:.1f} min left", file=sys.stderr, flush=True)
