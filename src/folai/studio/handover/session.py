"""A session to hand over: its times, and a track for each sound file."""

from __future__ import annotations

from dataclasses import dataclass

from folai.studio.handover.timing import Times


@dataclass(frozen=True)
class Track:
    """One sound file, on a track of its own."""

    name: str  # of the layer, and which side
    file: str  # name of the WAV file beside the session
    channels: int  # of the file: 1 or 2
    layer: str  # id
    take: str  # name of the take that is heard
    side: str = ""  # "L" or "R" of a layer that is broken out to mono files
    mute: bool = False

    @property
    def pan(self) -> float:
        """-1 left, 1 right."""
        return {"L": -1.0, "R": 1.0}.get(self.side, 0.0)


@dataclass(frozen=True)
class Session:
    name: str
    scene: str
    video: str  # name of the clip's file
    video_frame: int  # frame since midnight that the clip itself says it begins with
    times: Times
    tracks: tuple[Track, ...]
