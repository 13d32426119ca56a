"""A folder, a pattern or a table -> jobs, read anew each time, so that any number of them fits.

for job in JobList.of("season/*.mov", {"engine": "preview"}): ...
"""

from __future__ import annotations

import csv
import fnmatch
import glob
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from folai.data.listing import VIDEO_SUFFIXES, is_video
from folai.jobs.columns import check_columns, files_of, is_empty, read_values, with_files
from folai.jobs.job import Job, check_name, usual_name
from folai.jobs.places import file_system, find_stamp, inside, is_remote, parent, remote_errors
from folai.pipeline import GenerateOptions
from folai.writing import one_line

TABLES = (".csv", ".jsonl", ".ndjson", ".parquet")
WILD = set("*?[")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class JobList:
    """Where jobs come from. Iterating reads them anew, in the same order."""

    source: str  # as it was given
    base: str  # folder that relative names are in
    read: Callable[[], Iterator[Row]] = field(repr=False)  # cells by column; `video` is one
    defaults: Row = field(default_factory=dict)  # options of rows that leave them out
    pattern: str | None = None  # of a glob, or "**" of a folder: what further runs would find

    @classmethod
    def of(
        cls, jobs: str | os.PathLike[str] | Sequence[Row], defaults: Row | None = None
    ) -> JobList:
        """Raises ValueError for a folder without clips, and a table without `video` or with an
        unknown column."""
        defaults = read_values(defaults or {})
        if not isinstance(jobs, str | os.PathLike):
            check_columns("jobs", list(dict.fromkeys(name for row in jobs for name in row)))
            return cls("jobs", os.getcwd(), lambda: iter(jobs), defaults)
        source = os.fspath(jobs)
        if PurePosixPath(source).suffix.lower() in TABLES and not WILD & set(source):
            return cls(source, _whole(parent(source)), _table(source), defaults)
        base, pattern, names = _found(source)
        if not names:
            kinds = ", ".join(VIDEO_SUFFIXES)
            raise ValueError(f"{source}: no clips; give a folder with {kinds}, or a table of them")
        return cls(
            source, _whole(base), lambda: ({"video": name} for name in names), defaults, pattern
        )

    def __iter__(self) -> Iterator[Job]:
        for number, row in enumerate(self.read(), start=1):
            yield self._job(number, row)

    def _job(self, number: int, row: Row) -> Job:
        """A row as a job; with an error where it is none."""
        given = row.get("video")
        video = "" if is_empty(given) else str(given)
        try:
            if "" in row:  # what the reader of the table says of the row
                raise ValueError(row[""])
            if not video:
                raise ValueError("no video is named; fill in the column video")
            cells = {name: row[name] for name in row if name not in ("video", "out")}
            values = {**self.defaults, **self._placed(read_values(cells))}
            named = row.get("out")
            out = usual_name(_relative(video)) if is_empty(named) else str(named)
            job = Job(number, self._place(video), check_name(out), values)
            if (fault := _fault_of(json.dumps(values))) is not None:
                raise ValueError(fault)
            if not is_remote(job.video) and not os.path.isfile(job.video):
                raise ValueError(f"{job.video}: does not exist; check the path")
            return job
        except ValueError as error:
            return Job(number, video, "", error=f"row {number}: {one_line(error)}")

    def _place(self, name: str) -> str:
        if is_remote(name) or os.path.isabs(name):
            return name
        return inside(self.base, name)

    def _placed(self, values: dict[str, Any]) -> dict[str, Any]:
        """Files that a row names are beside the table."""

        def placed(name: str) -> str:
            place = self._place(name)
            return place if _is_there(place) else name

        return with_files(values, placed)

    def check_apart(self, out: str) -> None:
        """Raise ValueError where the output folder is among the inputs: they would be taken for
        clips the next time."""
        if self.pattern is None or is_remote(out) != is_remote(self.base):
            return
        base, folder = self.base.rstrip("/"), out.rstrip("/")
        if not is_remote(base):
            base, folder = os.path.realpath(base), os.path.realpath(folder)
        if base != folder and not folder.startswith(f"{base}/"):
            return
        finished = f"{folder[len(base) :]}/clip.mp4".strip("/")
        as_deep = finished.count("/") == self.pattern.count("/")
        if "**" in self.pattern or (as_deep and fnmatch.fnmatch(finished, self.pattern)):
            raise ValueError(f"{out}: is inside the clips' own folder {self.base}; give another -o")


@lru_cache(maxsize=4096)
def _is_there(place: str) -> bool:
    """Many rows name the same file, and elsewhere each question takes its time."""
    return find_stamp(place) is not None if is_remote(place) else os.path.exists(place)


@lru_cache(maxsize=4096)
def _fault_of(values: str) -> str | None:
    """What is wrong with options; most rows have the same."""
    try:
        GenerateOptions.of(**json.loads(values))
    except (ValueError, TypeError) as error:
        return one_line(error)
    return None


def _relative(video: str) -> str:
    """The name of a clip below the output folder: as the list has it, or its last part."""
    path = Path(video)
    if is_remote(video) or path.is_absolute() or ".." in path.parts:
        return path.name
    return path.as_posix()


# Folders and patterns


