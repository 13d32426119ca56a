"""What can go wrong in the studio beyond bad input, which is a ValueError as everywhere."""

from __future__ import annotations

from typing import Any


class Cancelled(Exception):
    """The user has stopped the work."""


class Missing(Exception):
    """There is no such project, take, ..."""


class Overloaded(Exception):
    """Something took longer, or more memory, than is allowed, or too much is asked for at once."""


class Conflict(Exception):
    """Another tab, or another copy of the page, has the say. `facts` go into the reply."""

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts
