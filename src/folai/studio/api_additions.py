"""Additions to the sound model, as the page opens them: see API.md."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool

from folai.studio.additions import add_addition
from folai.studio.endpoints import FILE_NAME, Call, Endpoint, Reply
from folai.studio.shapes import ADDITION
from folai.studio.store import safe_name
from folai.studio.studio import Studio
from folai.studio.uploads import received

MOST_BYTES = 256 << 20  # of an addition


class AdditionsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                "POST",
                "/api/projects/{project}/additions",
                self.add,
                "Add what a training has added to the sound model",
                status=201,
                takes_file=True,
                query={"name": FILE_NAME},
                reply=ADDITION,
                waits=True,
            )
        ]

    async def add(self, call: Call) -> Reply:
        project = await run_in_threadpool(self.studio.open, call.project)
        name = safe_name(call.query["name"], "addition")
        async with received(call.request, project, MOST_BYTES) as upload:
            entry: dict[str, Any] = await run_in_threadpool(
                add_addition, self.studio, project, upload, name
            )
        return entry
