"""Errors of the studio; bad input is a ValueError, as everywhere."""

from __future__ import annotations

from typing import Any


class Cancelled(Exception):
    """The user has stopped the work."""


class Missing(Exception):
    """There is no project, take, ... with this id."""


class Overloaded(Exception):
    """Something took too long or too much memory, or there are too many requests at once."""


class Conflict(Exception):
    """Another tab edits the project, or it was changed elsewhere. `facts` go into the reply."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
