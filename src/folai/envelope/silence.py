"""Where an envelope asks for silence: below its own floor, which is the room it was measured in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def opening(values: Floats) -> Floats:
    """How far open a gate is at each value of an envelope, 0 to 1, [T].

    Shut 50 dB below the peak and at the envelope's own floor: the level exceeded 90 % of the time,
    unless that is within 22 dB of the peak; then it is wanted sound. It opens over 6 dB so that
    decays end softly.
    """
    peak = values.max(initial=0.0)
    floor = min(1.8 * float(np.percentile(values, 10)), 10**-1.1 * peak)
    threshold = max(floor, 10**-2.5 * peak, 1e-9)
    return np.asarray(np.clip(np.log2(np.maximum(values, 1e-12) / threshold), 0, 1))
