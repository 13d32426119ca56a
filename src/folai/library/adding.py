"""Folders into the index: what is new or changed is measured once, by several processes.

A file is known by its path, size and time. Where these differ its content decides: a moved file
keeps what was measured, and a copy is not measured twice. What was done so far stays if the work
is stopped, however it is stopped.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path

from folai.library.index import writing
from folai.library.measure import Recording, measure_file
from folai.library.naming import Naming, name_of
from folai.library.tags import read_tags
from folai.media.files import open_media
from folai.progress import Progress
from folai.words.table import sentence_bytes
from folai.writing import one_line

SUFFIXES = frozenset(
    ".wav .bwf .wave .rf64 .w64 .aif .aiff .aifc .flac .mp3 .ogg .oga .opus .m4a".split()
)
TOGETHER = 64  # files that are written at once, at most
EVERY = 2.0  # seconds after which what is measured is written: lost, at most, in a killed process


@dataclass(frozen=True)
class Found:
    """A file in a folder: where, bytes, nanoseconds since 1970."""

    path: str
    root: str
    size: int
    changed: int


@dataclass(frozen=True)
class Measured:
    """What became of a file. One of recording and problem is there, but neither for a copy."""

    found: Found
    content: bytes
    naming: Naming | None = None
    recording: Recording | None = None
    problem: str | None = None


@dataclass
class Added:
    """The result of indexing folders."""

    files: int = 0  # with sound, in the folders
    new: int = 0
    moved: int = 0
    copies: int = 0
    events: int = 0
    seconds: float = 0.0  # of the new sound
    missing: int = 0  # known of before, and not in the folder any more
    problems: list[str] = field(default_factory=list)


Spread = Callable[[Callable[[Found], Measured], Sequence[Found]], Iterator[Measured]]


def add_folders(
    connection: sqlite3.Connection,
    folders: Sequence[Path],
    spread: Spread = map,
    progress: Progress | None = None,
) -> Added:
    """Index what is in the folders. spread: runs a function on many files, such as in processes.

    Files that cannot be read are told of in `problems`, and tried again once they have changed.
    Raises ValueError, before any work, for a folder that is missing or has no sound file.
    """
    roots = [_checked(folder) for folder in folders]
    files = list(dict.fromkeys(found for root in roots for found in _walk(root)))
    if not files:
        names = ", ".join(map(str, folders))
        raise ValueError(f"{names}: no sound file in it; use {', '.join(sorted(SUFFIXES))}")
    result = Added(files=len(files))
    gone = _mark_missing(connection, roots, {found.path for found in files})
    fresh = _unknown(connection, files)
    library = connection.execute("PRAGMA database_list").fetchone()[2]
    together: list[Measured] = []
    written = time.monotonic()
    for count, measured in enumerate(spread(partial(measure, library=library), fresh), start=1):
        together.append(measured)
        is_due = len(together) == TOGETHER or time.monotonic() - written > EVERY
        if is_due or count == len(fresh):
            _store(connection, together, result)
            together, written = [], time.monotonic()
        if progress is not None:
            progress(count / len(fresh))
    result.missing = _still_missing(connection, gone)
    return result


def _checked(folder: Path) -> Path:
    if folder.is_file():
        raise ValueError(f"{folder}: is a file; give the folder it lies in")
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder (is its disk connected?); nothing was changed")
    return folder.resolve()


def _walk(root: Path) -> Iterator[Found]:
    """The sound files below a folder, hidden ones left out."""
    folders = [str(root)]
    while folders:
        try:
            entries = sorted(os.scandir(folders.pop()), key=lambda entry: entry.name)
        except OSError:
            continue  # no right to look into it
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():
                stat = entry.stat()
                yield Found(entry.path, str(root), stat.st_size, stat.st_mtime_ns)


def _unknown(connection: sqlite3.Connection, files: list[Found]) -> list[Found]:
    """Those that are new, or are not as they were."""
    rows = connection.execute("SELECT path, size, changed FROM files WHERE NOT is_missing")
    known = {path: (size, changed) for path, size, changed in rows}
    return [
        found for found in files if known.get(stored(found.path)) != (found.size, found.changed)
    ]


def stored(path: str) -> str:
    """A path as the index holds it: UTF-8, also where the name on disk is none."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


# One file, in a process of its own


def measure(found: Found, library: str | None = None) -> Measured:
    """Reads and measures a file, unless its content is in the library already."""
    path = Path(found.path)
    content = b""
    try:
        if stored(found.path) != found.path:
            raise ValueError("its name is no UTF-8; rename it")
        content = _content(path)
        naming = name_of(path, Path(found.root), read_tags(path, _metadata(path)))
        is_known = library is not None and _holds(library, content)
        recording = None if is_known else measure_file(path, naming.subject)
        stat = path.stat()
        if (stat.st_size, stat.st_mtime_ns) != (found.size, found.changed):
            raise ValueError("changed while it was read; add its folder again")
        return Measured(found, content, naming, recording)
    except (ValueError, OSError, MemoryError) as error:
        reason = one_line(error, 300).removeprefix(f"{path}: ")
        return Measured(found, content, problem=reason)


def _holds(library: str, content: bytes) -> bool:
    row = _reader(library).execute(
        "SELECT 1 FROM files WHERE content = ? AND problem IS NULL AND same_as IS NULL", (content,)
    )
    return row.fetchone() is not None


@cache
def _reader(library: str) -> sqlite3.Connection:
    """A connection of this process's own."""
    return sqlite3.connect(f"{Path(library).as_uri()}?mode=ro", uri=True, timeout=60)


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


