"""A pool: events of many recordings to play from, each with where it came from; and cue sheets."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.preview.choosing import Features, Feet, Span, choose_events
from folai.preview.events import Event, steady_texture
from folai.preview.kit import Kit
from folai.preview.plan import planned
from folai.writing import written_whole

Wav = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """Where sound came from: a file, under which licence, and whom to credit."""

    path: str
    licence: str = ""
    credit: str = ""


@dataclass(frozen=True)
class Cue:
    """A line of a cue sheet. `time`: seconds in the clip; None: the file was heard as a whole."""

    take: int  # from 1
    time: float | None
    path: str
    start: float | None  # seconds in the file
    level: float | None  # RMS in the clip
    licence: str
    credit: str


@dataclass(frozen=True, eq=False)
class Pool:
    """Events [C, T] of one rate and number of channels, and the source of each.

    are_steps: left and right foot take turns.
    """

    events: tuple[Event, ...]
    sources: tuple[Source, ...]  # as many
    sample_rate: int  # Hz
    are_steps: bool = False

    def __post_init__(self) -> None:
        if not self.events or len(self.events) != len(self.sources):
            raise ValueError(f"{len(self.events)} events of {len(self.sources)} sources: no pool")

    @cached_property
    def features(self) -> Features:
        return Features.of(self.events, self.sample_rate)

    @property
    def files(self) -> tuple[Source, ...]:
        """The sources, each once."""
        return tuple(dict.fromkeys(self.sources))

    def reference(self, longest: float = 10.0) -> Wav:
        """One sound [C, T] for a model that hears one: an event of each file in turn."""
        turns: dict[Source, list[Event]] = {}
        for event, source in zip(self.events, self.sources, strict=True):
            turns.setdefault(source, []).append(event)
        ordered = [
            events[turn]
            for turn in range(max(map(len, turns.values())))
            for events in turns.values()
            if turn < len(events)
        ]
        loudest = max(event.level for event in ordered)
        parts: list[Wav] = []
        while ordered and sum(part.shape[1] for part in parts) < longest * self.sample_rate:
            event = ordered.pop(0)  # its level counts: it tells soft from loud
            parts.append(event.samples * np.float32(min(4.0, (0.3 * loudest / event.level) ** 0.5)))
        return np.concatenate(parts, axis=1)[:, : round(longest * self.sample_rate)]

    def kit(self, seed: int) -> Kit:
        """What the preview engine plays for a take."""
        return Kit(
            events=list(self.events),
            texture=steady_texture(list(self.events), self.sample_rate),
            detune=0.01,
            sample_rate=self.sample_rate,
            rng=np.random.default_rng(seed),
            choose=lambda spans, feet: self.choose(spans, seed, feet),
        )

    def choose(self, spans: Sequence[Span], seed: int, feet: Feet = None) -> list[int]:
        """The number of the event at each span."""
        return choose_events(self.features, spans, seed=seed, are_steps=self.are_steps, feet=feet)

    def cues(self, envelope: Envelope, seed: int, take: int) -> list[Cue]:
        """Which event is heard when, in the take of a seed."""
        return [
            Cue(
                take=take,
                time=round(hit.onset, 4),
                path=self.sources[hit.event].path,
                start=round(self.events[hit.event].start, 4),
                level=round(hit.peak, 5),
                licence=self.sources[hit.event].licence,
                credit=self.sources[hit.event].credit,
            )
            for hit in planned(envelope, self.kit(seed))
        ]

    def files_as_cues(self) -> list[Cue]:
        """All files, for an engine that hears them as one reference."""
        return [
            Cue(1, None, source.path, None, None, source.licence, source.credit)
            for source in self.files
        ]


def timecode(seconds: float, fps: float) -> str:
    """As editing suites show it, without dropped numbers: hours:minutes:seconds:frames."""
    rate = max(1, round(fps))
    frames = round(seconds * fps)
    whole, frame = divmod(frames, rate)
    return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}:{frame:02d}"


def check_cue_sheet(path: Path) -> None:
    """Raises ValueError for a name that is no cue sheet's."""
    if path.suffix.lower() not in (".csv", ".json"):
        raise ValueError(f"{path}: a cue sheet is .csv or .json; give such a name")


def write_cue_sheet(path: Path, cues: Sequence[Cue], fps: float) -> None:
    """Writes a cue sheet: CSV with timecodes, or JSON."""
    rows = [
        {"timecode": "" if cue.time is None else timecode(cue.time, fps), **asdict(cue)}
        for cue in cues
    ]
    if path.suffix.lower() == ".json":
        text = json.dumps({"fps": fps, "cues": rows}, indent=1, ensure_ascii=False) + "\n"
    else:
        lines = io.StringIO()
        names = ["timecode", *(field.name for field in fields(Cue))]
        writer = csv.DictWriter(lines, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        text = lines.getvalue()
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")
