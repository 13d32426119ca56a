"""Exports: the finished clip, Broadcast Wave, stems, envelopes, a timeline."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folai.envelope import Envelope
from folai.media.mux import finished_name
from folai.studio.broadcast_wave import (
    bext_chunk,
    check_size,
    timecode_rate,
    timecode_seconds,
)
from folai.studio.handover import package
from folai.studio.jobs import Job
from folai.studio.media_client import run_child
from folai.studio.midi import midi_file
from folai.studio.mixing import chosen_take, heard_takes, layer_alone, mix_of
from folai.studio.project import Project
from folai.studio.project_sounds import Resampled
from folai.studio.store import safe_name
from folai.studio.studio import Studio
from folai.studio.timeline import Stem, timeline_json
from folai.studio.wave_files import WaveFile, Waves, write_archive, write_broadcast_wave
from folai.writing import written_whole

STALLED = 600.0  # seconds that writing a clip may take without ending
MOST_EXPORTS = 100  # files kept; the oldest go


def export(studio: Studio, project: Project, request: dict[str, Any]) -> Job:
    """A job that writes a file. Raises ValueError at once for what cannot be exported."""
    document = project.document
    kind = request["kind"]
    given = request.get("timecode") or document["edit"].get("timecode")
    timecode = given or _plain(document["clip"]["timecode"])
    start = timecode_seconds(timecode, timecode_rate(document["clip"]))
    sample_rate = request.get("sample_rate") or 48000
    request = {**request, "start": start, "sample_rate": sample_rate, "timecode": given}
    if kind in ("json", "csv", "midi"):
        layer = _layer(project, request)
        envelope = studio.envelope(project, layer["envelope"])
        write: Callable[[Path, Job], None] = _envelope_writer(kind, envelope, layer["name"])
        name = f"{_stem(document)} {layer['name']}.{'mid' if kind == 'midi' else kind}"
    else:
        if kind not in ("otio", "session") and not _audible(document, kind):
            raise ValueError("no take is audible: generate one, or unmute a layer, then export")
        write, name = _sound_writer(kind, project, document, request)

    def work(job: Job) -> None:
        folder = project.media / "exports"
        folder.mkdir(exist_ok=True)
        out = _free_name(folder, safe_name(name, f"export{Path(name).suffix}"))
        write(out, job)
        job.file = out.name
        exports = sorted(folder.glob("[!.]*"), key=os.path.getmtime)
        for old in exports[: max(0, len(exports) - MOST_EXPORTS)]:
            old.unlink(missing_ok=True)

    return studio.jobs.add("export", project.id, work)


def find_export(project: Project, name: str) -> Path | None:
    """The exported file of that name, if there is one."""
    folder = project.media / "exports"
    listed = folder.glob("[!.]*") if folder.is_dir() else ()
    return next((path for path in listed if path.name == name), None)


def _layer(project: Project, request: dict[str, Any]) -> dict[str, Any]:
    """The layer in the request, or the first."""
    if request.get("layer") is None:
        first: dict[str, Any] = project["edit"]["layers"][0]
        return first
    return project.find("layers", request["layer"])


def _plain(timecode: str | None) -> str | None:
    """A clip's own timecode; None where it cannot be read."""
    try:
        timecode_seconds(timecode, 100.0)
    except ValueError:
        return None
    return timecode


def _audible(document: dict[str, Any], kind: str) -> bool:
    if kind == "stems":
        return any(chosen_take(document, layer) for layer in document["edit"]["layers"])
    return bool(heard_takes(document))


def _envelope_writer(kind: str, envelope: Envelope, name: str) -> Callable[[Path, Job], None]:
    def write(out: Path, job: Job) -> None:
        if kind != "midi":
            envelope.save(out)
            return
        with written_whole(out) as partial:
            partial.write_bytes(midi_file(envelope.leveled(), name))

    return write


