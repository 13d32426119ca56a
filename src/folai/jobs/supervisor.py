"""Processes of one machine that do jobs: started, handed jobs, replaced where one has ended.

A pool of the standard library breaks as a whole when one of its processes is killed. Here each
process has a thread, which hands it one job after another and starts it again.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

from folai.data.workers import cores
from folai.jobs.job import Job

GIGABYTE = 1 << 30
NEEDED = 1.5 * GIGABYTE  # of memory for each worker with the small models
TRIES = 2  # of a job whose worker ends
AT_ONCE_ON_GPU, MOST_AT_ONCE = 4, 64  # clips that a worker denoises in one batch

Facts = dict[str, Any]
Answers = Generator[tuple[Job, Facts], None, None]


class Ended(Exception):
    """The process ended before it answered; says how."""


class Worker:
    """A process with the models, which does one job at a time, or several whose clips it denoises
    together. It starts with its first job."""

    def __init__(self, number: int = 0, restart_at: float = float("inf")) -> None:
        """number: from 0; of several GPUs each worker sees one. restart_at: bytes of memory in use
        after a job from which on a fresh process does the next."""
        self._number, self._restart_at = number, restart_at
        self._process: subprocess.Popen[str] | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def do(self, jobs: Sequence[Job], out: str) -> list[Facts]:
        """The facts of jobs that are done at once. A worker that ends during them costs each a
        try; the next is alone, as it may be one of them that ends it."""
        if len(jobs) > 1:
            try:
                return [{**facts, "tries": 1} for facts in self._ask(jobs, out)]
            except Ended:
                return [self._try(job, out, range(2, TRIES + 1)) for job in jobs]
        return [self._try(job, out, range(1, TRIES + 1)) for job in jobs]

    def _try(self, job: Job, out: str, attempts: range) -> Facts:
        for attempt in attempts:
            try:
                return {**self._ask([job], out)[0], "tries": attempt}
            except Ended as end:
                reason = str(end)
        error = f"{job.video}: the worker ended {TRIES} times ({reason}); out of memory, perhaps"
        return {"error": error, "tries": TRIES}

    def _ask(self, jobs: Sequence[Job], out: str) -> list[Facts]:
        if self._closed:
            raise Ended("it was asked to")
        process = self._process = self._process or self._start()
        assert process.stdin is not None and process.stdout is not None
        try:
            order = {"jobs": [job.to_dict() for job in jobs], "out": out}
            process.stdin.write(json.dumps(order) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
        if not line.endswith("\n"):
            raise Ended(self._end())
        answer = json.loads(line)
        if answer["memory"] > self._restart_at:
            self._end()
        return list(answer["facts"])

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "folai.jobs.worker_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=_environment(self._number),
            start_new_session=True,  # Ctrl-C is for whoever started it, who ends it
        )

    def _end(self) -> str:
        """Ends the process; how it has ended, if it had."""
        process, self._process = self._process, None
        if process is None:
            return "it was asked to"
        process.kill()
        code = process.wait()
        return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"

    def close(self) -> None:
        """Ends the process, and starts no other."""
        self._closed = True
        self._end()


def _environment(number: int) -> dict[str, str]:
    threads = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = {**os.environ, **dict.fromkeys(threads, "1")}
    gpus = visible_gpus()
    if len(gpus) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = gpus[number % len(gpus)]
    return environment


def visible_gpus() -> list[str]:
    """Numbers of the NVIDIA GPUs that this process may use."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return [name for name in chosen.split(",") if name.strip()]
    devices = os.listdir("/dev") if os.path.isdir("/dev") else []
    numbers = (name.removeprefix("nvidia") for name in devices if name.startswith("nvidia"))
    return sorted((number for number in numbers if number.isdigit()), key=int)


def count_workers(wanted: int | str, full_size: bool) -> int:
    """How many workers there may be; "auto": one a core that has the memory, and at full size one
    a GPU. Raises ValueError for less than 1, or another word."""
    if wanted == "auto":
        if full_size:
            return max(1, len(visible_gpus()))
        return max(1, min(cores(), int(free_memory() / NEEDED)))
    if isinstance(wanted, int) and wanted >= 1:
        return wanted
    raise ValueError(f"workers is {wanted!r}; give auto, or 1 or more")


def free_memory() -> float:
    """Bytes that are to be had; without limit where the system does not tell."""
    try:
        with open("/proc/meminfo") as file:
            facts = dict(line.split(":") for line in file)
        return int(facts["MemAvailable"].split()[0]) * 1024.0
    except (OSError, KeyError):
        return float("inf")


def count_at_once(wanted: int | str, on_gpu: bool) -> int:
    """How many clips a worker denoises at once; "auto": several on a GPU, one on a CPU, which is
    as fast. Raises ValueError for less than 1 or more than MOST_AT_ONCE, or another word."""
    if wanted == "auto":
        return AT_ONCE_ON_GPU if on_gpu else 1
    if isinstance(wanted, int) and 1 <= wanted <= MOST_AT_ONCE:
        return wanted
    raise ValueError(f"clips_at_once is {wanted!r}; give auto, or 1 to {MOST_AT_ONCE}")


def do_here(
    jobs: Iterator[Job],
    out: str,
    workers: int,
    restart_at: float = float("inf"),
    at_once: int = 1,
) -> Answers:
    """Yields every job with its facts, in the order in which they are done.

    Jobs are taken from the iterator as they are needed, so their number costs no memory. Closing
    this iterator ends the processes. at_once: jobs that a worker is handed together.
    """
    pool = _Pool(jobs, out, at_once, [Worker(number, restart_at) for number in range(workers)])
    with closing(pool):
        yield from pool.results()


class _Pool:
    """A thread for each worker; what they have done waits in a short queue."""

    def __init__(self, jobs: Iterator[Job], out: str, at_once: int, workers: list[Worker]) -> None:
        self._jobs, self._out, self._at_once, self._workers = jobs, out, at_once, workers
        self._taking = threading.Lock()
        self._closed = False
        self._results: queue.Queue[Any] = queue.Queue(2 * len(workers))

    def results(self) -> Iterator[tuple[Job, Facts]]:
        for worker in self._workers:
            threading.Thread(target=self._run, args=(worker,), daemon=True).start()
        running = len(self._workers)
        while running:
            result = self._results.get()
            if isinstance(result, BaseException):
                raise result
            if result is None:
                running -= 1
            else:
                yield result

    def _run(self, worker: Worker) -> None:
        try:
            while jobs := self._take():
                for answer in zip(jobs, worker.do(jobs, self._out), strict=True):
                    self._put(answer)
            self._put(None)
        except BaseException as error:  # of the list of jobs: whoever waits hears it
            self._put(error)
        finally:
            worker.close()

    def _take(self) -> list[Job]:
        with self._taking:
            return [] if self._closed else [*islice(self._jobs, self._at_once)]

    def _put(self, result: Any) -> None:
        while not self._closed:
            try:
                return self._results.put(result, timeout=0.2)
            except queue.Full:
                continue

    def close(self) -> None:
        self._closed = True
        for worker in self._workers:
            worker.close()
