"""Pictures of a clip, as the page asks for them: see API.md."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from folai.studio.endpoints import FOREVER, BadRequest, Call, Endpoint, Reply
from folai.studio.failures import Missing, Overloaded
from folai.studio.project import Project
from folai.studio.schema import integer, number
from folai.studio.studio import Studio

MOST_WAITING = 24  # requests that wait for pictures of one clip
SECONDS = number(0, 1e6)


class PicturesApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._turns: dict[str, asyncio.Lock] = {}  # by project: one picture at a time
        self._waiting: dict[str, int] = {}

    def endpoints(self) -> list[Endpoint]:
        one = "/api/projects/{project}"
        height = {**integer(16, 1080), "default": 360}
        return [
            Endpoint("GET", f"{one}/video", self.video, "The video to play", reply="video/mp4"),
            Endpoint(
                "GET",
                f"{one}/frame",
                self.frame,
                "The picture at a time",
                query={"time": {**SECONDS, "required": True}, "height": height},
                reply="image/jpeg",
                waits=True,
            ),
            Endpoint(
                "GET",
                f"{one}/strip",
                self.strip,
                "Small pictures side by side",
                query={
                    "start": {**SECONDS, "required": True},
                    "end": {**SECONDS, "required": True},
                    "count": {**integer(1, 64), "required": True},
                    "height": {**integer(16, 256), "default": 64},
                },
                reply="image/jpeg",
                waits=True,
            ),
            Endpoint(
                "GET",
                f"{one}/frame-times",
                self.frame_times,
                "When each picture appears",
                reply="application/octet-stream",
            ),
        ]

    def video(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        proxy, clip = project["proxy"], project["clip"]
        if proxy is not None:
            return _file(project.media / proxy, "video/mp4")
        if clip["media_type"] is None:
            raise Missing("there is no version to play yet: wait for the job `proxy`")
        return _file(project.clip_path, clip["media_type"])

    async def frame(self, call: Call) -> Reply:
        return await self._picture(call)

    async def strip(self, call: Call) -> Reply:
        if not call.query["start"] < call.query["end"]:
            raise BadRequest("start must come before end")
        return await self._picture(call)

    async def _picture(self, call: Call) -> Reply:
        """One at a time for each clip. A page that has gone away meanwhile gets none."""
        project = await run_in_threadpool(self.studio.open, call.project)
        clip, query = project["clip"], dict(call.query)
        if "count" in query:
            query["width"] = max(1, round(query["height"] * clip["width"] / clip["height"]))
        content = self.studio.decoders.cached(project.id, query)
        if content is None:
            content = await self._decoded(call, project, query)
        if content is None:
            return Response(status_code=204)
        return Response(content, media_type="image/jpeg", headers=FOREVER)

    async def _decoded(self, call: Call, project: Project, query: dict[str, Any]) -> bytes | None:
        """JPEG; None where the page has gone away. Raises Overloaded where too many wait."""
        turn = self._turns.setdefault(project.id, asyncio.Lock())
        self._waiting[project.id] = self._waiting.get(project.id, 0) + 1
        try:
            if self._waiting[project.id] > MOST_WAITING:
                raise Overloaded("many pictures are asked for already: ask again in a moment")
            async with turn:
                if await call.request.is_disconnected():
                    return None
                start = project["clip"]["start"]
                ask = self.studio.decoders.ask
                return await run_in_threadpool(ask, project.id, project.clip_path, start, query)
        finally:
            self._waiting[project.id] -= 1

    def frame_times(self, call: Call) -> Reply:
        content = self.studio.frame_times(self.studio.open(call.project)).tobytes()
        return Response(content, media_type="application/octet-stream", headers=FOREVER)


def _file(path: Path, media_type: str) -> Response:
    if not path.exists():
        raise Missing(f"{path.name}: is gone; put it back, or upload the clip again")
    return FileResponse(path, media_type=media_type, headers={"cache-control": "private, no-cache"})
