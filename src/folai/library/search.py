"""Searches: recordings by words or by sound, within limits, ranked and with the reason."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.library.adding import stored
from folai.library.measure import SAMPLE_RATE
from folai.library.ranking import Texts
from folai.library.timbre import SIZE, vectors_of
from folai.media.audio import read_audio, resample
from folai.media.channels import to_mono
from folai.preview.events import cut_events

KINDS = ("impact", "sustained", "step", "whoosh")
OF_ONE_TEXT = 400  # recordings of one text that are looked at
NEARLY = 0.8  # of the best score: found nearly as well


@dataclass(frozen=True)
class Limits:
    """What a recording has to be. Raises ValueError for what nothing can be."""

    kind: str | None = None
    shortest: float | None = None  # seconds
    longest: float | None = None
    folder: str | Path | None = None
    licence: str | None = None  # how its licence begins, such as CC0
    favourites: bool = False

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; use one of {', '.join(KINDS)}")
        for name in ("shortest", "longest"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ValueError(f"{name} is {value}; give seconds, 0 or more")

    def condition(self) -> tuple[str, list[Any]]:
        """As SQL on `files`, and its values."""
        parts = ["NOT is_missing AND problem IS NULL AND same_as IS NULL"]
        values: list[Any] = []
        if self.kind is not None:
            parts.append("id IN (SELECT file FROM events WHERE kind = ?)")
            values.append(self.kind)
        for part, value in (("seconds >= ?", self.shortest), ("seconds <= ?", self.longest)):
            if value is not None:
                parts.append(part)
                values.append(value)
        if self.folder is not None:
            folder = stored(str(Path(self.folder).resolve())) + os.sep
            parts.append("substr(path, 1, ?) = ?")
            values += [len(folder), folder]
        if self.licence is not None:
            parts.append("substr(lower(licence), 1, ?) = ?")
            values += [len(self.licence), self.licence.lower()]
        if self.favourites:
            parts.append("favourite")
        return " AND ".join(parts), values

    @property
    def is_set(self) -> bool:
        return self != Limits()


@dataclass(frozen=True)
class Hit:
    """A recording that was found. `start`: seconds, of the event that fits best."""

    file: int
    path: str
    reason: str
    score: float
    seconds: float
    kind: str
    start: float
    events: int
    licence: str
    credit: str
    favourite: bool


class Searcher:
    """A library that is searched again and again: what does not change is kept in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self._state: object = None
        self._texts: Texts | None = None
        self._sounds: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None

    def best_by_words(self, query: str, count: int = 20) -> list[Hit]:
        """The best of `by_words`, and what is found nearly as well."""
        hits = self.by_words(query, Limits(), count)
        return [hit for hit in hits if hit.score >= NEARLY * hits[0].score]

    def by_words(self, query: str, limits: Limits = Limits(), count: int = 20) -> list[Hit]:
        """Recordings that are called what was asked for, the best first."""
        texts = self._read_texts()
        condition, values = limits.condition()
        allowed = None
        if limits.is_set:
            rows = self.connection.execute(
                f"SELECT DISTINCT text FROM files WHERE {condition}", values
            ).fetchall()
            allowed = np.isin(texts.ids, np.array(rows, np.int64).ravel())
        hits: list[Hit] = []
        for text, score, reason in texts.rank(query, allowed):
            files = self.connection.execute(
                f"SELECT id FROM files WHERE text = ? AND {condition} "
                "ORDER BY favourite DESC, id LIMIT ?",
                (text, *values, min(count - len(hits), OF_ONE_TEXT)),
            ).fetchall()
            hits += [self.describe(file, score, reason) for (file,) in files]
            if len(hits) >= count:
                break
        return hits

    def by_sound(
        self, wav: NDArray[np.float32], limits: Limits = Limits(), count: int = 20
    ) -> list[Hit]:
        """Recordings with an event like the loudest of a sound [C, T] at SAMPLE_RATE."""
        events = cut_events(to_mono(wav), SAMPLE_RATE)
        loudest = max(events, key=lambda event: event.level)
        return self._like(_unpacked(vectors_of([loudest.samples[0]])[0]), limits, count)

    def like_file(self, path: str | Path, limits: Limits = Limits(), count: int = 20) -> list[Hit]:
        """The same of a file. Raises ValueError where it cannot be read."""
        wav, rate = read_audio(path, mono=True, longest=60.0)
        return self.by_sound(resample(wav, rate, SAMPLE_RATE), limits, count)

    def more_like(self, file: int, limits: Limits = Limits(), count: int = 20) -> list[Hit]:
        """Recordings like one of the library, which is not among them."""
        row = self.connection.execute(
            "SELECT vector FROM events WHERE file = ? ORDER BY level DESC LIMIT 1", (file,)
        ).fetchone()
        if row is None:
            raise ValueError(f"the library has no recording {file}; search again")
        hits = self._like(_unpacked(row[0]), limits, count + 1)
        return [hit for hit in hits if hit.file != file][:count]

    def _like(self, wanted: NDArray[np.float32], limits: Limits, count: int) -> list[Hit]:
        files, vectors = self._read_sounds()
        cosines = vectors @ wanted
        if limits.is_set:
            condition, values = limits.condition()
            rows = self.connection.execute(f"SELECT id FROM files WHERE {condition}", values)
            cosines = np.where(np.isin(files, np.array(rows.fetchall()).ravel()), cosines, -2)
        order = np.argsort(-cosines)[: 50 * count] if len(cosines) else np.zeros(0, int)
        best: dict[int, float] = {}
        for place in order:
            if cosines[place] > -1.5 and len(best) < count:
                best.setdefault(int(files[place]), float(cosines[place]))
        return [
            self.describe(file, cosine, f"sounds alike ({100 * cosine:.0f} %)")
            for file, cosine in best.items()
        ]

    def kept(self, count: int = 20) -> list[Hit]:
        """Favourites, then what was used, the latest first."""
        rows = self.connection.execute(
            "SELECT id, favourite FROM files WHERE NOT is_missing AND problem IS NULL AND "
            "same_as IS NULL AND (favourite OR used IS NOT NULL) "
            "ORDER BY favourite DESC, used DESC LIMIT ?",
            (count,),
        ).fetchall()
        return [self.describe(f, 1.0, "favourite" if liked else "recent") for f, liked in rows]

    def path_of(self, file: int) -> Path:
        """Where a recording is. Raises ValueError where the library has it not, or it has gone."""
        row = self.connection.execute("SELECT path FROM files WHERE id = ?", (file,)).fetchone()
        if row is None or not os.path.isfile(row[0]):
            raise ValueError(f"recording {file} is not here; add its folder to the library again")
        return Path(row[0])

    def describe(self, file: int, score: float, reason: str) -> Hit:
        """A recording as a result; its event is the loudest."""
        path, seconds, licence, credit, favourite, start, kind, events = self.connection.execute(
            "SELECT path, files.seconds, licence, credit, favourite, start, kind, "
            "(SELECT count(*) FROM events WHERE file = files.id) "
            "FROM files JOIN events ON events.file = files.id WHERE files.id = ? "
            "ORDER BY level DESC LIMIT 1",
            (file,),
        ).fetchone()
        return Hit(
            file, path, reason, round(score, 3), round(seconds, 3), kind, start, events,
            licence or "", credit or "", bool(favourite),
        )  # fmt: skip

    def _refresh(self) -> None:
        """Drops what was kept if the library has changed since."""
        version = self.connection.execute("PRAGMA data_version").fetchone()[0]
        state = (version, self.connection.total_changes)
        if state != self._state:
            self._state, self._texts, self._sounds = state, None, None

    def _read_texts(self) -> Texts:
        self._refresh()
        if self._texts is None:
            self._texts = Texts.read(self.connection)
        return self._texts

    def _read_sounds(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """(files [N], vectors [N, SIZE]) of all events that can be played."""
        self._refresh()
        if self._sounds is None:
            rows = self.connection.execute(
                "SELECT file, vector FROM events WHERE file IN "
                "(SELECT id FROM files WHERE NOT is_missing)"
            ).fetchall()
            joined = np.frombuffer(b"".join(row[1] for row in rows), np.float16)
            files = np.array([row[0] for row in rows], np.int64)
            self._sounds = files, joined.reshape(-1, SIZE).astype(np.float32)
        return self._sounds


def _unpacked(vector: bytes) -> NDArray[np.float32]:
    return np.frombuffer(vector, np.float16).astype(np.float32)


def mark_favourite(connection: sqlite3.Connection, file: int, favourite: bool = True) -> None:
    """Remembers that a recording is liked, or is not any more."""
    with connection:
        connection.execute("UPDATE files SET favourite = ? WHERE id = ?", (favourite, file))


def mark_used(connection: sqlite3.Connection, paths: Sequence[str]) -> None:
    """Remembers that recordings were used now."""
    with connection:
        connection.executemany(
            "UPDATE files SET used = ? WHERE path = ?", [(time.time(), path) for path in paths]
        )
