"""Kills runs of `folai batch` (kill -9), starts the same command again, and checks what is there.

    python benchmarks/batch_kills.py worker driver node --kills 30 --work /tmp/kills

A run is of 60 jobs: short clips, each with its own seed, along an envelope that is given, so that a
job takes half a second. It is killed again and again at random moments until 30 kills are made;
after each run that came to its end the command is given once more.

    worker  a worker process of two, on one machine
    driver  `folai batch` itself, on one machine; the same command goes on
    node    the second raylet of a Ray cluster on this machine, by turns alone and with all of its
            processes; another is started, so that the run meets it while it goes on

Right is: every finished file is, byte for byte, that of a run that nobody killed; the results have
60 rows, each job once, all done; nothing half-written is left; and no job that was done at a kill
was done again. Prints a line for each kind, and what is wrong.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

JOBS, CLIPS = 60, 3
COMMAND = [sys.executable, "-m", "folai"]
OPTIONS = ["--engine", "preview", "--sound", "wood"]
OWN = ("report", "results")  # files that tell how long a job took
PORT = 6397
RAY = {
    "RAY_AUTH_MODE": "disabled",  # else a head of Ray 2.60 asks for a token
    "RAY_worker_niceness": "0",  # by default its workers wait for whatever else this machine does
    # Ray hears of a lost node within seconds, and not after half a minute:
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "3000",
    "RAY_health_check_failure_threshold": "3",
}

Started = subprocess.Popen[bytes]


def make_jobs(work: Path) -> None:
    """jobs.csv, its clips of two seconds, and the envelope that they share."""
    from folai.envelope import Envelope
    from folai.render import random_scene, write_clip

    for number in range(CLIPS):
        write_clip(random_scene(number, duration=2.0), work / f"{number}.mp4", size=(172, 128))
    Envelope.from_hits([0.4, 1.1], 2.0).save(work / "hits.json")
    with open(work / "jobs.csv", "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["video", "out", "seed", "envelope"])
        rows.writerows([f"{n % CLIPS}.mp4", f"{n}.mp4", n, "hits.json"] for n in range(JOBS))


# ---- processes


def children() -> dict[int, list[int]]:
    """Of each process of this machine."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            facts = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        below.setdefault(int(facts[1]), []).append(int(stat.parent.name))
    return below


def descendants(pid: int) -> list[int]:
    below, found = children(), [pid]
    for one in found:  # which grows
        found += below.get(one, [])
    return found[1:]


def named(pid: int, text: str) -> bool:
    try:
        return text in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return False


