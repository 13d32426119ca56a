"""Jobs: work that takes long, in queues of one worker each, independent of the page."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from folai.studio.failures import Cancelled, Missing, Overloaded
from folai.studio.job_queue import JobQueue
from folai.studio.project import new_id, timestamp
from folai.writing import line_with_file

MOST_WAITING = 200  # jobs in a queue
REMEMBERED = 500  # finished jobs
REPORT_INTERVAL = 0.2  # seconds between two reports of a job's progress

# The queue of each kind of job: a long prediction does not delay a take.
QUEUES = {
    "generate": "sound",
    "predict": "watch",
    "adapt": "watch",
    "proxy": "convert",
    "export": "export",
}

Work = Callable[["Job"], None]
_log = logging.getLogger(__name__)


@dataclass
class Job:
    """One piece of work and its state; `as_json` is the Job of API.md."""

    kind: str
    project: str
    work: Work
    layer: str | None = None
    length: float = 0.0  # seconds of the clip: the short goes before the long; 0: in order
    id: str = field(default_factory=new_id)
    state: str = "queued"
    progress: float = 0.0
    message: str = ""
    takes: list[str] = field(default_factory=list)
    file: str | None = None
    created: str = field(default_factory=timestamp)
    started: float | None = None  # monotonic seconds
    reported: float = 0.0  # monotonic seconds of the last report
    cancelled: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)  # while a short one goes first
    report: Callable[[Job], None] = lambda job: None
    after: Callable[[], None] = lambda: None  # called once it is over, whatever its state

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")

    @property
    def left(self) -> float | None:
        """Seconds that it will still take, judged from its progress so far."""
        if self.state != "running" or self.started is None or self.progress < 0.02:
            return None
        return (time.monotonic() - self.started) * (1 / min(self.progress, 1.0) - 1)

    def as_json(self) -> dict[str, Any]:
        names = "id project kind state progress message layer takes file created"
        left = self.left
        return {
            **{name: getattr(self, name) for name in names.split()},
            "progress": round(self.progress, 4),
            "takes": list(self.takes),
            "left": None if left is None else round(left, 1),
        }

    def advance(self, progress: float, message: str | None = None) -> None:
        """Reports the progress, 0 to 1. Raises Cancelled where the user has stopped the job."""
        if self.cancelled.is_set():
            raise Cancelled
        self.advance_quietly(progress, message)

    def advance_quietly(self, progress: float, message: str | None = None) -> None:
        """Reports the progress, from a thread that must not be stopped."""
        self.progress = max(0.0, min(1.0, progress))
        changed = message is not None and message != self.message
        if message is not None:
            self.message = message
        if changed or time.monotonic() - self.reported > REPORT_INTERVAL:
            self.reported = time.monotonic()
            self.report(self)


class Jobs:
    """The queues, two threads each: the worker, and the one for short jobs."""

    def __init__(self, report: Callable[[Job], None]) -> None:
        """report: called with a job whenever it has changed, from any thread."""
        self._tell = report
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._queues = {name: JobQueue[Job](MOST_WAITING) for name in set(QUEUES.values())}
        self._threads = []
        for name in self._queues:
            for target in (self._run, self._run_short):
                thread = threading.Thread(target=target, args=(name,), name=f"jobs-{name}")
                thread.daemon = True
                thread.start()
                self._threads.append(thread)

    def add(
        self,
        kind: str,
        project: str,
        work: Work,
        *,
        layer: str | None = None,
        length: float = 0.0,
        after: Callable[[], None] = lambda: None,
    ) -> Job:
        """Adds a job to the queue of its kind. Raises Overloaded where the queue is full."""
        job = Job(kind, project, work, layer, length, report=self._report, after=after)
        self._queues[QUEUES[kind]].put(job)
        with self._lock:
            self._jobs[job.id] = job
            over = [other.id for other in self._jobs.values() if other.is_over]
            for name in over[: max(0, len(over) - REMEMBERED)]:
                del self._jobs[name]
        self._report(job)
        return job

    def get(self, name: str) -> Job:
        with self._lock:
            if name not in self._jobs:
                raise Missing(f"there is no job {name[:64]!r}")
            return self._jobs[name]

    def of_project(self, project: str) -> list[Job]:
        with self._lock:
            return [job for job in self._jobs.values() if job.project == project]

    def is_at_work(self, project: str, kind: str) -> bool:
        return any(job.kind == kind and not job.is_over for job in self.of_project(project))

    def move_to_front(self, name: str) -> Job:
        """A job that waits is the next of its queue."""
        job = self.get(name)
        self._queues[QUEUES[job.kind]].move_to_front(job)
        self._report(job)
        return job

    def waiting(self) -> list[str]:
        """The ids of all jobs that wait, queue by queue, the next first."""
        return [name for waiting in self._queues.values() for name in waiting.order()]

    def cancel(self, name: str) -> Job:
        job = self.get(name)
        job.cancelled.set()
        with self._lock:
            waiting = job.state == "queued"
            if waiting:
                job.state, job.message = "cancelled", ""
        if waiting:
            self._report(job)
        return job

    def close(self) -> None:
        """Cancels all jobs and ends the threads."""
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            job.cancelled.set()
        for waiting in self._queues.values():
            waiting.close()
        for thread in self._threads:
            thread.join(timeout=5)

    def _report(self, job: Job) -> None:
        _call_safely(lambda: self._tell(job), "the report of a job")

    def _run(self, name: str) -> None:
        """A queue's thread. Nothing that a job brings along may end it: the jobs behind would wait
        for ever, so `work`, `report` and `after` are each called where they can fail alone."""
        while (job := self._queues[name].take()) is not None:
            self._do(job)
            self._queues[name].done()

    def _run_short(self, name: str) -> None:
        """The thread for short jobs, which hold the one at work."""
        while (taken := self._queues[name].take_short()) is not None:
            job, held = taken
            held.held.set()
            self._report(held)
            self._do(job)
            held.held.clear()

    def _do(self, job: Job) -> None:
        with self._lock:
            if job.state != "queued":
                return
            job.state, job.started = "running", time.monotonic()
        self._report(job)
        _finish(job)
        self._report(job)
        _call_safely(job.after, "what follows a job")


def _finish(job: Job) -> None:
    """Does the work and leaves the job in a state in which it is over."""
    try:
        job.work(job)
    except Cancelled:
        job.state, job.message = "cancelled", ""
    except (ValueError, Overloaded, Missing, OSError) as error:
        job.state, job.message = "failed", _reason(error)
    except BaseException as error:  # SystemExit too would end the thread
        _log.exception("a job failed")
        job.state, job.message = "failed", f"{type(error).__name__}: {_reason(error)}"
    else:
        job.state, job.progress = "done", 1.0


def _reason(error: BaseException) -> str:
    try:
        return line_with_file(error)
    except Exception:  # an error that cannot even be printed
        return "no reason is known"


def _call_safely(call: Callable[[], None], what: str) -> None:
    """Calls it; an error is logged and goes no further."""
    try:
        call()
    except BaseException:  # as in `_finish`
        _log.exception("%s failed", what)
