"""The record beside a finished file: what it was made from. It says whether a job is done.

A job is done when its files are there, unchanged, and were made from the same input (by content),
options and version of folai. There is no other state: whoever asks, and however often, finds the
same, and a run that was killed goes on where it was. The record is written last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import folai
from folai.jobs.columns import with_files
from folai.jobs.job import OWN_FOLDER, Job
from folai.jobs.places import (
    Stamp,
    content_of,
    find_stamp,
    inside,
    is_remote,
    publish,
    read_bytes,
    remove_folder,
)
from folai.library.index import default_library
from folai.pipeline import GenerateOptions

VERSION = 1  # of the records; raised where what they hold changes

Seen = dict[str, tuple[Stamp, str]]
"""place -> (its stamp, its content): a file whose stamp is the same need not be read again."""


def record_place(out: str, job: Job) -> str:
    return inside(out, f"{OWN_FOLDER}/{job.out}.json")


def read_record(out: str, job: Job) -> dict[str, Any] | None:
    """What is recorded of a job; None where nothing is, or nothing that can be read."""
    data = read_bytes(record_place(out, job))
    try:
        record = json.loads(data or b"")
    except ValueError:
        return None
    if isinstance(record, dict) and record.get("record") == VERSION:
        return record
    return None


def find_done(out: str, job: Job) -> dict[str, Any] | None:
    """The facts of a job that is done; None where it has to be done."""
    record = read_record(out, job)
    if record is None:
        return None
    for name in job.outputs():
        known = record["outputs"].get(name)
        if known is None or not _is_same(inside(out, name), *known):
            return None
    try:
        key, _ = make_key(
            job, {place: (stamp, c) for place, (stamp, c) in record["inputs"].items()}
        )
    except (OSError, ValueError):
        return None
    return dict(record["facts"]) if key == record["key"] else None


def _is_same(place: str, stamp: Stamp, content: str) -> bool:
    found = find_stamp(place)
    if found is None:
        return False
    # Copied, or restored: the time says nothing, the content does.
    return found == stamp or (found[0] == stamp[0] and content_of(place) == content)


def write_record(
    out: str, job: Job, key: str, inputs: Seen, facts: dict[str, Any], folder: Path
) -> None:
    """Call it once all files of the job are in their places. folder: of its unfinished files."""
    outputs = {}
    for name in job.outputs():
        place = inside(out, name)
        outputs[name] = find_stamp(place), content_of(place)
    record = {
        "record": VERSION,
        "key": key,
        "inputs": inputs,
        "outputs": outputs,
        "facts": facts,
    }
    unfinished = folder / "record.json"
    unfinished.write_text(json.dumps(record), encoding="utf-8")
    publish(unfinished, record_place(out, job))


def make_key(job: Job, seen: Seen | None = None) -> tuple[str, Seen]:
    """(what a job is: a hash of input, options and version, the files that went into it).

    seen: files whose content is known. Raises OSError or ValueError for one that cannot be read.
    """
    inputs: Seen = {}

    def content(place: str) -> str:
        stamp = find_stamp(place)
        if stamp is None:
            raise ValueError(f"{place}: does not exist; check the path")
        known = (seen or {}).get(place)
        is_known = known is not None and list(known[0]) == stamp
        inputs[place] = stamp, known[1] if known and is_known else content_of(place)
        return inputs[place][1]

    facts = {
        "folai": folai.__version__,
        "video": content(job.video),
        "container": Path(job.out).suffix.lower(),
        "options": _contents(job.options(), content),
    }
    text = json.dumps([VERSION, facts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32], inputs


def _contents(options: GenerateOptions, content: Callable[[str], str]) -> dict[str, Any]:
    """All options, also those left at their defaults, with files by their content."""
    own = options.engine_options
    values = {name: value for name, value in vars(options).items() if name != "engine"}
    values |= {field.name: getattr(own, field.name) for field in fields(own)}  # type: ignore[arg-type]
    values = with_files(values, lambda file: content(file) if find_stamp(file) else file)
    if options.library is not None and options.library_file is None:
        values["library_file"] = content(str(default_library()))
    return {"engine": own.engine, **values, "finish": vars(options.finish)}


def find_leftovers(out: str) -> set[str]:
    """The names (`part_name`) of the jobs of which runs that were killed have left something."""
    if is_remote(out):
        return set()
    return {path.name.split(".")[0] for path in (Path(out) / OWN_FOLDER).glob("*.part")}


def remove_leftovers(job: Job, out: str) -> None:
    """Remove what a run that was killed has left of a job."""
    for left in (Path(out) / OWN_FOLDER).glob(f"{part_name(job)}.*.part"):
        remove_folder(left)


def part_name(job: Job) -> str:
    """What the names of folders of unfinished files of a job begin with."""
    return hashlib.sha256(job.out.encode()).hexdigest()[:16]
