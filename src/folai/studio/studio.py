"""What the studio does: projects, sounds and jobs. `server.py` offers it to a browser."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.concurrency import run_in_threadpool

from folai import __version__
from folai.engines import choose_engine, get_engine
from folai.envelope import FRAME_RATE, Envelope
from folai.pipeline import GenerateOptions
from folai.stable.hub import list_models, nothing_cached
from folai.studio import project_envelopes
from folai.studio.broadcast_wave import timecode_rate
from folai.studio.clip_jobs import ClipJobs
from folai.studio.failures import Overloaded
from folai.studio.jobs import Jobs
from folai.studio.media_client import run_child
from folai.studio.page_events import Events
from folai.studio.picture_client import Decoders
from folai.studio.project import Project, new_id
from folai.studio.shapes import MODELS, MOST_LAYERS, MOST_TAKES, OPTIONS
from folai.studio.sound_client import Generator
from folai.studio.store import Store, safe_suffix

SAMPLE_RATE = 44100  # Hz, of takes and references
REFERENCE_SECONDS = 600.0
MOST_REFERENCES = 500


class Studio:
    """One folder of projects, opened."""

    def __init__(self, root: Path, *, video_bytes: int = 20 << 30) -> None:
        self.store = Store(root)
        self.events = Events()
        self.decoders = Decoders()
        self.jobs = Jobs(lambda job: self.events.tell("job", job.as_json()))
        self.clip_jobs = ClipJobs(self.jobs, self.tell, self.tell_piece)
        self.generator = Generator(lambda: self.events.tell("status", self.status()))
        self.opened: str | None = None
        self.opens_files = True  # by their path on this machine, where a request names one
        self.video_bytes = video_bytes
        self.reference_bytes = min(500 << 20, video_bytes)
        self._making = threading.Lock()
        self._prepared: set[str] = set()
        self._few = asyncio.Semaphore(3)

    async def one_of_few(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Run on a thread what starts a process: few at once, so that threads remain for others."""
        async with self._few:
            return await run_in_threadpool(work, *arguments)

    def close(self) -> None:
        self.jobs.close()
        self.generator.close()
        self.decoders.close()
        self.store.close()

    def status(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "engine": self.generator.state,
            "engine_message": self.generator.message,
            "limits": {
                "video_bytes": self.video_bytes,
                "reference_bytes": self.reference_bytes,
                "reference_seconds": round(REFERENCE_SECONDS),
                "layers": MOST_LAYERS,
                "takes": MOST_TAKES,
            },
            "open": self.opened,
        }

    # Projects

    def open_file(self, path: Path) -> Project:
        """The project of a clip on the disk. Raises ValueError for an unusable clip."""
        with self._making:
            project = self.store.make_of_file(path)
        self.opened = project.id
        self.prepare_once(project)
        return project

    def make_project(self, folder: Path, clip: Path, name: str) -> Project:
        """Of a clip that was uploaded into a `Store.new_folder`."""
        project = self.store.make(folder, clip, name)
        self.prepare_once(project)
        return project

    def open(self, name: str) -> Project:
        """The project with this id. Raises Missing, and ValueError as `Store.get`."""
        return self.store.get(name)

    def prepare_once(self, project: Project) -> None:
        """`prepare`, once a run of the server: failures are not repeated."""
        with self._making:
            if project.id in self._prepared:
                return
            self._prepared.add(project.id)
        self.prepare(project)

    def prepare(self, project: Project) -> None:
        """Start the jobs whose results a clip lacks: its prediction, a version to play."""
        if project["prediction"] is None and not self.jobs.is_at_work(project.id, "predict"):
            self.clip_jobs.predict(project)
        needed = project["clip"]["media_type"] is None and project["proxy"] is None
        if needed and not self.jobs.is_at_work(project.id, "proxy"):
            self.clip_jobs.make_proxy(project)

    def described(self, project: Project) -> dict[str, Any]:
        """The Project of API.md."""
        document = project.document
        names = "id name revision created modified prediction edit takes references additions"
        facts = "file duration fps num_frames width height video_codec audio_codec timecode"
        clip = document["clip"]
        return {
            **{name: document[name] for name in names.split()},
            "clip": {
                **{name: clip[name] for name in facts.split()},
                "nominal_fps": timecode_rate(clip),
            },
            "video": self._video(document),
            "jobs": [job.as_json() for job in self.jobs.of_project(project.id)],
        }

    def _video(self, document: dict[str, Any]) -> dict[str, Any]:
        file = document["proxy"] or (
            document["clip"]["media"] if document["clip"]["media_type"] is not None else None
        )
        jobs = [job for job in self.jobs.of_project(document["id"]) if job.kind == "proxy"]
        last = jobs[-1] if jobs else None
        state, message = "ready", ""
        if last is not None and not last.is_over:
            state = "converting"
        elif file is None:
            state, message = "failed", (last.message if last else "") or "it was not converted"
        url = None if file is None else f"/api/projects/{document['id']}/video?v={file}"
        return {"url": url, "state": state, "message": message}

    def tell(self, project: Project, what: str, tab: str | None = None) -> None:
        facts = {"project": project.id, "revision": project["revision"], "tab": tab, "what": what}
        self.events.tell("project", facts)

    def tell_piece(self, project: Project, piece: dict[str, Any]) -> None:
        """Of a prediction that is being made."""
        self.events.tell("piece", {"project": project.id, **piece})

    # Envelopes

    def envelope(self, project: Project, source: str | dict[str, Any] | None) -> Envelope:
        """The envelope in a request: an id, an envelope as JSON, or None for the prediction.

        Raises ValueError and Missing.
        """
        if isinstance(source, dict):
            envelope = project_envelopes.from_json(source)
            return project_envelopes.fitted(envelope, project.duration)
        name = project["prediction"] if source is None else source
        if name is None:
            raise ValueError("there is no prediction yet: wait for it, or draw an envelope")
        return project.envelope(name)

    def frame_times(self, project: Project) -> NDArray[np.float64]:
        """When each frame appears, seconds [N]."""
        content = (project.media / "frame-times.f64").read_bytes()
        return np.frombuffer(content, "<f8")

    # References

    def add_reference(self, project: Project, upload: Path, name: str) -> dict[str, Any]:
        """Decode an uploaded sound. Raises ValueError for an unusable one."""
        if len(project["references"]) >= MOST_REFERENCES:
            raise ValueError(
                f"{MOST_REFERENCES} references are the most of a project: delete some first"
            )
        reference = new_id()
        path = project.media / "references" / f"{reference}.wav"
        path.parent.mkdir(exist_ok=True)
        facts, _ = run_child(
            "sound",
            {
                "path": str(upload),
                "out": str(path),
                "sample_rate": SAMPLE_RATE,
                "longest": REFERENCE_SECONDS,
            },
            names={upload: name},
            patience=120.0,
            file_size=1 << 30,
        )
        entry = {"id": reference, "name": name, **facts}
        with project.change() as document:
            document["references"].append(entry)
        self.tell(project, "references")
        return entry

    def reference_path(self, project: Project, name: str) -> Path:
        return project.media / "references" / f"{project.find('references', name)['id']}.wav"

    def read_envelope(self, project: Project, upload: Path, name: str) -> Envelope:
        """An uploaded envelope, or a sound to measure one from, fitted to the clip."""
        out = upload.with_suffix(".npz")
        path = upload.with_suffix(safe_suffix(name) or ".json")
        upload.rename(path)
        try:
            run_child(
                "envelope",
                {"path": str(path), "out": str(out)},
                names={path: name},
                patience=60.0,
                file_size=1 << 28,
            )
            envelope = project_envelopes.read_npz(out)
        finally:
            path.unlink(missing_ok=True)
            out.unlink(missing_ok=True)
        return envelope.resample(FRAME_RATE, project.duration)

    # Takes

    def take_path(self, project: Project, name: str) -> Path:
        return project.media / "takes" / f"{project.find('takes', name)['id']}.wav"

    def delete(self, project: Project, kind: str, name: str, path: Path) -> None:
        """Forget a take or reference, then remove its file."""
        with project.change() as document:
            document[kind] = [entry for entry in document[kind] if entry["id"] != name]
        path.unlink(missing_ok=True)
        self.tell(project, kind)


