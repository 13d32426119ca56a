"""What has happened, told to every page that listens (server-sent events)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

WAITING = 1000  # events kept for a page that reads slowly; then it is told to load anew
QUIET = 15.0  # seconds after which a word is said so that nobody takes the connection for dead


class Events:
    """May be told anything from any thread; pages listen on the server's loop."""

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
        """Let every listener go."""
        for listener in list(self._listeners):
            _put(listener, None)

    def _hand_out(self, text: str, project: str | None) -> None:
        for listener, wanted in list(self._listeners.items()):
            if wanted is None or project is None or wanted == project:
                _put(listener, text)

    async def listen(self, project: str | None, first: str) -> AsyncIterator[str]:
        """Events of one project, or of all; `first` comes before them."""
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
    """Where a page is too slow it is let go: it connects again, and loads what there is."""
    try:
        listener.put_nowait(text)
    except asyncio.QueueFull:
        while not listener.empty():
            listener.get_nowait()
        listener.put_nowait(None)
