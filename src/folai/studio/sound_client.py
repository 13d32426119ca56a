"""The server's side of `sound_process.py`: one process, restarted where it has ended."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folai.studio.failures import Cancelled, Overloaded
from folai.studio.process_messages import read_message

POLL = 0.05  # seconds between looks at whether to go on
GRACE = 20.0  # seconds for a cancelled job to stop by itself

_log = logging.getLogger(__name__)


class Generator:
    """Makes takes in the sound process, one job at a time, as the queue in `Jobs` ensures."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.state = "loading"  # or "ready", "failed"
        self.message = ""
        self._changed = changed
        self._answers: queue.Queue[tuple[object, dict[str, Any]]] = queue.Queue()
        self._process: subprocess.Popen[str] | None = None
        self._beginning = threading.Lock()
        self._closed = False

    def make(
        self,
        job: str,
        *,
        envelope: Path,
        options: dict[str, Any],
        reference: Path | None,
        out: list[Path],
        progress: Callable[[float], None],
        made: Callable[[int, dict[str, Any], list[str]], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Writes the takes to `out`; `made` gets the number, facts and warnings of each.

        Raises ValueError as the pipeline does, Cancelled within a step of `cancelled()`.
        """
        self.begin()
        while not self._answers.empty():
            self._answers.get_nowait()
        self._send(
            job=job,
            envelope=str(envelope),
            options=options,
            reference=None if reference is None else str(reference),
            out=[str(path) for path in out],
        )
        try:
            self._follow(job, progress, made, cancelled)
        except BaseException:  # nobody waits for the result any more
            self._send(cancel=job)
            raise

    def _follow(
        self,
        job: str,
        progress: Callable[[float], None],
        made: Callable[[int, dict[str, Any], list[str]], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Hands on the process's answers until the job is done."""
        asked_to_stop = 0.0
        while True:
            if cancelled() and not asked_to_stop:
                self._send(cancel=job)
                asked_to_stop = POLL
            try:
                source, answer = self._answers.get(timeout=POLL)
            except queue.Empty:
                asked_to_stop += POLL if asked_to_stop else 0.0
                if asked_to_stop > GRACE:
                    self._end()
                    raise Cancelled from None
                continue
            if source is not self._process:  # of a process that was ended
                continue
            if answer.get("ended"):
                raise Overloaded(
                    "the process that makes sound has ended, perhaps out of memory: try again"
                )
            if answer.get("job") != job:
                continue
            if "progress" in answer:
                if not asked_to_stop:
                    progress(answer["progress"])
            elif "error" in answer:
                raise ValueError(answer["error"])
            elif "cancelled" in answer:
                raise Cancelled
            elif "made" in answer:
                made(answer["made"], answer["facts"], answer["warnings"])
            else:
                return

    def close(self) -> None:
        """Ends the process and starts no other."""
        with self._beginning:
            self._closed = True
        self._end()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def begin(self) -> None:
        """Starts the process, which loads PyTorch, unless it runs."""
        with self._beginning:
            running = self._process is not None and self._process.poll() is None
            if running or self._closed:
                return
            self.state = "loading"
            self._process = subprocess.Popen(
                [sys.executable, "-m", "folai.studio.sound_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
            )
            threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()

    def _send(self, **message: Any) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except OSError:
            self._answers.put((self._process, {"ended": True}))

    def _listen(self, process: subprocess.Popen[str]) -> None:
        """On a thread of its own: hands on what the process says, and that it has ended."""
        assert process.stdout is not None
        try:
            for line in process.stdout:
                self._take(process, line)
        except Exception:  # a process that nobody listens to is of no use
            _log.exception("listening to the process for sound failed")
            process.kill()
            process.wait()
        finally:
            self._answers.put((process, {"ended": True}))

    def _take(self, process: subprocess.Popen[str], line: str) -> None:
        message = read_message(line)
        if message is None:
            return
        if "ready" not in message:
            self._answers.put((process, message))
            return
        self.state = "ready" if message["ready"] else "failed"
        self.message = message.get("error", "")
        try:
            self._changed()
        except Exception:  # the listener has failed, not the process
            _log.exception("what follows a change of the engine's state failed")
