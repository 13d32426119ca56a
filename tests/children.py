"""Commands in processes of their own, which a test can limit, interrupt and kill.

They are forked from one that has imported everything, so that hundreds of them take little.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 120.0  # seconds after which a process counts as hanging, also on a busy machine


@dataclass
class Child:
    """A process at work, and what it has said so far."""

    pid: int
    pipe: int
    code: int | None = None  # once it has ended; negative: the signal that ended it
    said: bytes = b""

    def is_over(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self) -> int:
        """Its exit code. Raises TimeoutError, and ends it, where it hangs."""
        until = time.monotonic() + PATIENCE
        while not self.is_over():
            if time.monotonic() > until:
                self.send(signal.SIGKILL)
                raise TimeoutError(f"took more than {PATIENCE:.0f} s: {self.lines()}")
            time.sleep(0.002)
        assert self.code is not None
        return self.code

    def send(self, number: int) -> int:
        """Send a signal to it and its children; its exit code."""
        if not self.is_over():
            os.killpg(self.pid, number)
        return self.wait() if self.code is None else self.code

    def lines(self) -> list[str]:
        try:
            while more := os.read(self.pipe, 1 << 16):
                self.said += more
        except OSError:  # nothing now, or closed
            pass
        return self.said.decode(errors="replace").splitlines()

    def __del__(self) -> None:
        os.close(self.pipe)


def start(
    work: Callable[[], int | None],
    folder: Path,
    *,
    file_size: int | None = None,
    user: int | None = None,
) -> Child:
    """Fork a process that does `work` in `folder`.

    file_size: bytes after which writing fails, as on a full disk. user: whom it runs as.
    """
    reading, writing = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        try:
            os.setpgid(pid, pid)  # whichever of the two is first
        except OSError:
            pass
        os.close(writing)
        os.set_blocking(reading, False)
        return Child(pid, reading)
    code = 70
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(writing, stream)
        sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if file_size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        if user is not None:
            os.setgid(user)
            os.setuid(user)
        code = work() or 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
    raise AssertionError("no child comes here")


def command(*arguments: str) -> Callable[[], int]:
    """`folai` with these arguments, as work for `start`."""

    def work() -> int:
        from folai.__main__ import run

        sys.argv = ["folai", *arguments, "--quiet"]
        try:
            run()
        except SystemExit as ended:
            return int(ended.code or 0)

    return work


def wait_a_moment(child: Child, folder: Path, usual: float, rng: random.Random) -> None:
    """Until a random moment of its work: half of the times one at which it writes a file."""
    until = time.monotonic() + rng.uniform(0.0, 1.1) * usual
    if rng.random() < 0.5:
        while not child.is_over() and not any(folder.rglob(".*.part*")):
            time.sleep(0.0005)
        until = time.monotonic() + rng.uniform(0.0, 0.3) * usual * rng.random()
    while time.monotonic() < until and not child.is_over():
        time.sleep(0.0005)


def load_everything() -> None:
    """Import what the commands need, so that their processes have it, also without rights."""
    import encodings.utf_8_sig  # noqa: F401

    import cv2  # noqa: F401
    import scipy.signal  # noqa: F401

    import folai.cli.app
    import folai.pipeline
    import folai.train.adapt  # noqa: F401
