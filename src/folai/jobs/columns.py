"""Which columns a table of jobs may have, and how their cells are read."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

from folai.engines import engine_names, get_engine
from folai.envelope.segments import read_segments
from folai.envelope.spans import read_spans
from folai.pipeline import GenerateOptions
from folai.takes.options import FinishOptions

TRUE, FALSE = ("true", "yes", "1"), ("false", "no", "0")


@cache
def option_kinds() -> dict[str, type]:
    """What each option of `generate` is read as; `list`: segments, `tuple`: parts."""
    described: list[Any] = [FinishOptions, *(get_engine(name).Options for name in engine_names())]
    kinds: dict[str, type] = {
        field.name: field.metadata["kind"] for options in described for field in fields(options)
    }
    hints = get_type_hints(GenerateOptions)
    for field in fields(GenerateOptions):
        allowed = get_args(hints[field.name]) or (hints[field.name],)
        plain = [kind for kind in (bool, int, float) if kind in allowed]
        kinds[field.name] = plain[0] if plain else Path if Path in allowed else str
    del kinds["finish"]  # its fields are options
    return kinds | {"segments": list, "regenerate": tuple, "engine": str}


def check_columns(source: str, names: Sequence[str]) -> None:
    """Raise ValueError unless there is a column `video`, and no unknown or doubled one."""
    if "video" not in names:
        raise ValueError(f"{source}: no column video; name the clips in one")
    allowed = ["video", "out", *option_kinds()]
    if unknown := [name for name in names if name not in allowed]:
        raise ValueError(f"{source}: unknown column {unknown[0]!r}; use {', '.join(allowed)}")
    if doubled := [name for name in names if list(names).count(name) > 1]:
        raise ValueError(f"{source}: two columns {doubled[0]}; leave one of them out")


def read_values(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Cells as options; empty ones are left out. Raises ValueError for one of another kind."""
    kinds = option_kinds()
    given = {name: value for name, value in cells.items() if not is_empty(value)}
    return {name: read_cell(name, value, kinds[name]) for name, value in given.items()}


def with_files(values: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Options with each file or folder that they name changed; several are a list."""
    changed = dict(values)
    for name, value in values.items():
        if value is not None and option_kinds().get(name) is Path:
            many = isinstance(value, list | tuple)
            changed[name] = [change(str(one)) for one in value] if many else change(str(value))
    return changed


def files_of(values: Mapping[str, Any]) -> list[str]:
    """The files and folders that options name; among them are names of models."""
    kinds = option_kinds()
    named = (value for name, value in values.items() if value and kinds.get(name) is Path)
    many = (value if isinstance(value, list | tuple) else [value] for value in named)
    return [str(file) for files in many for file in files]


def is_empty(value: Any) -> bool:
    """Nothing, as CSV (""), JSON (null) and data frames (NaN) say it."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def read_cell(name: str, value: Any, kind: type) -> Any:
    if kind is list:
        return [[s.start, None if math.isinf(s.end) else s.end, s.prompt] for s in _parts(value)]
    if kind is tuple:
        parts = read_spans(value.tolist() if hasattr(value, "tolist") else value)
        return [[start, None if math.isinf(end) else end] for start, end in parts]
    if kind is bool:
        return _read_flag(name, value)
    if kind in (int, float):
        return _read_number(name, value, kind)
    if name == "reference" and isinstance(value, list | tuple):
        return [read_cell(name, one, Path) for one in value]
    if not isinstance(value, str | Path):
        raise ValueError(f"{name} is {value!r}; give text")
    return str(value)


def _parts(value: Any) -> Any:
    # A row of Parquet has arrays and dictionaries, whose numbers are plain after tolist.
    return read_segments(value.tolist() if hasattr(value, "tolist") else value)


def _read_flag(name: str, value: Any) -> bool:
    text = str(value).strip().lower()
    if text not in TRUE + FALSE:
        raise ValueError(f"{name} is {value!r}; use true or false")
    return text in TRUE


def _read_number(name: str, value: Any, kind: type) -> int | float:
    wanted = "a whole number" if kind is int else "a number"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; give {wanted}") from None
    if isinstance(value, bool) or not math.isfinite(number) or (kind is int and number % 1):
        raise ValueError(f"{name} is {value!r}; give {wanted}")
    # A seed beyond 2^53 would be rounded: text and whole numbers are read as they are.
    return number if kind is float else int(value) if not isinstance(value, float) else int(number)
