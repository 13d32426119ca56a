"""The server's side of `picture_process.py`: one process a clip, started at its first picture."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from folai.studio.failures import Overloaded
from folai.studio.media_client import child_command

PATIENCE = 20.0  # seconds for one answer
MOST_PROCESSES = 3  # at once; the one used longest ago ends
CACHE_BYTES = 24 << 20  # of pictures kept in memory


class Decoder:
    """One clip's process, and what it is asked."""

    def __init__(self, path: Path, start: float) -> None:
        self._path, self._start = path, start
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.last = time.monotonic()

    def ask(self, query: dict[str, Any]) -> bytes:
        """JPEG. Raises ValueError where nothing decodes, Overloaded where it takes too long.

        query: `time` and `height`, or `start`, `end`, `count`, `height` and `width` of a strip.
        """
        with self._lock:
            self.last = time.monotonic()
            if self._child is None or self._child.poll() is not None:
                self._child = self._begin()
            child = self._child
            watch = threading.Timer(PATIENCE, child.kill)
            watch.start()
            try:
                return _exchange(child, query)
            except (OSError, EOFError, json.JSONDecodeError) as error:
                child.kill()
                child.wait()
                self._child = None
                raise Overloaded("the picture took too long to decode; ask again") from error
            finally:
                watch.cancel()

    def close(self) -> None:
        with self._lock:
            if self._child is not None:
                self._child.kill()
                self._child.wait()
                self._child = None

    def _begin(self) -> subprocess.Popen[bytes]:
        arguments = {"path": str(self._path), "start": self._start}
        return subprocess.Popen(
            child_command("pictures", arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )


def _exchange(child: subprocess.Popen[bytes], query: dict[str, Any]) -> bytes:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps(query).encode() + b"\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        raise EOFError
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    if "length" not in answer:
        raise EOFError
    content = child.stdout.read(answer["length"])
    if len(content) != answer["length"]:
        raise EOFError
    return content


class Decoders:
    """The decoders of all projects, and the latest pictures."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: dict[str, Decoder] = {}
        self._cache: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0

    def cached(self, project: str, query: dict[str, Any]) -> bytes | None:
        with self._lock:
            return self._cache.get((project, json.dumps(query)))

    def ask(self, project: str, path: Path, start: float, query: dict[str, Any]) -> bytes:
        """A picture as `Decoder.ask` gives it. start: container time of the first frame."""
        cached = self.cached(project, query)
        if cached is not None:
            return cached
        content = self._decoder(project, path, start).ask(query)
        with self._lock:
            self._cache[project, json.dumps(query)] = content
            self._size += len(content)
            while self._size > CACHE_BYTES:
                self._size -= len(self._cache.popitem(last=False)[1])
        return content

    def _decoder(self, project: str, path: Path, start: float) -> Decoder:
        with self._lock:
            decoder = self._of.setdefault(project, Decoder(path, start))
            rest = [name for name in self._of if name != project]
            ended = []
            if len(rest) >= MOST_PROCESSES:
                oldest = min(rest, key=lambda name: self._of[name].last)
                ended.append(self._of.pop(oldest))
        for other in ended:
            other.close()
        return decoder

    def close(self) -> None:
        with self._lock:
            decoders = list(self._of.values())
            self._of = {}
        for decoder in decoders:
            decoder.close()
