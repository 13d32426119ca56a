"""Files that appear whole or not at all, checks before the work, and what an error says."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EACCES
from pathlib import Path


def check_writable(path: str | Path, *, inputs: tuple[str | Path, ...] = ()) -> None:
    """Raise ValueError unless a file can be written at `path` that is none of the `inputs`."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path}: is a directory; give a file name")
    if path.exists() and any(
        os.path.exists(source) and os.path.samefile(path, source) for source in inputs
    ):
        raise ValueError(f"{path}: is the input itself; choose another output name")
    if not path.parent.is_dir():
        raise ValueError(f"{path}: the directory {path.parent} does not exist; create it first")
    try:  # permissions do not show that a disk is read-only
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(EACCES, os.strerror(EACCES))
        partial = _partial(path)
        partial.touch()
        partial.unlink()
    except OSError as error:
        reason = f"is not writable ({one_line(error)})"
        raise ValueError(f"{path}: {reason}; choose another place") from error


def make_folder(folder: Path) -> None:
    """Create a folder for what will be written. Raises ValueError where that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror
        raise ValueError(f"{folder}: cannot be created ({reason}); give another folder") from error


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it takes the place of `path` only if all goes well."""
    path = Path(os.path.realpath(path))  # a symbolic link stays: what it leads to is written
    partial = _partial(path)
    try:
        yield partial
        os.replace(partial, path)
    except Exception as error:
        fault = _as_oserror(error, path)
        if fault is None:
            raise
        raise fault from error
    finally:
        partial.unlink(missing_ok=True)


def _as_oserror(error: Exception, path: Path) -> OSError | None:
    """What safetensors says of a disk that is full, as Python says it; None for any other error."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    if type(error).__name__ != "SafetensorError" or found is None:
        return None
    number = int(found.group(1))
    return OSError(number, os.strerror(number), str(path))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other process that asks for the same is at work in `folder`.

    Where the system or the disk has no such locks, nobody waits.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _partial(path: Path) -> Path:
    # The name of `path` may be as long as names can be: this one is short whatever it is.
    return path.with_name(f".{secrets.token_hex(8)}.part{path.suffix[:16]}")


def one_line(error: object, longest: int | None = None) -> str:
    """What an error or a warning says, in one line of at most `longest` characters.

    Of an OSError what went wrong alone, without its number and the file's name; of an error that
    says nothing its type.
    """
    text = getattr(error, "strerror", None) or error
    return (" ".join(str(text).split()) or type(error).__name__)[:longest]


def line_with_file(error: object) -> str:
    """`one_line`, after the name of the file where an OSError has one."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {one_line(error)}"
    return one_line(error)
