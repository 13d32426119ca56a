"""As much of REAPER's API for Lua as folai's scripts call, over a project of plain objects.

Functions return what REAPER's documentation says that they return; a name that is missing here is
an error, as a name that REAPER lacks would be.
"""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(eq=False)
class Source:
    path: str
    kind: str = "VIDEO"
    parent: Source | None = None  # of a section
    offset: float = 0.0  # seconds of the parent before a section
    reverse: bool = False


@dataclass(eq=False)
class Thing:
    """An item, a take or a track: numbers and texts by REAPER's names for them."""

    numbers: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    inside: list[Any] = field(default_factory=list)  # a track's items, an item's takes
    source: Source | None = None
    active: Any = None
    track: Any = None


def take_of(source: Source, **numbers: float) -> Thing:
    return Thing(
        {"D_STARTOFFS": 0.0, "D_PLAYRATE": 1.0, "B_PPITCH": 1.0, **numbers}, {}, [], source
    )


class Reaper:
    """`lua` is the table `reaper` of a script's world."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tracks: list[Thing] = []
        self.selected: list[Thing] = []
        self.settings: dict[tuple[str, str], str] = {}
        self.messages: list[str] = []
        self.answers: list[str] | None = None  # to a question; None: cancelled
        self.commands: list[str] = []
        self.undo: list[str] = []
        self.shown: list[str] = []
        self.script = ""
        self._numbers = itertools.count(1)

    def add_video(self, source: Source, *, position: float, length: float, **take: float) -> Thing:
        track = Thing(texts={"P_NAME": "Picture"})
        self.tracks.append(track)
        item = self.AddMediaItemToTrack(track)
        item.numbers.update(D_POSITION=position, D_LENGTH=length)
        item.active = take_of(source, **take)
        item.inside.append(item.active)
        self.selected = [item]
        return item

    # The program

    def get_action_context(self) -> tuple[Any, ...]:
        return False, self.script, 0, 0, -1, -1, -1

    def GetOS(self) -> str:
        return "Other"

    def GetResourcePath(self) -> str:
        return str(self.folder)

    def GetProjectPath(self) -> str:
        return str(self.folder / "project")

    def RecursiveCreateDirectory(self, path: str, _: int) -> int:
        os.makedirs(path, exist_ok=True)
        return 1

    def file_exists(self, path: str) -> bool:
        return os.path.isfile(path)

    def ExecProcess(self, line: str, milliseconds: int) -> str | None:
        self.commands.append(line)
        try:
            done = subprocess.run(
                shlex.split(line), capture_output=True, text=True, timeout=milliseconds / 1000
            )
        except FileNotFoundError:
            return None
        return f"{done.returncode}\n{done.stdout}{done.stderr}"

    def GetExtState(self, section: str, name: str) -> str:
        return self.settings.get((section, name), "")

    def SetExtState(self, section: str, name: str, value: str, persist: bool) -> None:
        self.settings[section, name] = value

    def MB(self, message: str, title: str, kind: int) -> int:
        self.messages.append(message)
        return 1

    def GetUserInputs(self, title: str, count: int, names: str, values: str) -> tuple[bool, str]:
        if self.answers is None:
            return False, values
        return True, "\n".join(self.answers)

    def CF_ShellExecute(self, link: str) -> None:
        self.shown.append(link)

    def Undo_BeginBlock(self) -> None:
        self.undo.append("begun")

    def Undo_EndBlock(self, name: str, flags: int) -> None:
        self.undo.append(name)

    def PreventUIRefresh(self, change: int) -> None: ...

    def UpdateArrange(self) -> None: ...

    def Main_OnCommand(self, number: int, flag: int) -> None: ...

    # Tracks and items

    def CountSelectedMediaItems(self, project: int) -> int:
        return len(self.selected)

    def GetSelectedMediaItem(self, project: int, index: int) -> Thing:
        return self.selected[index]

    def CountTracks(self, project: int) -> int:
        return len(self.tracks)

    def GetTrack(self, project: int, index: int) -> Thing:
        return self.tracks[index]

    def InsertTrackAtIndex(self, index: int, defaults: bool) -> None:
        assert isinstance(index, int) and 0 <= index <= len(self.tracks)
        self.tracks.insert(index, Thing())

    def GetMediaTrackInfo_Value(self, track: Thing, name: str) -> float:
        if name == "IP_TRACKNUMBER":
            return float(self.tracks.index(track) + 1)
        return track.numbers.get(name, 0.0)

    def AddMediaItemToTrack(self, track: Thing) -> Thing:
        item = Thing({"B_LOOPSRC": 1.0}, {"GUID": f"{{{next(self._numbers):08X}}}"}, track=track)
        track.inside.append(item)
        return item

    def GetMediaItem_Track(self, item: Thing) -> Thing:
        return item.track

    def CountTrackMediaItems(self, track: Thing) -> int:
        return len(track.inside)

    def GetTrackMediaItem(self, track: Thing, index: int) -> Thing:
        return track.inside[index]

    def CountTakes(self, item: Thing) -> int:
        return len(item.inside)

    def GetTake(self, item: Thing, index: int) -> Thing:
        return item.inside[index]

    def GetActiveTake(self, item: Thing) -> Thing | None:
        return item.active

    def SetActiveTake(self, take: Thing) -> None:
        take.track.active = take

    def AddTakeToMediaItem(self, item: Thing) -> Thing:
        take = take_of(Source(""))
        take.track = item
        item.inside.append(take)
        item.active = item.active or take
        return take

    def TakeIsMIDI(self, take: Thing) -> bool:
        return take.source.kind == "MIDI"

    # Sources

    def GetMediaItemTake_Source(self, take: Thing) -> Source:
        return take.source

    def SetMediaItemTake_Source(self, take: Thing, source: Source) -> bool:
        take.source = source
        return True

    def PCM_Source_CreateFromFile(self, path: str) -> Source:
        assert os.path.isfile(path), path
        return Source(path, "WAVE")

    def GetMediaSourceType(self, source: Source, _: str) -> str:
        return "SECTION" if source.parent is not None else source.kind

    def GetMediaSourceParent(self, source: Source) -> Source | None:
        return source.parent

    def PCM_Source_GetSectionInfo(self, source: Source) -> tuple[bool, float, float, bool]:
        return True, source.offset, 0.0, source.reverse

    def GetMediaSourceFileName(self, source: Source, _: str) -> str:
        return source.path

    def __getattr__(self, name: str) -> Any:
        """GetMediaItemInfo_Value and the like: numbers and texts of an item, a take or a track."""
        if name.startswith("Get") and name.endswith("Info_Value"):
            return lambda thing, key: thing.numbers.get(key, 0.0)
        if name.startswith("Set") and name.endswith("Info_Value"):
            return _set_number
        if name.startswith("GetSet") and name.endswith("Info_String"):
            return _text
        raise AttributeError(f"REAPER has no {name}")


def _set_number(thing: Thing, key: str, value: float) -> bool:
    thing.numbers[key] = value
    return True


def _text(thing: Thing, key: str, value: str, is_set: bool) -> tuple[bool, str]:
    if is_set:
        thing.texts[key] = value
    return key in thing.texts, thing.texts.get(key, "")
