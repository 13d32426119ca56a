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


def timeline_json(
    name: str,
    *,
    video: str,
    fps: float,
    num_frames: int,
    video_start: float,
    start: float,
    stems: list[Stem],
) -> str:
    """The timeline as text; the paths of `video` and the stems are relative to it.

    start: where the timeline and the stems begin, video_start: where the video file says that it
    does; both in seconds since midnight.
    """
    picture = _range(round(video_start * fps), num_frames, fps)
    tracks = [_track("Video", "Video", [_clip(video, video, picture)])]
    for stem in stems:
        first = round(start * stem.sample_rate)
        sound = _range(first, stem.num_samples, stem.sample_rate)
        tracks.append(_track(stem.name, "Audio", [_clip(stem.name, stem.file, sound)]))
    timeline = {
        "OTIO_SCHEMA": "Timeline.1",
        "name": name,
        "global_start_time": _time(round(start * fps), fps),
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


def _clip(name: str, file: str, available: dict[str, Any]) -> dict[str, Any]:
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
        "source_range": available,
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
