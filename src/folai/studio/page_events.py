"""Events for every page that listens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

WAITING = 1000  # events that wait for a slow page; then it is disconnected and loads anew
QUIET = 15.0  # seconds without events after which a comment keeps the connection open


class Events:
    """`tell` may be called from any thread; pages listen on the server's loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[asyncio.Queue[str | None], str | None] = {}

    def begin(self) -> None:
        self._loop = asyncio.get_running_loop()

    def tell(self, kind: str, facts: dict[str, Any]) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        text = f"event: {kind}\ndata: {json.dumps(facts)}\n\n"
        project = facts.get("project")
        self._loop.call_soon_threadsafe(self._hand_out, text, project)

    def end(self) -> None:
        """Disconnects every listener."""
        for listener in list(self._listeners):
            _put(listener, None)

    def _hand_out(self, text: str, project: str | None) -> None:
        for listener, chosen in list(self._listeners.items()):
            if chosen is None or project is None or chosen == project:
                _put(listener, text)

    async def listen(self, project: str | None, first: str) -> AsyncIterator[str]:
        """Events of one project, or of all (None); `first` comes before them."""
        listener: asyncio.Queue[str | None] = asyncio.Queue(WAITING)
        self._listeners[listener] = project
        try:
            yield first
            while True:
                try:
                    text = await asyncio.wait_for(listener.get(), QUIET)
                except TimeoutError:
                    text = ": still here\n\n"
                if text is None:
                    return
                yield text
        finally:
            self._listeners.pop(listener, None)


def _put(listener: asyncio.Queue[str | None], text: str | None) -> None:
    """A page that is too slow is disconnected: it reconnects and loads the present state."""
    try:
        listener.put_nowait(text)
    except asyncio.QueueFull:
        while not listener.empty():
            listener.get_nowait()
        listener.put_nowait(None)
