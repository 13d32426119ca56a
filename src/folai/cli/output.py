"""What the commands print: results as text or JSON, a bar of progress, warnings in one line."""

from __future__ import annotations

import json
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.writing import line_with_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from folai.envelope import Envelope

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Outcome:
    """What a command has to say at its end."""

    text: str
    facts: dict[str, Any] = field(default_factory=dict)  # for --json
    failed: bool = False  # something could not be read; the rest was done


def report(parsed: Namespace, text: str, **facts: Any) -> None:
    """Print what was done: as one JSON object, in words, or not at all."""
    if parsed.json:
        print(json.dumps(facts, default=str))
    elif not parsed.quiet:
        print(text)


def report_outcome(parsed: Namespace, outcome: Outcome) -> int:
    """Print it; the exit code of the command."""
    report(parsed, outcome.text, **outcome.facts)
    return int(outcome.failed)


@contextmanager
def progress_bar(parsed: Namespace) -> Iterator[Progress | None]:
    """A bar on a terminal; nothing where a script reads along."""
    if parsed.quiet or parsed.json or not sys.stderr.isatty():
        yield None
        return
    from tqdm import tqdm

    shape = "{desc} {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"
    with tqdm(total=1.0, desc=parsed.command, bar_format=shape, leave=False) as bar:
        yield lambda share: bar.update(share - bar.n) and None


def warn_in_one_line() -> None:
    """Within `warnings.catch_warnings`: print each warning once, without its source line."""
    printed: set[str] = set()

    def show(message: Warning | str, *_: object, **__: object) -> None:
        text = line_with_file(message)
        if text not in printed:
            printed.add(text)
            print(f"folai: warning: {text}", file=sys.stderr)

    warnings.simplefilter("ignore")
    warnings.simplefilter("always", UserWarning)
    warnings.showwarning = show


# Envelopes, which two commands write


def check_extras(parsed: Namespace, envelope: Path | None) -> None:
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


def plot(parsed: Namespace, envelope: Envelope, truth: Envelope | None = None) -> None:
    """Draw the envelope where --plot asks for it."""
    from folai.envelope.plot import plot_envelope
    from folai.media.frames import iter_frames

    if parsed.plot:
        frames = iter_frames(parsed.video, height=128)
        plot_envelope(
            envelope, parsed.plot, frames=frames, truth=truth, title=printable(parsed.video.name)
        )


def printable(text: str) -> str:
    """A file's name as text: what is no UTF-8 in it stands as a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def envelope_facts(envelope: Envelope) -> dict[str, Any]:
    """What --json tells of an envelope. None: nobody knows how sure it is."""
    from folai.envelope.unsure import unsure_parts

    confidence, of_onsets = envelope.confidence, envelope.onset_confidence
    return {
        "onsets": envelope.onsets.tolist(),
        "onset_confidence": None if of_onsets is None else _shares(of_onsets),
        "confidence": None if confidence is None else round(float(confidence.mean()), 3),
        "unsure": unsure_parts(envelope),
    }


def _shares(values: NDArray[np.float32]) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def summary(envelope: Envelope) -> str:
    return f"{envelope.duration:.2f} s, {len(envelope.onsets)} hits"
