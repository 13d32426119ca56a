"""`folai suggest`: a first guess of what a clip may sound like."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from folai.cli.output import report
from folai.cli.parsing import Commands, add_command, add_weights


def add_to(commands: Commands) -> None:
    command = add_command(
        commands,
        "suggest",
        "Guess from the picture which materials are struck: three suggestions, with their doubt, "
        "and what the library has for them.",
        "folai suggest clip.mp4",
        run,
    )
    command.add_argument("video", type=Path, metavar="VIDEO", help="the clip")
    command.add_argument(
        "--library-file", type=Path, metavar="FILE", help="your library (default: your own)"
    )
    add_weights(command)


def run(parsed: Namespace) -> None:
    from folai.pipeline import predict_envelope
    from folai.suggest.guess import suggest
    from folai.suggest.seeing import require

    require()
    envelope = predict_envelope(parsed.video, weights=parsed.weights)
    guesses = suggest(parsed.video, envelope.onsets.tolist())
    pools = [_from_library(guess.prompt, parsed.library_file) for guess in guesses]
    lines = []
    for guess, pool in zip(guesses, pools, strict=True):
        lines.append(f'{100 * guess.probability:3.0f} %  --prompt "{guess.prompt}"')
        if pool:
            lines.append(f'       --library "{guess.prompt}": {len(pool)} recordings, {pool[0]}')
    suggestions: list[dict[str, Any]] = [
        {**asdict(guess), "library": pool} for guess, pool in zip(guesses, pools, strict=True)
    ]
    report(parsed, "\n".join(lines), video=parsed.video, suggestions=suggestions)


def _from_library(words: str, library: Path | None) -> list[str]:
    """The recordings that the library has; none where there is no library."""
    from folai.library.index import default_library, opened_library
    from folai.library.search import Searcher

    if library is None and not default_library().is_file():
        return []
    with opened_library(library) as connection:
        return [hit.path for hit in Searcher(connection).best_by_words(words)]