def kill(*pids: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def end(process: Started) -> None:
    """With everything that it has started."""
    kill(process.pid, *descendants(process.pid))
    process.wait()


# ---- Ray


@contextmanager
def cluster(work: Path) -> Iterator[list[Started]]:
    """A head with a core, and a second node: [head, second]. The second may be replaced."""
    nodes: list[Started] = []
    try:
        nodes.append(start_ray(work, "--head", f"--port={PORT}", "--include-dashboard=false"))
        wait_for_nodes(nodes, work, 1)
        nodes.append(second_node(work))
        wait_for_nodes(nodes, work, 2)
        yield nodes
    finally:
        for node in reversed(nodes):
            end(node)


def second_node(work: Path) -> Started:
    return start_ray(work, f"--address=127.0.0.1:{PORT}")


def start_ray(work: Path, *arguments: str) -> Started:
    memory = f"--object-store-memory={100 << 20}"
    command = [shutil.which("ray", path=os.path.dirname(sys.executable)) or "ray", "start"]
    with open(work / "ray.log", "ab") as log:
        return subprocess.Popen(
            [*command, "--block", "--num-cpus=1", memory, *arguments],
            stdout=log, stderr=log, cwd=work, env={**os.environ, **RAY}, start_new_session=True,
        )  # fmt: skip


def wait_for_nodes(nodes: list[Started], work: Path, count: int) -> None:
    """Until so many raylets are there and the head answers."""
    import socket

    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        raylets = [p for n in nodes for p in descendants(n.pid) if named(p, "raylet/raylet")]
        try:
            socket.create_connection(("127.0.0.1", PORT), 1).close()
        except OSError:
            raylets = []
        if len(raylets) >= count:
            return
        time.sleep(0.2)
    raise TimeoutError(f"Ray does not start: {(work / 'ray.log').read_text()[-2000:]}")


# ---- what is killed


def kill_worker(driver: Started, rng: random.Random) -> bool:
    workers = [p for p in descendants(driver.pid) if named(p, "folai.jobs.worker_process")]
    if workers:
        kill(rng.choice(workers))
    return bool(workers)


def kill_driver(driver: Started, rng: random.Random) -> bool:
    if driver.poll() is None:
        driver.kill()
        driver.wait()
        return True
    return False


def node_killer(nodes: list[Started], work: Path) -> Callable[[Started, random.Random], bool]:
    turns = iter(range(10**6))

    def kill_node(driver: Started, rng: random.Random) -> bool:
        below = descendants(nodes[1].pid)
        raylets = [pid for pid in below if named(pid, "raylet/raylet")]
        if not raylets:
            return False
        kill(*(raylets if next(turns) % 2 else [nodes[1].pid, *below]))
        time.sleep(0.1)
        end(nodes[1])
        nodes[1] = second_node(work)
        return True

    return kill_node


# ---- runs


def start_batch(work: Path, out: str, rest: list[str]) -> Started:
    command = [*COMMAND, "batch", "jobs.csv", "-o", out, *OPTIONS, *rest]
    with open(work / "batch.log", "ab") as log:
        return subprocess.Popen(
            command, cwd=work, stdout=log, stderr=log, env={**os.environ, **RAY}
        )


def run_whole(work: Path, out: str, rest: list[str]) -> float:
    """Seconds that a run takes that nobody kills."""
    began = time.monotonic()
    if start_batch(work, out, rest).wait() != 0:
        raise RuntimeError(f"a run fails unharmed: {(work / 'batch.log').read_text()[-2000:]}")
    return time.monotonic() - began


def done_now(work: Path, out: str) -> dict[str, int]:
    """When each job that is done now was finished, by the time of its record."""
    records = (work / out / ".folai").glob("*.mp4.json")
    return {path.name: path.stat().st_mtime_ns for path in records}


def kill_runs(
    work: Path, kind: str, rest: list[str], kill_one: Callable[[Started, random.Random], bool],
    kills: int, longest: float, rng: random.Random,
) -> list[str]:  # fmt: skip
    """Runs until so many kills are made, `longest` seconds apart at most: what was wrong."""
    faults, made, runs = [], 0, 0
    while made < kills:
        out, runs = f"{kind}{runs}", runs + 1
        shutil.rmtree(work / out, ignore_errors=True)
        driver, kept = start_batch(work, out, rest), dict[str, int]()
        while driver.poll() is None or (kind == "driver" and driver.returncode < 0):
            if driver.poll() is not None:
                driver = start_batch(work, out, rest)
            until = time.monotonic() + rng.uniform(0, longest)
            while driver.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
            if driver.poll() is None and made < kills:
                before = done_now(work, out)
                if kill_one(driver, rng):
                    made, kept = made + 1, {**before, **kept}
                    print(f"{kind}: kill {made}, {len(before)} of {JOBS} done", flush=True)
        code = start_batch(work, out, rest).wait()
        found = check(work, out, kept) + ([f"exit code {code}"] if code else [])
        faults += [f"{out}: {fault}" for fault in found]
        print(f"{out}: {'; '.join(found) or 'right'}", flush=True)
    print(f"{kind}: {made} kills in {runs} runs of {JOBS} jobs, {len(faults)} faults", flush=True)
    return faults


def check(work: Path, out: str, kept: dict[str, int]) -> list[str]:
    """What is wrong with a folder in which everything should be done.

    kept: the records that were there at a kill, and their times.
    """
    import pyarrow.parquet

    faults, folder, whole = [], work / out, work / "whole"
    names = [
        {
            p.name
            for p in place.iterdir()
            if p.is_file() and not p.name.startswith(("report", "results"))
        }
        for place in (folder, whole)
    ]
    if names[0] != names[1]:
        faults.append(f"other files: {sorted(names[0] ^ names[1])}")
    for name in sorted(names[0] & names[1]):
        if (folder / name).read_bytes() != (whole / name).read_bytes():
            faults.append(f"{name} is another")
    rows = pyarrow.parquet.read_table(folder / "results.parquet").to_pylist()
    if [row["job"] for row in rows] != [*range(1, JOBS + 1)]:
        faults.append("the results do not have each job once")
    if any(row["status"] != "done" for row in rows):
        faults.append("the results have jobs that are not done")
    left = [path.name for path in folder.rglob("*.part*")]
    if left:
        faults.append(f"half-written: {left}")
    again = [n for n, time in kept.items() if done_now(work, out)[n] != time]
    return faults + ([f"done twice: {again}"] if again else [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("kinds", nargs="+", choices=["worker", "driver", "node"])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--longest", type=float, default=20, help="seconds between two kills")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    work = given.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    make_jobs(work)
    here = ["--workers", "2"]
    shutil.rmtree(work / "whole", ignore_errors=True)
    faults, seconds = list[str](), run_whole(work, "whole", here)
    print(f"a run of {JOBS} jobs that nobody kills: {seconds:.1f} s", flush=True)
    for kind, kill_one in (("worker", kill_worker), ("driver", kill_driver)):
        if kind in given.kinds:
            rng = random.Random(given.seed)
            faults += kill_runs(work, kind, here, kill_one, given.kills, given.longest, rng)
    if "node" in given.kinds:
        there = ["--ray", f"127.0.0.1:{PORT}"]
        with cluster(work) as nodes:
            kill_one, rng = node_killer(nodes, work), random.Random(given.seed)
            faults += kill_runs(work, "node", there, kill_one, given.kills, given.longest, rng)
    print("\n".join(faults) or "all right")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
