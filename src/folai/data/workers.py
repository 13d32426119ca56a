"""Work spread over processes: how many there may be, and what they return, in order."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """The number of cores this process may use; more workers than that wait for one another."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def spread(
    run: Callable[[Item], Result], items: Sequence[Item], workers: int, *, at_once: int = 1
) -> Iterator[Result]:
    """Yield `run(item)` of each item in order, computed by `workers` processes; 1: by this one.

    run and items must be picklable. at_once: items that are handed to a worker together.

    Raises ValueError where a worker is ended from outside, and what `run` raises.
    """
    if workers == 1:
        yield from map(run, items)
        return
    # Fresh processes: one that holds PyTorch's threads must not be forked.
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(workers, context, _end_with_parent) as pool:
            yield from pool.map(run, items, chunksize=at_once)
    except BrokenProcessPool as error:
        reason = "a worker was ended from outside, perhaps for lack of memory"
        raise ValueError(f"{reason}; use fewer than {workers} workers") from error


def _end_with_parent() -> None:
    """In a worker: end it once the process that waits for it is gone, however that was ended.

    A worker holds both ends of the pipe that its work comes through, so it would not notice.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
