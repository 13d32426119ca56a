"""Envelopes of a project, as the page asks for them: see API.md."""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from folai.studio import project_envelopes
from folai.studio.endpoints import FILE_NAME, FOREVER, Call, Endpoint, Reply
from folai.studio.envelope_edits import edited
from folai.studio.schema import a_list, an_object
from folai.studio.shapes import ENVELOPE, ENVELOPE_EDIT, ID, PATCH
from folai.studio.store import safe_name
from folai.studio.studio import Studio
from folai.studio.uploads import received

UPLOAD_BYTES = 200 << 20  # of a file to import

SAVED = {"status": 201, "reply": an_object("envelope", envelope=ID)}


class EnvelopesApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio

    def endpoints(self) -> list[Endpoint]:
        every = "/api/projects/{project}/envelopes"
        one = f"{every}/{{envelope}}"
        edits = an_object("edits", edits=a_list(ENVELOPE_EDIT, 1000, 1))
        return [
            Endpoint("GET", one, self.read, "An envelope", reply=ENVELOPE),
            Endpoint(
                "POST",
                every,
                self.save,
                "Save an envelope, or what changed in one",
                body={"anyOf": [ENVELOPE, PATCH]},
                **SAVED,  # type: ignore[arg-type]
            ),
            Endpoint(
                "POST",
                f"{every}/import",
                self.import_file,
                "An envelope from a .json, .csv or sound file",
                takes_file=True,
                query={"name": FILE_NAME},
                waits=True,
                **SAVED,  # type: ignore[arg-type]
            ),
            Endpoint(
                "POST",
                f"{one}/edits",
                self.edit,
                "An edited envelope",
                body=edits,
                **SAVED,  # type: ignore[arg-type]
            ),
        ]

    def read(self, call: Call) -> Reply:
        envelope = self.studio.open(call.project).envelope(call.path["envelope"])
        return JSONResponse(project_envelopes.to_json(envelope), headers=FOREVER)

    def save(self, call: Call) -> Reply:
        project, body = self.studio.open(call.project), call.body
        base = project.envelope(body["base"]) if "base" in body else None
        envelope = project_envelopes.from_json(body, base=base)
        fitted = project_envelopes.fitted(envelope, project.duration)
        return {"envelope": project.add_envelope(fitted)}

    async def import_file(self, call: Call) -> Reply:
        project = await run_in_threadpool(self.studio.open, call.project)
        name = safe_name(call.query["name"], "envelope")
        async with received(call.request, project, UPLOAD_BYTES) as upload:
            read = self.studio.read_envelope
            envelope = await self.studio.one_of_few(read, project, upload, name)
        if envelope.values.max() > project_envelopes.LOUDEST:
            raise ValueError(f"{name}: reaches {envelope.values.max():g}: scale it to RMS below 1")
        return {"envelope": await run_in_threadpool(project.add_envelope, envelope)}

    def edit(self, call: Call) -> Reply:
        project, edits = self.studio.open(call.project), call.body["edits"]
        envelope = project.envelope(call.path["envelope"])
        names = {edit["grid"] for edit in edits if isinstance(edit.get("grid"), str)}
        grids: dict[str, Any] = {}
        if "frames" in names:
            grids["frames"] = self.studio.frame_times(project)
        if "onsets" in names:
            grids["onsets"] = self.studio.envelope(project, None).onsets
        result = edited(envelope, edits, grids, project.duration)
        return {"envelope": project.add_envelope(result)}
