"""Where a predicted envelope is unsure, and how that is said in one line."""

from __future__ import annotations

import math

import numpy as np

from folai.envelope.envelope import Envelope

UNSURE = 0.35  # confidence below which an envelope should not be taken for an answer
SHORTEST = 1.0  # seconds: shorter parts are not worth a person's time
APART = 1.0  # seconds: parts closer than this are one
WHOLE = 0.9  # of the duration: from here on it is said of the whole
REMEDY = "draw hits or perform them"


def unsure_parts(envelope: Envelope) -> list[tuple[float, float]]:
    """(start, end) in seconds, sorted, of the parts with less confidence than UNSURE.

    Empty where nobody knows how sure the envelope is.

    >>> import numpy as np
    >>> confidence = np.repeat([0.9, 0.1, 0.9], 240)
    >>> unsure_parts(Envelope(np.zeros(720), 120.0, confidence=confidence))
    [(2.0, 4.0)]
    """
    if envelope.confidence is None:
        return []
    edges = np.flatnonzero(np.diff((envelope.confidence < UNSURE).astype(int), prepend=0, append=0))
    parts: list[tuple[float, float]] = []
    for start, end in (edges.reshape(-1, 2) / envelope.frame_rate).tolist():
        if parts and start - parts[-1][1] < APART:
            parts[-1] = (parts[-1][0], end)
        else:
            parts.append((start, end))
    shortest = min(SHORTEST, envelope.duration / 2)
    return [(start, end) for start, end in parts if end - start >= shortest]


def describe_doubt(envelope: Envelope) -> str | None:
    """One line for the user, with the times; None where the envelope is sure or nobody knows."""
    parts = unsure_parts(envelope)
    if not parts:
        return None
    if sum(end - start for start, end in parts) >= WHOLE * envelope.duration:
        return f"the prediction is unsure throughout, little in it is known: {REMEDY}"
    times = ", ".join(f"{_clock(start)}-{_clock(math.ceil(end))}" for start, end in parts)
    return f"the prediction is unsure here: {times}; {REMEDY}"


def _clock(seconds: float) -> str:
    """Minutes and whole seconds: 0:03."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
