"""The table of words: a vector for each, distilled from a sentence model, and its meaning.

`weights/words.safetensors` holds 45 000 words: vectors [N, 64] int8 of length about 127, and for
each the word of the sound model's vocabulary that it comes nearest to, with how near (0 to 255).
`folai.train.words` made it; its card says from what.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

TABLE = Path(__file__).parents[1] / "weights" / "words.safetensors"
SIZE = 64


@dataclass(frozen=True)
class Table:
    """words: their rows. vectors [N, 64]; meanings [N], numbers in `vocabulary`; nearness [N]."""

    words: dict[str, int]
    vectors: NDArray[np.int8]
    meanings: NDArray[np.uint8]
    nearness: NDArray[np.uint8]
    vocabulary: tuple[str, ...]

    def meaning(self, word: str) -> tuple[str, float]:
        """(the word of the vocabulary nearest to `word`, how near, 0 to 1); unknown: ("", 0)."""
        row = self.words.get(word)
        if row is None:
            return "", 0.0
        return self.vocabulary[self.meanings[row]], float(self.nearness[row]) / 255

    def rank(self, word: str) -> int:
        """How rare a word is: 0 for the most frequent. A word that is not here is the rarest."""
        return self.words.get(word, len(self.words))

    def vector(self, word: str) -> NDArray[np.float32] | None:
        """[64] of length 1, or None for an unknown word."""
        row = self.words.get(word)
        if row is None:
            return None
        vector = self.vectors[row].astype(np.float32)
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


@cache
def load_table() -> Table:
    """Reads the table once: 3 MB, some 30 ms."""
    from safetensors.numpy import load_file

    tensors = load_file(TABLE)
    names = tensors["words"].tobytes().decode("utf-8").split("\n")
    card = json.loads(TABLE.with_suffix(".json").read_text(encoding="utf-8"))
    return Table(
        words={word: row for row, word in enumerate(names)},
        vectors=tensors["vectors"],
        meanings=tensors["meanings"],
        nearness=tensors["nearness"],
        vocabulary=tuple(card["config"]["vocabulary"]),
    )


def sentence_vector(text: str) -> NDArray[np.float32]:
    """[64] of length 1: the mean of its words, rare ones weighing more; 0 where none is known."""
    table, total = load_table(), np.zeros(SIZE, np.float32)
    for word in text.lower().split():
        vector = table.vector(word)
        if vector is not None:
            rank = table.rank(word)
            total += vector * np.float32(rank / (rank + 300))
    length = float(np.linalg.norm(total))
    return total / np.float32(length) if length > 0 else total


def sentence_bytes(text: str) -> bytes:
    """The same as int8 bytes, as an index keeps it."""
    return np.round(sentence_vector(text) * 127).astype(np.int8).tobytes()
