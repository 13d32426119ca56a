"""What a job on a large Ray cluster costs the driver of `folai batch --ray`.

    python benchmarks/batch_actors.py --actors 64 --jobs 4000 --seconds 0.8 --work /tmp/actors

The cluster is simulated: Ray is told that this machine has a core for each actor, and an actor does
not make sound but sleeps as long as a job takes, then writes a small file and the record that says
that the job is done. All else is what `folai batch --ray auto` does. Prints the driver's CPU
seconds a job while jobs are done, and what the actors' start and the results take beside that.
"""

from __future__ import annotations

import argparse
import logging
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import folai
from folai.jobs import cluster
from folai.jobs.job import Job
from folai.jobs.places import inside, write_bytes
from folai.jobs.records import make_key, write_record


class Sleeper:
    """Instead of `Worker`: does a job by sleeping."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def do(self, jobs: Sequence[Job], out: str) -> list[dict[str, Any]]:
        return [self._done(job, out) for job in jobs]

    def _done(self, job: Job, out: str) -> dict[str, Any]:
        time.sleep(self._seconds)
        for name in job.outputs():
            write_bytes(inside(out, name), b"sound")
        key, inputs = make_key(job)
        facts = {
            "outputs": job.outputs()[:-1], "envelope": job.envelope(), "engine": "preview",
            "duration": 3.0, "onsets": [0.5, 1.5], "loudness": -23.0, "warnings": [],
            "seconds": self._seconds,
        }  # fmt: skip
        with tempfile.TemporaryDirectory(dir=out) as folder:
            write_record(out, job, key, inputs, facts, Path(folder))
        return facts


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--actors", type=int, default=64)
    parser.add_argument("--jobs", type=int, default=4000)
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    import ray

    given.work.mkdir(parents=True, exist_ok=True)
    os.chdir(given.work)
    Path("clip.mp4").write_bytes(b"a clip")
    os.environ |= {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_worker_niceness": "0"}
    ray.init(
        address="local", num_cpus=given.actors, object_store_memory=200 << 20,
        include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
    )  # fmt: skip
    cluster.do_on_ray = partial(  # type: ignore[assignment]
        cluster.do_on_ray, make_worker=partial(Sleeper, given.seconds)
    )
    rows = [{"video": "clip.mp4", "out": f"{number}.mp4"} for number in range(given.jobs)]
    ends: list[tuple[float, float]] = []  # of the jobs: CPU seconds of this process, time

    def hear(_: object) -> None:
        ends.append((cpu_seconds(), time.monotonic()))

    shutil.rmtree("out", ignore_errors=True)
    began = cpu_seconds()
    report = folai.batch(
        rows, "out", engine="preview", ray="auto", workers=given.actors, progress=hear
    )
    assert (report.done, report.failed) == (given.jobs, 0), report
    steady, wall = (b - a for a, b in zip(ends[0], ends[-1], strict=True))
    start, after = ends[0][0] - began, cpu_seconds() - ends[-1][0]
    print(
        f"{given.jobs} jobs, {given.actors} actors: {1000 * steady / given.jobs:.2f} ms a job from "
        f"the first one's end to the last's, {wall:.0f} s; before that {start:.1f} CPU s, after it "
        f"{after:.1f}"
    )


if __name__ == "__main__":
    main()
