"""Batches made ahead of the loop that uses them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")


def prefetched(feed: Iterator[Item]) -> Iterator[Item]:
    """Makes the next batches of an endless feed in a thread while the model works on this one."""
    ready: queue.Queue[Item] = queue.Queue(3)

    def fill() -> None:
        for batch in feed:
            ready.put(batch)

    threading.Thread(target=fill, daemon=True).start()
    while True:
        yield ready.get()
