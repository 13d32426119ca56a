"""The process that makes sound: PyTorch and its models stay there, the server stays light.

`python -m folai.studio.sound_process` reads orders, one line of JSON each, and writes its progress,
one object a line. It calls `folai.pipeline` as any user does. `sound_client.py` is the other side.
"""

from __future__ import annotations

import json
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from folai.studio.failures import Cancelled
from folai.studio.limits import give_way, restrict

MEMORY = 12 << 30  # bytes


def main() -> None:
    restrict(memory=MEMORY)
    give_way(2)
    orders = _Orders()
    threading.Thread(target=_load, daemon=True).start()
    while (order := orders.next()) is not None:
        _obey(order, orders)


def say(**message: Any) -> None:
    with _SAYING:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


_SAYING = threading.Lock()


class _Orders:
    """What is asked for, read on a thread so that a cancellation is heard during the work."""

    def __init__(self) -> None:
        self._waiting: list[dict[str, Any] | None] = []
        self._changed = threading.Condition()
        self._cancelled: set[str] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            for line in sys.stdin:
                message = json.loads(line)
                with self._changed:
                    if "cancel" in message:
                        self._cancelled.add(message["cancel"])
                    else:
                        self._waiting.append(message)
                    self._changed.notify()
        finally:  # else the process would wait for orders that nobody reads
            with self._changed:
                self._waiting.append(None)
                self._changed.notify()

    def next(self) -> dict[str, Any] | None:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            return self._waiting.pop(0)

    def is_cancelled(self, job: str) -> bool:
        with self._changed:
            return job in self._cancelled


def _load() -> None:
    """What takes seconds, before it is asked for."""
    try:
        import folai.diffusion.foley  # noqa: F401

        say(ready=True)
    except Exception as error:
        say(ready=False, error=f"{type(error).__name__}: {error}")


def _obey(order: dict[str, Any], orders: _Orders) -> None:
    job = order["job"]
    messages: list[str] = []

    def progress(share: float) -> None:
        if orders.is_cancelled(job):
            raise Cancelled
        say(job=job, progress=share)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: messages.append(str(message))
        try:
            for take, facts in _make(order, progress):
                say(job=job, made=take, facts=facts, warnings=list(dict.fromkeys(messages)))
            say(job=job, done=True)
        except Cancelled:
            say(job=job, cancelled=True)
        except MemoryError:
            say(job=job, error="there is not enough memory for it; make a shorter region")
        except Exception as error:
            known = isinstance(error, ValueError | OSError | ImportError)
            text = str(error) if known else f"{type(error).__name__}: {error}"
            say(job=job, error=" ".join(text.split()))


def _make(
    order: dict[str, Any], progress: Callable[[float], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Writes the takes as the WAV files of the order's `out`: (number, facts) of each in turn."""
    from folai.media.audio import read_audio, write_wav
    from folai.pipeline import GenerateOptions, iter_takes
    from folai.studio.project_envelopes import read_npz

    progress(0.0)
    envelope = read_npz(Path(order["envelope"]))
    values, outs = dict(order["options"]), order["out"]
    if order["reference"] is not None:
        values["reference"] = read_audio(order["reference"], sample_rate=44100)[0]
    options = GenerateOptions.of(**values, variations=len(outs))
    takes = iter_takes(envelope, options, progress=progress)
    for number, (out, wav) in enumerate(zip(outs, takes, strict=True)):
        write_wav(out, wav, options.sample_rate)
        yield number, {"engine": options.engine_options.engine}


if __name__ == "__main__":
    main()
