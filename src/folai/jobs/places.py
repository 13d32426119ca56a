"""Where files lie: on a disk, or in any file system that fsspec knows, such as s3://bucket/clips.

A place is text: a path, or a URL. Files are written whole or not at all: on a disk they are renamed
from a name beside it, and an object store shows an object once all of it is there.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from folai.writing import one_line

Stamp = list[Any]  # tells a file's versions apart without reading it


def is_remote(place: str) -> bool:
    return "://" in place


def inside(folder: str, name: str) -> str:
    """The place of a name (with "/") in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


def parent(place: str) -> str:
    return place.rstrip("/").rpartition("/")[0] if is_remote(place) else str(Path(place).parent)


def file_system(place: str) -> tuple[Any, str]:
    """(fsspec's file system, the path there). Raises ValueError where one cannot be used."""
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        fix = "pip install 'folai[cluster]'"
        raise ValueError(f"{place}: places like this are read with fsspec; {fix}") from error
    try:
        return url_to_fs(place)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise ValueError(f"{place}: cannot be used ({one_line(error, 150)})") from error


@contextmanager
def remote_errors(place: str) -> Iterator[None]:
    """Say in one line what went wrong: each file system has errors of its own."""
    try:
        yield
    except FileNotFoundError:
        raise ValueError(f"{place}: does not exist; check the name") from None
    except Exception as error:
        reason = one_line(error, 150)
        fix = "check the name and your credentials"
        raise ValueError(f"{place}: no access ({reason}); {fix}") from error


def find_stamp(place: str) -> Stamp | None:
    """What changes with a file's content; None where there is no file."""
    if not is_remote(place):
        try:
            status = Path(place).stat()
        except OSError:
            return None
        return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
    system, path = file_system(place)
    try:
        info = system.info(path, refresh=True) if "s3" in system.protocol else system.info(path)
    except FileNotFoundError:
        return None
    names = ("ETag", "etag", "md5Hash", "generation", "LastModified", "mtime", "created")
    return [info.get("size"), *(str(info[name]) for name in names if name in info)]


def read_bytes(place: str) -> bytes | None:
    """A small file; None where there is none."""
    try:
        if is_remote(place):
            system, path = file_system(place)
            return bytes(system.cat_file(path))
        return Path(place).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def write_bytes(place: str, data: bytes) -> None:
    """Of a file that tells whether one can be written there: nobody reads half of it."""
    if is_remote(place):
        system, path = file_system(place)
        with remote_errors(place):
            system.pipe_file(path, data)
        return
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_bytes(data)


def fetch(place: str, folder: Path) -> Path:
    """A file as a path of this machine: itself, or a copy in `folder` under its own name."""
    if not is_remote(place):
        return Path(place)
    copy = folder / PurePosixPath(place).name
    system, path = file_system(place)
    with remote_errors(place):
        system.get_file(path, str(copy))
    return copy


def publish(source: Path, place: str) -> None:
    """Moves a finished file to its place. On a disk, `source` is on the same one."""
    if is_remote(place):
        system, path = file_system(place)
        with remote_errors(place):
            system.put_file(str(source), path)
        return
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    source.replace(place)


def content_of(place: str) -> str:
    """Names a file, or all files of a folder, by what is in it: in hexadecimal."""
    if is_remote(place):
        system, path = file_system(place)
        with remote_errors(place), system.open(path, "rb") as file:
            return _digest(file)
    if Path(place).is_dir():  # a model's: names and sizes, as it may be many gigabytes
        files = sorted(path for path in Path(place).rglob("*") if path.is_file())
        names = [f"{path.relative_to(place)} {path.stat().st_size}" for path in files]
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:32]
    with Path(place).open("rb") as file:
        return _digest(file)


def _digest(file: Any) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
