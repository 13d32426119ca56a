"""Jobs that watch a clip: its predicted envelope, and a version that every browser plays."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from folai.envelope import Envelope
from folai.studio import project_envelopes
from folai.studio.jobs import Job, Jobs
from folai.studio.media_client import run_child
from folai.studio.project import Project

STALLED = 180.0  # seconds without progress after which a process is ended


class Notify(Protocol):
    """Tells the pages that something of a project has changed."""

    def __call__(self, project: Project, what: str, /) -> None: ...


class TellPiece(Protocol):
    """Tells the pages of a piece of a prediction that is being made."""

    def __call__(self, project: Project, piece: dict[str, Any], /) -> None: ...


class ClipJobs:
    """Each method adds a job to its queue and returns it."""

    def __init__(self, jobs: Jobs, notify: Notify, tell_piece: TellPiece) -> None:
        self._jobs, self._notify, self._tell_piece = jobs, notify, tell_piece
        self._pieces: dict[str, list[dict[str, Any]]] = {}

    def pieces(self, project: Project) -> list[dict[str, Any]]:
        """What there is of a prediction that is being made, or was stopped."""
        return list(self._pieces.get(project.id, ()))

    def predict(self, project: Project, expect: str | None = None) -> Job:
        """Predicts the clip's envelope; expect: what is to be heard (`folai.mapper.expect`)."""
        watched = str(project.media / "watched")
        self._pieces[project.id] = []
        return self._add_prediction(
            project, "predict", lambda folder: {"expect": expect, "watched": watched}
        )

    def adapt(self, project: Project, envelope: Envelope, start: float, end: float) -> Job:
        """Teaches the mapper the envelope from start to end seconds, then predicts again.

        Between start and end the new prediction is `envelope` itself.
        """

        def arguments(folder: Path) -> dict[str, Any]:
            taught = folder / "taught.npz"
            project_envelopes.write_npz(taught, envelope)
            weights = folder / "mapper.safetensors"
            last = min(end, project.duration)
            watched = str(project.media / "watched")
            part = {"start": start, "end": last}
            return {"watched": watched, "taught": str(taught), "weights": str(weights), **part}

        return self._add_prediction(project, "adapt", arguments)

    def make_proxy(self, project: Project) -> Job:
        """Converts the clip to a version that every browser plays."""

        def work(job: Job) -> None:
            name = f"proxy-{job.id}.mp4"
            _run(job, project, "proxy", project.media / name, {})
            with project.change() as document:
                previous, document["proxy"] = document["proxy"], name
            if previous is not None:
                (project.media / previous).unlink(missing_ok=True)

        job = self._jobs.add(
            "proxy", project.id, work, after=lambda: self._notify(project, "video")
        )
        self._notify(project, "video")
        return job

    def _add_prediction(
        self, project: Project, command: str, arguments: Callable[[Path], dict[str, Any]]
    ) -> Job:
        """A job whose `command` writes an envelope, which becomes the project's prediction.

        arguments: those of the command, from a folder that is removed after the work.
        """

        def work(job: Job) -> None:
            with tempfile.TemporaryDirectory(prefix=f".{job.id}-", dir=project.media) as name:
                folder = Path(name)
                out = folder / "predicted.npz"
                warned = _run(job, project, command, out, arguments(folder), self._keep_piece)
                envelope = project_envelopes.read_npz(out)
            fitted = project_envelopes.fitted(envelope, project.duration)
            saved = project.add_envelope(fitted)
            with project.change() as document:
                document["prediction"] = saved
            self._pieces.pop(project.id, None)
            self._notify(project, "prediction")
            job.message = "; ".join(warned)  # such as where the prediction is unsure

        return self._jobs.add(command, project.id, work, length=project.duration)

    def _keep_piece(self, project: Project, piece: dict[str, Any]) -> None:
        self._pieces.setdefault(project.id, []).append(piece)
        self._tell_piece(project, piece)


def _run(
    job: Job,
    project: Project,
    command: str,
    out: Path,
    more: dict[str, Any],
    keep: TellPiece = lambda project, piece: None,
) -> list[str]:
    """A command of `media_process.py` on the clip, with the job's progress and cancellation.

    Returns its warnings. keep: gets the pieces of its result as they come.
    """
    _, warned = run_child(
        command,
        {"path": str(project.clip_path), "out": str(out), **more},
        names={project.clip_path: project["clip"]["file"]},
        patience=STALLED,
        progress=job.advance_quietly,
        piece=lambda piece: keep(project, piece),
        cancelled=job.cancelled.is_set,
        held=job.held.is_set,
    )
    return warned
