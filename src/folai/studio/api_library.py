"""The user's library of recordings, as the page searches and uses it: see API.md."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse

from folai.library.index import connect, default_library
from folai.library.pool import MOST_FILES, make_pool
from folai.library.search import KINDS, Hit, Limits, Searcher, mark_favourite, mark_used
from folai.media.audio import write_wav
from folai.preview.pool import Source
from folai.studio.endpoints import BadRequest, Call, Endpoint, Reply
from folai.studio.failures import Missing
from folai.studio.project import new_id
from folai.studio.schema import an_object, integer, number, text
from folai.studio.shapes import REFERENCE
from folai.studio.studio import Studio

MOST_HITS = 40
JOINED_RATE = 44_100  # Hz, of several recordings joined
JOINED_SECONDS = 60.0

NO_LIBRARY = "There is no library yet. Make one with: folai library add FOLDER"


class LibraryApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._lock = threading.Lock()
        self._searcher: Searcher | None = None

    def endpoints(self) -> list[Endpoint]:
        one = "/api/library/{file}"
        return [
            Endpoint(
                "GET",
                "/api/library",
                self.search,
                "Recordings that words find, or those that are kept",
                query={
                    "words": text(200),
                    "kind": text(20),
                    "longest": number(0, 36_000),
                },
                reply=an_object("hits message", hits={"type": "array"}, message=text(200)),
            ),
            Endpoint(
                "GET",
                f"{one}/like",
                self.like,
                "Recordings that sound like one",
                reply=an_object("hits message", hits={"type": "array"}, message=text(200)),
            ),
            Endpoint("GET", f"{one}/audio", self.audio, "The recording", reply="audio/*"),
            Endpoint(
                "PATCH",
                one,
                self.keep,
                "A favourite, or not",
                status=204,
                body=an_object("favourite", favourite={"type": "boolean"}),
            ),
            Endpoint(
                "POST",
                "/api/projects/{project}/references/library",
                self.use,
                "Recordings as a reference",
                status=201,
                body=an_object(
                    "files",
                    files={
                        "type": "array",
                        "items": integer(1, 2**53),
                        "minItems": 1,
                        "maxItems": MOST_FILES,
                    },
                ),
                reply=REFERENCE,
                waits=True,
            ),
        ]

    def search(self, call: Call) -> Reply:
        words, kind = call.query.get("words", "").strip(), call.query.get("kind") or None
        if kind not in (None, *KINDS):
            raise BadRequest(f"kind is {kind!r}: give one of {', '.join(KINDS)}")
        limits = Limits(kind=kind, longest=call.query.get("longest"))
        with self._lock:
            searcher = self._open()
            if searcher is None:
                return {"hits": [], "message": NO_LIBRARY}
            if words:
                hits = searcher.by_words(words, limits, MOST_HITS)
            else:
                hits = searcher.kept(MOST_HITS)
        nothing = "Nothing found. Try fewer or other words." if words else ""
        return {"hits": [shown(hit) for hit in hits], "message": "" if hits else nothing}

    def like(self, call: Call) -> Reply:
        with self._lock:
            hits = self._needed().more_like(_number(call), Limits(), MOST_HITS)
        return {"hits": [shown(hit) for hit in hits], "message": ""}

    def audio(self, call: Call) -> Reply:
        return FileResponse(self._path(_number(call)))

    def keep(self, call: Call) -> Reply:
        with self._lock:
            mark_favourite(self._needed().connection, _number(call), call.body["favourite"])
        return None

    async def use(self, call: Call) -> Reply:
        project = await run_in_threadpool(self.studio.open, call.project)
        paths = [await run_in_threadpool(self._path, file) for file in call.body["files"]]
        joined = project.media / f".upload-{new_id()}.wav"
        try:
            source, name = paths[0], paths[0].name
            if len(paths) > 1:
                await run_in_threadpool(_join, paths, joined)
                source, name = joined, f"{len(paths)} recordings"
            entry: dict[str, Any] = await self.studio.one_of_few(
                self.studio.add_reference, project, source, name
            )
        finally:
            joined.unlink(missing_ok=True)
        await run_in_threadpool(self._remember, paths)
        return entry

    def _remember(self, paths: list[Path]) -> None:
        with self._lock:
            mark_used(self._needed().connection, [str(path) for path in paths])

    def _path(self, file: int) -> Path:
        with self._lock:
            try:
                return self._needed().path_of(file)
            except ValueError as error:
                raise Missing(str(error)) from error

    def _needed(self) -> Searcher:
        searcher = self._open()
        if searcher is None:
            raise Missing(NO_LIBRARY)
        return searcher

    def _open(self) -> Searcher | None:
        """The library once it is there; opened once."""
        place = default_library()
        if self._searcher is None and place.is_file():
            connection: sqlite3.Connection = connect(place)
            self._searcher = Searcher(connection)
        return self._searcher


def shown(hit: Hit) -> dict[str, Any]:
    """What the page is told: no folders above the last one."""
    values = asdict(hit)
    path = Path(values.pop("path"))
    names = ("file", "reason", "seconds", "kind", "licence", "credit", "favourite")
    return {"name": path.name, "folder": path.parent.name, **{name: values[name] for name in names}}


def _number(call: Call) -> int:
    """The recording that the path names."""
    file = call.path["file"]
    if not file.isdecimal() or len(file) > 15:
        raise Missing(f"there is no recording {file[:40]!r}")
    return int(file)


def _join(paths: list[Path], out: Path) -> None:
    """Several recordings one after another, event by event, as one that can be cut again."""
    pool = make_pool([Source(str(path)) for path in paths], JOINED_RATE)
    write_wav(out, pool.reference(JOINED_SECONDS), JOINED_RATE)
