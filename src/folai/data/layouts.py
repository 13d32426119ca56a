"""Data sets as they are published -> a list of recordings, each in one split.

greatest-hits      (Owens et al., CVPR 2016) NAME_mic.mp4, and NAME_times.txt beside it with a line
                   a contact: seconds, material, action, reaction. Split files train.txt, val.txt
                   and test.txt name recordings, one a line; those of SyncFusion are what Fol-AI
                   reports on. The sessions have several recordings, in several splits: as published
walking-the-maps   (Fol-AI) videos, in a folder a game or in one; split files as above where there
                   are any, else all are `test`. Only footsteps are heard
folder             any videos with sound: a clips.csv with `path` and `split`, split files, folders
                   called train, val and test, or else a split by the hash of the name, 80/10/10
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from folai.data.listing import VIDEO_SUFFIXES, is_video
from folai.tables import read_table

SPLITS = ("train", "val", "test")
MIC, TIMES = "_mic", "_times.txt"
ACTIONS = {"hit": "hits", "scratch": "scratches"}
GREATEST_HITS = {"train": 683, "val": 98, "test": 196}  # recordings, as published
STEPS = "A person walks."  # what Walking The Maps is prompted with


@dataclass(frozen=True)
class Contact:
    """An annotated contact; "None" where something is not known, as published."""

    time: float  # seconds
    material: str
    action: str
    reaction: str = "None"


@dataclass(frozen=True)
class Recording:
    name: str
    video: Path
    split: str
    contacts: tuple[Contact, ...] | None = None  # None: not annotated
    prompt: str | None = None  # None: from the contacts of each piece
    group: str = ""  # such as the game


@dataclass(frozen=True)
class Layout:
    """What was found. `skipped` says of others why not; `expected` what was published."""

    dataset: str
    recordings: tuple[Recording, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        found = Counter(recording.split for recording in self.recordings)
        return {split: found[split] for split in sorted(found, key=_split_order)}


def greatest_hits(source: Path, splits: Path | None = None) -> Layout:
    """Raises ValueError where folder or split files are missing, or splits share a recording."""
    videos = {
        path.stem.removesuffix(MIC): path for path in _videos(source) if path.stem.endswith(MIC)
    }
    if not videos:
        raise ValueError(f"{source}: no *{MIC}.mp4; give the unpacked vis-data folder")
    times = {p.name.removesuffix(TIMES): p for p in sorted(source.rglob(f"*{TIMES}"))}
    named = read_splits(splits or source)
    if not named:
        places = ", ".join(f"{split}.txt" for split in SPLITS)
        raise ValueError(f"{splits or source}: no {places}; give their folder with --splits")
    recordings, skipped = [], {}
    for name, video in videos.items():
        if name not in named:
            skipped[name] = "in none of the split files"
        elif name not in times:
            skipped[name] = f"has no {name}{TIMES}"
        else:
            try:
                contacts = read_times(times[name])
            except ValueError as error:
                skipped[name] = str(error)
                continue
            recordings.append(Recording(name, video, named[name], contacts))
    skipped |= {name: "has no video here" for name in named if name not in videos}
    return Layout("greatest_hits", tuple(recordings), skipped, dict(GREATEST_HITS))


def walking_the_maps(source: Path, splits: Path | None = None) -> Layout:
    """Raises ValueError where the folder is missing or splits share a recording."""
    named = read_splits(splits or source)
    recordings, skipped = [], {}
    for name, video in _named(source, _videos(source)):
        inside = video.relative_to(source)
        split = named.get(name, named.get(video.stem)) if named else "test"
        if split is None:
            skipped[name] = "in none of the split files"
            continue
        game = inside.parts[0] if len(inside.parts) > 1 else ""
        recordings.append(Recording(name, video, split, prompt=STEPS, group=game))
    return Layout("walking_the_maps", tuple(recordings), skipped)


def plain_folder(source: Path, splits: Path | None = None) -> Layout:
    """Raises ValueError where the folder is missing or splits share a recording."""
    table = _table(source / "clips.csv")
    named = read_splits(splits or source)
    recordings, skipped = [], {}
    for name, video in _named(source, _videos(source)):
        inside = video.relative_to(source)
        row = table.get(inside.as_posix())
        folder = next((part for part in inside.parts[:-1] if part in SPLITS), None)
        if table and row is None:
            skipped[name] = "not in clips.csv"
            continue
        if named and name not in named and video.stem not in named:
            skipped[name] = "in none of the split files"
            continue
        known = named.get(name, named.get(video.stem))
        split = row["split"] if row else known or folder or hashed_split(name)
        recordings.append(Recording(name, video, split, prompt=(row or {}).get("prompt") or None))
    return Layout(source.resolve().name, tuple(recordings), skipped)


LAYOUTS: dict[str, Callable[[Path, Path | None], Layout]] = {
    "greatest-hits": greatest_hits,
    "walking-the-maps": walking_the_maps,
    "folder": plain_folder,
}


def read_splits(folder: Path) -> dict[str, str]:
    """{recording: split} of the split files that are there.

    Raises ValueError where a recording is in two of them: splits are never mixed.
    """
    found: dict[str, str] = {}
    for split in SPLITS:
        path = folder / f"{split}.txt"
        for line in path.read_text(encoding="utf-8").split() if path.is_file() else ():
            name = line.removesuffix(".mp4").removesuffix(MIC)
            if found.get(name, split) != split:
                raise ValueError(f"{folder}: {name} is in {found[name]}.txt and in {split}.txt")
            found[name] = split
    return found


def read_times(path: Path) -> tuple[Contact, ...]:
    """Contacts in the order of time. Raises ValueError for a line that is none."""
    contacts = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            time = float(words[0])
        except ValueError:
            raise ValueError(f"{path.name}: line {number} is {line!r}, not seconds first") from None
        contacts.append(Contact(time, *[*words[1:4], "None", "None", "None"][:3]))
    return tuple(sorted(contacts, key=lambda contact: contact.time))


def stick_prompt(contacts: Iterable[Contact]) -> str | None:
    """What is done to what, after the pattern of the published prompts; None where unknown."""
    done: dict[str, list[str]] = {}
    for contact in contacts:
        if contact.action in ACTIONS:
            materials = done.setdefault(contact.action, [])
            if contact.material not in ("None", *materials):
                materials.append(contact.material)
    if not done:
        return None
    deeds = (f"{ACTIONS[action]} {_listed(what) or 'something'}" for action, what in done.items())
    return f"A person {_listed(list(deeds))} with a wooden stick."


def hashed_split(name: str) -> str:
    """Train, val or test for 80, 10 and 10 % of names: of each name always the same."""
    place = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
    return "train" if place < 0.8 else "val" if place < 0.9 else "test"


def _listed(words: list[str]) -> str:
    *first, last = words or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _videos(source: Path) -> list[Path]:
    if not source.is_dir():
        raise ValueError(f"{source}: no such folder; give the one that holds the data as published")
    found = filter(is_video, source.rglob("*"))
    videos = sorted(path for path in found if not path.name.startswith("."))
    if not videos:
        raise ValueError(f"{source}: no videos; expected {', '.join(VIDEO_SUFFIXES)}")
    return videos


def _named(source: Path, videos: list[Path]) -> list[tuple[str, Path]]:
    """A name for each that can be a file's: its path without suffix, `/` and `.` replaced."""
    named = [
        (path.relative_to(source).with_suffix("").as_posix().replace("/", "__"), path)
        for path in videos
    ]
    twice = [name for name, count in Counter(name for name, _ in named).items() if count > 1]
    if twice:
        raise ValueError(f"{source}: two videos are called {twice[0]}; rename one")
    return named


def _table(path: Path) -> dict[str, dict[str, str]]:
    if not path.is_file():
        return {}
    return {row["path"]: row for row in read_table(path, ("path", "split"))}


def _split_order(split: str) -> tuple[int, str]:
    return (SPLITS.index(split) if split in SPLITS else len(SPLITS), split)
