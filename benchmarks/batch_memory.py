"""Peak memory of `folai batch` at 20 and at 2 000 jobs.

    python benchmarks/batch_memory.py --jobs 20 2000 --workers 1 2 --work /tmp/memory

A job is a drawn clip of half a second with an envelope that is given; three clips are used again
and again, each time with another seed and another output. The peak of each process is the one that
Linux keeps (VmHWM, of its resident pages), so that none is missed between two looks. Pages that
processes share count for each of them; what else runs on the machine does not change them, as it
does PSS. Prints the peak of the driver, of the fullest worker and their sum over all processes for
each run, and how much more it is with the most jobs than with the fewest.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import subprocess
import time
from pathlib import Path

from batch_kills import COMMAND, OPTIONS, descendants, named

CLIPS = 3
EVERY = 0.2  # seconds between two looks


class Peaks:
    """Of the processes of a run, megabytes."""

    def __init__(self) -> None:
        self.driver = 0.0
        self.workers: dict[int, float] = {}

    def look(self, pid: int) -> None:
        self.driver = max(self.driver, peak_of(pid))
        for child in descendants(pid):
            if named(child, "folai.jobs.worker_process"):
                self.workers[child] = max(self.workers.get(child, 0.0), peak_of(child))

    @property
    def together(self) -> float:
        return self.driver + sum(self.workers.values())

    def __str__(self) -> str:
        fullest = max(self.workers.values(), default=0.0)
        return f"driver {self.driver:.0f} MB, worker {fullest:.0f}, all {self.together:.0f}"


def peak_of(pid: int) -> float:
    """Megabytes of a process; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def make_jobs(work: Path, count: int) -> Path:
    """A table of so many jobs, its clips and the envelope that they share."""
    from folai.envelope import Envelope
    from folai.render import random_scene, write_clip

    for number in range(CLIPS):
        write_clip(random_scene(number, duration=0.5), work / f"{number}.mp4", size=(172, 128))
    Envelope.from_hits([0.1, 0.3], 0.5).save(work / "hits.json")
    table = work / f"jobs{count}.csv"
    with table.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "out", "seed", "envelope"])
        rows.writerows([f"{n % CLIPS}.mp4", f"{n}.mp4", n, "hits.json"] for n in range(count))
    return table


def run(work: Path, table: Path, workers: int) -> Peaks:
    """The peaks of a run of a whole table."""
    out = work / "out"
    shutil.rmtree(out, ignore_errors=True)
    command = [*COMMAND, "batch", str(table), "-o", str(out), *OPTIONS, "--workers", str(workers)]
    with (work / "batch.log").open("wb") as log:
        batch = subprocess.Popen(command, stdout=log, stderr=log)
    peaks = Peaks()
    while batch.poll() is None:
        peaks.look(batch.pid)
        time.sleep(EVERY)
    if batch.returncode != 0:
        raise RuntimeError(f"a run fails: {(work / 'batch.log').read_text()[-2000:]}")
    return peaks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--jobs", type=int, nargs="+", default=[20, 2000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    for workers in given.workers:
        totals = []
        for count in sorted(given.jobs):
            table, began = make_jobs(work, count), time.monotonic()
            peaks = run(work, table, workers)
            totals.append(peaks.together)
            seconds = time.monotonic() - began
            print(f"{workers} workers, {count} jobs: {peaks}; {seconds:.0f} s", flush=True)
        print(f"{workers} workers: {100 * (totals[-1] / totals[0] - 1):+.1f} %", flush=True)


if __name__ == "__main__":
    main()
