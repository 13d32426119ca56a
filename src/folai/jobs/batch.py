"""folai.batch(): many clips get their sound, and a table says what became of each.

    folai.batch("season/*.mov", "out", engine="preview")
    folai.batch("jobs.csv", "out", workers=4)

Asked again, it does what is not done. `--part K/N` and Ray are other ways of running the same jobs.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from folai.jobs.columns import option_kinds, with_files
from folai.jobs.job import OWN_FOLDER, Job
from folai.jobs.job_lists import JobList, check_jobs, import_parquet
from folai.jobs.places import file_system, inside, is_remote, remote_errors, write_bytes
from folai.jobs.records import find_done, find_leftovers, part_name, remove_leftovers
from folai.jobs.results import iter_results, result_places, results_alone, write_results
from folai.jobs.results_page import write_page
from folai.jobs.supervisor import (
    Answers,
    count_at_once,
    count_workers,
    do_here,
    visible_gpus,
)
from folai.writing import make_folder

RESTART_AT = 6 << 30  # bytes: a worker with the small models that has grown to this is replaced

Told = Callable[["BatchProgress"], None]


@dataclass(frozen=True)
class BatchProgress:
    """How far a batch is."""

    total: int
    finished: int = 0  # done now or before, or failed
    skipped: int = 0  # of them, done before
    failed: int = 0


@dataclass(frozen=True)
class BatchReport:
    """What became of a batch."""

    total: int
    done: int  # now
    skipped: int  # done before
    failed: int
    seconds: float
    results: str  # the Parquet file, a row for each job
    page: str  # the same to be read
    failures: tuple[str, ...]  # one line each

    def summary(self) -> str:
        """In a line."""
        parts = [f"{self.done} done", f"{self.skipped} were done before", f"{self.failed} failed"]
        minutes = self.seconds / 60
        rate = f", {self.done / minutes:.1f} clips a minute" if self.done and minutes else ""
        return f"{self.total} clips: {', '.join(parts)} in {self.seconds:.1f} s{rate}"

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def batch(
    jobs: str | os.PathLike[str] | Sequence[Mapping[str, Any]],
    out: str | os.PathLike[str],
    *,
    workers: int | str = "auto",
    clips_at_once: int | str = "auto",
    part: str | None = None,
    ray: str | None = None,
    progress: Told | None = None,
    **options: Any,
) -> BatchReport:
    """Give many clips their sound: the finished clips, their envelopes, a table and a page.

    jobs: a folder, a pattern, a table (CSV, JSONL, Parquet) or rows, with a column `video`, and
    `out` and options of `generate` where wanted. out: the output folder, made if need be; a job
    whose file there was made from the same input, options and version is not done again. workers:
    processes, or "auto". clips_at_once: that a worker denoises in one batch; "auto": several on a
    GPU, one on a CPU. part: "2/5" does the second fifth. ray: the address of a Ray cluster, instead
    of processes here. progress: is told after each clip. options: of every row that leaves them
    out, as `GenerateOptions.of` takes them.

    Raises ValueError before any work where the list is no list, or two jobs write one file. What is
    wrong with a single row, or goes wrong with a clip, is in the report.
    """
    began = time.perf_counter()
    share = None if part is None else read_part(part)
    import_parquet()  # before the work
    out = os.fspath(out)
    out = out if is_remote(out) else os.path.abspath(out)
    listed = JobList.of(jobs, _absolute(options))
    listed.check_apart(out)
    total, full_size = check_jobs(listed, out)
    if share is not None:
        total = len(range(share[0] - 1, total, share[1]))
    run = _Run(_Part(listed, share), out, total, progress)
    start = _starter(run, full_size, workers, clips_at_once, ray)
    _make_output(out)
    with closing(start()) as answers:
        run.follow(answers)
    return run.report(share, began)


def read_part(text: str) -> tuple[int, int]:
    """(K, N) of "K/N". Raises ValueError for anything else."""
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise ValueError(f"part is {text!r}; give K/N, such as 2/5 for the second fifth")
    return int(number), int(count)


def _absolute(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options whose files mean the same wherever a worker runs."""
    kinds = option_kinds()
    if unknown := sorted(options.keys() - kinds.keys()):
        raise ValueError(f"there is no option {unknown[0]}; use one of {', '.join(kinds)}")
    return with_files(options, lambda file: os.path.abspath(file) if os.path.exists(file) else file)


