"""The process that does jobs: PyTorch and the models stay there from one job to the next.

`python -m folai.jobs.worker_process` reads orders, one line of JSON each, and answers each with a
line. `supervisor.py` is the other side. It ends at once when whoever started it is gone.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from typing import Any, TextIO

from folai.jobs.job import Job


def main() -> None:
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what a library prints is no answer
        orders: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=_listen, args=(orders,), daemon=True).start()
        _work(orders, answers)


def _listen(orders: queue.Queue[dict[str, Any]]) -> None:
    try:
        for line in sys.stdin:
            orders.put(json.loads(line))
    finally:  # the order to end, and also what is heard of a supervisor that was killed
        os._exit(0)


def _work(orders: queue.Queue[dict[str, Any]], answers: TextIO) -> None:
    do = _prepared()
    while True:
        order = orders.get()
        facts = do([Job(**job) for job in order["jobs"]], order["out"])
        answers.write(json.dumps({"facts": facts, "memory": memory_in_use()}) + "\n")
        answers.flush()


def _prepared() -> Any:
    """A function that does jobs. One thread a worker: takes then depend on no count of cores."""
    import cv2

    from folai.jobs.making import do_jobs
    from folai.pipeline import Models

    cv2.setNumThreads(1)
    models = Models(threads=1)
    return lambda jobs, out: do_jobs(jobs, out, models)


def memory_in_use() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


if __name__ == "__main__":
    main()
