"""`folai library add | search | info`: one's own recordings, indexed and found again."""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from folai.cli.output import Outcome, progress_bar, report, report_outcome
from folai.cli.parsing import Commands, add_command, add_group, fields_from


def add_to(commands: Commands) -> None:
    works = add_group(commands, "library", "Find and use one's own recordings.", "works")
    command = add_command(
        works,
        "library add",
        "Index the recordings of folders: what is new or changed is measured; the files stay as "
        "they are.",
        "folai library add ~/sounds",
        add,
    )
    command.add_argument("folders", type=Path, nargs="+", metavar="DIR", help="with recordings")
    command.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    _add_library(command)
    command = add_command(
        works,
        "library search",
        "Find recordings by words, by sound, or by both.",
        'folai library search "boots on pebbles" --longest 2',
        search,
    )
    command.add_argument("words", nargs="?", metavar="WORDS", help="what the sound is")
    command.add_argument("--like", type=Path, metavar="SOUND", help="a file that it is like")
    command.add_argument("--kind", help="impact, sustained, step or whoosh")
    command.add_argument("--shortest", type=float, metavar="S", help="seconds, at least")
    command.add_argument("--longest", type=float, metavar="S", help="seconds, at most")
    command.add_argument("--folder", type=Path, metavar="DIR", help="only what lies in it")
    command.add_argument("--licence", metavar="NAME", help="how it begins, such as CC0")
    command.add_argument(
        "--count", type=int, metavar="N", default=20, help="results (default: %(default)s)"
    )
    _add_library(command)
    command = add_command(
        works, "library info", "What the library holds.", "folai library info", info
    )
    _add_library(command)


def _add_library(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--library",
        type=Path,
        metavar="FILE",
        help="the library (default: library.db in the user's folder for data)",
    )


def add(parsed: Namespace) -> int:
    from folai.data.workers import cores, spread
    from folai.library.adding import add_folders
    from folai.library.index import opened_library
    from folai.options import check_number

    workers = cores() if parsed.workers is None else parsed.workers
    check_number("workers", workers, int, 1)
    with opened_library(parsed.library, create=True) as connection, progress_bar(parsed) as bar:
        result = add_folders(
            connection, parsed.folders, partial(spread, workers=workers, at_once=8), bar
        )
    lines = [
        *(f"passed over: {problem}" for problem in result.problems),
        f"{result.files} files: {result.new} new ({result.events} events, "
        f"{result.seconds / 60:.1f} min), {result.moved} moved, {result.copies} copies, "
        f"{result.missing} missing, {len(result.problems)} passed over",
    ]
    return report_outcome(parsed, Outcome("\n".join(lines), vars(result), bool(result.problems)))


def search(parsed: Namespace) -> None:
    from folai.library.index import opened_library
    from folai.library.search import Limits, Searcher
    from folai.options import check_number

    if (parsed.words is None) == (parsed.like is None):
        raise ValueError("give either words to search for, or a sound with --like")
    check_number("count", parsed.count, int, 1)
    limits = Limits(**fields_from(parsed, Limits))
    with opened_library(parsed.library) as connection:
        searcher = Searcher(connection)
        if parsed.like is not None:
            hits = searcher.like_file(parsed.like, limits, parsed.count)
        else:
            hits = searcher.by_words(parsed.words, limits, parsed.count)
    results: list[dict[str, Any]] = [asdict(hit) for hit in hits]
    text = "\n".join(
        f"{hit.path}  ({hit.seconds:.2f} s, {hit.kind}, {hit.events} events"
        f"{', ' + hit.licence if hit.licence else ''})  {hit.reason}"
        for hit in hits
    )
    report(parsed, text or "nothing found; try fewer or other words", results=results)


def info(parsed: Namespace) -> None:
    from folai.library.index import default_library, opened_library
    from folai.library.totals import totals

    with opened_library(parsed.library) as connection:
        facts = totals(connection)
    place = parsed.library or default_library()
    text = (
        f"{place}: {facts['recordings']} recordings, {facts['hours']:.2f} h, "
        f"{facts['events']} events, {facts['missing']} missing, {facts['problems']} passed over"
    )
    report(parsed, text, library=str(place), **facts)
