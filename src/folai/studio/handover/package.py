"""The session as one zip: WAV files, an AAF, an EDL, a timeline and a project for REAPER."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from folai.studio.broadcast_wave import bext_chunk, check_size
from folai.studio.handover.aaf import write_aaf
from folai.studio.handover.edl import edl_text
from folai.studio.handover.ixml import ixml_chunk
from folai.studio.handover.placed import Placed
from folai.studio.handover.reaper_project import project_text
from folai.studio.handover.session import Session, Track
from folai.studio.handover.timing import POP_SECONDS, Times, exact_rate, frame_of
from folai.studio.handover.ucs import category_of, numbered, plain, ucs_name
from folai.studio.jobs import Job
from folai.studio.mixing import chosen_take, heard_takes, layer_alone
from folai.studio.project import Project
from folai.studio.project_sounds import Resampled
from folai.studio.timeline import Stem, timeline_json
from folai.studio.wave_files import WaveFile, Waves, write_archive

BEGINNING = "01:00:00:00"  # of a clip that says no timecode
FORMATS = ("aaf", "edl", "otio", "rpp")


@dataclass(frozen=True)
class Handover:
    """What is asked for, checked: a session, and the sound of each layer at its own level."""

    session: Session
    sounds: tuple[Placed, ...]  # of layers: of one track each, or of one for each channel
    formats: tuple[str, ...]

    @property
    def num_bytes(self) -> int:
        """On the disk while it is written: one side of a stereo layer waits for the other."""
        count, times = sum(track.channels for track in self.session.tracks), self.session.times
        return 3 * times.file_samples * (count + any(track.side for track in self.session.tracks))


def prepare(project: Project, request: dict[str, Any]) -> Handover:
    """Raises ValueError, before any work, for what cannot be handed over."""
    document = project.document
    layers = [layer for layer in document["edit"]["layers"] if chosen_take(document, layer)]
    if not layers:
        raise ValueError("no layer has a take: generate one, then export")
    times = _times(document, request)
    formats = tuple(dict.fromkeys(request.get("formats") or FORMATS))
    mono = request.get("channels") != "stereo"
    if not mono and "aaf" in formats:
        raise ValueError("an AAF links mono files: choose mono, or leave the AAF out")
    if "aaf" in formats and find_spec("aaf2") is None:
        raise ValueError("an AAF needs pyaaf2: pip install 'folai[studio]', or leave the AAF out")
    tracks: list[Track] = []
    sounds: list[Placed] = []
    for layer, name in zip(layers, _file_names(document, layers, request), strict=True):
        sound = layer_alone(project, document, layer["id"])
        tracks += _tracks(document, layer, name, sound.channels, mono)
        sounds.append(Placed(Resampled(sound, times.sample_rate), times))
    clip = document["clip"]
    session = Session(
        name=document["name"],
        scene=request.get("scene") or document["name"],
        video=clip["file"],
        video_frame=_own_frame(clip, times.rate) or 0,
        times=times,
        tracks=tuple(tracks),
    )
    handover = Handover(session, tuple(sounds), formats)
    check_size(times.file_samples * 3 * max(track.channels for track in tracks), times.sample_rate)
    _check_room(project.media, handover.num_bytes)
    return handover


def write(path: Path, handover: Handover, job: Job) -> None:
    """Write the zip. Its progress is told to the job; a cancelled job leaves nothing behind."""
    session, waves = handover.session, list(_waves(handover))

    def tell(share: float) -> None:
        job.advance(
            0.98 * share, f"layer {min(int(share * len(waves)) + 1, len(waves))} of {len(waves)}"
        )

    def more(archive: zipfile.ZipFile) -> None:
        for name, content in _documents(handover):
            archive.writestr(f"{plain(session.name) or 'session'}.{name}", content)

    gain = write_archive(path, waves, more, tell)
    quieter = f"all tracks {-20 * np.log10(gain):.1f} dB quieter, so that none clips"
    job.advance(1.0, quieter if gain < 1 else "")


def _waves(handover: Handover) -> Iterator[Waves]:
    """The sounds with their files."""
    tracks = iter(handover.session.tracks)
    for sound in handover.sounds:
        count = sound.channels // (first := next(tracks)).channels
        files = (first, *islice(tracks, count - 1))
        yield Waves(sound, tuple(_wave_file(handover.session, track) for track in files))


def _wave_file(session: Session, track: Track) -> WaveFile:
    first = session.times.file_sample
    chunks = [
        (b"bext", bext_chunk(f"{session.name}: {track.name}", first)),
        (b"iXML", ixml_chunk(session, track)),
    ]
    return WaveFile(track.file, chunks)


def _times(document: dict[str, Any], request: dict[str, Any]) -> Times:
    """By the timecode that is asked for, else the project's, else the clip's, else BEGINNING."""
    clip = document["clip"]
    rate = exact_rate(float(clip.get("nominal_fps") or clip["fps"]))
    own = None if _own_frame(clip, rate) is None else clip["timecode"]
    given = request.get("timecode") or document["edit"].get("timecode")
    timecode = (given or own or BEGINNING).replace(".", ";")
    nominal = -(-rate.numerator // rate.denominator)
    return Times(
        rate=rate,
        drop=";" in timecode,
        start=frame_of(timecode, rate),
        num_frames=max(1, round(Fraction(clip["duration"]) * rate)),
        handle=round(float(request.get("handles") or 0) * nominal),
        pop=POP_SECONDS * nominal if request.get("two_pop") else 0,
        sample_rate=request["sample_rate"],
    )


def _own_frame(clip: dict[str, Any], rate: Fraction) -> int | None:
    """The frame of the clip's own timecode; None where it has none, or one that cannot be read."""
    try:
        return frame_of((clip["timecode"] or "").replace(".", ";"), rate)
    except ValueError:
        return None


