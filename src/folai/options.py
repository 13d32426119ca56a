"""Options as fields of frozen dataclasses that say what they mean and how far they go.

The command line, the studio's page and tables of jobs are made from them, so that each option is
described once.
"""

from __future__ import annotations

import math
from dataclasses import Field, field, fields
from typing import Any

import numpy as np


def option(
    default: Any,
    kind: type,
    about: str,
    *,
    metavar: str = "X",
    default_text: str | None = None,
    lowest: float | None = None,
    highest: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A field of an options dataclass.

    kind: what the command line turns a word into, `bool` for a flag. about: for --help.
    default_text: says what a default of None stands for. lowest, highest: the range, both included.
    """
    metadata = {
        "kind": kind,
        "about": about,
        "metavar": metavar,
        "default_text": default_text,
        "range": (lowest, highest),
        "choices": choices,
    }
    return field(default=default, metadata=metadata)


def check_ranges(options: Any) -> None:
    """Raise ValueError for a value that is of another kind, out of its range, or no choice."""
    for described in fields(options):
        value = getattr(options, described.name)
        if value is not None and described.metadata:
            _check(described, value)


def _check(described: Field[Any], value: Any) -> None:
    name, choices = described.name, described.metadata["choices"]
    if choices is not None and value not in choices:
        raise ValueError(f"{name} is {value!r}; use one of {', '.join(choices)}")
    lowest, highest = described.metadata["range"]
    if lowest is not None:
        check_number(name, value, described.metadata["kind"], lowest, highest)


def check_number(
    name: str,
    value: Any,
    kind: type,
    lowest: float,
    highest: float = math.inf,
    unit: str = "",
) -> None:
    """Raise ValueError unless the value is a number (a whole one where `kind` is int) in range."""
    wanted = f"{lowest:g} or more" if highest == math.inf else f"{lowest:g} to {highest:g}"
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not lowest <= value <= highest:
        raise ValueError(f"{name} is {value}{unit}; give {wanted}")
    if kind is int and value != int(value):
        raise ValueError(f"{name} is {value}{unit}; give a whole number, {wanted}")