def _found(source: str) -> tuple[str, str, list[str]]:
    """(folder, pattern below it, names of the clips in it, sorted)."""
    base, pattern = _apart(source)
    if is_remote(source):
        return base, pattern, _found_remote(source, base, pattern)
    if pattern == "**":
        if Path(source).is_file():
            return str(Path(source).parent), Path(source).name, [Path(source).name]
        if not Path(source).is_dir():
            raise ValueError(f"{source}: does not exist; give a folder, a pattern or a table")
        names = [path.relative_to(source).as_posix() for path in Path(source).rglob("*")]
        return base, pattern, sorted(name for name in names if _is_clip(base, name))
    names = glob.glob(pattern, root_dir=base, recursive=True)
    return base, pattern, sorted(n for n in names if os.path.isfile(os.path.join(base, n)))


def _apart(source: str) -> tuple[str, str]:
    """A pattern as the folder before its first wildcard, and the rest; "**" for a folder."""
    if not WILD & set(source) or os.path.isdir(source):
        return source, "**"
    parts = source.split("/")
    first = next(index for index, part in enumerate(parts) if WILD & set(part))
    base = "/".join(parts[:first]) or ("/" if source.startswith("/") else ".")
    return base, "/".join(parts[first:])


def _is_clip(base: str, name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return not hidden and is_video(Path(base, name))


def _found_remote(source: str, base: str, pattern: str) -> list[str]:
    system, path = file_system(base)
    with remote_errors(source):
        if pattern == "**":
            found = [name for name in system.find(path) if name.lower().endswith(VIDEO_SUFFIXES)]
        else:
            found = system.glob(f"{path.rstrip('/')}/{pattern}")
    return sorted(name[len(path.rstrip("/")) :].lstrip("/") for name in found)


# Tables


def _table(source: str) -> Callable[[], Iterator[Row]]:
    """A function that reads the rows. Raises ValueError for a table that cannot be one."""
    kind = PurePosixPath(source).suffix.lower()
    readers = {".csv": _csv_rows, ".parquet": _parquet_rows}
    reader = readers.get(kind, _json_rows)
    first = next(reader(source), None)
    if first is None:
        raise ValueError(f"{source}: holds no rows; name a clip in each")
    if "" not in first:
        check_columns(source, list(first))
    return lambda: reader(source)


def _opened(source: str) -> Any:
    if not is_remote(source):
        return Path(source).open("rb")
    system, path = file_system(source)
    with remote_errors(source):
        return system.open(path, "rb")


def _csv_rows(source: str) -> Iterator[Row]:
    with _opened(source) as file, io.TextIOWrapper(file, "utf-8-sig", newline="") as text:
        try:
            reader = csv.DictReader(text)
            check_columns(source, list(reader.fieldnames or ()))
            for row in reader:
                extra = row.pop(None, None)
                yield {**row, "": f"more cells than columns ({extra[0]!r})"} if extra else row
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{source}: is not a CSV file in UTF-8; save it as one") from error


def _json_rows(source: str) -> Iterator[Row]:
    with _opened(source) as file:
        for line in file:
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict):
                yield {"": "is not one JSON object in a line"}
                continue
            names = list(row)
            check_columns(source, names if "video" in row else ["video", *names])
            yield row


def _parquet_rows(source: str) -> Iterator[Row]:
    parquet = import_parquet()
    with _opened(source) as file:
        try:
            table = parquet.ParquetFile(file)
        except Exception as error:  # pyarrow's own kinds
            raise ValueError(f"{source}: is no Parquet file ({one_line(error, 100)})") from error
        check_columns(source, table.schema_arrow.names)
        for part in table.iter_batches(batch_size=1000):
            yield from part.to_pylist()


def import_parquet() -> Any:
    """pyarrow.parquet. Raises ValueError with the fix where it is not installed."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        fix = "pip install 'folai[batch]'"
        raise ValueError(f"Parquet is read and written with pyarrow; {fix}") from error
    return pyarrow.parquet


def check_jobs(jobs: Iterable[Job], out: str) -> tuple[int, bool]:
    """(number of jobs, whether one needs a model at full size), all looked at once before the work.

    Raises ValueError where two jobs write one file, one writes over an input, or none can be done.
    """
    total, bad, fault, full_size = 0, 0, "", False
    writers: dict[int, int] = {}  # hash of an output -> number of its job
    readers: dict[int, int] = {}  # of an input
    folder = out if is_remote(out) else os.path.realpath(out)
    for job in jobs:
        total += 1
        if job.error is not None:
            bad, fault = bad + 1, fault or job.error
            continue
        full_size = full_size or job.is_full_size
        for file in (job.video, *files_of(job.values)):
            readers.setdefault(hash(_absolute(file)), job.number)
        for name in job.outputs():
            other = writers.setdefault(hash(f"{folder.rstrip('/')}/{name}"), job.number)
            if other != job.number:
                raise ValueError(
                    f"rows {other} and {job.number} both write {name}; give them a column out"
                )
    for place in writers.keys() & readers.keys():
        raise ValueError(
            f"{out}: row {writers[place]} would write over the file that row {readers[place]} "
            "reads; give another -o"
        )
    if total == bad:
        raise ValueError(f"no row can be done: {fault}")
    return total, full_size


def _whole(folder: str) -> str:
    """A folder by its whole path, as workers elsewhere need it."""
    return folder if is_remote(folder) else os.path.abspath(folder)


def _absolute(place: str) -> str:
    if is_remote(place):
        return place
    return os.path.join(_real_folder(os.path.dirname(place)), os.path.basename(place))


@lru_cache(maxsize=1024)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)
