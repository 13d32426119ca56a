"""Envelopes that are wrong in a known way: blurred, late, uneven, with hits lost or added."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise

import numpy as np

from folai.envelope import Envelope


def _uneven(db: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    """Each hit louder or softer by up to `db`."""
    for start, end in pairwise([*envelope.onsets.tolist(), envelope.duration]):
        if end - start > 0.01:
            envelope = envelope.scale_region(start, end, float(rng.uniform(-db, db)))
    return envelope


def _dropped(share: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    onsets = envelope.onsets
    for index in rng.permutation(len(onsets))[: round(share * len(onsets))]:
        near = envelope.onsets[np.abs(envelope.onsets - onsets[index]) < 0.03]
        if near.size:  # it may have gone with a neighbour
            envelope = envelope.remove_hit(float(onsets[index]))
    return envelope


def _added(share: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    peak = float(envelope.values.max())
    for _ in range(max(1, round(share * len(envelope.onsets)))):
        time = float(rng.uniform(0.0, max(envelope.duration - 0.2, 0.01)))
        envelope = envelope.add_hit(time, peak * float(rng.uniform(0.3, 1.0)))
    return envelope


def _blurred(seconds: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    return envelope.smooth(seconds)


def _late(seconds: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    return envelope.shift(seconds)


def _scaled(db: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    return envelope.gain(db)


SPOILT: Mapping[str, Callable[[Envelope, np.random.Generator], Envelope]] = {
    **{f"blurred {1000 * s:.0f} ms": partial(_blurred, s) for s in (0.01, 0.03, 0.1)},
    **{f"late {1000 * s:.0f} ms": partial(_late, s) for s in (0.02, 0.05, 0.1)},
    **{f"scaled {db:+.0f} dB": partial(_scaled, db) for db in (-12.0, 6.0)},
    **{f"hits uneven by {db:.0f} dB": partial(_uneven, db) for db in (3.0, 6.0, 12.0)},
    **{f"{100 * x:.0f} % of hits dropped": partial(_dropped, x) for x in (0.25, 0.5)},
    **{f"{100 * x:.0f} % of hits added": partial(_added, x) for x in (0.25, 0.5, 1.0)},
}
