"""Edits of an envelope that the page asks for by name: each is a method of `Envelope`."""

from __future__ import annotations

from typing import Any

import numpy as np

from folai.envelope import Envelope
from folai.envelope.hits import of_onsets
from folai.studio.project_envelopes import LOUDEST, fitted

EDITS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # op: what it needs, what it may have
    "gain": (("db",), ()),
    "shift": (("seconds",), ()),
    "smooth": (("seconds",), ()),
    "gate": (("threshold_db",), ()),
    "sharpen": (("amount",), ()),
    "scale_region": (("start", "end", "db"), ("fade",)),
    "mute": (("start", "end"), ("fade",)),
    "place": (("start", "end", "pan"), ("fade",)),
    "add_hit": (("time", "level"), ("decay",)),
    "remove_hit": (("time",), ("tolerance",)),
    "move_hit": (("time", "to"), ("tolerance",)),
    "set_hit": (("time",), ("sound", "pitch", "level_db", "foot", "tolerance")),
    "snap": (("grid",), ("tolerance",)),
    "detect_onsets": ((), ()),
}


def edited(
    envelope: Envelope, edits: list[dict[str, Any]], grids: dict[str, Any], duration: float
) -> Envelope:
    """One edit after another, each by the method of Envelope that is called so.

    grids: what "frames" and "onsets" stand for in `snap`. Raises ValueError as those methods do.
    """
    for edit in edits:
        needed, possible = EDITS[edit["op"]]
        missing = [name for name in needed if name not in edit]
        if missing:
            raise ValueError(f"{edit['op']} needs {', '.join(missing)}")
        arguments = {name: edit[name] for name in (*needed, *possible) if name in edit}
        if isinstance(arguments.get("grid"), str):
            arguments["grid"] = grids[arguments["grid"]]
        changed = getattr(envelope, edit["op"])(**arguments)
        if "region" in edit:
            changed = _within(envelope, changed, **edit["region"])
        envelope = changed
    if envelope.values.max() > LOUDEST:
        raise ValueError(f"the envelope would reach {envelope.values.max():g}: use less gain")
    return fitted(envelope, duration)


def _within(before: Envelope, after: Envelope, start: float, end: float) -> Envelope:
    """`after` between start and end seconds, `before` elsewhere, faded over 10 ms inside."""
    if not 0 <= start < end:
        raise ValueError(f"region {start} to {end} s: start must come before end")
    times = before.times
    share = np.clip(np.minimum(times - start, end - times) / 0.01, 0, 1)
    values = before.values * (1 - share) + after.values * share
    outside = (before.onsets < start) | (before.onsets > end)
    inside = (after.onsets >= start) & (after.onsets <= end)
    onsets = np.concatenate([before.onsets[outside], after.onsets[inside]])
    order = np.argsort(onsets, kind="stable")
    confidence = onset_confidence = None
    if before.confidence is not None and after.confidence is not None:
        confidence = np.where(share > 0, after.confidence, before.confidence)
    if before.onset_confidence is not None and after.onset_confidence is not None:
        known = (before.onset_confidence[outside], after.onset_confidence[inside])
        onset_confidence = np.concatenate(known)[order]
    pan = after.pan
    if before.pan is not None and pan is not None:
        pan = (before.pan * (1 - share) + pan * share).astype(np.float32)
    hits = of_onsets(before.hits, before.onsets[outside]) + of_onsets(
        after.hits, after.onsets[inside]
    )
    return Envelope(
        values.astype(np.float32),
        before.frame_rate,
        onsets[order],
        confidence,
        onset_confidence,
        pan,
        hits,
    )