def _file_names(
    document: dict[str, Any], layers: list[dict[str, Any]], request: dict[str, Any]
) -> list[str]:
    """A UCS name for each layer, no two the same."""
    categories = request.get("categories") or {}
    names = numbered([plain(layer["name"]) or "Layer" for layer in layers])
    return [
        ucs_name(
            categories.get(layer["id"]) or category_of(_descriptions(layer)),
            name,
            request.get("creator") or "",
            request.get("source") or document["name"],
        )
        for layer, name in zip(layers, names, strict=True)
    ]


def _descriptions(layer: dict[str, Any]) -> list[str]:
    sound = layer["sound"]
    return [layer["name"], sound.get("prompt") or "", sound.get("sound") or ""]


def _tracks(
    document: dict[str, Any], layer: dict[str, Any], name: str, channels: int, mono: bool
) -> Iterator[Track]:
    """A layer's files: one, or one for each side of a stereo sound."""
    take = chosen_take(document, layer)
    assert take is not None
    strip = document["edit"]["mix"].get(take["id"], {})
    facts = {
        "layer": layer["id"],
        "take": strip.get("name") or take["name"],
        "mute": layer["id"] not in {heard for heard, _, _ in heard_takes(document)},
    }
    if channels == 1 or not mono:
        yield Track(layer["name"], f"{name}.wav", channels, **facts)
        return
    for side in "LR":
        yield Track(f"{layer['name']} {side}", f"{name}.{side}.wav", 1, side=side, **facts)


def _check_room(folder: Path, num_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if num_bytes > free:
        raise ValueError(
            f"the session takes {num_bytes / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB "
            "left: free some space, then export again"
        )


def _documents(handover: Handover) -> Iterator[tuple[str, bytes]]:
    """(suffix, content) of each format that is asked for."""
    session = handover.session
    for name in handover.formats:
        if name == "aaf":
            with tempfile.TemporaryDirectory() as folder:
                write_aaf(Path(folder) / "session.aaf", session)
                yield name, (Path(folder) / "session.aaf").read_bytes()
        elif name == "edl":
            yield name, edl_text(session).encode("ascii", "replace")
        elif name == "otio":
            yield name, _timeline(session).encode()
        else:
            yield name, project_text(session).encode()


def _timeline(session: Session) -> str:
    times = session.times
    stems = [
        Stem(
            name=track.name,
            file=track.file,
            num_samples=times.file_samples,
            sample_rate=times.sample_rate,
            first=times.file_sample,
            used=(times.skipped_samples, times.session_samples),
        )
        for track in session.tracks
    ]
    return timeline_json(
        session.name,
        video=session.video,
        fps=float(times.rate),
        num_frames=times.num_frames,
        video_frame=session.video_frame,
        start_frame=times.session_frame,
        video_after=times.pop,
        stems=stems,
    )
