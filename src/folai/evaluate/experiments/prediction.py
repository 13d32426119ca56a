"""How well envelopes are predicted on held-out clips, and on unseen kinds of action."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from folai.data.alignment import refine_onsets
from folai.data.clips import TRUTH_RATE
from folai.evaluate.experiments.setting import Predicted, Setting, mean
from folai.evaluate.mapper.clip_scores import TOLERANCE
from folai.evaluate.report import charts
from folai.evaluate.report.pictures import frame_strip
from folai.evaluate.report.sections import Chart, Gallery, Part, Section, Table, cells
from folai.metrics import bootstrap_interval, match_onsets
from folai.tables import read_table

SHOWN, SECONDS = 8, 12.0  # clips in the page, and how much of each
RATE = 125.0  # Hz of the curves in the page
FIGURES = ("correlation", "best", "f1", "l1")


def prediction(setting: Setting) -> Section:
    """Predicted envelopes against true ones, by clip, action and material."""
    found, actions = setting.predicted, _actions(setting.options.data)
    pictures = _pictures(found, actions)
    parts: tuple[Part, ...] = (_table(found), *_by_label(setting, found), *pictures)
    return Section(
        key="prediction",
        title="Envelope prediction on held-out clips",
        question="Does the mapper hear with its eyes? Recordings that it was not trained on.",
        parts=parts,
        findings=(_summary(found),),
        facts={"clips": [asdict(p.score) for p in found], "labels": _recalls(setting, found)},
    )


def unseen(setting: Setting) -> Section:
    """The same for kinds of action that are not in the training data."""
    found = setting.predict(setting.options.wild)
    actions = _actions(setting.options.data)
    grouped = defaultdict(list)
    for item in found:
        grouped[actions.get(item.clip.name, "unknown")].append(item.score)
    best_first = sorted(grouped.items(), key=lambda pair: -mean([s.correlation for s in pair[1]]))
    rows = [
        (action, str(len(scores)), *_cells([[getattr(s, f) for s in scores] for f in FIGURES]))
        for action, scores in best_first
    ]
    table = Table(("action", "clips", "corr", "best", "F1", "L1/silence"), tuple(rows), EXPLAINED)
    return Section(
        key="unseen",
        title="Unseen kinds of action",
        question="What of footsteps, drums and typing, when only a drumstick was ever seen?",
        parts=(table, *_pictures(found, actions)),
        findings=(_summary(found),),
        facts={"clips": [asdict(p.score) for p in found]},
    )


EXPLAINED = (
    "corr: correlation of envelopes at lag 0, offset between picture and sound corrected; best: at "
    "the best lag within 100 ms; F1: onsets within 50 ms; L1/silence: E-L1 over that of silence"
)


def _summary(found: Sequence[Predicted]) -> str:
    values = [item.score.best for item in found]
    low, high = bootstrap_interval(values)
    return (
        f"Correlation at the best lag {mean(values):.2f} (95 % of such sets of clips: {low:.2f} to "
        f"{high:.2f}), from {min(values):.2f} to {max(values):.2f} over {len(values)} clips."
    )


def _table(found: Sequence[Predicted]) -> Table:
    rows = [
        (Path(item.clip.name).stem, *_cells([[getattr(item.score, f)] for f in FIGURES]))
        for item in found
    ]
    rows.append(("mean", *_cells([[getattr(i.score, f) for i in found] for f in FIGURES])))
    return Table(("clip", "corr", "best", "F1", "L1/silence"), tuple(rows), EXPLAINED)


def _cells(columns: Sequence[Sequence[float]]) -> tuple[str, ...]:
    return cells([mean(values) for values in columns])


def _by_label(setting: Setting, found: Sequence[Predicted]) -> tuple[Table, ...]:
    recalls = _recalls(setting, found)
    if not recalls:
        return ()
    rows = tuple(
        (kind, name, str(label["contacts"]), *cells([label["recall"]]))
        for kind, group in recalls.items()
        for name, label in group.items()
    )
    columns = ("by", "what", "contacts", "found")
    return (Table(columns, rows, "Share of annotated contacts with an onset within 50 ms"),)


def _recalls(setting: Setting, found: Sequence[Predicted]) -> dict[str, dict[str, Any]]:
    """{action or material: {name: contacts and recall}} of the annotated clips."""
    labels = _contacts(setting.options.data)
    hits: dict[str, dict[str, list[bool]]] = {"action": {}, "material": {}}
    for item in found:
        rows = labels.get(item.clip.name, [])
        times = [
            float(refine_onsets(np.array([t]), item.clip.rms)[0]) - item.offset for t, *_ in rows
        ]
        order = np.argsort(times, kind="stable")
        pairs = match_onsets(np.sort(item.envelope.onsets), np.array(times)[order], TOLERANCE)
        matched = {int(order[j]) for _, j in pairs}
        for number, (_, action, material) in enumerate(rows):
            for kind, name in (("action", action), ("material", material)):
                if name != "None":
                    hits[kind].setdefault(name, []).append(number in matched)
    return {
        kind: {
            name: {"contacts": len(found_or_not), "recall": sum(found_or_not) / len(found_or_not)}
            for name, found_or_not in sorted(group.items(), key=lambda pair: -len(pair[1]))
        }
        for kind, group in hits.items()
        if group
    }


def _contacts(data: Path) -> dict[str, list[tuple[float, str, str]]]:
    table = data / "onsets.csv"
    found: dict[str, list[tuple[float, str, str]]] = {}
    if table.is_file():
        for row in read_table(table, ("path", "time_seconds")):
            contact = (float(row["time_seconds"]), row.get("action") or "None")
            found.setdefault(row["path"], []).append((*contact, row.get("material") or "None"))
    return found


def _actions(data: Path) -> dict[str, str]:
    """What is done in each clip, by its path; empty without a column for it."""
    table = data / "clips.csv"
    if not table.is_file():
        return {}
    rows = read_table(table, ("path",))
    return {row["path"]: row.get("action") or "unknown" for row in rows}


def _pictures(found: Sequence[Predicted], actions: dict[str, str]) -> tuple[Gallery, ...]:
    chosen = np.linspace(0, len(found) - 1, min(SHOWN, len(found))).round().astype(int)
    galleries = []
    for item in (found[i] for i in chosen):
        seconds = min(SECONDS, item.envelope.duration)
        times = np.arange(math.floor(seconds * RATE)) / RATE
        true = np.interp(
            (times + item.offset) * TRUTH_RATE, np.arange(len(item.clip.rms)), item.clip.rms
        )
        onsets = item.envelope.onsets
        curve = charts.envelopes(
            true,
            {"predicted": item.envelope.at(times)},
            RATE,
            onsets=onsets[onsets < seconds],
        )
        strip = frame_strip(item.listing.path, seconds, count=12)
        action = actions.get(item.clip.name, "")
        caption = (
            f"{action + '; ' if action else ''}correlation {item.score.correlation:.2f}, onset F1 "
            f"{item.score.f1:.2f}; marks above the curve: predicted onsets"
        )
        galleries.append(Gallery(Path(item.clip.name).stem, (Chart(strip + curve),), caption))
    return tuple(galleries)
