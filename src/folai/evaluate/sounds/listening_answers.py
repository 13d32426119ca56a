"""The results of a listening test: preferences and ratings with their intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from folai.evaluate.sounds.listening import FORMAT, KINDS, TRUTH, VERSION
from folai.metrics import bootstrap_interval, wilson_interval

HIDDEN_LEAST, HIDDEN_SHARE = 90, 0.15  # BS.1534: who rates the hidden truth lower more often is out


@dataclass(frozen=True)
class Preference:
    """How often `system` was preferred to `other` (empty: to any); a tie counts half."""

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


def evaluate_listening(paths: Sequence[Path]) -> ListeningReport:
    """Evaluates the answers of one or more listeners to one kind of test.

    Raises ValueError for files that hold no answers, for two kinds of test, and if no listener is
    reliable.
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
