"""Results that are computed once and kept on disk: how they are named, stored and read back.

The name of a cached file is a hash of a version number, of the parameters that went in, and of what
identifies the input. A cache therefore outlives any change of the source that leaves its numbers
alone. Whoever changes the numbers raises the version; beside each `VERSION` stands when.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.writing import written_whole

Arrays = dict[str, NDArray[Any]]


def cache_key(version: int, *parameters: object) -> str:
    """24 hex digits that change with the version and with any of the parameters.

    Parameters are what JSON can hold, and paths.

    >>> cache_key(1, "clip.mp4", 480.0) == cache_key(1, "clip.mp4", 480.0)
    True
    >>> cache_key(1, "clip.mp4", 480.0) == cache_key(2, "clip.mp4", 480.0)
    False
    """
    facts = json.dumps([version, *parameters], default=str, sort_keys=True)
    return hashlib.sha256(facts.encode()).hexdigest()[:24]


def file_stamp(path: Path) -> tuple[str, int, int]:
    """(place, size in bytes, time of the last change in ns): tells a file's versions apart quickly.

    Raises OSError where there is no such file.
    """
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def content_key(path: Path) -> str:
    """Names a file by what is in it, wherever it lies. Raises OSError where there is none."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def cached_arrays(stored: Path, compute: Callable[[], Arrays]) -> Arrays:
    """The arrays stored at `stored`; if there are none, they are computed and stored there."""
    arrays = restore_arrays(stored)
    if arrays is None:
        arrays = compute()
        store_arrays(stored, arrays)
    return arrays


def store_arrays(stored: Path, arrays: Arrays) -> None:
    with written_whole(stored) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]


def restore_arrays(stored: Path) -> Arrays | None:
    """What `store_arrays` wrote; None where nothing is, or where the file is damaged (a full disk,
    an interrupted copy): it is then computed again."""
    try:
        with np.load(stored) as data:
            return dict(data)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile):
        return None