def _sound_writer(
    kind: str, project: Project, document: dict[str, Any], request: dict[str, Any]
) -> tuple[Callable[[Path, Job], None], str]:
    """(a function that writes the file, the file's name)."""
    stem = _stem(document)
    if kind == "session":
        handover = package.prepare(project, request)
        return lambda out, job: package.write(out, handover, job), f"{stem} session.zip"
    if kind == "video":
        suffix = request.get("container") or Path(finished_name(document["clip"]["file"])).suffix
        _check_container(project, document, suffix)
        return _clip_writer(project, document, request), f"{stem}.foley{suffix}"
    if kind == "wav":

        def write(out: Path, job: Job) -> None:
            mix = Resampled(mix_of(project, document), request["sample_rate"])
            write_broadcast_wave(
                out,
                mix,
                start=request["start"],
                description=document["name"],
                tell=job.advance,
            )

        return write, f"{stem}.wav"
    suffix = "stems" if kind == "stems" else "timeline"
    return _zip_writer(kind, project, document, request), f"{stem} {suffix}.zip"


def _check_container(project: Project, document: dict[str, Any], suffix: str) -> None:
    """Raises ValueError, before the work, for a container that cannot hold these pictures."""
    out = project.media / f"finished{suffix}"
    run_child(
        "check",
        {"path": str(project.clip_path), "out": str(out)},
        names={out: f"finished{suffix}", project.clip_path: document["clip"]["file"]},
        patience=60.0,
        file_size=1 << 20,
    )


def _clip_writer(
    project: Project, document: dict[str, Any], request: dict[str, Any]
) -> Callable[[Path, Job], None]:
    def write(out: Path, job: Job) -> None:
        sound = project.media / f".{job.id}.wav"
        try:
            mix = Resampled(mix_of(project, document), 48000)
            write_broadcast_wave(
                sound, mix, start=0.0, description="", tell=lambda share: job.advance(0.3 * share)
            )
            run_child(
                "finish",
                {
                    "path": str(project.clip_path),
                    "sound": str(sound),
                    "out": str(out),
                    "mix_db": request.get("mix_db"),
                    "timecode": request["timecode"],
                },
                names={out: out.name, project.clip_path: document["clip"]["file"]},
                patience=STALLED,
                cancelled=job.cancelled.is_set,
            )
        finally:
            sound.unlink(missing_ok=True)

    return write


def _zip_writer(
    kind: str, project: Project, document: dict[str, Any], request: dict[str, Any]
) -> Callable[[Path, Job], None]:
    """One file a layer with its chosen take, muted or not; for `otio` a timeline beside them."""

    def write(out: Path, job: Job) -> None:
        layers = [layer for layer in document["edit"]["layers"] if chosen_take(document, layer)]
        waves, stems = [], []
        for number, layer in enumerate(layers, start=1):
            alone = layer_alone(project, document, layer["id"])
            sound = Resampled(alone, request["sample_rate"])
            check_size(sound.num_samples * 3 * sound.channels, sound.sample_rate)
            name = safe_name(f"{number} {layer['name']}.wav", f"{number}.wav")
            first = round(request["start"] * sound.sample_rate)
            chunks = [(b"bext", bext_chunk(layer["name"], first))]
            waves.append(Waves(sound, (WaveFile(name, chunks),)))
            length = sound.num_samples
            stems.append(Stem(layer["name"], name, length, sound.sample_rate, first, (0, length)))

        def more(archive: zipfile.ZipFile) -> None:
            if kind == "otio":
                text = _timeline(document, stems, request["start"])
                archive.writestr(f"{_stem(document)}.otio", text)

        gain = write_archive(out, waves, more, job.advance)
        quieter = f"all stems {-20 * math.log10(gain):.1f} dB quieter, so that none clips"
        job.advance(1.0, quieter if gain < 1 else "")

    return write


def _timeline(document: dict[str, Any], stems: list[Stem], start: float) -> str:
    clip = document["clip"]
    video_start = timecode_seconds(_plain(clip["timecode"]), timecode_rate(clip))
    return timeline_json(
        document["name"],
        video=clip["file"],
        fps=clip["fps"],
        num_frames=clip["num_frames"],
        video_frame=round(video_start * clip["fps"]),
        start_frame=round(start * clip["fps"]),
        stems=stems,
    )


def _stem(document: dict[str, Any]) -> str:
    return safe_name(document["name"], "clip")


def _free_name(folder: Path, name: str) -> Path:
    """`name`, or with a number before its suffix where there is one already."""
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{Path(name).stem} {number}{Path(name).suffix}"
    return path
