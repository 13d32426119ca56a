"""Which texts of a library fit some words: by the words themselves, their meaning, their spelling.

Every word of a search is matched with the words that the library has. A text is worth what its best
match of each word is worth, rare words counting more; of two alike, the one that says less else.
"""

from __future__ import annotations

import math
import sqlite3
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.diffusion.vocabulary import meaning_of, say_nothing
from folai.library.naming import split_words
from folai.words.spelling import correct
from folai.words.table import SIZE, load_table, sentence_vector

MOST_MATCHES = 16  # words of the library that one of the search may stand for
NEAR = 0.5  # cosine of two words from which one may stand for the other
_SAME, _FORM, _MEANT = 1.0, 0.95, 0.75  # worth of the word itself, another form, the same meaning


@dataclass(frozen=True)
class Match:
    """A word of the library that stands for one of the search, and what that is worth (0 to 1)."""

    word: str
    worth: float


@dataclass
class Texts:
    """What a library says of its sounds, kept in memory as long as the library is unchanged."""

    connection: sqlite3.Connection
    ids: NDArray[np.int64]  # [N], ascending
    lengths: NDArray[np.float32]  # [N], words of each subject
    vocabulary: dict[str, int]  # word: number of texts that have it
    meanings: dict[str, list[str]]  # word of the sound model: words of the vocabulary that mean it
    vectors: NDArray[np.float32]  # of the words in `vector_words`, [V, 64]
    vector_words: list[str]
    places: dict[str, NDArray[np.int64]] = field(default_factory=dict)  # word: rows of its texts

    @classmethod
    def read(cls, connection: sqlite3.Connection) -> Texts:
        rows = connection.execute(
            "SELECT id, 1 + length(subject) - length(replace(subject, ' ', '')) FROM texts "
            "ORDER BY id"
        ).fetchall()
        pairs = np.array(rows, np.int64).reshape(-1, 2)
        vocabulary = dict(connection.execute("SELECT term, doc FROM vocabulary"))
        meanings: dict[str, list[str]] = {}
        vectors, words = [], []
        for word in vocabulary:
            meanings.setdefault(_meaning(word), []).append(word)
            vector = _vector(word)
            if vector is not None:
                vectors.append(vector)
                words.append(word)
        meanings.pop("", None)
        stacked = np.stack(vectors) if vectors else np.zeros((0, SIZE), np.float32)
        lengths = pairs[:, 1].astype(np.float32)
        return cls(connection, pairs[:, 0], lengths, vocabulary, meanings, stacked, words)

    def rows_of(self, word: str) -> NDArray[np.int64]:
        """The rows of the texts that have a word of the vocabulary."""
        if word not in self.places:
            found = self.connection.execute(
                "SELECT rowid FROM found WHERE found MATCH ?", (f'"{word}"',)
            ).fetchall()
            ids = np.array(found, np.int64).ravel()
            self.places[word] = np.searchsorted(self.ids, ids)
        return self.places[word]

    def matches(self, word: str) -> list[Match]:
        """Words of the library that may stand for `word`, the best first."""
        found: dict[str, float] = {}

        def add(others: list[str], worth: float) -> None:
            for other in others:
                found[other] = max(found.get(other, 0.0), worth)

        if word in self.vocabulary:
            found[word] = _SAME
        stem = _stem(word)
        add([other for other in self.vocabulary if _stem(other) == stem], _FORM)
        add(self.meanings.get(_meaning(word), []), _MEANT)
        vector = _vector(word)
        if vector is not None and len(self.vectors):
            cosines = self.vectors @ vector
            for place in np.argsort(-cosines)[:MOST_MATCHES]:
                if cosines[place] >= NEAR:
                    add([self.vector_words[place]], 0.9 * float(cosines[place]))
        if not found and (slip := correct(word, self.vocabulary)):
            found[slip] = 0.9
        best = sorted(found.items(), key=lambda item: -item[1])[:MOST_MATCHES]
        return [Match(*item) for item in best if item[1] > 0]

    def rank(
        self, query: str, allowed: NDArray[np.bool_] | None = None, most: int = 300
    ) -> list[tuple[int, float, str]]:
        """(id of a text, its score, why) of the best texts, the best first. allowed: [N]."""
        words = [w for w in split_words(query).split() if not say_nothing(w)]
        scores = np.zeros(len(self.ids), np.float32)
        worths: list[tuple[str, NDArray[np.float32]]] = []
        for word in words:
            worth = np.zeros(len(self.ids), np.float32)
            matches = self.matches(word)
            for match in reversed(matches):  # the best last, so that it stands
                rows = self.rows_of(match.word)
                worth[rows] = np.maximum(worth[rows], match.worth)
            rarity = self._rarity(matches)
            scores += rarity * worth
            worths.append((word, worth))
        scores *= 1 + 1 / (2 + self.lengths)
        if allowed is not None:
            scores = np.where(allowed, scores, 0)
        best = _largest(scores, most)
        best = best[scores[best] > 0.05]
        return self._reordered(query, best, scores, worths)

    def _rarity(self, matches: list[Match]) -> float:
        """How much a word of the search counts: by how many texts have what stands for it."""
        count = max((self.vocabulary[match.word] for match in matches[:3]), default=0)
        return math.log(1 + len(self.ids) / (1 + count)) + 0.5

    def _reordered(
        self,
        query: str,
        best: NDArray[np.int64],
        scores: NDArray[np.float32],
        worths: list[tuple[str, NDArray[np.float32]]],
    ) -> list[tuple[int, float, str]]:
        """The best rows once more, also by how near a text as a whole is to the whole search."""
        if not len(best):
            return []
        wanted, top = sentence_vector(split_words(query)), float(scores[best].max())
        marks = ",".join("?" * len(best))
        said: dict[int, tuple[str, bytes]] = {
            row[0]: row[1:]
            for row in self.connection.execute(
                f"SELECT id, subject, vector FROM texts WHERE id IN ({marks})",
                self.ids[best].tolist(),
            )
        }
        results = []
        for row in best:
            text = int(self.ids[row])
            subject, vector = said[text]
            nearness = float(np.frombuffer(vector, np.int8).astype(np.float32) @ wanted) / 127
            score = float(scores[row]) / top + 0.25 * nearness
            matched = [word for word, worth in worths if worth[row] > 0]
            results.append((text, score, f"{', '.join(matched)}: {subject}"))
        return sorted(results, key=lambda result: -result[1])


def _largest(scores: NDArray[np.float32], most: int) -> NDArray[np.int64]:
    """The places of the largest scores, the largest first."""
    if len(scores) > most:
        places = np.argpartition(-scores, most)[:most]
        return np.asarray(places[np.argsort(-scores[places], kind="stable")])
    return np.argsort(-scores, kind="stable")


@lru_cache(maxsize=1 << 16)
def _meaning(word: str) -> str:
    return meaning_of(word) or ""


@lru_cache(maxsize=1 << 16)
def _vector(word: str) -> Any:
    return load_table().vector(word)


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    """What forms of an English word have in common, roughly: hits, hitting; glass, glasses."""
    for ending in ("ings", "ing", "ies", "es", "ed", "er", "en", "s", "y", "e"):
        if word.endswith(ending) and len(word) - len(ending) > 2:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl" else word