def _metadata(path: Path) -> dict[str, str]:
    with open_media(path) as container:
        tags = dict(container.metadata)
        for stream in container.streams.audio:
            tags |= stream.metadata
        return tags


# Into the index


def _store(connection: sqlite3.Connection, together: list[Measured], result: Added) -> None:
    with writing(connection):
        for measured in together:
            _store_one(connection, measured, result)


def _store_one(connection: sqlite3.Connection, measured: Measured, result: Added) -> None:
    found, path = measured.found, stored(measured.found.path)
    as_it_was = connection.execute(
        "SELECT id FROM files WHERE path = ? AND size = ? AND changed = ? AND NOT is_missing",
        (path, found.size, found.changed),
    ).fetchone()
    if as_it_was is not None:
        return  # another process has been here in the meantime
    if measured.problem is not None:
        result.problems.append(f"{path}: {measured.problem}")
        _replace_file(connection, measured, problem=measured.problem)
        return
    assert measured.naming is not None
    same = connection.execute(
        "SELECT id, path FROM files WHERE content = ? AND same_as IS NULL AND problem IS NULL",
        (measured.content,),
    ).fetchone()
    if same is not None and not os.path.exists(same[1]):
        _move(connection, same[0], measured)
        result.moved += 1
    elif same is not None and same[1] != path:
        _replace_file(connection, measured, same_as=same[0])
        result.copies += 1
    elif same is not None:  # only its time has changed
        connection.execute(
            "UPDATE files SET size = ?, changed = ?, is_missing = 0 WHERE id = ?",
            (found.size, found.changed, same[0]),
        )
    elif measured.recording is None:  # the one with this content went meanwhile
        _store_one(connection, measure(found), result)
    else:
        _store_recording(connection, measured, measured.recording)
        result.new += 1
        result.events += len(measured.recording.events)
        result.seconds += measured.recording.seconds


def _replace_file(connection: sqlite3.Connection, measured: Measured, **values: object) -> int:
    """Its row, without what was measured before of another content; the row's id."""
    found, path = measured.found, stored(measured.found.path)
    naming = measured.naming
    row: dict[str, object] = {
        "path": path,
        "size": found.size,
        "changed": found.changed,
        "content": measured.content,
        "text": None if naming is None else text_id(connection, naming),
        "licence": "" if naming is None else naming.licence,
        "credit": "" if naming is None else naming.credit,
        **values,
    }
    connection.execute("DELETE FROM files WHERE path = ?", (path,))
    marks = ", ".join("?" * len(row))
    cursor = connection.execute(
        f"INSERT INTO files ({', '.join(row)}) VALUES ({marks})", tuple(row.values())
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _move(connection: sqlite3.Connection, file: int, measured: Measured) -> None:
    """The file is elsewhere, with the names it has there."""
    found, naming = measured.found, measured.naming
    assert naming is not None
    path = stored(found.path)
    connection.execute("DELETE FROM files WHERE path = ? AND id != ?", (path, file))
    connection.execute(
        "UPDATE files SET path = ?, size = ?, changed = ?, is_missing = 0, text = ?, "
        "licence = ?, credit = ? WHERE id = ?",
        (path, found.size, found.changed, text_id(connection, naming), naming.licence,
         naming.credit, file),
    )  # fmt: skip


def _store_recording(
    connection: sqlite3.Connection, measured: Measured, recording: Recording
) -> None:
    file = _replace_file(
        connection,
        measured,
        seconds=recording.seconds,
        sample_rate=recording.sample_rate,
        channels=recording.channels,
        picture=recording.picture,
    )
    connection.executemany(
        "INSERT INTO events (file, start, seconds, level, brightness, pitch, tonality, decay, "
        "floor, kind, vector) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(file, *vars(event).values()) for event in recording.events],
    )


def text_id(connection: sqlite3.Connection, naming: Naming) -> int:
    """The row of what is said of a file, made where it is new."""
    said = (naming.subject, naming.more, naming.category)
    row = connection.execute(
        "SELECT id FROM texts WHERE subject = ? AND more = ? AND category = ?", said
    ).fetchone()
    if row is not None:
        return int(row[0])
    cursor = connection.execute(
        "INSERT INTO texts (subject, more, category, vector) VALUES (?, ?, ?, ?)",
        (*said, sentence_bytes(naming.subject)),
    )
    connection.execute(
        "INSERT INTO found (rowid, subject, more) VALUES (?, ?, ?)",
        (cursor.lastrowid, naming.subject, naming.more),
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def _mark_missing(
    connection: sqlite3.Connection, roots: list[Path], here: set[str]
) -> list[tuple[int]]:
    """Files of these folders that are not there any more: kept, and left out of searches; ids."""
    present = {stored(path) for path in here}
    gone = [
        (file,)
        for root in roots
        for file, path in connection.execute(
            "SELECT id, path FROM files WHERE NOT is_missing AND substr(path, 1, ?) = ?",
            (len(stored(str(root))) + 1, stored(str(root)) + os.sep),
        ).fetchall()
        if path not in present
    ]
    with writing(connection):
        connection.executemany("UPDATE files SET is_missing = 1 WHERE id = ?", gone)
    return gone


def _still_missing(connection: sqlite3.Connection, gone: list[tuple[int]]) -> int:
    """How many of them were not found elsewhere."""
    missing = "SELECT 1 FROM files WHERE id = ? AND is_missing"
    return sum(connection.execute(missing, one).fetchone() is not None for one in gone)
