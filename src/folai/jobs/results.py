"""What became of all jobs: results.parquet, a row each, in the order of the list."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from folai.jobs.job import OWN_FOLDER, Job
from folai.jobs.job_lists import import_parquet
from folai.jobs.places import inside, is_remote, publish
from folai.jobs.records import read_record
from folai.writing import alone_in

AT_ONCE = 1000  # rows in memory

Row = dict[str, Any]


def iter_results(jobs: Iterable[Job], out: str, failed: dict[int, str]) -> Iterator[Row]:
    """A row for each job, once, from the records beside the finished files.

    failed: what went wrong, by the number of the job.
    """
    for job in jobs:
        error = failed.get(job.number)
        record = read_record(out, job) if error is None else None
        facts = {} if record is None else record["facts"]
        if error is None and record is None:
            error = "it is not done: its record is gone"
        yield {
            "job": job.number,
            "video": job.video,
            "output": job.out or None,
            "outputs": facts.get("outputs", []),
            "envelope": facts.get("envelope"),
            "status": "done" if error is None else "failed",
            "error": error,
            "warnings": facts.get("warnings", []),
            "duration": facts.get("duration"),
            "num_onsets": len(facts["onsets"]) if facts else None,
            "onsets": facts.get("onsets", []),
            "loudness": facts.get("loudness"),
            "engine": facts.get("engine"),
            "prompt": job.values.get("prompt"),
            "seed": int(job.values.get("seed") or 0),
            "seconds": facts.get("seconds"),
            "key": None if record is None else record["key"],
        }


def write_results(place: str, rows: Iterable[Row]) -> Generator[Row, None, None]:
    """Writes the rows as a Parquet file while they go by; it appears once the last has."""
    import pyarrow

    parquet = import_parquet()
    schema = _schema(pyarrow)
    with file_at(place) as path, parquet.ParquetWriter(path, schema) as writer:
        waiting: list[Row] = []
        for row in rows:
            waiting.append(row)
            yield row
            if len(waiting) == AT_ONCE:
                writer.write_table(pyarrow.Table.from_pylist(waiting, schema))
                waiting = []
        writer.write_table(pyarrow.Table.from_pylist(waiting, schema))


def _schema(pyarrow: Any) -> Any:
    text, number, count = pyarrow.string(), pyarrow.float64(), pyarrow.int64()
    columns = {
        "job": count,
        "video": text,
        "output": text,  # of the first take, in the output folder
        "outputs": pyarrow.list_(text),
        "envelope": text,
        "status": text,  # done or failed
        "error": text,
        "warnings": pyarrow.list_(text),
        "duration": number,  # seconds
        "num_onsets": count,
        "onsets": pyarrow.list_(number),  # seconds
        "loudness": number,  # LUFS of the first take's sound; null: silence, or below 0.4 s
        "engine": text,
        "prompt": text,
        "seed": count,
        "seconds": number,  # that it took
        "key": text,  # of input, options and version
    }
    return pyarrow.schema(list(columns.items()))


@contextmanager
def file_at(place: str) -> Iterator[Path]:
    """A path to write to; the file takes its place, wherever that is, if all goes well.

    On a disk that path is always the same, so that what a run that is killed has left there is
    written over by the next.
    """
    if is_remote(place):
        with tempfile.TemporaryDirectory(prefix="folai-") as folder:
            path = Path(folder) / "file"
            yield path
            publish(path, place)
        return
    partial = Path(place).parent / OWN_FOLDER / f"{Path(place).name}.part"
    try:
        yield partial
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def results_alone(out: str) -> Iterator[None]:
    """Wait until no other run writes the results in an output folder."""
    with nullcontext() if is_remote(out) else alone_in(Path(out) / OWN_FOLDER):
        yield


def result_places(out: str, part: tuple[int, int] | None) -> tuple[str, str]:
    """Of the results and the page; a part of the jobs has its own."""
    name = "" if part is None else f".{part[0]}-of-{part[1]}"
    return inside(out, f"results{name}.parquet"), inside(out, f"report{name}.html")
