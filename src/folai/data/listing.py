"""Which clips a folder holds, of which split, and where their contacts are annotated.

A folder of clips is any folder with video files in it. Where it has a `clips.csv` (columns `path`
and `split`), that decides which clips belong to which split; where it has an `onsets.csv` (`path`,
`time_seconds`), those annotations say where the contacts are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.tables import read_table

# Of videos in folders. A GIF has to be named: most are a small copy of a video beside it.
VIDEO_SUFFIXES = (
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".3gp", ".flv", ".m2ts", ".mpg", ".mpeg",
    ".mts", ".mxf", ".ogv", ".ts", ".wmv",
)  # fmt: skip


@dataclass(frozen=True)
class Listing:
    """A clip in a folder, before it is read."""

    path: Path
    name: str  # its path inside the folder
    annotated: NDArray[np.float64] | None  # contact times, seconds, sorted; None: not annotated
    sync: str = ""  # as `clips.csv` rates it: A, plainly of contacts that are seen; B, partly


def is_video(path: Path) -> bool:
    """Whether a file is a video, by its name; a .ts by its first byte, too: TypeScript has none."""
    suffix = path.suffix.lower()
    if suffix not in VIDEO_SUFFIXES or not path.is_file():
        return False
    if suffix != ".ts":
        return True
    with path.open("rb") as file:
        return file.read(1) == b"G"  # of every packet of a transport stream


def list_clips(folder: Path, split: str | None = None) -> list[Listing]:
    """The clips of `folder`, or of one split of it, in a fixed order.

    Raises ValueError where the folder is missing, holds no clips, has no such split, or where its
    tables lack a column or a value.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give the folder that holds the clips")
    onsets, ratings = _read_onsets(folder / "onsets.csv"), dict[str, str]()
    table = folder / "clips.csv"
    if table.is_file():
        rows = read_table(table, ("path", "split"))
        splits = sorted({row["split"] for row in rows})
        if split is not None and split not in splits:
            raise ValueError(f"{table}: no split {split!r}; it has {', '.join(splits)}")
        names = [row["path"] for row in rows if split in (None, row["split"])]
        ratings = {row["path"]: row.get("sync") or "" for row in rows}
    else:
        files = filter(is_video, folder.rglob("*"))
        names = sorted(path.relative_to(folder).as_posix() for path in files)
    if not names:
        raise ValueError(f"{folder}: no video files; expected {', '.join(VIDEO_SUFFIXES)}")
    return [Listing(folder / name, name, onsets.get(name), ratings.get(name, "")) for name in names]


def _read_onsets(path: Path) -> dict[str, NDArray[np.float64]]:
    if not path.is_file():
        return {}
    times: dict[str, list[float]] = {}
    for row in read_table(path, ("path", "time_seconds")):
        try:
            times.setdefault(row["path"], []).append(float(row["time_seconds"]))
        except ValueError:
            fault = f"{path}: time_seconds is {row['time_seconds']!r} for {row['path']}"
            raise ValueError(f"{fault}; give seconds") from None
    return {name: np.sort(np.array(values)) for name, values in times.items()}
