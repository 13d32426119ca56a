"""The comparison of systems as sections: tables, charts, and clips to hear."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from folai import metrics
from folai.evaluate.report import charts
from folai.evaluate.report.sections import Chart, Gallery, Player, Section, Table, cells
from folai.evaluate.sounds.measure import WIDE, PieceScore, cut_pieces
from folai.evaluate.sounds.pairs import Pair
from folai.evaluate.sounds.sets import warnings_of
from folai.evaluate.sounds.system_scores import SoundReport, SystemScore, warnings
from folai.media.audio import peak_normalise, read_audio, resample
from folai.media.channels import to_mono

SILENCE = "(silence)"  # the row that an empty file would have
MOST_ROWS = 400  # of clips in the page; report.json has all
CHARTED = (
    ("correlation", "Envelope correlation at lag 0", ""),
    ("f1_50", "Onset F1 within 50 ms", ""),
    ("lag", "Lag at the best correlation, ms (right: late)", " ms"),
    ("loudness_error", "Loudness error, LU (right: too loud)", " LU"),
)


def sound_sections(report: SoundReport, *, players: int = 0) -> list[Section]:
    """What was measured, of pairs and of sets; with `players` clips to hear."""
    sections = [_pairs(report), _sets(report)]
    if players:
        sections.append(_listen(report, players))
    sections.append(_clips(report))
    notes = tuple(warnings(report))
    if notes:
        about = "Files that had no partner, could not be read, or had to be changed first."
        sections.append(Section("notes", "Notes", about, (), notes))
    return sections


def report_text(report: SoundReport) -> str:
    """The same in a terminal."""
    return "\n\n".join(section.text() for section in sound_sections(report))


def figures_table(report: SoundReport) -> Table:
    columns = (
        "system", "pieces", "E-L1 16k", "E-L1 44k", "skill", "corr", "best", "lag/ms",
        "95 %", "P50", "R50", "F1 50", "F1 100", "count", "acc", "AP", "dLU",
    )  # fmt: skip
    rows = [_row(system) for system in report.systems]
    silence = report.systems[0]
    empty = (SILENCE, str(len(silence.pieces)))
    levels = cells([silence.mean(f"silence_{f}").value for f in ("16k", "44k")], "{:.4f}")
    rows.append((*empty, *levels, "0.000", *["-"] * (len(columns) - 5)))
    return Table(columns, tuple(rows), caption=_explained(report))


def _explained(report: SoundReport) -> str:
    options = report.options.measure
    peaks = "each scaled to peak 1" if options.peak_normalised else "levels as they are"
    cut = "whole clips" if options.piece is None else f"pieces of {options.piece:g} s"
    return (
        f"{cut}, {peaks} for E-L1 and skill. E-L1: mean difference of RMS, at 16 and 44.1 kHz; "
        "skill: 1 - E-L1 / that of silence; corr: of envelopes at lag 0, best: at the best lag "
        "within 100 ms, that lag (+ late) with its 95 % interval; P, R, F1: onsets within 50 or "
        "100 ms; count, acc, AP: CondFoleyGen's; dLU: loudness error"
    )


def _row(system: SystemScore) -> tuple[str, ...]:
    lag = system.mean("lag")
    span = f"{1000 * lag.low:+.1f} to {1000 * lag.high:+.1f}" if math.isfinite(lag.low) else "-"
    shares = ("precision_50", "recall_50", "f1_50", "f1_100", "same_count", "onset_accuracy")
    return (
        system.name,
        str(len(system.pieces)),
        *cells([system.mean(f"l1_{form}").value for form in ("16k", "44k")], "{:.4f}"),
        *cells([system.skill(), system.mean("correlation").value, system.mean("best").value]),
        *cells([1000 * lag.value], "{:+.1f}"),
        span,
        *cells([system.mean(name).value for name in (*shares, "onset_ap")]),
        *cells([system.mean("loudness_error").value], "{:+.1f}"),
    )


def _pairs(report: SoundReport) -> Section:
    shown = []
    for figure, title, unit in CHARTED:
        scale = 1000 if figure == "lag" else 1
        means = [(s.name, s.mean(figure)) for s in report.systems]
        rows = [(n, scale * m.value, scale * m.low, scale * m.high) for n, m in means]
        if any(math.isfinite(row[1]) for row in rows):
            svg = charts.intervals(rows, unit=unit, zero=figure in ("lag", "loudness_error"))
            shown.append(Chart(svg, title))
    return Section(
        key="figures",
        title="Clip by clip",
        question="Does it sound when, and as loudly as, the true sound does?",
        parts=(figures_table(report), Gallery("Means with 95 % intervals", tuple(shown))),
        findings=tuple(_against_silence(report)),
        facts=report.to_dict(),
    )


def _against_silence(report: SoundReport) -> Iterator[str]:
    for system in report.systems:
        for form, name in (("16k", "16 kHz"), ("44k", "44.1 kHz")):
            own, silence = (system.mean(f"{x}_{form}").value for x in ("l1", "silence"))
            if own >= silence > 0:
                yield (
                    f"An empty file would have the better E-L1 at {name} than {system.name}: "
                    f"{silence:.4f} against {own:.4f}. Look at the correlation instead."
                )


def _sets(report: SoundReport) -> Section:
    rows, warned = [], []
    for system in report.systems:
        for score in system.sets:
            rows.append(
                (
                    system.name,
                    score.embedding,
                    str(score.num_clips),
                    *cells([score.frechet, score.at_infinity], "{:.4g}"),
                    *cells([score.r2, score.cosine, score.kl, score.inception, score.words]),
                    *cells([score.favd], "{:.4g}"),
                )
            )
        warned += [f"{system.name}, {text}" for text in warnings_of(system.sets)]
    columns = (
        "system", "embedding", "clips", "FAD", "FAD inf", "R2", "cosine", "KL", "IS", "words",
        "FAVD",
    )  # fmt: skip
    caption = (
        "FAD: squared Frechet distance to the true sounds; FAD inf: extrapolated to any number of "
        "clips, R2 how well that fits; cosine: each clip to its truth, the CLAP score where CLAP "
        "is the embedding; KL, IS: by PANNs' classes; words: CLAP's cosine with the prompt; FAVD: "
        "FAD of sound and picture together, where vectors of the pictures are given"
    )
    return Section(
        key="sets",
        title="As a set",
        question="Do all sounds together resemble the true ones?",
        parts=(Table(columns, tuple(rows), caption),),
        findings=tuple(warned),
    )


def _clips(report: SoundReport) -> Section:
    figures = ("l1_16k", "skill_16k", "correlation", "best", "lag", "f1_50", "loudness_error")
    rows = [
        (piece.label, system.name, *cells([getattr(piece, name) for name in figures]))
        for system in report.systems
        for piece in system.pieces
    ]
    note = f"Every clip ({len(rows)} rows)"
    if len(rows) > MOST_ROWS:
        note = f"The first {MOST_ROWS} of {len(rows)} rows; report.json has all"
    table = Table(
        ("clip", "system", "E-L1", "skill", "corr", "best", "lag/s", "F1 50", "dLU"),
        tuple(rows[:MOST_ROWS]),
        note,
        folded=True,
    )
    return Section("clips", "All clips", "Which clips are good and which are not?", (table,))


def _listen(report: SoundReport, count: int) -> Section:
    galleries = [_gallery(report, piece) for piece in shown_pieces(report, count)]
    return Section(
        key="listen",
        title="Look and listen",
        question="What do the numbers look and sound like? Clips evenly spread over their order.",
        parts=tuple(galleries),
    )


def shown_pieces(report: SoundReport, count: int) -> list[PieceScore]:
    """Evenly spread over those that every system has."""
    shared = set.intersection(*({p.label for p in s.pieces} for s in report.systems))
    pieces = [piece for piece in report.systems[0].pieces if piece.label in shared]
    chosen = np.linspace(0, len(pieces) - 1, min(count, len(pieces))).round().astype(int)
    return [pieces[i] for i in chosen]


def piece_sounds(report: SoundReport, piece: PieceScore) -> dict[str, NDArray[np.float32]]:
    """[T] at WIDE of the truth and of every system, each as loud as its peak allows."""
    found: dict[str, NDArray[np.float32]] = {}
    for system in report.systems:
        (pair,) = [p for p in system.pairing.pairs if p.name == piece.name]
        found.setdefault("truth", _cut(pair, piece, report, 1))
        found[system.name] = _cut(pair, piece, report, 0)
    return {name: peak_normalise(wav) * np.float32(0.9) for name, wav in found.items()}


def _cut(pair: Pair, piece: PieceScore, report: SoundReport, side: int) -> NDArray[np.float32]:
    wavs = [resample(to_mono(wav), rate, WIDE)[0] for wav, rate in map(read_audio, pair.files)]
    cuts = cut_pieces(min(map(len, wavs)), report.options.measure.piece)
    start = 0.0 if math.isnan(piece.start) else piece.start
    return next(wavs[side][a:b] for a, b in cuts if abs(a / WIDE - start) < 0.01)


def _gallery(report: SoundReport, piece: PieceScore) -> Gallery:
    sounds = piece_sounds(report, piece)
    true = _curve(sounds["truth"])
    players = []
    for name, wav in sounds.items():
        curve = _curve(wav)[: len(true)]
        chart = charts.envelopes(true, {} if name == "truth" else {name: curve}, metrics.RMS_RATE)
        players.append(Player(name, wav, WIDE, chart))
    return Gallery(piece.label, tuple(players))


def _curve(wav: NDArray[np.float32]) -> NDArray[np.float64]:
    return metrics.rms_curve(resample(wav[None], WIDE, metrics.SAMPLE_RATE)[0])
