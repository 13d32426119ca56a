"""What a job on a large Ray cluster costs the driver of `folai batch --ray`.

    python benchmarks/batch_actors.py --actors 64 --jobs 4000 --seconds 0.8 --work /tmp/actors

The cluster is simulated: Ray is told that this machine has a core for each actor, and an actor does
not make sound but sleeps as long as a job takes, then writes a small file and the record that says
that the job is done. All else is what `folai batch --ray auto` does. Prints the driver's CPU
seconds a job, of the process and of its children, from a run of half as many jobs to the whole, so
that starting is not counted; and those of the raylet and the cluster's own server beside it.
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


def cpu_seconds(*names: str) -> float:
    """Of this process, or of the processes whose command lines have one of the names."""
    if not names:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime
    total, tick = 0.0, os.sysconf("SC_CLK_TCK")
    for place in Path("/proc").glob("[0-9]*"):
        try:
            words = (place / "cmdline").read_text()
            facts = (place / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if any(name in words.split("\0")[0] for name in names):
            total += (int(facts[11]) + int(facts[12])) / tick
    return total


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
    costs = []
    for count in (given.jobs // 2, given.jobs):
        shutil.rmtree("out", ignore_errors=True)
        rows = [{"video": "clip.mp4", "out": f"{number}.mp4"} for number in range(count)]
        times: list[float] = []
        before = cpu_seconds(), cpu_seconds("raylet", "gcs_server"), time.monotonic()
        report = folai.batch(
            rows, "out", engine="preview", ray="auto", workers=given.actors,
            progress=lambda _, times=times: times.append(time.monotonic()),
        )  # fmt: skip
        after = cpu_seconds(), cpu_seconds("raylet", "gcs_server"), time.monotonic()
        assert (report.done, report.failed) == (count, 0), report
        own, others, wall = (b - a for a, b in zip(before, after, strict=True))
        steady = times[-1] - times[0]
        costs.append((own, others))
        print(
            f"{count} jobs, {given.actors} actors: {own:.1f} CPU s of the driver, {others:.1f} of "
            f"raylet and server, {wall:.0f} s; {steady:.1f} s from the first job's end to the "
            f"last's, {count * given.seconds / given.actors:.1f} s of sleep",
            flush=True,
        )
    more = given.jobs - given.jobs // 2
    own, others = (1000 * (b - a) / more for a, b in zip(*costs, strict=True))
    print(f"a job more: {own:.2f} ms of the driver, {others:.2f} ms of raylet and server")
    own, others = (1000 * cost / given.jobs for cost in costs[1])
    print(f"a job of {given.jobs}, with the start: {own:.2f} ms, {others:.2f} ms")


if __name__ == "__main__":
    main()
