"""A listening test on a page, and what its answers say.

Pairs: two sounds for one clip, unnamed, and which is better. MUSHRA-style rows (ITU-R BS.1534): all
systems, the hidden truth and an anchor without highs beside the open truth, each from 0 to 100.
Clips, rows and sides are in an order drawn by a seed. The page saves answers to a file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from folai.data.listing import VIDEO_SUFFIXES
from folai.metrics import bootstrap_interval, wilson_interval

if TYPE_CHECKING:
    from folai.evaluate.sounds.system_scores import SoundReport

Wav = NDArray[np.float32]

KINDS = ("pairs", "mushra")
FORMAT, VERSION = "folai-listening", 1
TRUTH, ANCHOR = "truth", "anchor"
ANCHOR_HERTZ = 3500.0  # above it the anchor is silent, as BS.1534 says
HIDDEN_LEAST, HIDDEN_SHARE = 90, 0.15  # BS.1534: who rates the hidden truth lower more often is out


@dataclass(frozen=True, eq=False)
class Heard:
    """One clip of a test: sounds [T] by system, the truth among them, and the picture as a URI."""

    clip: str
    sounds: Mapping[str, Wav]
    video: str = ""


def make_test(clips: Sequence[Heard], sample_rate: int, *, kind: str, seed: int) -> dict[str, Any]:
    """What the page needs: sounds as URIs, and trials in the order drawn by `seed`.

    Raises ValueError for another kind, or fewer than two sounds to compare.
    """
    from folai.evaluate.report.page import sound_uri

    if kind not in KINDS:
        raise ValueError(f"kind of listening test is {kind!r}; use one of {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, 2])
    sounds: dict[str, str] = {}
    trials: list[dict[str, Any]] = []
    for number, heard in enumerate(clips):
        wavs = dict(heard.sounds)
        if kind == "mushra":
            wavs[ANCHOR] = anchor(wavs[TRUTH], sample_rate)
        if len(wavs) < 2:
            raise ValueError(f"{heard.clip}: {len(wavs)} sound; a test needs two or more")
        known = {system: f"{number}-{place}" for place, system in enumerate(wavs)}
        sounds |= {known[system]: sound_uri(wav, sample_rate) for system, wav in wavs.items()}
        groups = list(combinations(wavs, 2)) if kind == "pairs" else [tuple(wavs)]
        for group in groups:
            order = [group[i] for i in rng.permutation(len(group))]
            options = [{"system": system, "sound": known[system]} for system in order]
            reference = known[TRUTH] if kind == "mushra" else None
            video = number if heard.video else ""
            trials.append({"clip": heard.clip, "options": options, "reference": reference})
            trials[-1]["video"] = video
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "seed": seed,
        "sounds": sounds,
        "videos": {number: heard.video for number, heard in enumerate(clips) if heard.video},
        "trials": [trials[i] for i in rng.permutation(len(trials))],
    }


def anchor(wav: Wav, sample_rate: int) -> Wav:
    """Sound [T] without what is above `ANCHOR_HERTZ`."""
    spectrum = np.fft.rfft(wav)
    spectrum[np.fft.rfftfreq(len(wav), 1 / sample_rate) > ANCHOR_HERTZ] = 0
    return np.fft.irfft(spectrum, len(wav)).astype(np.float32)


@dataclass(frozen=True)
class Preference:
    """How often `system` was preferred to `other` (empty: to any), equals counted half."""

    system: str
    other: str
    rate: float  # 0 to 1
    low: float  # of the 95 % interval
    high: float
    count: int


@dataclass(frozen=True)
class Rating:
    """Mean of 0 to 100, with its 95 % interval."""

    system: str
    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class ListeningReport:
    kind: str
    num_listeners: int
    preferences: tuple[Preference, ...] = ()
    ratings: tuple[Rating, ...] = ()
    left_out: tuple[str, ...] = ()  # listeners, and why

    def table(self) -> str:
        lines = [f"{self.num_listeners} listeners, {self.kind}"]
        if self.preferences:
            lines.append(f"{'':<20}{'preferred to':<20}{'rate':>7}{'95 %':>16}{'answers':>9}")
        for p in self.preferences:
            span = f"{100 * p.low:.0f} to {100 * p.high:.0f} %"
            other = p.other or "any other"
            lines.append(f"{p.system:<20}{other:<20}{100 * p.rate:6.0f}%{span:>16}{p.count:9}")
        if self.ratings:
            lines.append(f"{'':<20}{'mean':>7}{'95 %':>16}{'ratings':>9}")
        for r in self.ratings:
            span = f"{r.low:.1f} to {r.high:.1f}" if math.isfinite(r.low) else "-"
            lines.append(f"{r.system:<20}{r.mean:7.1f}{span:>16}{r.count:9}")
        return "\n".join([*lines, *self.left_out])

    def to_dict(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "num_listeners": self.num_listeners,
            "preferences": [vars(p) for p in self.preferences],
            "ratings": [vars(r) for r in self.ratings],
            "left_out": list(self.left_out),
        }


def sound_test(
    report: SoundReport, *, kind: str, count: int, seed: int, videos: bool = True
) -> dict[str, Any]:
    """A test of `count` clips of a comparison of systems, with their pictures if there are any."""
    from folai.evaluate.report.pictures import small_video
    from folai.evaluate.sounds.comparison_sections import piece_sounds, shown_pieces
    from folai.evaluate.sounds.measure import WIDE

    clips = []
    for piece in shown_pieces(report, count):
        pairs = report.systems[0].pairing.pairs
        (path,) = [pair.truth for pair in pairs if pair.name == piece.name]
        start = 0.0 if math.isnan(piece.start) else piece.start
        shows = videos and path.suffix.lower() in VIDEO_SUFFIXES
        video = small_video(path, start, piece.seconds) if shows else ""
        clips.append(Heard(piece.label, piece_sounds(report, piece), video))
    return make_test(clips, WIDE, kind=kind, seed=seed)


def evaluate_listening(paths: Sequence[Path]) -> ListeningReport:
    """Answers of one or more listeners to one kind of test.

    Raises ValueError for files that are no answers, or of two kinds, or where none is left.
    """
    results = [_read(path) for path in paths]
    kinds = sorted({result["kind"] for result in results})
    if len(kinds) != 1:
        raise ValueError(f"answers to {', '.join(kinds)}: give those of one kind of test")
    if kinds == ["pairs"]:
        return ListeningReport("pairs", len(results), preferences=_preferences(results))
    reliable, left_out = [], []
    for path, result in zip(paths, results, strict=True):
        reason = _unreliable(result)
        left_out += [f"{path}: left out, {reason}"] if reason else []
        reliable += [] if reason else [result]
    if not reliable:
        raise ValueError(f"no listener is left: {'; '.join(left_out)}")
    return ListeningReport(
        "mushra", len(reliable), ratings=_ratings(reliable), left_out=tuple(left_out)
    )


def _preferences(results: Sequence[dict[str, Any]]) -> tuple[Preference, ...]:
    """Of each pair, and of each system against all others."""
    won: dict[tuple[str, str], list[float]] = {}
    for answer in (answer for result in results for answer in result["answers"]):
        first, second = answer["systems"]
        share = 0.5 if answer["preferred"] is None else float(answer["preferred"] == first)
        for a, b, value in ((first, second, share), (second, first, 1 - share)):
            won.setdefault((a, b), []).append(value)
            won.setdefault((a, ""), []).append(value)
    found = []
    for (system, other), values in won.items():
        low, high = wilson_interval(sum(values), len(values))
        rate = sum(values) / len(values)
        found.append(Preference(system, other, rate, low, high, len(values)))
    return tuple(sorted(found, key=lambda p: (p.other != "", -p.rate, p.system, p.other)))


def _ratings(results: Sequence[dict[str, Any]]) -> tuple[Rating, ...]:
    ratings: dict[str, list[float]] = {}
    for answer in (answer for result in results for answer in result["answers"]):
        for system, score in answer["scores"].items():
            ratings.setdefault(system, []).append(float(score))
    found = [
        Rating(system, float(np.mean(values)), *bootstrap_interval(values), len(values))
        for system, values in ratings.items()
    ]
    return tuple(sorted(found, key=lambda rating: -rating.mean))


def _unreliable(result: dict[str, Any]) -> str:
    hidden = [a["scores"][TRUTH] for a in result["answers"] if TRUTH in a["scores"]]
    low = sum(score < HIDDEN_LEAST for score in hidden)
    if low <= HIDDEN_SHARE * len(hidden):
        return ""
    return f"rated the hidden truth below {HIDDEN_LEAST} in {low} of {len(hidden)} rows"


def _read(path: Path) -> dict[str, Any]:
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as answers ({error})") from error
    known = isinstance(result, dict) and result.get("format") == FORMAT
    if not known or result.get("version") != VERSION or result.get("kind") not in KINDS:
        raise ValueError(f"{path}: no answers of a listening test; save them from the page")
    answers = result.get("answers")
    wanted = {"systems", "preferred"} if result["kind"] == "pairs" else {"scores"}
    fine = isinstance(answers, list) and all(
        isinstance(answer, dict) and wanted <= answer.keys() for answer in answers
    )
    if not answers or not fine:
        raise ValueError(f"{path}: holds no answers, or broken ones; save them again")
    return dict(result)
