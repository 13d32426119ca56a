"""Projects, their edit state and the jobs on their clips, as the page asks for them: see API.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from folai.mapper.expect import EXPECTATIONS
from folai.studio.cuts import find_cuts
from folai.studio.endpoints import FILE_NAME, Call, Endpoint, Reply, read_body
from folai.studio.project import Project
from folai.studio.schema import a_list, an_object, integer, number, one_of, text
from folai.studio.shapes import ADAPT, JOB, NAME, PIECE, PROJECT, SAVE, SUMMARY, TAB
from folai.studio.store import safe_name, safe_suffix
from folai.studio.studio import Studio
from folai.studio.uploads import receive_file

LEASE = an_object("tab", tab=TAB, take={"type": "boolean"})


class ProjectsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

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
                query={"name": FILE_NAME},
                reply=PROJECT,
                waits=True,
            ),
            Endpoint(
                "POST",
                "/api/projects/open",
                self.open_file,
                "The project of a file on this machine",
                body=an_object("path", path=text(4000, 1)),
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
            *self._jobs(one),
        ]

    def _jobs(self, one: str) -> list[Endpoint]:
        pieces = an_object("pieces", pieces=a_list(PIECE, 100_000))
        cuts = an_object("cuts", cuts=a_list(number(0), 1_000_000))
        return [
            Endpoint("GET", f"{one}/cuts", self.cuts, "Where the picture cuts", reply=cuts),
            Endpoint(
                "GET",
                f"{one}/pieces",
                self.pieces,
                "The prediction that is being made",
                reply=pieces,
            ),
            Endpoint(
                "POST",
                f"{one}/predict",
                self.predict,
                "Predict again",
                status=202,
                query={"expect": one_of(*EXPECTATIONS)},
                reply=JOB,
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
        ]

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

    async def open_file(self, call: Call) -> Reply:
        """As `folai studio VIDEO` opens one; only where nobody else on the network is let in."""
        studio, path = self.studio, call.body["path"]
        if not studio.opens_files:
            raise ValueError("this studio lets others in, so it opens no files: upload the clip")
        if not os.path.isabs(path) or not os.path.isfile(path):
            raise ValueError(f"{path}: there is no such file here; give its whole path")
        project: Project = await studio.one_of_few(studio.open_file, Path(path))
        described: dict[str, Any] = await run_in_threadpool(studio.described, project)
        return described

    def describe(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        self.studio.prepare_once(project)
        return self.studio.described(project)

    def rename(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        with project.change() as document:
            document["name"] = call.body["name"]
        self.studio.tell(project, "edit")
        return {"name": project["name"], "revision": project["revision"]}

    def save(self, call: Call) -> Reply:
        project, body = self.studio.open(call.project), call.body
        revision = project.save_edit(int(body["revision"]), body["tab"], body["edit"])
        self.studio.tell(project, "edit", body["tab"])
        return {"revision": revision}

    async def lease(self, call: Call) -> Reply:
        project = await run_in_threadpool(self.studio.open, call.project)
        if "release" in call.query:
            project.release_lease(call.query["release"])
            return {"editor": False, "tab": ""}
        body = await read_body(call.request, LEASE)
        editor, who, changed = project.ask_lease(body["tab"], body.get("take", False))
        if changed:
            self.studio.events.tell("lease", {"project": project.id, "tab": who})
        return {"editor": editor, "tab": who}

    def predict(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        self._require_idle(project, "predict")
        return self.studio.clip_jobs.predict(project, call.query.get("expect")).as_json()

    def cuts(self, call: Call) -> Reply:
        return {"cuts": find_cuts(self.studio.open(call.project).media / "watched")}

    def pieces(self, call: Call) -> Reply:
        return {"pieces": self.studio.clip_jobs.pieces(self.studio.open(call.project))}

    def adapt(self, call: Call) -> Reply:
        project, body = self.studio.open(call.project), call.body
        self._require_idle(project, "adapt")
        envelope = self.studio.envelope(project, body["envelope"])
        job = self.studio.clip_jobs.adapt(project, envelope, body["start"], body["end"])
        return job.as_json()

    def proxy(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        self._require_idle(project, "proxy")
        return self.studio.clip_jobs.make_proxy(project).as_json()

    def _require_idle(self, project: Project, kind: str) -> None:
        if self.studio.jobs.is_at_work(project.id, kind):
            raise ValueError("this is being done already: wait for it, or cancel it")
