"""Projects, their edit state, envelopes and pictures, as the page asks for them: see API.md."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, Response

from folai.studio import project_envelopes
from folai.studio.endpoints import BadRequest, Call, Endpoint, Reply, read_body
from folai.studio.failures import Missing, Overloaded
from folai.studio.project import Project, new_id
from folai.studio.schema import a_list, an_object, integer, number, text
from folai.studio.shapes import (
    ADAPT,
    ENVELOPE,
    ENVELOPE_EDIT,
    ID,
    JOB,
    NAME,
    PATCH,
    PROJECT,
    SAVE,
    SUMMARY,
    TAB,
)
from folai.studio.store import safe_name, safe_suffix
from folai.studio.studio import Studio
from folai.studio.uploads import receive_file

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
MOST_ASKING = 24  # requests that wait for pictures of one clip
CURVE_BYTES = 200 << 20

FILE_NAME = text(300, 1)
SECONDS = number(0, 1e6)
SAVED_ENVELOPE = an_object("envelope", envelope=ID)
LEASE = an_object("tab", tab=TAB, take={"type": "boolean"})


class ProjectsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._turns: dict[str, asyncio.Lock] = {}
        self._asking: dict[str, int] = {}

    def endpoints(self) -> list[Endpoint]:
        one = "/api/projects/{project}"
        return [
            Endpoint(
                "GET",
                "/api/projects",
                self.summaries,
                "All projects, the latest first",
                reply=an_object("projects", projects=a_list(SUMMARY, 100_000)),
            ),
            Endpoint(
                "POST",
                "/api/projects",
                self.upload,
                "A project of an uploaded clip",
                status=201,
                takes_file=True,
                query={"name": {**FILE_NAME, "required": True}},
                reply=PROJECT,
                waits=True,
            ),
            Endpoint("GET", one, self.describe, "One project", reply=PROJECT),
            Endpoint(
                "PATCH",
                one,
                self.rename,
                "Another name",
                body=an_object("name", name=text(120, 1)),
                reply=an_object("name revision", name=NAME, revision=integer(0)),
            ),
            Endpoint(
                "PUT",
                f"{one}/edit",
                self.save,
                "Save the edit state",
                body=SAVE,
                reply=an_object("revision", revision=integer(1)),
            ),
            Endpoint(
                "POST",
                f"{one}/lease",
                self.lease,
                "Ask to be the tab that edits, or release it",
                query={"release": TAB},
                may_have=LEASE,
                reply=an_object("editor tab", editor={"type": "boolean"}, tab=text(64)),
                waits=True,
            ),
            Endpoint(
                "POST", f"{one}/predict", self.predict, "Predict again", status=202, reply=JOB
            ),
            Endpoint(
                "POST",
                f"{one}/adapt",
                self.adapt,
                "Learn from a part of an envelope, and predict again",
                status=202,
                body=ADAPT,
                reply=JOB,
            ),
            Endpoint(
                "POST", f"{one}/proxy", self.proxy, "Make a version to play", status=202, reply=JOB
            ),
            *self._envelopes(one),
            *self._pictures(one),
        ]

    def _envelopes(self, one: str) -> list[Endpoint]:
        edits = an_object("edits", edits=a_list(ENVELOPE_EDIT, 1000, 1))
        saved = {"status": 201, "reply": SAVED_ENVELOPE}
        return [
            Endpoint(
                "GET", f"{one}/envelopes/{{envelope}}", self.curve, "An envelope", reply=ENVELOPE
            ),
            Endpoint(
                "POST",
                f"{one}/envelopes",
                self.add_curve,
                "Save an envelope, or what changed in one",
                body={"anyOf": [ENVELOPE, PATCH]},
                **saved,  # type: ignore[arg-type]
            ),
            Endpoint(
                "POST",
                f"{one}/envelopes/import",
                self.import_curve,
                "An envelope from a .json, .csv or sound file",
                takes_file=True,
                query={"name": {**FILE_NAME, "required": True}},
                waits=True,
                **saved,  # type: ignore[arg-type]
            ),
            Endpoint(
                "POST",
                f"{one}/envelopes/{{envelope}}/edits",
                self.edit_curve,
                "An edited envelope",
                body=edits,
                **saved,  # type: ignore[arg-type]
            ),
        ]

    def _pictures(self, one: str) -> list[Endpoint]:
        height = {**integer(16, 1080), "default": 360}
        return [
            Endpoint("GET", f"{one}/video", self.video, "What to play", reply="video/mp4"),
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

    def _project(self, call: Call) -> Project:
        return self.studio.open(call.path["project"])

    # Projects

    def summaries(self, call: Call) -> Reply:
        return {"projects": self.studio.store.summaries()}

    async def upload(self, call: Call) -> Reply:
        name = safe_name(call.query["name"], "clip")
        studio = self.studio
        with studio.store.new_folder() as folder:
            clip = folder / "media" / f"clip{safe_suffix(name)}"
            await receive_file(call.request, clip, studio.video_bytes)
            project: Project = await studio.one_of_few(studio.make_project, folder, clip, name)
            described: dict[str, Any] = await run_in_threadpool(studio.described, project)
        return described

    def describe(self, call: Call) -> Reply:
        project = self._project(call)
        self.studio.prepare_once(project)
        return self.studio.described(project)

    def rename(self, call: Call) -> Reply:
        project = self._project(call)
        with project.change() as document:
            document["name"] = call.body["name"]
        self.studio.tell(project, "edit")
        return {"name": project["name"], "revision": project["revision"]}

    def save(self, call: Call) -> Reply:
        project, body = self._project(call), call.body
        revision = project.save_edit(int(body["revision"]), body["tab"], body["edit"])
        self.studio.tell(project, "edit", body["tab"])
        return {"revision": revision}

    async def lease(self, call: Call) -> Reply:
        project = await run_in_threadpool(self._project, call)
        if "release" in call.query:
            project.release_lease(call.query["release"])
            return {"editor": False, "tab": ""}
        body = await read_body(call.request, LEASE)
        editor, who, changed = project.ask_lease(body["tab"], body.get("take", False))
        if changed:
            self.studio.events.tell("lease", {"project": project.id, "tab": who})
        return {"editor": editor, "tab": who}

    def predict(self, call: Call) -> Reply:
        project = self._project(call)
        self._require_idle(project, "predict")
        return self.studio.predict(project).as_json()

    def adapt(self, call: Call) -> Reply:
        project, body = self._project(call), call.body
        self._require_idle(project, "adapt")
        envelope = self.studio.envelope(project, body["envelope"])
        return self.studio.adapt(project, envelope, body["start"], body["end"]).as_json()

    def proxy(self, call: Call) -> Reply:
        project = self._project(call)
        self._require_idle(project, "proxy")
        return self.studio.make_proxy(project).as_json()

    def _require_idle(self, project: Project, kind: str) -> None:
        if self.studio.jobs.is_at_work(project.id, kind):
            raise ValueError("this is being done already: wait for it, or cancel it")

    # Envelopes

    def curve(self, call: Call) -> Reply:
        envelope = self._project(call).envelope(call.path["envelope"])
        return JSONResponse(project_envelopes.to_json(envelope), headers=FOREVER)

    def add_curve(self, call: Call) -> Reply:
        project, body = self._project(call), call.body
        base = project.envelope(body["base"]) if "base" in body else None
        envelope = project_envelopes.from_json(body, base=base)
        return {
            "envelope": project.add_envelope(project_envelopes.fitted(envelope, project.duration))
        }

    async def import_curve(self, call: Call) -> Reply:
        project = await run_in_threadpool(self._project, call)
        name = safe_name(call.query["name"], "envelope")
        upload = project.media / f".upload-{new_id()}"
        try:
            await receive_file(call.request, upload, CURVE_BYTES)
            envelope = await self.studio.one_of_few(self.studio.read_curve, project, upload, name)
        finally:
            upload.unlink(missing_ok=True)
        if envelope.values.max() > project_envelopes.LOUDEST:
            raise ValueError(f"{name}: reaches {envelope.values.max():g}: scale it to RMS below 1")
        return {"envelope": await run_in_threadpool(project.add_envelope, envelope)}

    def edit_curve(self, call: Call) -> Reply:
        project = self._project(call)
        envelope = project.envelope(call.path["envelope"])
        grids: dict[str, Any] = {}
        asked = {edit["grid"] for edit in call.body["edits"] if isinstance(edit.get("grid"), str)}
        if "frames" in asked:
            grids["frames"] = self.studio.frame_times(project)
        if "onsets" in asked:
            grids["onsets"] = self.studio.envelope(project, None).onsets
        edited = project_envelopes.edited(envelope, call.body["edits"], grids, project.duration)
        return {"envelope": project.add_envelope(edited)}

    # Pictures

    def video(self, call: Call) -> Reply:
        project = self._project(call)
        proxy, clip = project["proxy"], project["clip"]
        if proxy is not None:
            return _file(project.media / proxy, "video/mp4")
        if clip["media_type"] is None:
            raise Missing("there is no version to play yet: wait for the job `proxy`")
        return _file(project.clip_path, clip["media_type"])

    async def frame(self, call: Call) -> Reply:
        return await self._picture(call, dict(call.query))

    async def strip(self, call: Call) -> Reply:
        if not call.query["start"] < call.query["end"]:
            raise BadRequest("start must come before end")
        return await self._picture(call, dict(call.query))

    async def _picture(self, call: Call, asked: dict[str, Any]) -> Reply:
        """One at a time for each clip; who has gone away meanwhile is passed over."""
        project = await run_in_threadpool(self._project, call)
        clip = project["clip"]
        if "count" in asked:
            asked["width"] = max(1, round(asked["height"] * clip["width"] / clip["height"]))
        content = self.studio.decoders.known(project.id, asked)
        if content is None:
            turn = self._turns.setdefault(project.id, asyncio.Lock())
            self._asking[project.id] = self._asking.get(project.id, 0) + 1
            try:
                if self._asking[project.id] > MOST_ASKING:
                    raise Overloaded("many pictures are asked for already: ask again in a moment")
                async with turn:
                    if await call.request.is_disconnected():
                        return Response(status_code=204)
                    content = await run_in_threadpool(
                        self.studio.decoders.ask,
                        project.id,
                        project.clip_path,
                        clip["start"],
                        asked,
                    )
            finally:
                self._asking[project.id] -= 1
        return Response(content, media_type="image/jpeg", headers=FOREVER)

    def frame_times(self, call: Call) -> Reply:
        content = self.studio.frame_times(self._project(call)).tobytes()
        return Response(content, media_type="application/octet-stream", headers=FOREVER)


def _file(path: Path, media_type: str) -> Response:
    if not path.exists():
        raise Missing("the file of this is gone: was it moved? Put it back, or upload it again")
    return FileResponse(path, media_type=media_type, headers={"cache-control": "private, no-cache"})
