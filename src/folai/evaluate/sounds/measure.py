"""One generated sound against the true one: every figure that needs only the two of them.

Both are made mono, brought to one rate, and cut into pieces if asked. A generated sound that ends
too soon is silent from there on; one that goes on after the truth is trimmed. What was done is
counted. PyTorch is not needed here: many files are measured in many processes.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai import metrics
from folai.data.cache import Arrays, cache_key, content_key, restore_arrays, store_arrays
from folai.envelope import Envelope
from folai.evaluate.sounds.mel_blocks import describe
from folai.evaluate.sounds.pairs import Pair
from folai.media.audio import fit_length, read_audio, resample
from folai.media.channels import to_mono
from folai.writing import line_with_file

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]

WIDE, NARROW = 44_100, metrics.SAMPLE_RATE  # Hz
SILENT = 1e-5  # peak: 100 dB below full scale
SHORTEST_SCORED = 0.1  # seconds; shorter pieces are left out
NEAR, FAR = 0.05, 0.1  # seconds within which an onset is right

VERSION = 3
"""Raise when the same two sounds would give other figures or vectors: when this file, `metrics`,
`mel_blocks`, `envelope` or `media.audio` compute other numbers, or when a figure is added."""

_PARAMETERS = (WIDE, NARROW, SILENT, SHORTEST_SCORED, NEAR, FAR)


@dataclass(frozen=True)
class MeasureOptions:
    """How sounds are compared. Raises ValueError for a piece that is too short to measure."""

    peak_normalised: bool = True  # each piece to a peak of 1, for E-L1 and skill
    piece: float | None = None  # seconds of pieces to cut clips into; None: whole

    def __post_init__(self) -> None:
        if self.piece is not None and not (math.isfinite(self.piece) and self.piece >= 0.5):
            raise ValueError(f"piece is {self.piece} s; give 0.5 or more")


@dataclass(frozen=True)
class PieceScore:
    """Figures of one piece, as `metrics` defines them; NaN where a silent truth leaves none."""

    name: str
    start: float  # seconds into the clip; NaN where the clip is one piece
    seconds: float
    l1_16k: float
    silence_16k: float  # E-L1 of a silent file
    skill_16k: float
    l1_44k: float
    silence_44k: float
    skill_44k: float
    correlation: float
    best: float
    lag: float  # seconds, positive: late
    precision_50: float
    recall_50: float
    f1_50: float
    precision_100: float
    recall_100: float
    f1_100: float
    same_count: float
    onset_accuracy: float
    onset_ap: float
    loudness_error: float  # LU, positive: too loud

    @property
    def label(self) -> str:
        return self.name if math.isnan(self.start) else f"{self.name}@{self.start:.1f}"


@dataclass(frozen=True, eq=False)
class PairScore:
    """Of one pair of files; `error` says why there are no pieces."""

    name: str
    pieces: tuple[PieceScore, ...] = ()
    vectors: tuple[Floats, Floats] | None = None  # log-mel statistics [N, D], generated and true
    notes: dict[str, float] = field(default_factory=dict)  # what was done: seconds, or 1
    error: str | None = None


def measure(pair: Pair, options: MeasureOptions, cache: Path | None = None) -> PairScore:
    """Compare a pair, or read the result from `cache`; what cannot be read becomes its `error`."""
    try:
        stored = None if cache is None else cache / f"{_key(pair, options)}.npz"
        known = None if stored is None else _restore(stored, pair.name)
        if known is not None:
            return known
        score = compare(*read_audio(pair.generated), *read_audio(pair.truth), pair.name, options)
    except (ValueError, OSError) as error:
        return PairScore(pair.name, error=line_with_file(error))
    if stored is not None:
        _store(score, stored)
    return score


def compare(
    generated: Wav,
    generated_rate: int,
    true: Wav,
    true_rate: int,
    name: str,
    options: MeasureOptions,
) -> PairScore:
    """Figures of sounds [C, T] at their own rates (Hz), the generated one first."""
    notes: dict[str, float] = {}
    if generated_rate != true_rate:
        notes["resampled"] = 1.0
    if len(generated) != len(true):
        notes["mono against stereo"] = 1.0
    generated, true = (
        resample(to_mono(wav), rate, WIDE)
        for wav, rate in ((generated, generated_rate), (true, true_rate))
    )
    length = true.shape[1]
    excess = (generated.shape[1] - length) / WIDE
    if abs(excess) > 0.5 / metrics.RMS_RATE:
        notes["trimmed" if excess > 0 else "shorter than the truth"] = abs(excess)
    generated = fit_length(generated, length)
    pieces, vectors = [], []
    for start, stop in cut_pieces(length, options.piece):
        begins = math.nan if options.piece is None else start / WIDE
        pair = generated[0, start:stop], true[0, start:stop]
        for wav, what in zip(pair, ("silent", "silent truth"), strict=True):
            if _is_silent(wav):
                notes[what] = notes.get(what, 0.0) + 1.0
        pieces.append(score_piece(*pair, name, begins, options))
        vectors.append([describe(wav) for wav in pair])
    if not pieces:
        raise ValueError(f"{name}: {length / WIDE:.2f} s are too short to measure")
    generated_vectors, true_vectors = (np.concatenate([v[i] for v in vectors]) for i in (0, 1))
    return PairScore(name, tuple(pieces), (generated_vectors, true_vectors), notes)


def cut_pieces(length: int, piece: float | None) -> list[tuple[int, int]]:
    """(start, stop) in samples at WIDE; a last piece of less than half is left out."""
    if piece is None:
        return [(0, length)] if length >= SHORTEST_SCORED * WIDE else []
    size = round(piece * WIDE)
    cuts = [(start, min(start + size, length)) for start in range(0, length, size)]
    return [(a, b) for a, b in cuts if b - a >= min(size / 2, length)]


def score_piece(
    generated: Wav, true: Wav, name: str, start: float, options: MeasureOptions
) -> PieceScore:
    """All figures of two sounds [T] at WIDE."""
    scale = [_peak(wav) if options.peak_normalised else 1.0 for wav in (generated, true)]
    generated, true = generated / scale[0], true / scale[1]
    narrow = [resample(wav[None], WIDE, NARROW)[0] for wav in (generated, true)]
    curves = [metrics.rms_curve(wav, NARROW) for wav in narrow]
    wide = [metrics.rms_curve(wav, WIDE) for wav in (generated, true)]
    known = math.nan if _is_silent(true) else 1.0
    correlation = metrics.envelope_correlation(curves[0], curves[1])
    onsets = [Envelope.from_audio(wav, NARROW).onsets for wav in narrow]
    known_onsets = known if len(onsets[1]) else math.nan
    near, far = (metrics.onset_scores(onsets[0], onsets[1], window) for window in (NEAR, FAR))
    confidence = metrics.onset_confidence(narrow[0], NARROW, onsets[0])
    events = metrics.event_scores(onsets[0], confidence, onsets[1])
    levels = [
        metrics.loudness(wav, WIDE) + 20 * math.log10(s)
        for wav, s in zip((generated, true), scale, strict=True)
    ]
    error = levels[0] - levels[1]
    return PieceScore(
        name=name,
        start=start,
        seconds=len(true) / WIDE,
        l1_16k=metrics.envelope_l1(*curves),
        silence_16k=metrics.envelope_l1(np.zeros_like(curves[1]), curves[1]),
        skill_16k=known * metrics.envelope_skill(*curves),
        l1_44k=metrics.envelope_l1(*wide),
        silence_44k=metrics.envelope_l1(np.zeros_like(wide[1]), wide[1]),
        skill_44k=known * metrics.envelope_skill(*wide),
        correlation=known * correlation.at_zero,
        best=known * correlation.best,
        lag=known * (correlation.lag if correlation.best > 0 else math.nan),
        precision_50=known_onsets * near.precision,
        recall_50=known_onsets * near.recall,
        f1_50=known_onsets * near.f1,
        precision_100=known_onsets * far.precision,
        recall_100=known_onsets * far.recall,
        f1_100=known_onsets * far.f1,
        same_count=known_onsets * events.same_count,
        onset_accuracy=known_onsets * events.accuracy,
        onset_ap=known_onsets * events.average_precision,
        loudness_error=error if math.isfinite(error) else math.nan,
    )


def _peak(wav: Wav) -> float:
    return float(np.abs(wav).max(initial=0.0)) or 1.0


def _is_silent(wav: Wav) -> bool:
    return float(np.abs(wav).max(initial=0.0)) < SILENT


# What was measured before


def _key(pair: Pair, options: MeasureOptions) -> str:
    contents = (content_key(pair.truth), content_key(pair.generated))
    return cache_key(VERSION, *_PARAMETERS, asdict(options), *contents)


def _store(score: PairScore, path: Path) -> None:
    assert score.vectors is not None
    rows = [[value for key, value in asdict(p).items() if key != "name"] for p in score.pieces]
    arrays: Arrays = {
        "figures": np.array(rows),
        "made": score.vectors[0],
        "true": score.vectors[1],
        "notes": np.array(list(score.notes)),
        "amounts": np.array(list(score.notes.values())),
    }
    store_arrays(path, arrays)


def _restore(path: Path, name: str) -> PairScore | None:
    """What was stored, under the name that the pair has now; None if nothing whole was."""
    data = restore_arrays(path)
    if data is None:
        return None
    names = [f.name for f in fields(PieceScore) if f.name != "name"]
    rows = [dict(zip(names, map(float, row), strict=True)) for row in data["figures"]]
    pieces = [PieceScore(name, **row) for row in rows]
    notes = dict(zip(map(str, data["notes"]), map(float, data["amounts"]), strict=True))
    return PairScore(name, tuple(pieces), (data["made"], data["true"]), notes)