def _make_output(out: str) -> None:
    """Raises ValueError for an output folder in which nothing can be written."""
    place, data = f"{OWN_FOLDER}/last.json", json.dumps({"at": time.time()}).encode()
    if is_remote(out):
        system, path = file_system(inside(out, place))
        with remote_errors(out):  # which names the folder
            system.pipe_file(path, data)
        return
    make_folder(Path(out) / OWN_FOLDER)
    try:
        write_bytes(inside(out, place), data)
    except OSError as error:
        fix = "give another folder"
        raise ValueError(f"{out}: cannot be written to ({error.strerror}); {fix}") from error


@dataclass(frozen=True)
class _Part:
    """Every Nth job of a list, from the Kth on; all of them where there is no share."""

    listed: JobList
    share: tuple[int, int] | None

    def __iter__(self) -> Iterator[Job]:
        number, count = self.share or (1, 1)
        return (job for job in self.listed if (job.number - number) % count == 0)


class _Run:
    """The jobs that are to be done, and what is heard of them."""

    def __init__(self, jobs: _Part, out: str, total: int, progress: Told | None) -> None:
        self.jobs, self.out, self.total, self.progress = jobs, out, total, progress
        self.skipped = self.done = 0
        self.leftovers = find_leftovers(out)  # a run may be killed when a job is done all but that
        self.failed: dict[int, str] = {}  # by number of the job
        self.names: dict[int, str] = {}

    def waiting(self) -> Iterator[Job]:
        """The jobs that are not done, found as they are asked for."""
        for job in self.jobs:
            if job.error is not None:
                self._fail(job, job.error)
            elif find_done(self.out, job) is not None:
                self.skipped += 1
                if self.leftovers and part_name(job) in self.leftovers:
                    remove_leftovers(job, self.out)
            else:
                yield job
                continue
            self._tell()

    def follow(self, answers: Answers) -> None:
        for job, facts in answers:
            if "error" in facts:
                self._fail(job, facts["error"])
            else:
                self.done += 1
            self._tell()

    def _fail(self, job: Job, error: str) -> None:
        self.failed[job.number] = error

    def _tell(self) -> None:
        if self.progress is not None:
            finished = self.skipped + self.done + len(self.failed)
            self.progress(BatchProgress(self.total, finished, self.skipped, len(self.failed)))

    def report(self, share: tuple[int, int] | None, began: float) -> BatchReport:
        """Writes the results, from the records beside the finished files."""
        results, page = result_places(self.out, share)
        failures = tuple(self.failed[number] for number in sorted(self.failed))
        report = BatchReport(
            self.total,
            self.done,
            self.skipped,
            len(self.failed),
            round(time.perf_counter() - began, 3),
            results,
            page,
            failures,
        )
        rows = write_results(results, iter_results(self.jobs, self.out, self.failed))
        with results_alone(self.out), closing(rows):
            write_page(page, [report.summary(), f"Sound for {self.jobs.listed.source}"], rows)
        return report


def _starter(
    run: _Run, full_size: bool, workers: int | str, clips_at_once: int | str, ray: str | None
) -> Callable[[], Answers]:
    """How the jobs are done. Raises ValueError where that is known to be impossible."""
    count_workers(workers, full_size=False)
    count_at_once(clips_at_once, on_gpu=False)
    if ray is not None:
        from folai.jobs.cluster import do_on_ray

        wanted = workers if isinstance(workers, int) else None
        return do_on_ray(
            run.waiting, run.out, ray,
            workers=wanted, full_size=full_size, clips_at_once=clips_at_once,
        )  # fmt: skip
    count = min(count_workers(workers, full_size), max(1, run.total))
    at_once = count_at_once(clips_at_once, on_gpu=full_size and bool(visible_gpus()))
    largest = float("inf") if full_size else RESTART_AT
    return lambda: do_here(run.waiting(), run.out, count, largest, at_once)
