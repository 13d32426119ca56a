"""Previews, jobs, takes to generate and exports, as the page asks for them: see API.md."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from folai.studio.endpoints import Call, Endpoint, Reply
from folai.studio.exporting import export, find_export
from folai.studio.failures import Missing
from folai.studio.generation import Previewer, check_sound, generate
from folai.studio.schema import a_list, an_object, text
from folai.studio.shapes import EXPORT, GENERATE, JOB, PLAYED, PREVIEW, SOUND
from folai.studio.studio import Studio

CHECKED = an_object("engine warnings", engine=text(20), warnings=a_list(text(4000), 1000))


class JobsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.previewer = Previewer()
        self._previewing = asyncio.Semaphore(2)

    def endpoints(self) -> list[Endpoint]:
        one = "/api/projects/{project}"
        jobs = an_object("jobs", jobs=a_list(JOB, 10_000))
        return [
            Endpoint("POST", "/api/sound", self.check, "Check settings", body=SOUND, reply=CHECKED),
            Endpoint(
                "POST",
                f"{one}/preview",
                self.preview,
                "Hear an envelope at once",
                body=PREVIEW,
                reply="audio/wav",
                waits=True,
            ),
            Endpoint(
                "POST",
                f"{one}/hits",
                self.hits,
                "Which sound each hit of a preview has",
                body=PREVIEW,
                reply=PLAYED,
                waits=True,
            ),
            Endpoint(
                "POST",
                f"{one}/generate",
                self.generate,
                "Generate takes",
                status=202,
                body=GENERATE,
                reply=JOB,
            ),
            Endpoint("GET", f"{one}/jobs", self.project_jobs, "Jobs of a project", reply=jobs),
            Endpoint("GET", "/api/jobs/{job}", self.job, "A job", reply=JOB),
            Endpoint("DELETE", "/api/jobs/{job}", self.cancel, "Cancel a job", reply=JOB),
            Endpoint(
                "POST", "/api/jobs/{job}/first", self.first, "Do a job before others", reply=JOB
            ),
            Endpoint(
                "POST",
                f"{one}/exports",
                self.export,
                "Export a file",
                status=202,
                body=EXPORT,
                reply=JOB,
            ),
            Endpoint(
                "GET",
                f"{one}/exports/{{file}}",
                self.exported,
                "Download an exported file",
                reply="application/octet-stream",
            ),
        ]

    def check(self, call: Call) -> Reply:
        return check_sound(call.body)

    async def preview(self, call: Call) -> Reply:
        """Two at a time. A page that has gone away meanwhile, for a later edit, gets none."""
        project = await run_in_threadpool(self.studio.open, call.project)
        async with self._previewing:
            if await call.request.is_disconnected():
                return Response(status_code=204)
            preview = self.previewer.preview
            content = await run_in_threadpool(preview, self.studio, project, call.body)
        return Response(content, media_type="audio/wav")

    async def hits(self, call: Call) -> Reply:
        project = await run_in_threadpool(self.studio.open, call.project)
        async with self._previewing:
            hits = self.previewer.hits
            played: dict[str, Any] = await run_in_threadpool(hits, self.studio, project, call.body)
        return played

    def generate(self, call: Call) -> Reply:
        return generate(self.studio, self.studio.open(call.project), call.body).as_json()

    def project_jobs(self, call: Call) -> Reply:
        jobs = self.studio.jobs.of_project(self.studio.open(call.project).id)
        return {"jobs": [job.as_json() for job in jobs]}

    def job(self, call: Call) -> Reply:
        return self.studio.jobs.get(call.path["job"]).as_json()

    def first(self, call: Call) -> Reply:
        return self.studio.jobs.move_to_front(call.path["job"]).as_json()

    def cancel(self, call: Call) -> Reply:
        return self.studio.jobs.cancel(call.path["job"]).as_json()

    def export(self, call: Call) -> Reply:
        return export(self.studio, self.studio.open(call.project), call.body).as_json()

    def exported(self, call: Call) -> Reply:
        path = find_export(self.studio.open(call.project), call.path["file"])
        if path is None:
            raise Missing("there is no such export: export it again")
        disposition = f"attachment; filename*=UTF-8''{quote(path.name)}"
        headers = {"content-disposition": disposition}
        return FileResponse(path, media_type="application/octet-stream", headers=headers)
