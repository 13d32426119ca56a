"""References, takes and their mix, heard and drawn, as the page asks for them: see API.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from folai.studio.endpoints import FILE_NAME, FOREVER, BadRequest, Call, Endpoint, Reply
from folai.studio.failures import Missing
from folai.studio.guide.clip_sound import guide_path
from folai.studio.mixing import mix_of
from folai.studio.project import Project
from folai.studio.project_sounds import Sound, SoundFile, wav_bytes
from folai.studio.schema import Schema, an_object, integer, number, text
from folai.studio.shapes import REFERENCE
from folai.studio.sound_pictures import peaks, spectrogram
from folai.studio.store import safe_name
from folai.studio.studio import Studio
from folai.studio.uploads import received

LONGEST_PART = 120.0  # seconds of sound that are sent at once
IMAGES = 256  # pictures of sound that are kept in memory
TIME = number(0, 1e6)

PathOf = Callable[[Project, str], Path]  # a reference's or a take's file, from its id


class SoundsApi:
    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._cached = lru_cache(IMAGES)(_draw)

    def endpoints(self) -> list[Endpoint]:
        one = "/api/projects/{project}"
        reference, take = f"{one}/references/{{reference}}", f"{one}/takes/{{take}}"
        return [
            Endpoint(
                "POST",
                f"{one}/references",
                self.add_reference,
                "Add a sound to imitate",
                status=201,
                takes_file=True,
                query={"name": FILE_NAME},
                reply=REFERENCE,
                waits=True,
            ),
            Endpoint(
                "PATCH",
                reference,
                self.rename_reference,
                "Another name",
                body=an_object("name", name=text(120, 1)),
                reply=REFERENCE,
            ),
            Endpoint("DELETE", reference, self.delete_reference, "Delete a reference", status=204),
            *_views(reference, self.reference_audio, self.reference_image),
            Endpoint("DELETE", take, self.delete_take, "Delete a take", status=204),
            *_views(take, self.take_audio, self.take_image),
            *_views(f"{one}/mix", self.mix_audio, self.mix_image),
            *_views(f"{one}/guide", self.guide_audio, self.guide_image),
        ]

    # References

    async def add_reference(self, call: Call) -> Reply:
        project = await run_in_threadpool(self.studio.open, call.project)
        name = safe_name(call.query["name"], "sound")
        async with received(call.request, project, self.studio.reference_bytes) as upload:
            entry: dict[str, Any] = await self.studio.one_of_few(
                self.studio.add_reference, project, upload, name
            )
        return entry

    def rename_reference(self, call: Call) -> Reply:
        project, reference = self.studio.open(call.project), call.path["reference"]
        project.find("references", reference)
        with project.change() as document:
            for entry in document["references"]:
                if entry["id"] == reference:
                    entry["name"] = call.body["name"]
        self.studio.tell(project, "references")
        return project.find("references", reference)

    def delete_reference(self, call: Call) -> Reply:
        return self._delete(call, "references", self.studio.reference_path)

    def reference_audio(self, call: Call) -> Reply:
        return self._audio(call, "reference", self.studio.reference_path)

    def reference_image(self, call: Call) -> Reply:
        return self._image(call, "reference", self.studio.reference_path)

    # Takes and their mix

    def delete_take(self, call: Call) -> Reply:
        return self._delete(call, "takes", self.studio.take_path)

    def take_audio(self, call: Call) -> Reply:
        return self._audio(call, "take", self.studio.take_path)

    def take_image(self, call: Call) -> Reply:
        return self._image(call, "take", self.studio.take_path)

    def mix_audio(self, call: Call) -> Reply:
        project = self.studio.open(call.project)
        return _part(mix_of(project, project.document), call)

    def guide_audio(self, call: Call) -> Reply:
        """The clip's own sound."""
        path = guide_path(self.studio.open(call.project))
        return _part(SoundFile(path), call, FOREVER)

    def guide_image(self, call: Call) -> Reply:
        path = guide_path(self.studio.open(call.project))
        return _image(_Named(str(path), SoundFile(path)), call, self._cached, FOREVER)

    def mix_image(self, call: Call) -> Reply:
        """Never kept: it changes with each edit."""
        project = self.studio.open(call.project)
        mix = _Named("mix", mix_of(project, project.document))
        return _image(mix, call, _draw, {})

    # What references and takes have in common

    def _delete(self, call: Call, kind: str, path_of: PathOf) -> Reply:
        project, name = self.studio.open(call.project), call.path[kind.removesuffix("s")]
        self.studio.delete(project, kind, name, path_of(project, name))
        return None

    def _audio(self, call: Call, kind: str, path_of: PathOf) -> Reply:
        """The whole file, of which ranges may be asked for, or a part as a file of its own."""
        path = path_of(self.studio.open(call.project), call.path[kind])
        if not path.exists():
            raise Missing(f"the file of this {kind} is gone: make it again")
        if not call.query:
            return FileResponse(path, media_type="audio/wav", headers=FOREVER)
        return _part(SoundFile(path), call, FOREVER)

    def _image(self, call: Call, kind: str, path_of: PathOf) -> Reply:
        path = path_of(self.studio.open(call.project), call.path[kind])
        return _image(_Named(str(path), SoundFile(path)), call, self._cached, FOREVER)


