"""The jobs on a Ray cluster, by Ray Data: a row is a job, an actor is a worker with its models.

An actor hands its jobs to a process of its own, as a worker of one machine does: what crashes there
does not take the actor along. Files go to their places from there; what travels back is whether a
job is done. Ray gives the jobs of a node that is lost to others, which find those that are done.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

import folai
from folai.jobs.job import OWN_FOLDER, Job
from folai.jobs.places import find_stamp, inside, write_bytes
from folai.jobs.records import find_done
from folai.jobs.supervisor import Answers, Facts, Worker, count_at_once
from folai.writing import one_line

PATIENCE = 5.0  # seconds for an address to answer
NODES_PATIENCE = 180.0  # seconds for every node to start a process and look around
MOST_IN_BLOCK = 8  # jobs that an actor is handed together: fewer cost the driver more
PROBE = "nodes_look_for_this"


class Actor:
    """What Ray keeps in each of its processes. Rows of jobs in, rows of what became of them out."""

    def __init__(self, out: str, at_once: int = 1, make_worker: Callable[[], Any] = Worker) -> None:
        self._out, self._at_once, self._worker = out, at_once, make_worker()

    def __call__(self, rows: dict[str, Any]) -> dict[str, Any]:
        jobs = [Job(**json.loads(text)) for text in rows["job"]]
        groups = [
            jobs[first : first + self._at_once] for first in range(0, len(jobs), self._at_once)
        ]
        facts = chain.from_iterable(self._worker.do(group, self._out) for group in groups)
        errors = [one.get("error") or "" for one in facts]
        return {"number": rows["number"], "error": errors}


def do_on_ray(
    waiting: Callable[[], Iterator[Job]],
    out: str,
    address: str,
    *,
    workers: int | None,
    full_size: bool,
    clips_at_once: int | str = "auto",
    make_worker: Callable[[], Any] = Worker,
) -> Callable[[], Answers]:
    """Connects, and returns what does the jobs: as `supervisor.do_here`.

    workers: actors; None: one a core of the cluster, and at full size one a GPU. Raises ValueError
    where no cluster is. What is returned raises ValueError where a node has another version of
    folai, or does not see the files.
    """
    ray = _import_ray()
    _check_answers(address)

    def answers() -> Answers:
        with _connected(ray, address):
            jobs = list(waiting())
            if not jobs:
                return
            _check_nodes(ray, out, jobs[0].video)
            gpus = int(ray.cluster_resources().get("GPU", 0)) if full_size else 0
            count = workers or gpus or max(1, int(ray.cluster_resources().get("CPU", 1)))
            at_once = count_at_once(clips_at_once, on_gpu=bool(gpus))
            yield from _do(ray, jobs, out, min(count, len(jobs)), at_once, bool(gpus), make_worker)

    return answers


def _do(
    ray: Any,
    jobs: list[Job],
    out: str,
    count: int,
    at_once: int,
    on_gpu: bool,
    make_worker: Callable[[], Any],
) -> Generator[tuple[Job, Facts], None, None]:
    block = max(at_once, min(MOST_IN_BLOCK, len(jobs) // (8 * count)))
    rows = [{"number": job.number, "job": json.dumps(job.to_dict())} for job in jobs]
    left = {job.number: job for job in jobs}
    data = ray.data.from_items(rows, override_num_blocks=-(-len(jobs) // block))
    data.context.max_errored_blocks = -1  # a job that Ray gives up does not stop the others
    data.context.enable_progress_bars = False
    done = data.map_batches(
        Actor,
        fn_constructor_args=(out, at_once, make_worker),
        batch_size=None,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count, initial_size=count),
        num_cpus=1,
        num_gpus=1 if on_gpu else None,
    )
    for row in done.iter_rows():
        job = left.pop(row["number"], None)
        if job is not None:  # a block that ran twice answers twice
            yield job, {"error": row["error"]} if row["error"] else {}
    for job in left.values():  # their block was given up; some of its jobs may be done
        facts = find_done(out, job)
        yield job, facts or {"error": f"{job.video}: was given up by Ray; do it again"}


def _import_ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError as error:
        fix = "pip install 'folai[cluster]'"
        raise ValueError(f"a cluster needs Ray; {fix}") from error
    return ray


def _check_answers(address: str) -> None:
    """Ask the port first: Ray itself would try for minutes."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if address in ("auto", "local"):
        return
    if not colon or not port.isdigit():
        raise ValueError(f"ray is {address!r}; give HOST:PORT, auto, or local")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except OSError as error:
        fix = "start one by `ray start --head`, or give its address"
        raise ValueError(f"{address}: no Ray is there ({one_line(error)}); {fix}") from error


@contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """A connection to the cluster; one that is there already is used, and stays."""
    if ray.is_initialized():
        yield
        return
    try:
        ray.init(
            address=None if address == "local" else address,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    except Exception as error:  # Ray has many kinds
        fix = "if it asks for a token, set RAY_AUTH_MODE=token, else give its address"
        raise ValueError(f"{address}: no way to Ray ({one_line(error, 200)}); {fix}") from error
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        ray.shutdown()


def _check_nodes(ray: Any, out: str, video: str) -> None:
    """Raise ValueError for a node that could not do the jobs."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    probe = inside(out, f"{OWN_FOLDER}/{PROBE}")
    write_bytes(probe, b"folai")
    look = ray.remote(_look)
    asked = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            options = {"num_cpus": 0, "max_retries": 0, "scheduling_strategy": there}
            asked[node["NodeManagerAddress"]] = look.options(**options).remote([probe, video])
    for name, answer in asked.items():
        try:
            version, seen = ray.get(answer, timeout=NODES_PATIENCE)
        except Exception as error:
            fix = f"install folai {folai.__version__} there"
            reason = one_line(str(error).strip().splitlines()[-1], 150)
            raise ValueError(f"node {name}: cannot run folai ({reason}); {fix}") from error
        if version != folai.__version__:
            raise ValueError(
                f"node {name}: has folai {version}, and this is {folai.__version__}; "
                "install the same on all"
            )
        for place, is_seen in zip((out, video), seen, strict=True):
            if not is_seen:
                raise ValueError(
                    f"node {name}: does not see {place}; use a folder that all nodes share, or a "
                    "place such as s3://bucket/folder"
                )


def _look(places: list[str]) -> tuple[str, list[bool]]:
    """On a node: (its version of folai, which of the places it sees)."""
    return folai.__version__, [find_stamp(place) is not None for place in places]
