"""The index: one SQLite file that many processes may use at once, and what stands in it.

Files are never changed, and stay where they are. A row is written whole or not at all: SQLite's
write-ahead log holds that through a killed process.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from folai.writing import make_folder, one_line

VERSION = 1  # of what stands in the file; a library of a newer one is refused
_PATIENCE = 60.0  # seconds to wait while another process writes

_TABLES = """
CREATE TABLE texts (   -- what is said of sounds: many files have the same
    id INTEGER PRIMARY KEY,
    subject TEXT NOT NULL, more TEXT NOT NULL, category TEXT NOT NULL,
    vector BLOB,       -- [64] int8, see folai.words
    UNIQUE (subject, more, category)
);
CREATE VIRTUAL TABLE found USING fts5(subject, more, content='', tokenize='unicode61');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(found, 'row');
CREATE TABLE files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    size INTEGER NOT NULL, changed INTEGER NOT NULL,  -- bytes; nanoseconds
    content BLOB,      -- hash
    same_as INTEGER,   -- the file whose content this is, too
    text INTEGER,
    licence TEXT, credit TEXT,
    seconds REAL, sample_rate INTEGER, channels INTEGER,
    picture BLOB,      -- of its waveform: lowest and highest, int8 [200, 2]
    problem TEXT,      -- why it was passed over
    is_missing INTEGER NOT NULL DEFAULT 0,
    favourite INTEGER NOT NULL DEFAULT 0,
    used REAL          -- seconds since 1970
);
CREATE INDEX files_by_content ON files (content);
CREATE INDEX files_by_text ON files (text);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    start REAL NOT NULL, seconds REAL NOT NULL,       -- in the file
    level REAL NOT NULL, brightness REAL NOT NULL,    -- RMS; Hz
    pitch REAL NOT NULL, tonality REAL NOT NULL,      -- Hz; 0 (noise) to 1
    decay REAL NOT NULL, floor REAL NOT NULL,         -- seconds; RMS
    kind TEXT NOT NULL,
    vector BLOB NOT NULL                              -- float16, see folai.library.timbre
);
CREATE INDEX events_by_file ON events (file);
"""


def default_library() -> Path:
    """Where the library is, unless one is named: in the user's folder for data."""
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA")
        base = Path(home) if home else Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        home = os.environ.get("XDG_DATA_HOME")
        base = Path(home) if home else Path.home() / ".local" / "share"
    return base / "folai" / "library.db"


@contextmanager
def opened_library(
    path: str | Path | None = None, *, create: bool = False
) -> Iterator[sqlite3.Connection]:
    """A connection to a library (None: the default one), closed at the end.

    create: make it where there is none, and allow writing. Raises ValueError where it is missing,
    no library, of a newer version, or where nothing can be written.
    """
    place = default_library() if path is None else Path(path)
    connection = connect(place, create=create)
    try:
        yield connection
    except sqlite3.DatabaseError as error:
        raise ValueError(_failure(place, error)) from error
    finally:
        connection.close()


def connect(place: Path, *, create: bool = False) -> sqlite3.Connection:
    """The same without an end; threads may use it in turn."""
    if not create and not place.is_file():
        raise ValueError(f"{place}: no library here; make one with `folai library add FOLDER`")
    if place.is_dir():
        raise ValueError(f"{place}: is a folder; give the library's file, such as sounds.db")
    if create:
        make_folder(place.parent)
    can_write = os.access(place if place.exists() else place.parent, os.W_OK)
    if create and not can_write:
        raise ValueError(f"{place}: cannot be written; give another file with --library")
    try:
        connection = sqlite3.connect(
            _address(place, can_write), uri=True, timeout=_PATIENCE,
            check_same_thread=False,
        )  # fmt: skip
        connection.execute("PRAGMA foreign_keys = ON")
        _prepare(connection, place, create)
    except sqlite3.Error as error:
        raise ValueError(_failure(place, error)) from error
    return connection


def _address(place: Path, can_write: bool) -> str:
    # Where nothing can be written, SQLite cannot make the files beside it that share a log.
    shared = can_write and os.access(place.parent, os.W_OK)
    return place.absolute().as_uri() + ("" if shared else "?mode=ro&immutable=1")


def _prepare(connection: sqlite3.Connection, place: Path, create: bool) -> None:
    """Checks what is in the file, and makes the tables of a new one."""
    version = _version(connection)
    if version > VERSION:
        raise ValueError(
            f"{place}: is a library of version {version}, and this folai reads {VERSION}; update it"
        )
    if version == VERSION:
        return
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ValueError(f"{place}: is not a library of folai; give another file")
    if not create:
        raise ValueError(f"{place}: is empty; fill it with `folai library add FOLDER`")
    connection.execute("PRAGMA journal_mode = WAL")
    with writing(connection):  # another process may make them at this moment
        if _version(connection) == 0:
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """What is done within happens as a whole or not at all, and no one else writes meanwhile."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.rollback()
        raise
    connection.commit()


def _failure(place: Path, error: sqlite3.Error) -> str:
    reason = one_line(error)
    if "not a database" in reason or "malformed" in reason:
        return f"{place}: is no library, or damaged ({reason}); give another, or index anew"
    if "locked" in reason:
        return f"{place}: another process has been writing to it for a minute; try again"
    return f"{place}: cannot be used ({reason}); check the disk, or give another with --library"
