"""Figures of a whole set of sounds: distances and similarity by embeddings, classes, words.

Each figure comes with the name of its embedding and the number of clips, and warns if those are
few.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai import metrics
from folai.data.cache import Arrays, cache_key, cached_arrays, content_key
from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.measure import WIDE, PairScore, cut_pieces
from folai.evaluate.sounds.pairs import Pair
from folai.media.audio import read_audio, resample
from folai.media.channels import to_mono

Floats = NDArray[np.float64]

FEW = 200  # clips; below it a Frechet distance says more of their number than of their sound
LEAST = 2  # clips that have a covariance

VERSION = 2
"""Raise when the same two sounds would give other vectors: when the code of an embedding, or
`media.audio`, computes other numbers. Weights of the user's count by their files."""


@dataclass(frozen=True)
class SetScore:
    """Of one system's sounds against the true ones, by one embedding; NaN where not computed."""

    embedding: str
    num_clips: int
    num_vectors: int  # of the smaller set
    dimensions: int
    frechet: float
    at_infinity: float  # extrapolated, see `metrics.frechet_at_infinity`
    r2: float  # of that extrapolation
    cosine: float  # mean over the clips, each clip's mean vector
    kl: float = math.nan  # these two where the embedding comes with classes
    inception: float = math.nan
    words: float = math.nan  # cosine with the prompts, where it reads and there are some
    favd: float = math.nan  # Frechet distance of sound and picture, where vectors are given

    @property
    def warning(self) -> str:
        """Why the figure is to be read with care; empty if there is no reason."""
        if self.num_clips < LEAST:
            return f"{self.num_clips} clip: no covariance, so no Frechet distance"
        if self.num_clips >= FEW:
            return ""
        rank = ""
        if self.num_vectors <= self.dimensions:
            rank = f", fewer vectors ({self.num_vectors}) than dimensions ({self.dimensions})"
        return f"only {self.num_clips} clips{rank}: biased upward, compare equal numbers alone"


@dataclass(frozen=True, eq=False)
class Embedded:
    """One clip: vectors [N, D] of the generated and of the true sound, and their classes [C]."""

    generated: Floats
    true: Floats
    tags: tuple[Floats, Floats] | None = None
    prompt: Floats | None = None
    picture: Floats | None = None  # [E] of the clip's pictures


def score_set(embedding: str, clips: Sequence[Embedded]) -> SetScore:
    """All figures of a set; for fewer than two clips no distance, rather than a number."""
    generated, true = ([getattr(clip, side) for clip in clips] for side in ("generated", "true"))
    vectors = [np.concatenate(side) for side in (generated, true)]
    means = [np.stack([v.mean(axis=0) for v in side]) for side in (generated, true)]
    known = len(clips) >= LEAST
    limit = metrics.frechet_at_infinity(*vectors) if known else None
    tags = [clip.tags for clip in clips if clip.tags is not None]
    prompted = [(m, c.prompt) for m, c in zip(means[0], clips, strict=True) if c.prompt is not None]
    return SetScore(
        embedding=embedding,
        num_clips=len(clips),
        num_vectors=min(map(len, vectors)),
        dimensions=vectors[0].shape[1],
        frechet=metrics.frechet_distance(*vectors) if known else math.nan,
        at_infinity=math.nan if limit is None else limit.value,
        r2=math.nan if limit is None else limit.r2,
        cosine=metrics.cosine_score(*means),
        kl=metrics.kl([t[0] for t in tags], [t[1] for t in tags]) if tags else math.nan,
        inception=metrics.inception_score([t[0] for t in tags]) if tags else math.nan,
        words=metrics.cosine_score(*zip(*prompted, strict=True)) if prompted else math.nan,
        favd=_favd(means, [clip.picture for clip in clips]),
    )


def _favd(means: Sequence[Floats], pictures: Sequence[Floats | None]) -> float:
    """Squared Frechet distance of [sound, picture] vectors, a row a clip; NaN without pictures."""
    available = [(i, picture) for i, picture in enumerate(pictures) if picture is not None]
    if len(available) < LEAST:
        return math.nan
    rows, known = [i for i, _ in available], np.stack([picture for _, picture in available])
    both = [np.concatenate([side[rows], known], axis=1) for side in means]
    return metrics.frechet_distance(both[0], both[1])


def of_log_mel(scores: Sequence[PairScore], pictures: Path | None = None) -> list[Embedded]:
    """The statistics that were computed while measuring."""
    return [
        Embedded(*score.vectors, picture=read_picture(pictures, score.name))
        for score in scores
        if score.vectors is not None
    ]


def embed_pairs(
    embedder: Embedder,
    pairs: Sequence[Pair],
    piece: float | None,
    cache: Path | None,
    *,
    prompts: dict[str, str] | None = None,
    pictures: Path | None = None,
    step: Callable[[], None] = lambda: None,
) -> list[Embedded]:
    """Each pair, read again, trimmed to the shorter, cut as for measuring, and embedded.

    What cannot be read was reported while measuring, and is left out here.
    """
    found = []
    for pair in pairs:
        generated, true = _embed_pair(embedder, pair, piece, cache)
        prompt = (prompts or {}).get(pair.name)
        words = embedder.words(prompt) if prompt and embedder.words else None
        tags = (generated[1], true[1]) if generated[1].size else None
        picture = read_picture(pictures, pair.name)
        found.append(Embedded(generated[0], true[0], tags, words, picture))
        step()
    return found


def read_picture(folder: Path | None, name: str) -> Floats | None:
    """[E] from NAME.npy, [E] or [N, E], as a net for pictures gave it; None where there is none."""
    path = None if folder is None else folder / f"{name}.npy"
    if path is None or not path.is_file():
        return None
    vectors = np.load(path, allow_pickle=False)
    if vectors.ndim not in (1, 2) or not np.isfinite(vectors).all():
        raise ValueError(f"{path}: {vectors.shape}; give finite numbers [E] or [N, E]")
    return np.asarray(np.atleast_2d(vectors).mean(axis=0), np.float64)


def _embed_pair(
    embedder: Embedder, pair: Pair, piece: float | None, cache: Path | None
) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """((vectors, classes) of what was made, the same of the truth), from `cache` if known."""
    contents = (content_key(pair.generated), content_key(pair.truth))
    stored = cache and cache / f"{cache_key(VERSION, *contents, piece, embedder.key)}-vectors.npz"
    if stored is None:
        data = _embed_arrays(embedder, pair, piece)
    else:
        data = cached_arrays(stored, partial(_embed_arrays, embedder, pair, piece))
    return (data["made"], data["made_tags"]), (data["true"], data["true_tags"])


def _embed_arrays(embedder: Embedder, pair: Pair, piece: float | None) -> Arrays:
    wavs = [resample(to_mono(wav), rate, WIDE)[0] for wav, rate in map(read_audio, pair.files)]
    cuts = cut_pieces(min(map(len, wavs)), piece)
    (generated, true) = (_embed([wav[a:b] for a, b in cuts], embedder) for wav in wavs)
    return {"made": generated[0], "made_tags": generated[1], "true": true[0], "true_tags": true[1]}


def _embed(parts: Sequence[NDArray[np.float32]], embedder: Embedder) -> tuple[Floats, Floats]:
    vectors = np.concatenate([embedder.embed(part) for part in parts])
    if embedder.tags is None:
        return vectors, np.zeros(0)
    return vectors, np.mean([embedder.tags(part) for part in parts], axis=0)


def warnings_of(scores: Sequence[SetScore]) -> Iterator[str]:
    for score in scores:
        if score.warning:
            yield f"{score.embedding}: {score.warning}"