@dataclass(frozen=True)
class _Named:
    """A sound by its file's name, so that a cache knows it again: files never change."""

    name: str
    sound: Sound = field(compare=False)


def _views(here: str, audio: Any, image: Any) -> list[Endpoint]:
    """A sound, its peaks and its spectrogram."""
    span: dict[str, Schema] = {"start": TIME, "end": TIME}
    count = {"count": {**integer(1, 8192), "default": 800}}
    size = {
        "width": {**integer(1, 4096), "default": 800},
        "height": {**integer(8, 512), "default": 128},
    }
    return [
        Endpoint(
            "GET",
            f"{here}/audio",
            audio,
            "The sound",
            query={**span, "bits": {"type": "integer", "enum": [16, 24]}},
            reply="audio/wav",
        ),
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
            "A spectrogram",
            query={**span, **size},
            reply="image/png",
        ),
    ]


def _span(call: Call, sound: Sound) -> tuple[float, float]:
    """(start, end) of the request in seconds, inside the sound."""
    duration = sound.num_samples / sound.sample_rate
    start, end = call.query.get("start", 0.0), min(call.query.get("end", duration), duration)
    if end - start < 1 / sound.sample_rate:
        raise BadRequest(f"start {start:g} and end {end:g} s: give a part of 0 to {duration:g} s")
    return start, end


def _part(sound: Sound, call: Call, headers: dict[str, str] | None = None) -> Response:
    """The part that is asked for as a WAV file."""
    start, end = _span(call, sound)
    if end - start > LONGEST_PART:
        raise BadRequest(f"ask for {LONGEST_PART:g} s at most: add ?start= and &end=")
    first = round(start * sound.sample_rate)
    wav = sound.read(first, max(1, round(end * sound.sample_rate) - first))
    content = wav_bytes(wav, sound.sample_rate, call.query.get("bits", 16))
    return Response(content, media_type="audio/wav", headers=headers)


def _image(
    named: _Named, call: Call, draw: Callable[..., bytes], headers: dict[str, str]
) -> Response:
    """Peaks or a spectrogram, as the request's path ends; silence after the sound's end."""
    kind = call.request.url.path.rsplit("/", 1)[-1]
    start, end = _span(call, named.sound)
    width, height = call.query.get("count") or call.query["width"], call.query.get("height", 0)
    # Columns are equal parts of what was asked for, also where the sound ends before that: else
    # a page that asks for a whole tile would draw the sound's end too late.
    step = (max(end, call.query.get("end", end)) - start) / width
    inside = min(width, math.ceil((end - start) / step - 1e-6))
    content = draw(named, kind, start, start + inside * step, inside, width, height)
    media_type = "application/octet-stream" if kind == "peaks" else "image/png"
    return Response(content, media_type=media_type, headers=headers)


def _draw(
    named: _Named, kind: str, start: float, end: float, inside: int, width: int, height: int
) -> bytes:
    """`width` columns, of which the first `inside` are those of start to end seconds."""
    if kind == "peaks":
        return peaks(named.sound, start, end, inside) + bytes(2 * (width - inside))
    return spectrogram(named.sound, start, end, inside, height, width)
