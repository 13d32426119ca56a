"""The page's own files: each version of them is fetched once by a browser, and kept.

The files' paths hold a name that changes with their content, which the page is given as it is sent.
Modules name one another by relative paths, so that all of a version stay together.
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from folai.studio.endpoints import FOREVER

STATIC = Path(__file__).parent / "static"


def page_routes() -> list[Route | Mount]:
    files, version = StaticFiles(directory=STATIC, check_dir=False), version_of(STATIC)
    return [
        Route("/", partial(_index, version), methods=["GET"]),
        Route("/favicon.ico", _icon, methods=["GET"]),
        Mount(f"/static/{version}", _kept(files)),
        Mount("/static", files),
    ]


def version_of(folder: Path) -> str:
    """A name that changes with the files of a folder."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        found.update(path.relative_to(folder).as_posix().encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


async def _index(version: str, request: Request) -> Response:
    text = (STATIC / "index.html").read_text(encoding="utf-8")
    text = text.replace('"/static/', f'"/static/{version}/')
    return HTMLResponse(text, headers={"cache-control": "no-cache"})


async def _icon(request: Request) -> Response:
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")


def _kept(files: ASGIApp) -> ASGIApp:
    """The same files, to be kept by a browser."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_kept(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                MutableHeaders(scope=message).update(FOREVER)
            await send(message)

        await files(scope, receive, send_kept)

    return respond
