"""Jobs that wait for one worker: in the order in which a person wants them, short before long.

Beside the worker a second one does jobs that are much shorter than the one at work, which is held
meanwhile: a clip of five seconds does not wait for one of an hour.
"""

from __future__ import annotations

import itertools
import threading
from typing import Generic, Protocol, TypeVar

from folai.studio.failures import Overloaded

MUCH_SHORTER = 0.5  # of the length of the job at work


class Waiting(Protocol):
    """What a queue knows of a job. length: seconds of the clip, 0 where it does not matter."""

    id: str
    length: float


Job = TypeVar("Job", bound=Waiting)


class JobQueue(Generic[Job]):
    """Two threads take from it: the worker, and the one for short jobs."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: list[tuple[float, int, Job]] = []  # rank, number, job
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._at_work: Job | None = None
        self._closed = False

    def put(self, job: Job) -> None:
        """Raises Overloaded where too many wait."""
        with self._changed:
            if len(self._waiting) >= self._most:
                raise Overloaded(f"{self._most} jobs are waiting; cancel some, or wait for them")
            self._waiting.append((job.length, next(self._numbers), job))
            self._changed.notify_all()

    def move_to_front(self, job: Job) -> None:
        """Nothing where it waits no more."""
        with self._changed:
            if not any(other is job for _, _, other in self._waiting):
                return
            self._waiting = [entry for entry in self._waiting if entry[2] is not job]
            first = min((rank for rank, _, _ in self._waiting), default=0.0)
            self._waiting.append((first - 1.0, next(self._numbers), job))
            self._changed.notify_all()

    def order(self) -> list[str]:
        """The ids of the jobs that wait, the next first."""
        with self._changed:
            return [job.id for _, _, job in sorted(self._waiting, key=lambda entry: entry[:2])]

    def take(self) -> Job | None:
        """The next job, as soon as there is one; None at the end."""
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            self._at_work = self._pop(min(self._waiting, key=lambda entry: entry[:2]))
            self._changed.notify_all()
            return self._at_work

    def take_short(self) -> tuple[Job, Job] | None:
        """(a job that is much shorter than the one at work, that one), which is to be held."""
        with self._changed:
            while not self._closed:
                held = self._at_work
                short = [
                    entry
                    for entry in self._waiting
                    if held is not None and 0 < entry[2].length < MUCH_SHORTER * held.length
                ]
                if held is not None and short:
                    return self._pop(min(short, key=lambda entry: entry[:2])), held
                self._changed.wait()
            return None

    def done(self) -> None:
        """The worker's job is over."""
        with self._changed:
            self._at_work = None

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _pop(self, entry: tuple[float, int, Job]) -> Job:
        self._waiting.remove(entry)
        return entry[2]
