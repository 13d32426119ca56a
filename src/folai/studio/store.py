"""The folder of all projects. One studio opens it at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from folai.studio.failures import Missing
from folai.studio.media_client import run_child
from folai.studio.project import Project, new_id, read_document
from folai.writing import one_line

PROBE_PATIENCE = 120.0  # seconds that looking at a clip may take
COPIED_MOST = 1 << 30  # bytes of a clip on another disk that is copied; a larger one is linked to


class Store:
    """Raises ValueError where the folder cannot be used, or another studio has it open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock_file = _lock_folder(root)
        except OSError as error:
            raise ValueError(
                f"{root}: cannot hold projects ({one_line(error)}); choose another --projects"
            ) from error
        self._lock = threading.Lock()
        self._opened: dict[str, Project] = {}
        for left in root.glob(".new-*"):  # of an upload that was cut off, or a killed server
            shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()

    # Finding projects

    def get(self, name: str) -> Project:
        """Raises Missing for an unknown one, ValueError for one that cannot be opened."""
        with self._lock:
            if name in self._opened:
                return self._opened[name]
            if name not in self._names():
                raise Missing(f"there is no project {name[:64]!r}; open another")
            project = Project.open(self.root / name)
            project.drop_unused()
            self._opened[name] = project
            return project

    def summaries(self) -> list[dict[str, Any]]:
        """All projects, the latest first; those that cannot be opened with their error."""
        summaries = []
        for name in self._names():
            summary = {"id": name, "name": name, "duration": None, "modified": "", "error": None}
            try:
                opened = self._opened.get(name)
                document = opened.document if opened else read_document(self.root / name)
                summary["name"] = document["name"]
                summary["duration"] = document["clip"]["duration"]
                summary["modified"] = document["modified"]
            except (ValueError, KeyError, TypeError) as error:
                summary["error"] = str(error)
            summaries.append(summary)
        return sorted(summaries, key=lambda summary: str(summary["modified"]), reverse=True)

    def find_source(self, source: str) -> str | None:
        """The id of the project of this source (see `_source`), if there is one."""
        for name in self._names():
            with contextlib.suppress(ValueError):
                if read_document(self.root / name).get("source") == source:
                    return name
        return None

    def _names(self) -> list[str]:
        """Folders with a project: only what is listed here is ever opened."""
        return [
            path.name
            for path in self.root.iterdir()
            if re.fullmatch("[a-z0-9-]{1,64}", path.name) and (path / "project.json").is_file()
        ]

    # Making them

    @contextlib.contextmanager
    def new_folder(self) -> Iterator[Path]:
        """A folder to fill; it is removed unless `make` turns it into a project."""
        folder = self.root / f".new-{new_id()}"
        (folder / "media").mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def make(self, folder: Path, clip: Path, name: str, source: str | None = None) -> Project:
        """A project of a filled folder. Raises ValueError for an unusable clip."""
        facts = look_at(clip, name, folder / "media" / "frame-times.f64")
        playable = facts.pop("playable")
        described = {"file": name, "media": clip.name, "media_type": playable, **facts}
        title = Path(name).stem[:100] or "clip"
        with self._lock:
            final = self.root / new_id(lambda name: (self.root / name).exists())
            project = Project.make(folder, title, described, {"id": final.name, "source": source})
            os.rename(folder, final)
            project = Project(final, project.document)
            self._opened[final.name] = project
        return project

    def make_of_file(self, path: Path) -> Project:
        """The project of a file of the user's: the existing one, or a new one.

        The file is linked to, and copied only where that is not possible.
        """
        source = _source(path)
        known = self.find_source(source)
        if known is not None:
            return self.get(known)
        with self.new_folder() as folder:
            clip = folder / "media" / f"clip{safe_suffix(path.name)}"
            _link(path, clip)
            return self.make(folder, clip, path.name, source)


def look_at(clip: Path, name: str, times: Path) -> dict[str, Any]:
    """The facts of a clip, read in a separate process. Raises ValueError for an unusable one."""
    result, _ = run_child(
        "probe",
        {"path": str(clip), "times": str(times)},
        names={clip: name},
        patience=PROBE_PATIENCE,
        file_size=1 << 28,
    )
    facts: dict[str, Any] = result
    return facts


def safe_suffix(name: str) -> str:
    """The suffix of a file name from outside, if it is a plain one."""
    suffix = Path(name.replace("\\", "/")).suffix.lower()
    return suffix if re.fullmatch(r"\.[a-z0-9]{1,5}", suffix) else ""


def safe_name(name: str, otherwise: str) -> str:
    """The last part of a file name from outside, to be shown and offered for saving."""
    name = re.sub(r"[\x00-\x1f\x7f]", "", name.replace("\\", "/")).split("/")[-1].strip()
    return name[-100:] if name.strip(". ") else otherwise


def _source(path: Path) -> str:
    """Names a file in its present state: a changed file is another source."""
    status = path.stat()
    return f"{path.resolve()} {status.st_size} {status.st_mtime_ns}"


def _link(path: Path, clip: Path) -> None:
    path = path.resolve()
    try:
        os.link(path, clip)
        return
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
    if path.stat().st_size <= COPIED_MOST:
        shutil.copyfile(path, clip)
    else:
        clip.symlink_to(path)


def _lock_folder(root: Path) -> IO[str] | None:
    """Lock the folder as long as this process lives."""
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    file = open(root / ".lock", "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise ValueError(
            f"{root}: another studio has these projects open; use that one, stop it, or choose "
            "another folder with --projects"
        ) from None
    return file
