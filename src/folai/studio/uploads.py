"""Uploaded files: written as they arrive, and refused where they are cut off or too large."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from folai.studio.endpoints import BadRequest, DiskFull, TooLarge
from folai.studio.project import Project, new_id

SPARE = 64 << 20  # bytes of the disk that an upload must leave


@asynccontextmanager
async def received(request: Request, project: Project, most: int) -> AsyncIterator[Path]:
    """The body of a request as a file in the project, which is gone afterwards unless it was moved.

    Raises what `receive_file` does.
    """
    path = project.media / f".upload-{new_id()}"
    try:
        await receive_file(request, path, most)
        yield path
    finally:
        path.unlink(missing_ok=True)


async def receive_file(request: Request, path: Path, most: int) -> None:
    """Write the body of a request to `path`.

    Raises TooLarge beyond `most` bytes, DiskFull where it would not fit, BadRequest where it is cut
    off; the caller then removes `path`.
    """
    length = request.headers.get("content-length", "")
    is_number = length.isascii() and length.isdigit() and len(length) < 18
    expected = int(length) if is_number else None
    if expected is not None:
        if expected > most:
            raise TooLarge(_too_large(most))
        free = shutil.disk_usage(path.parent).free
        if expected + SPARE > free:
            left, needed = free >> 20, expected >> 20
            raise DiskFull(f"the disk has {left} MB left, the file {needed} MB: free some space")
    size = 0
    with open(path, "wb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > most:
                raise TooLarge(_too_large(most))
            await run_in_threadpool(file.write, chunk)
    if expected is not None and size != expected:
        raise BadRequest(f"the upload was cut off after {size} of {expected} bytes: send it again")


def _too_large(most: int) -> str:
    return f"the file is larger than the {most >> 20} MB that are allowed: shorten or compress it"
