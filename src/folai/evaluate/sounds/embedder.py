"""What an embedding is: a function from a sound to vectors, under a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Embedder:
    """`vectors` turns sound [T] at 44.1 kHz into [N, D], one row per block, at least one.

    tags: class probabilities [C] of a sound, if the network has classes. words: the vector [D] of a
    text, if it reads text.
    """

    name: str
    vectors: Callable[[NDArray[Any]], Floats]
    tags: Callable[[NDArray[Any]], Floats] | None = None
    words: Callable[[str], Floats] | None = None
    weights: Path | None = None  # where they are the user's

    @property
    def key(self) -> str:
        """Changes with the weights: names what was embedded before."""
        if self.weights is None:
            return self.name
        files = [self.weights] if self.weights.is_file() else sorted(self.weights.iterdir())
        stamps = ((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
        return f"{self.name} {[*stamps]}"

    def embed(self, wav: ArrayLike) -> Floats:
        """[N, D] of sound [T] or [1, T] at 44.1 kHz, a row a block, at least one.

        Raises ValueError for sound that is empty or not finite.
        """
        return self.vectors(checked(wav))

    def mean(self, wav: ArrayLike) -> Floats:
        """[D] of sound [T]: the mean of its blocks."""
        return np.asarray(self.embed(wav).mean(axis=0))

    def means(self, wavs: Sequence[ArrayLike]) -> Floats:
        """[N, D] of N sounds."""
        return np.stack([self.mean(wav) for wav in wavs])


def checked(wav: ArrayLike) -> NDArray[np.float64]:
    """[T] of sound [T] or [1, T]. Raises ValueError for sound that is empty or not finite."""
    samples = np.asarray(wav, dtype=np.float64).reshape(-1)
    if not samples.size or not np.isfinite(samples).all():
        raise ValueError("sound is empty, or holds NaN or infinite samples: nothing to embed")
    return samples
