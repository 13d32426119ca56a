"""References, previews, jobs, takes and exports, as the page asks for them: see API.md."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from folai.studio.endpoints import BadRequest, Call, Endpoint, Reply
from folai.studio.exporting import export, find_export, mix_of
from folai.studio.failures import Missing
from folai.studio.generation import Previewer, check_sound, generate
from folai.studio.project import Project, new_id
from folai.studio.project_sounds import Sound, SoundFile, peaks, spectrogram, wav_bytes
from folai.studio.schema import Schema, a_list, an_object, integer, number, text
from folai.studio.shapes import (
    EXPORT,
    GENERATE,
    JOB,
    PREVIEW,
    REFERENCE,
    SOUND,
)
from folai.studio.store import safe_name
from folai.studio.studio import Studio
from folai.studio.uploads import receive_file

PART = 120.0  # seconds of sound that are sent at once
IMAGES = 256  # pictures of sound that are kept in memory
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
TIME = number(0, 1e6)


class SoundsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self.previewer = Previewer()
        self._previewing = asyncio.Semaphore(2)
        self._image = lru_cache(IMAGES)(self._make_image)

    def endpoints(self) -> list[Endpoint]:
        one = "/api/projects/{project}"
        jobs = an_object("jobs", jobs=a_list(JOB, 10_000))
        checked = an_object("engine warnings", engine=text(20), warnings=a_list(text(4000), 1000))
        return [
            *self._references(one),
            Endpoint("POST", "/api/sound", self.check, "Check settings", body=SOUND, reply=checked),
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
                f"{one}/generate",
                self.generate,
                "Make takes",
                status=202,
                body=GENERATE,
                reply=JOB,
            ),
            Endpoint("GET", f"{one}/jobs", self.project_jobs, "Jobs of a project", reply=jobs),
            Endpoint("GET", "/api/jobs/{job}", self.job, "A job", reply=JOB),
            Endpoint("DELETE", "/api/jobs/{job}", self.cancel, "Cancel a job", reply=JOB),
            Endpoint(
                "DELETE", f"{one}/takes/{{take}}", self.delete_take, "Delete a take", status=204
            ),
            *_pictures_of(f"{one}/takes/{{take}}", self.take_audio, self.take_image),
            *_pictures_of(f"{one}/mix", self.mix_audio, self.mix_image),
            Endpoint(
                "POST",
                f"{one}/exports",
                self.export,
                "Write a file to take away",
                status=202,
                body=EXPORT,
                reply=JOB,
            ),
            Endpoint(
                "GET",
                f"{one}/exports/{{file}}",
                self.exported,
                "A file to take away",
                reply="application/octet-stream",
            ),
        ]

    def _references(self, one: str) -> list[Endpoint]:
        here = f"{one}/references/{{reference}}"
        return [
            Endpoint(
                "POST",
                f"{one}/references",
                self.add_reference,
                "A sound to imitate",
                status=201,
                takes_file=True,
                query={"name": {**text(300, 1), "required": True}},
                reply=REFERENCE,
                waits=True,
            ),
            Endpoint(
                "PATCH",
                here,
                self.rename_reference,
                "Another name",
                body=an_object("name", name=text(120, 1)),
                reply=REFERENCE,
            ),
            Endpoint("DELETE", here, self.delete_reference, "Delete a reference", status=204),
            *_pictures_of(here, self.reference_audio, self.reference_image),
        ]

    def _project(self, call: Call) -> Project:
        return self.studio.open(call.path["project"])

    # References

    async def add_reference(self, call: Call) -> Reply:
        project = await run_in_threadpool(self._project, call)
        name = safe_name(call.query["name"], "sound")
        upload = project.media / f".upload-{new_id()}"
        try:
            await receive_file(call.request, upload, self.studio.reference_bytes)
            entry: dict[str, Any] = await self.studio.one_of_few(
                self.studio.add_reference, project, upload, name
            )
        finally:
            upload.unlink(missing_ok=True)
        return entry

    def rename_reference(self, call: Call) -> Reply:
        project, wanted = self._project(call), call.path["reference"]
        project.find("references", wanted)
        with project.change() as document:
            for entry in document["references"]:
                if entry["id"] == wanted:
                    entry["name"] = call.body["name"]
        self.studio.tell(project, "references")
        return project.find("references", wanted)

    def delete_reference(self, call: Call) -> Reply:
        project, name = self._project(call), call.path["reference"]
        path = self.studio.reference_path(project, name)
        self.studio.delete(project, "references", name, path)
        return None

    def reference_audio(self, call: Call) -> Reply:
        path = self.studio.reference_path(self._project(call), call.path["reference"])
        return _audio(path, call)

    def reference_image(self, call: Call) -> Reply:
        project = self._project(call)
        path = self.studio.reference_path(project, call.path["reference"])
        return self._shown(SoundFile(path), call, str(path))

    # Sound

    def check(self, call: Call) -> Reply:
        return check_sound(call.body)

    async def preview(self, call: Call) -> Reply:
        """Two at a time; who has gone away meanwhile, for a later edit, is passed over."""
        project = await run_in_threadpool(self._project, call)
        async with self._previewing:
            if await call.request.is_disconnected():
                return Response(status_code=204)
            content = await run_in_threadpool(
                self.previewer.preview, self.studio, project, call.body
            )
        return Response(content, media_type="audio/wav")

    def generate(self, call: Call) -> Reply:
        return generate(self.studio, self._project(call), call.body).as_json()

    def project_jobs(self, call: Call) -> Reply:
        jobs = self.studio.jobs.of_project(self._project(call).id)
        return {"jobs": [job.as_json() for job in jobs]}

    def job(self, call: Call) -> Reply:
        return self.studio.jobs.get(call.path["job"]).as_json()

    def cancel(self, call: Call) -> Reply:
        return self.studio.jobs.cancel(call.path["job"]).as_json()

    # Takes and their mix

    def delete_take(self, call: Call) -> Reply:
        project, name = self._project(call), call.path["take"]
        path = self.studio.take_path(project, name)
        self.studio.delete(project, "takes", name, path)
        return None

    def take_audio(self, call: Call) -> Reply:
        return _audio(self.studio.take_path(self._project(call), call.path["take"]), call)

    def take_image(self, call: Call) -> Reply:
        project, name = self._project(call), call.path["take"]
        sound = self.studio.take_sound(project, name)
        return self._shown(sound, call, f"{project.id}/{name}")

    def mix_audio(self, call: Call) -> Reply:
        project = self._project(call)
        mix = mix_of(project, project.document)
        start, end = _span(call, mix)
        if end - start > PART:
            raise BadRequest(f"ask for {PART:g} s at most: add ?start= and &end=")
        return _part(mix, start, end)

    def mix_image(self, call: Call) -> Reply:
        project = self._project(call)
        return self._shown(mix_of(project, project.document), call, None)

    def _shown(self, sound: Sound, call: Call, name: str | None) -> Reply:
        """Peaks or spectrogram, as the path ends; kept in memory where `name` says of what."""
        kind = call.request.url.path.rsplit("/", 1)[-1]
        start, end = _span(call, sound)
        width, height = call.query.get("count") or call.query["width"], call.query.get("height", 0)
        if name is None:
            content, cache = self._draw(sound, kind, start, end, width, height), {}
        else:
            content = self._image(_Named(name, sound), kind, start, end, width, height)
            cache = FOREVER
        media = "application/octet-stream" if kind == "peaks" else "image/png"
        return Response(content, media_type=media, headers=cache)

    def _make_image(
        self, named: _Named, kind: str, start: float, end: float, width: int, height: int
    ) -> bytes:
        return self._draw(named.sound, kind, start, end, width, height)

    @staticmethod
    def _draw(sound: Sound, kind: str, start: float, end: float, width: int, height: int) -> bytes:
        if kind == "peaks":
            return peaks(sound, start, end, width)
        return spectrogram(sound, start, end, width, height)

    # Exports

    def export(self, call: Call) -> Reply:
        return export(self.studio, self._project(call), call.body).as_json()

    def exported(self, call: Call) -> Reply:
        path = find_export(self._project(call), call.path["file"])
        if path is None:
            raise Missing("there is no such export: export it again")
        disposition = f"attachment; filename*=UTF-8''{quote(path.name)}"
        headers = {"content-disposition": disposition}
        return FileResponse(path, media_type="application/octet-stream", headers=headers)


class _Named:
    """A sound by the name of what it is: two of the same name are the same."""

    def __init__(self, name: str, sound: Sound) -> None:
        self.name, self.sound = name, sound

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


def _pictures_of(here: str, audio: Any, image: Any) -> list[Endpoint]:
    """A sound, its peaks and its spectrogram."""
    span: dict[str, Schema] = {"start": TIME, "end": TIME}
    count = {"count": {**integer(1, 8192), "default": 800}}
    size = {
        "width": {**integer(1, 4096), "default": 800},
        "height": {**integer(8, 512), "default": 128},
    }
    return [
        Endpoint("GET", f"{here}/audio", audio, "The sound", query=span, reply="audio/wav"),
        Endpoint(
            "GET",
            f"{here}/peaks",
            image,
            "Lowest and highest samples",
            query={**span, **count},
            reply="application/octet-stream",
        ),
        Endpoint(
            "GET",
            f"{here}/spectrogram",
            image,
            "What sounds when",
            query={**span, **size},
            reply="image/png",
        ),
    ]


def _span(call: Call, sound: Sound) -> tuple[float, float]:
    """Seconds, inside the sound."""
    duration = sound.num_samples / sound.sample_rate
    start, end = call.query.get("start", 0.0), min(call.query.get("end", duration), duration)
    if end - start < 1 / sound.sample_rate:
        raise BadRequest(f"start {start:g} and end {end:g} s: give a part of 0 to {duration:g} s")
    return start, end


def _audio(path: Path, call: Call) -> Response:
    """The whole file, of which ranges may be asked for, or a part as a file of its own."""
    if not path.exists():
        raise Missing("its file is gone: make it again")
    if not call.query:
        return FileResponse(path, media_type="audio/wav", headers=FOREVER)
    sound = SoundFile(path)
    start, end = _span(call, sound)
    if end - start > PART:
        raise BadRequest(f"ask for {PART:g} s at most")
    return _part(sound, start, end, FOREVER)


def _part(
    sound: Sound, start: float, end: float, headers: dict[str, str] | None = None
) -> Response:
    first = round(start * sound.sample_rate)
    wav = sound.read(first, max(1, round(end * sound.sample_rate) - first))
    content = wav_bytes(wav, sound.sample_rate)
    return Response(content, media_type="audio/wav", headers=headers)
