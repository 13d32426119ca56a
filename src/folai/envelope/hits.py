"""What a person has said of single hits: which sound, how high, how loud, which foot.

Settings belong to a hit by its time, to the bit, and go with it: whoever moves an onset moves its
settings, and an onset that is gone takes them along. A hit that is added has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.options import check_number

FEET = ("left", "right")
HIGHEST_PITCH, LOUDEST_DB = 24.0, 24.0  # semitones, dB, to either side
MOST_SOUNDS = 100_000

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HitSettings:
    """How the hit at `time` (seconds, that of its onset) departs from the others.

    sound: number, from 0, of the event of the reference or pool, in the order in which it is cut;
    None, or one that is not there: as the engine chooses. pitch: semitones; 12 is twice as high and
    half as long. level_db: louder by that, the same sound. foot: "left" or "right"; the hits after
    it take turns from there.

    >>> HitSettings(1.5, pitch=12).as_dict()
    {'time': 1.5, 'pitch': 12}
    """

    time: float
    sound: int | None = None
    pitch: float = 0.0
    level_db: float = 0.0
    foot: str | None = None

    def __post_init__(self) -> None:
        check_number("time of a hit", self.time, float, 0, unit=" s")
        if self.sound is not None:
            check_number("sound of a hit", self.sound, int, 0, MOST_SOUNDS)
        pitch, level = HIGHEST_PITCH, LOUDEST_DB
        check_number("pitch of a hit", self.pitch, float, -pitch, pitch, unit=" semitones")
        check_number("level_db of a hit", self.level_db, float, -level, level, unit=" dB")
        if self.foot is not None and self.foot not in FEET:
            raise ValueError(f"foot of a hit is {self.foot!r}; use left or right")

    @property
    def is_plain(self) -> bool:
        """Whether nothing is said."""
        return self == HitSettings(self.time)

    def as_dict(self) -> dict[str, Any]:
        """What is said, and the time."""
        plain = HitSettings(self.time)
        own = asdict(self).items()
        return {name: own for name, own in own if name == "time" or own != getattr(plain, name)}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> HitSettings:
        """The other way. Raises ValueError for a name that is unknown, and without a time."""
        unknown = values.keys() - {"time", "sound", "pitch", "level_db", "foot"}
        if unknown or "time" not in values:
            raise ValueError(
                f"a hit has {', '.join(sorted(values)) or 'nothing'}; give its time, and what it "
                "departs in: sound, pitch, level_db, foot"
            )
        return cls(**values)

    def as_text(self) -> str:
        """As a cell of a table holds it: `1.5:pitch=12`."""
        time, *others = self.as_dict().items()
        return ":".join([repr(time[1]), *(f"{name}={value}" for name, value in others)])

    @classmethod
    def of_text(cls, text: str) -> HitSettings:
        """The other way. Raises ValueError for another text."""
        time, *words = text.split(":")
        return cls.of({"time": float(time), **settings_of(words)})


def settings_of(words: Iterable[str]) -> dict[str, Any]:
    """Settings as they are typed; `none` takes a sound or foot back. Raises ValueError.

    >>> settings_of(["pitch=-2", "foot=left"])
    {'pitch': -2.0, 'foot': 'left'}
    """
    kinds: dict[str, Any] = {"sound": int, "pitch": float, "level_db": float, "foot": str}
    settings = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            settings[name] = None if value == "none" else kinds[name](value)
        except (KeyError, ValueError):
            fix = "write sound=3, pitch=-2, level_db=6 or foot=left"
            raise ValueError(f"a hit cannot have {word!r}; {fix}") from None
    return settings


Hits = tuple[HitSettings, ...]


def checked(hits: Iterable[HitSettings], onsets: Floats) -> Hits:
    """By time, those that say something. Raises ValueError for one that is at no onset."""
    ordered = tuple(sorted((hit for hit in hits if not hit.is_plain), key=lambda hit: hit.time))
    times = {hit.time for hit in ordered}
    if len(times) < len(ordered):
        raise ValueError("two settings are of one hit: give each hit its own time")
    lost = sorted(times - set(onsets.tolist()))
    if lost:
        raise ValueError(f"settings are of a hit at {lost[0]:g} s, and no onset is there: add one")
    return ordered


def of_onsets(hits: Hits, onsets: Floats) -> Hits:
    """The settings of hits that are among these onsets."""
    known = set(onsets.tolist())
    return tuple(hit for hit in hits if hit.time in known)


def moved(hits: Hits, times: Mapping[float, float]) -> Hits:
    """Settings of hits that move from one time to another.

    Where one lands on another hit they are one: what moved there says how it sounds.
    """
    stay = {hit.time: hit for hit in hits if hit.time not in times}
    came = (replace(hit, time=times[hit.time]) for hit in hits if hit.time in times)
    return tuple({**stay, **{hit.time: hit for hit in came}}.values())


def cut_hits(hits: Hits, onsets: Floats, start: float, end: float) -> Hits:
    """Those from start to end seconds, on a clock that starts there.

    Its first hit says which foot it is, so that the feet take turns as in the whole.
    """
    inside = onsets[(onsets >= start) & (onsets < end)]
    if not inside.size:
        return ()
    own = {hit.time: hit for hit in of_onsets(hits, inside)}
    feet = feet_of(onsets.tolist(), hits)
    if feet is not None:
        first = float(inside[0])
        foot = FEET[feet[int(np.searchsorted(onsets, first))]]
        own[first] = replace(own.get(first, HitSettings(first)), foot=foot)
    return tuple(replace(own[time], time=time - start) for time in sorted(own))


def feet_of(onsets: Sequence[float], hits: Hits) -> list[int] | None:
    """0, left, or 1, right, for each onset; None where no hit says its foot.

    They take turns from each hit that says it to the next, and back from the first.
    """
    said = {hit.time: FEET.index(hit.foot) for hit in hits if hit.foot is not None}
    places = [place for place, time in enumerate(onsets) if time in said]
    if not places:
        return None
    feet, last = [], places[0]
    for place, time in enumerate(onsets):
        last = place if time in said else last
        feet.append((said[onsets[last]] + place - last) % 2)
    return feet
