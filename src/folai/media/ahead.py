"""Pictures, or whatever a loop needs next, made ready in a thread ahead of it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")

AHEAD = 3  # items that are ready before they are asked for
PATIENCE = 2.0  # seconds in which the thread should be done with the item it is at


@dataclass(frozen=True)
class _End(Generic[Item]):
    """The last thing in the queue: the error that ended the feed, or None."""

    error: BaseException | None


def prefetched(feed: Iterator[Item], ahead: int = AHEAD) -> Generator[Item, None, None]:
    """The items of a feed, made in a thread while the caller works on the ones before.

    What the feed raises is raised here, in the caller, after the items that were made before it.
    Closing this iterator ends the thread, and waits for it: a process that ended while it computes
    would be aborted.
    """
    ready: queue.Queue[Item | _End[Item]] = queue.Queue(ahead)
    closed = threading.Event()

    def put(item: Item | _End[Item]) -> None:
        # A plain put would wait for ever where nobody takes items any more.
        while not closed.is_set():
            try:
                return ready.put(item, timeout=0.1)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for item in feed:
                put(item)
                if closed.is_set():
                    return
            put(_End(None))
        except BaseException as error:  # an unreported one would leave the caller waiting
            put(_End(error))

    thread = threading.Thread(target=fill, name="folai-feed", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        closed.set()
        thread.join(PATIENCE)
