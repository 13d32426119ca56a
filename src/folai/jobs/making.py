"""Jobs done, one or several at once: the same for a process here and a machine of a cluster."""

from __future__ import annotations

import math
import re
import secrets
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from folai.diffusion.together import Together
from folai.jobs.columns import with_files
from folai.jobs.job import OWN_FOLDER, Job
from folai.jobs.places import fetch, inside, is_remote, publish, remove_folder
from folai.jobs.records import find_done, make_key, part_name, remove_leftovers, write_record
from folai.metrics.lufs import loudness
from folai.pipeline import FoleyResult, Models, generate
from folai.writing import line_with_file

Facts = dict[str, Any]


def do_job(job: Job, out: str, models: Models) -> Facts:
    """What is to be told of a job, done now or before: its facts, or {"error": one line}."""
    return do_jobs([job], out, models)[0]


def do_jobs(jobs: Sequence[Job], out: str, models: Models) -> list[Facts]:
    """The same of several, whose clips are denoised in one batch."""
    together = Together()
    told: list[list[str]] = [[] for _ in jobs]

    def hear(message: Warning | str, *_: Any) -> None:
        told[together.current].append(str(message))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = hear  # type: ignore[assignment]
        if len(jobs) == 1:
            return [_done(jobs[0], out, models, told[0])]
        shared = models.shared(together)
        pairs = zip(jobs, told, strict=True)
        return together.do([partial(_done, job, out, shared, heard) for job, heard in pairs])


def _done(job: Job, out: str, models: Models, told: list[str]) -> Facts:
    """told: what the job warns of, as it goes on."""
    if job.error is not None:
        return {"error": job.error}
    try:
        return find_done(out, job) or _make(job, out, models, told)
    except MemoryError:
        return {"error": f"{job.video}: there is not enough memory for it; use fewer workers"}
    except Exception as error:  # one clip never stops the rest
        known = isinstance(error, ValueError | OSError | ImportError)
        said = line_with_file(error)
        return {"error": said if known else f"{job.video}: {type(error).__name__}: {said}"}


def _make(job: Job, out: str, models: Models, told: list[str]) -> Facts:
    began = time.perf_counter()
    with _workshop(job, out) as folder:
        try:
            key, inputs = make_key(job)
            video = fetch(job.video, folder)
            clip = folder / "made" / PurePosixPath(job.out).name
            clip.parent.mkdir()
            options = replace(job, values=_fetched(job.values, folder)).options()
            result = generate(video, clip, options, models=models)
            result.envelope.save(clip.parent / PurePosixPath(job.envelope()).name)
            for name in job.outputs():
                publish(clip.parent / PurePosixPath(name).name, inside(out, name))
        except ValueError as error:
            raise ValueError(_named(str(error), folder, job, out)) from error
        facts = {
            **_facts(job, result),
            "warnings": [*dict.fromkeys(_named(text, folder, job, out) for text in told)],
            "seconds": round(time.perf_counter() - began, 3),
        }
        write_record(out, job, key, inputs, facts, folder)
    return facts


def _facts(job: Job, result: FoleyResult) -> Facts:
    level = loudness(result.wav, result.sample_rate)
    return {
        "outputs": job.outputs()[:-1],
        "envelope": job.envelope(),
        "engine": result.engine,
        "duration": round(result.duration, 3),
        "onsets": [round(time, 4) for time in result.envelope.onsets.tolist()],
        "loudness": round(level, 2) if math.isfinite(level) else None,
    }


def _fetched(values: Facts, folder: Path) -> Facts:
    """Options whose remote files are copies here."""
    return with_files(values, lambda file: str(fetch(file, folder)) if is_remote(file) else file)


@contextmanager
def _workshop(job: Job, out: str) -> Iterator[Path]:
    """A folder for files that are not finished, on the disk of the output folder.

    What a run that was killed has left of this job is removed.
    """
    if is_remote(out):
        with tempfile.TemporaryDirectory(prefix="folai-") as name:
            yield Path(name)
        return
    remove_leftovers(job, out)
    folder = Path(out) / OWN_FOLDER / f"{part_name(job)}.{secrets.token_hex(4)}.part"
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        remove_folder(folder)


def _named(message: str, folder: Path, job: Job, out: str) -> str:
    """A message with the names that the user knows, in one line."""
    message = re.sub(re.escape(str(folder / "made")) + "/", lambda _: f"{inside(out, '')}", message)
    message = message.replace(f"{folder}/{PurePosixPath(job.video).name}", job.video)
    return " ".join(message.split())
