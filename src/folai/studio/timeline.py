"""A timeline for editing suites: OpenTimelineIO's JSON, the clip and a track for each layer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stem:
    """A sound file beside the timeline."""

    name: str
    file: str
    num_samples: int
    sample_rate: int  # Hz
    first: int  # sample since midnight at which the file begins
    used: tuple[int, int]  # (samples of the file before the timeline begins, samples on it)


def timeline_json(
    name: str,
    *,
    video: str,
    fps: float,
    num_frames: int,
    video_frame: int,
    start_frame: int,
    stems: list[Stem],
    video_after: int = 0,
) -> str:
    """The timeline as text; the paths of `video` and the stems are relative to it.

    start_frame: where the timeline begins, video_frame: where the video file says that it does,
    both in frames since midnight. video_after: frames of the timeline before the picture.
    """
    picture = _range(video_frame, num_frames, fps)
    pictures = [_clip(video, video, picture, picture)]
    if video_after:
        pictures.insert(0, _gap(_range(0, video_after, fps)))
    tracks = [_track("Video", "Video", pictures)]
    for stem in stems:
        skipped, count = stem.used
        available = _range(stem.first, stem.num_samples, stem.sample_rate)
        used = _range(stem.first + skipped, count, stem.sample_rate)
        tracks.append(_track(stem.name, "Audio", [_clip(stem.name, stem.file, available, used)]))
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": name,
        "global_start_time": _time(start_frame, fps),
        "metadata": {},
        "tracks": {
            "OTIO_SCHEMA": "Stack.1",
            "name": "tracks",
            "children": tracks,
            "source_range": None,
            "effects": [],
            "markers": [],
            "metadata": {},
            "enabled": True,
        },
    }
    return json.dumps(timeline, indent=1)


def _track(name: str, kind: str, clips: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Track.1",
        "name": name,
        "kind": kind,
        "children": clips,
        "source_range": None,
        "effects": [],
        "markers": [],
        "metadata": {},
        "enabled": True,
    }


def _gap(used: dict[str, Any]) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "Gap.1",
        "name": "",
        "source_range": used,
        "effects": [],
        "markers": [],
        "metadata": {},
        "enabled": True,
    }


def _clip(name: str, file: str, available: dict[str, Any], used: dict[str, Any]) -> dict[str, Any]:
    media = {
        "OTIO_SCHEMA": "ExternalReference.1",
        "name": name,
        "target_url": file,
        "available_range": available,
        "available_image_bounds": None,
        "metadata": {},
    }
    return {
        "OTIO_SCHEMA": "Clip.2",
        "name": name,
        "source_range": used,
        "media_references": {"DEFAULT_MEDIA": media},
        "active_media_reference_key": "DEFAULT_MEDIA",
        "effects": [],
        "markers": [],
        "metadata": {},
        "enabled": True,
    }


def _range(first: int, count: int, rate: float) -> dict[str, Any]:
    return {
        "OTIO_SCHEMA": "TimeRange.1",
        "start_time": _time(first, rate),
        "duration": _time(count, rate),
    }


def _time(value: int, rate: float) -> dict[str, Any]:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(value)}
