"""Where files cannot be written: a full disk, a folder that turns read-only, another run that
writes the same output, Ctrl-C. See `torture.py`.

What must hold each time: one line on stderr, exit code 2 (130 for Ctrl-C), what was there before is
there still, and nothing half-written stays where it can be removed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from children import Child, command, start, wait_a_moment
from kills import BEFORE, PLAY, finished

NOBODY = 65534
ORDERS = {
    "out.mp4": ("generate", "good.mp4", "-o", "out.mp4", *PLAY),
    "out.mkv": ("generate", "good.mp4", "-o", "out.mkv", *PLAY),
    "out.wav": ("generate", "good.mp4", "-o", "out.wav", *PLAY),
    "out.webm": ("generate", "good.webm", "-o", "out.webm", *PLAY),
    "two.mov": ("generate", "good.mp4", "-o", "two.mov", "--variations", "2", *PLAY),
    "out.json": ("envelope", "good.mp4", "-o", "out.json"),
    "out.csv": ("edit", "good.json", "-o", "out.csv", "--gain", "3"),
    "plot.png": ("envelope", "good.mp4", "-o", "e.json", "--plot", "plot.png"),
    "own.safetensors": ("adapt", "good.mp4", "good.json", "-o", "own.safetensors", "--steps", "1"),
}


def try_all(folder: Path, rounds: int, seed: int) -> tuple[int, list[str]]:
    """(how often something went wrong on purpose, what was lost or half-written then)."""
    rng, tried, faults = random.Random(seed), 0, []
    for kind in (fill_disks, take_permission, write_the_same, interrupt):
        more, found = kind(folder, rounds, rng)
        tried, faults = tried + more, faults + found
    return tried, faults


def _state(folder: Path, out: str) -> bytes | None:
    return (folder / out).read_bytes() if (folder / out).exists() else None


def _verdict(what: str, child: Child, folder: Path, out: str, whole: int, code: int) -> list[str]:
    """What is wrong after a command that could not end well: its code, its words, its files."""
    lines = [line for line in child.lines() if "warning:" not in line]
    found = _state(folder, out)
    is_whole = found is not None and found != BEFORE and abs(len(found) - whole) <= 64
    faults = []
    if child.code == 0:
        if not is_whole:
            faults.append(f"exit code 0, but {out} is not whole")
    else:
        if child.code != code or len(lines) != 1:
            faults.append(f"exit code {child.code}, {lines[-3:]}")
        if found != BEFORE and not is_whole:
            faults.append(f"{out} is not what it was before")
    if os.access(folder, os.W_OK) and any(folder.glob(".*.part*")):
        faults.append("something half-written stays")
    return [f"{what}, {out}: {fault}" for fault in faults]


@contextmanager
def _place(folder: Path, name: str) -> Iterator[Path]:
    """A folder of its own with the inputs."""
    place = folder / name
    place.mkdir()
    _fill(folder, place)
    yield place
    shutil.rmtree(place)


def _fill(folder: Path, place: Path) -> None:
    for path in folder.glob("good.*"):
        shutil.copy(path, place / path.name)


# The disk


def fill_disks(folder: Path, rounds: int, rng: random.Random) -> tuple[int, list[str]]:
    tried, faults = 0, []
    for out, order in ORDERS.items():
        with _place(folder, f"full-{out}") as place:
            work = command(*order)
            finished(work, place)
            whole = len((place / out).read_bytes())
            for _ in range(rounds):
                (place / out).write_bytes(BEFORE)
                limit = int(whole * rng.choice((0.0, 1.0, rng.random(), rng.random())) * 0.98)
                child = start(work, place, file_size=limit)
                child.wait()
                faults += _verdict(f"full at {limit}", child, place, out, whole, 2)
                tried += 1
    if os.geteuid() == 0:
        more, found = _fill_a_real_disk(folder, rounds, rng)
        tried, faults = tried + more, faults + found
    return tried, faults


def _fill_a_real_disk(folder: Path, rounds: int, rng: random.Random) -> tuple[int, list[str]]:
    """The same on a small file system in memory; where none can be mounted, nothing is tried."""
    disk, tried, faults = folder / "disk", 0, []
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        return 0, []
    try:
        for out, order in ORDERS.items():
            _fill(folder, disk)
            work = command(*order)
            if out != "own.safetensors":
                finished(work, disk)
            whole = len(_state(disk, out) or b"")
            for _ in range(rounds):
                (disk / out).write_bytes(BEFORE)
                free = shutil.disk_usage(disk).free
                page = 4096
                left = int(rng.random() * 1.2 * whole) // page * page
                (disk / "ballast").write_bytes(bytes(max(0, free - left)))
                child = start(work, disk)
                child.wait()
                (disk / "ballast").unlink()
                faults += _verdict(f"{left} bytes left", child, disk, out, whole, 2)
                tried += 1
            for path in disk.iterdir():
                path.unlink()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
    return tried, faults


# The folder


def take_permission(folder: Path, rounds: int, rng: random.Random) -> tuple[int, list[str]]:
    """The folder turns read-only before or while a command works."""
    is_root = os.geteuid() == 0
    tried, faults = 0, []
    for out, order in ORDERS.items():
        with _place(folder, f"readonly-{out}") as place:
            for path in (place, *place.iterdir()):
                os.chmod(path, 0o777)
            os.chmod(folder, 0o755)
            work = command(*order)
            usual = finished(work, place)
            whole = len((place / out).read_bytes())
            for number in range(rounds):
                (place / out).write_bytes(BEFORE)
                os.chmod(place / out, 0o666)
                if number == 0:
                    os.chmod(place, 0o555)
                child = start(work, place, user=NOBODY if is_root else None)
                if number:
                    wait_a_moment(child, place, usual, rng)
                    os.chmod(place, 0o555)
                child.wait()
                faults += _verdict("read-only", child, place, out, whole, 2)
                os.chmod(place, 0o777)
                for left in place.glob(".*.part*"):
                    left.unlink()
                tried += 1
    return tried, faults


# Two at once


def write_the_same(folder: Path, rounds: int, rng: random.Random) -> tuple[int, list[str]]:
    """Two runs write one output: what is there at the end is whole, and of one of them."""
    from folai.checkpoints import load_light_mapper

    tried, faults = 0, []
    for out, order in ORDERS.items():
        with _place(folder, f"twice-{out}") as place:
            both = [command(*order), command(*order)]
            if order[0] == "generate":
                both[1] = command(*("metal" if part == "wood" else part for part in order))
            if order[0] == "adapt":
                both[1] = command(*order, "--seed", "1")
            usual = max(finished(work, place) for work in both)
            sizes = {len((place / out).read_bytes())}
            finished(both[0], place)
            sizes.add(len((place / out).read_bytes()))
            for _ in range(rounds):
                first = start(both[0], place)
                time.sleep(rng.random() * 0.5 * usual)
                second = start(both[1], place)
                codes = first.wait(), second.wait()
                tried += 1
                if codes != (0, 0):
                    faults.append(f"two at once, {out}: {codes} {first.lines()} {second.lines()}")
                if len((place / out).read_bytes()) not in sizes and out.endswith(".mp4"):
                    faults.append(f"two at once, {out}: is of neither")
                if out.endswith(".safetensors"):
                    try:
                        load_light_mapper(place / out)
                    except ValueError as error:
                        faults.append(f"two at once: {error}")
    return tried, faults


# Ctrl-C


def interrupt(folder: Path, rounds: int, rng: random.Random) -> tuple[int, list[str]]:
    """Ctrl-C at random moments: also while Python starts, and while it ends."""
    tried, faults = 0, []
    for out, order in ORDERS.items():
        with _place(folder, f"stopped-{out}") as place:
            work = command(*order)
            usual = finished(work, place)
            whole = len((place / out).read_bytes())
            for _ in range(rounds):
                (place / out).write_bytes(BEFORE)
                child = start(work, place)
                wait_a_moment(child, place, usual, rng)
                child.send(signal.SIGINT)
                faults += _verdict("Ctrl-C", child, place, out, whole, 130)
                tried += 1
    for _ in range(rounds):
        with _place(folder, "stopped-program") as place:
            faults += _interrupt_program(place, rng)
            tried += 1
    return tried, faults


def _interrupt_program(place: Path, rng: random.Random) -> list[str]:
    order = ORDERS["out.mp4"]
    process = subprocess.Popen(
        [sys.executable, "-m", "folai", *order], cwd=place, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    # Before Python has begun to run the program, Ctrl-C is answered by Python itself.
    time.sleep(0.3 + rng.random() * 2.0)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    lines = [line for line in said.splitlines() if "warning:" not in line]
    if (process.returncode, lines) not in ((130, ["folai: stopped"]), (0, [])):
        return [f"Ctrl-C, the program: exit code {process.returncode}, {lines[-3:]}"]
    return ["Ctrl-C, the program: a part stays"] if any(place.glob(".*.part*")) else []
