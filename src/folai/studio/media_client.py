"""Starts the processes that read media files (`media_process.py`) and ends those that hang."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folai.studio.failures import Cancelled, Overloaded
from folai.studio.process_messages import read_message

POLL = 0.05  # seconds between looks at whether to go on

FILE_BYTES = 64 << 30  # of a file that a child may write, unless set otherwise


def child_command(command: str, arguments: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", "folai.studio.media_process", command, json.dumps(arguments)]


def run_child(
    command: str,
    arguments: dict[str, Any],
    *,
    names: dict[Path, str],
    patience: float,
    file_size: int = FILE_BYTES,
    progress: Callable[[float], None] | None = None,
    piece: Callable[[dict[str, Any]], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    held: Callable[[], bool] = lambda: False,
) -> tuple[Any, list[str]]:
    """(result, warnings) of a command of `media_process.py`.

    names: the user's names of files, for messages. patience: seconds without output after which it
    is ended. piece: gets parts of the result as they come. While `held()` the process rests. Raises
    ValueError for what is wrong with the file, Overloaded where it took too long
    or too much memory, Cancelled as soon as `cancelled()`.
    """
    shown = {str(path): name for path, name in names.items()}
    arguments = {**arguments, "names": shown, "file_size": file_size}
    child = subprocess.Popen(
        child_command(command, arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    listener, rests = _Listener(child, progress, piece), False
    try:
        while not listener.ended.wait(POLL):
            if cancelled():
                raise Cancelled
            if held() != rests and hasattr(signal, "SIGSTOP"):
                rests = not rests
                child.send_signal(signal.SIGSTOP if rests else signal.SIGCONT)
            if rests:
                listener.last = time.monotonic()
            if time.monotonic() - listener.last > patience:
                raise Overloaded(_too_much(names, f"no answer for {patience:.0f} s"))
        if listener.failure is not None:
            raise listener.failure
        child.wait()
    finally:
        child.kill()
        child.wait()
        listener.join()
    if "error" in listener.answer:
        raise ValueError(listener.answer["error"])
    if "result" not in listener.answer:
        last = (listener.errors.strip().splitlines() or [""])[-1][:200]
        raise Overloaded(_too_much(names, last or f"it ended with {child.returncode}"))
    return listener.answer["result"], listener.answer.get("warnings", [])


def _too_much(names: dict[Path, str], reason: str) -> str:
    name = next(iter(names.values()), "the file")
    return f"{name}: took more time or memory than allowed ({reason}); " + (
        "give a shorter or smaller one, or export it again"
    )


class _Listener:
    """Reads a child's output on two threads, so that neither pipe fills up."""

    def __init__(
        self,
        child: subprocess.Popen[bytes],
        progress: Callable[[float], None] | None,
        piece: Callable[[dict[str, Any]], None] | None,
    ) -> None:
        self.answer: dict[str, Any] = {}
        self.errors = ""
        self.failure: Exception | None = None  # of `progress`, for whoever waits
        self.last = time.monotonic()
        self.ended = threading.Event()
        self._child, self._progress, self._piece = child, progress, piece
        self._threads = [
            threading.Thread(target=target, daemon=True) for target in (self._listen, self._drain)
        ]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self._child.stdout is not None
        try:
            for line in self._child.stdout:
                self.last = time.monotonic()
                self._take(line)
        except Exception as error:
            self.failure = error
        finally:
            self.ended.set()  # else whoever waits would wait in vain

    def _take(self, line: bytes) -> None:
        message = read_message(line)
        if message is None:
            return
        if "piece" in message:
            if self._piece is not None:
                self._piece(message["piece"])
        elif "progress" not in message:
            self.answer = message
        elif self._progress is not None:
            self._progress(float(message["progress"]))

    def _drain(self) -> None:
        assert self._child.stderr is not None
        for line in self._child.stderr:
            self.errors = (self.errors + line.decode(errors="replace"))[-4000:]

    def join(self) -> None:
        for thread in self._threads:
            thread.join(timeout=2)