def options_of(sound: dict[str, Any]) -> dict[str, Any]:
    """A Sound of the page as values of `GenerateOptions.of`; whoever reads reference and addition
    adds them.

    A layer remembers the settings of every engine; those of the others are left out, and a model at
    full size has its own. Raises ValueError for an invalid combination.
    """
    values = {
        name: value
        for name, value in sound.items()
        if name not in ("model", "reference", "lora", "variations") and value not in (None, "")
    }
    if sound.get("reference") and values.get("sound"):
        raise ValueError("both a reference and a built-in sound are chosen; choose one of them")
    prompt = values.get("prompt") or values.get("negative_prompt") or values.get("segments")
    engine = choose_engine(values.pop("engine", None), sound=values.get("sound"), prompt=prompt)
    own = {field.name for field in fields(get_engine(engine).Options)}
    model = sound.get("model") or "small"
    if engine == "diffusion" and model != "small":
        engine, own = "stable_audio_3", {"control_scale", "envelope_lock"}
        values["model"] = model
    others = {name for name in OPTIONS if name not in own}
    kept = {name: value for name, value in values.items() if name not in others}
    kept["engine"] = engine
    room = kept.pop("room", 0)
    GenerateOptions.of(**kept)
    return {**kept, "room": room} if room and sound.get("reference") else kept


def models_here() -> list[str]:
    """The models that a sound can name: the small one, and those whose weights are here."""
    if nothing_cached():
        return ["small"]
    known = list_models()
    return [name for name in MODELS if name == "small" or known[name]["path"] is not None]


def require_room(project: Project, more: int) -> None:
    if len(project["takes"]) + more > MOST_TAKES:
        raise Overloaded(f"{MOST_TAKES} takes are the most of a project: delete some first")
