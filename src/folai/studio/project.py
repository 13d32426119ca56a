"""A project: a folder with `project.json`, its whole state, and `media/`, the files it refers to.

Every change is on the disk, complete, before it counts: a process that is killed, or a full disk,
leaves the state before it. Media files are written first, then referred to.
"""

from __future__ import annotations

import copy
import json
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from folai.envelope import Envelope
from folai.studio.failures import Conflict, Missing
from folai.studio.project_envelopes import envelope_id, read_npz, write_durably, write_npz
from folai.studio.schema import check
from folai.studio.shapes import EDIT, made_edit

FORMAT = "folai-project"
VERSION = 2
FIRST_VERSION = 1  # of projects in which no hit has settings of its own: an older folai opens them
LEASE = 30.0  # seconds for which a tab may edit without asking again
VIEW_BYTES = 64 << 10

Document = dict[str, Any]


class Project:
    """One opened project. Its methods may be called from any thread."""

    def __init__(self, folder: Path, document: Document) -> None:
        self.folder = folder
        self.media = folder / "media"
        self._document = document
        self._lock = threading.RLock()
        self._editor: tuple[str, float] | None = None  # tab, monotonic seconds of its last request
        self._read: dict[str, Envelope] = {}  # the envelopes used last

    @classmethod
    def make(cls, folder: Path, name: str, clip: dict[str, Any], facts: Document) -> Project:
        """Write the `project.json` of a new project into its folder."""
        now = timestamp()
        document = {
            "format": FORMAT,
            "version": FIRST_VERSION,
            "id": folder.name,
            "name": name,
            "revision": 0,
            "created": now,
            "modified": now,
            "clip": clip,
            "proxy": None,
            "prediction": None,
            "edit": made_edit(),
            "takes": [],
            "references": [],
            "additions": [],
            **facts,
        }
        project = cls(folder, document)
        (project.media / "envelopes").mkdir(parents=True, exist_ok=True)
        project._write(document)
        return project

    @classmethod
    def open(cls, folder: Path) -> Project:
        """Raises ValueError for a folder without a project, a damaged or a newer one."""
        return cls(folder, {"additions": [], **read_document(folder)})

    # Its state

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def document(self) -> Document:
        """A copy of the saved state."""
        with self._lock:
            return copy.deepcopy(self._document)

    def __getitem__(self, key: str) -> Any:
        with self._lock:
            return copy.deepcopy(self._document[key])

    @property
    def clip_path(self) -> Path:
        return self.media / str(self._document["clip"]["media"])

    @property
    def duration(self) -> float:
        """Seconds of the clip."""
        return float(self._document["clip"]["duration"])

    def find(self, kind: str, name: str) -> dict[str, Any]:
        """The entry of `kind` (takes, references, additions, layers). Raises Missing."""
        with self._lock:
            entries = self._document["edit"]["layers"] if kind == "layers" else self._document[kind]
            for entry in entries:
                if entry["id"] == name:
                    return copy.deepcopy(entry)
        raise Missing(f"there is no {kind[:-1]} {name[:64]!r} in this project")

    # Changing it

    @contextmanager
    def change(self) -> Iterator[Document]:
        """A copy of the state to change. It is written at the end, or nothing has changed."""
        with self._lock:
            document = copy.deepcopy(self._document)
            yield document
            document["modified"] = timestamp()
            self._write(document)

    def save_edit(self, revision: int, tab: str, edit: dict[str, Any]) -> int:
        """Saves an edit state and returns its revision.

        Raises Conflict where `revision` is not the present one or another tab edits, and ValueError
        for a state that refers to an envelope that is not there.
        """
        with self._lock:
            self._require_lease(tab)
            present = self._document["revision"]
            if revision != present:
                raise Conflict(
                    "this project was changed elsewhere since it was loaded here; nothing was "
                    "overwritten: load it again to continue from the saved state",
                    revision=present,
                    reason="stale",
                )
            self._check_edit(edit)
            with self.change() as document:
                document["edit"] = edit
                document["revision"] = present + 1
            return int(present) + 1

    def _check_edit(self, edit: dict[str, Any]) -> None:
        check(edit, EDIT, "edit")
        names = [layer["id"] for layer in edit["layers"]]
        if len(set(names)) < len(names):
            raise ValueError("two layers have the same id: give each its own")
        for layer in edit["layers"]:
            if layer["envelope"] is not None and not self._file_of(layer["envelope"]).exists():
                raise ValueError(
                    f"layer {layer['name']!r} uses an envelope that was never sent: send it first"
                )
        if len(json.dumps(edit.get("view", {}))) > VIEW_BYTES:
            raise ValueError(f"view takes more than {VIEW_BYTES} bytes: keep less in it")
        edit.setdefault("mix", {})
        edit.setdefault("presets", [])
        edit.setdefault("markers", [])
        edit.setdefault("timecode", None)
        edit.setdefault("guide", {"gain_db": 0, "mute": True})
        edit.setdefault("view", {})
        for layer in edit["layers"]:
            for key, value in (("gain_db", 0), ("mute", False), ("solo", False), ("take", None)):
                layer.setdefault(key, value)

    def _write(self, document: Document) -> None:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
        write_durably(self.folder / "project.json", text.encode())
        self._document = document

    # Who edits it

    def ask_lease(self, tab: str, take: bool = False) -> tuple[bool, str, bool]:
        """(whether this tab edits, the tab that edits, whether that has changed)."""
        with self._lock:
            now = time.monotonic()
            holder = self._editor
            free = holder is None or holder[0] == tab or now - holder[1] > LEASE
            if free or take:
                changed = holder is None or holder[0] != tab
                self._editor = (tab, now)
                return True, tab, changed
            assert holder is not None
            return False, holder[0], False

    def release_lease(self, tab: str) -> None:
        with self._lock:
            if self._editor is not None and self._editor[0] == tab:
                self._editor = None

    def _require_lease(self, tab: str) -> None:
        editor, who, _ = self.ask_lease(tab)
        if not editor:
            raise Conflict(
                "another tab edits this project; nothing was overwritten: "
                "continue there, or take over here",
                revision=self._document["revision"],
                reason="other_tab",
                tab=who,
            )

    # Envelopes

    def envelope(self, name: str) -> Envelope:
        """Raises Missing for one that was never saved."""
        with self._lock:
            if name in self._read:
                return self._read[name]
        path = self._file_of(name)
        if not path.exists():
            raise Missing(f"there is no envelope {name[:64]!r} in this project")
        envelope = read_npz(path)
        with self._lock:
            while len(self._read) >= 8:
                self._read.pop(next(iter(self._read)))
            self._read[name] = envelope
        return envelope

    def add_envelope(self, envelope: Envelope) -> str:
        name = envelope_id(envelope)
        path = self._file_of(name)
        if not path.exists():
            write_npz(path, envelope)
        if envelope.hits and self["version"] < VERSION:
            with self.change() as document:  # an older folai would lose them: it opens this no more
                document["version"] = VERSION
        return name

    def _file_of(self, name: str) -> Path:
        if not (name.isascii() and name.isalnum()):
            raise Missing(f"there is no envelope {name[:64]!r} in this project")
        return self.media / "envelopes" / f"{name}.npz"

    def drop_unused(self) -> None:
        """Remove files that nothing refers to; envelopes and deleted takes after a week, since undo
        may need them."""
        self._drop_deleted(7)
        with self._lock:
            text = json.dumps(self._document)
        for folder, days in (
            ("envelopes", 7),
            ("takes", 0),
            ("references", 0),
            ("additions", 0),
        ):
            for path in (self.media / folder).glob("*"):
                hidden = path.name.startswith(".")  # left by a killed server
                old = time.time() - path.stat().st_mtime >= 86400 * days
                if hidden or (path.stem not in text and old):
                    path.unlink(missing_ok=True)
        for pattern in (".*.part*", "media/.*", "media/exports/.*"):  # left by a killed server
            for path in self.folder.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def _drop_deleted(self, days: float) -> None:
        """Forget takes that were deleted and made more than so many days ago."""
        strips = self._document["edit"].get("mix", {})
        deleted = {name for name, strip in strips.items() if strip.get("deleted")}
        old = {
            path.stem
            for path in (self.media / "takes").glob("*.wav")
            if path.stem in deleted and time.time() - path.stat().st_mtime >= 86400 * days
        }
        if old:
            with self.change() as document:
                document["takes"] = [one for one in document["takes"] if one["id"] not in old]
                for name in old:
                    del document["edit"]["mix"][name]


def read_document(folder: Path) -> Document:
    """The contents of a `project.json`; raises ValueError as `Project.open`."""
    path = folder / "project.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(
            f"{folder.name}: has no project.json; open a folder that folai studio made"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder.name}: project.json cannot be read ({error}); restore it from a backup"
        ) from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(
            f"{folder.name}: project.json is not folai's; open a folder that folai studio made"
        )
    version = document.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise ValueError(
            f"{folder.name}: was made by a newer folai (version {version} of the format, this one "
            f"reads {VERSION}); update folai to open it. It was not changed"
        )
    missing = {"name", "revision", "clip", "edit", "takes", "references"} - document.keys()
    if missing:
        names = ", ".join(sorted(missing))
        raise ValueError(f"{folder.name}: project.json lacks {names}; restore it from a backup")
    return document


def timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def new_id(taken: Callable[[str], bool] = lambda name: False) -> str:
    while True:
        name = secrets.token_hex(6)
        if not taken(name):
            return name
