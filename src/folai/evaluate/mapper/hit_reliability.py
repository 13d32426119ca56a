"""Whether hits given at 80 % are right in 80 % of cases: of a mapper that says how sure it is.

A hit is right where a true onset is within 100 ms, one to one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.metrics import expected_calibration_error, match_onsets, share_right_above

Floats = NDArray[np.float64]

TOLERANCE = 0.1  # seconds within which a hit is right
SURE = 0.8  # confidence from which on hits are counted


@dataclass(frozen=True)
class Reliability:
    """Figures of the hits of some clips; NaN where there are none."""

    clips: str  # which
    num_hits: int
    num_sure: int  # given at SURE and above
    right: float  # share of those that are right
    error: float  # expected calibration error
    error_of_moments: float = float("nan")

    def row(self) -> str:
        if not self.num_hits:
            return f"{self.clips}: no hits"
        sure = f"{self.num_sure} of {self.num_hits} hits given at {SURE:.0%} or more"
        right = f", {self.right:.0%} of them right" if self.num_sure else ""
        error = f"expected calibration error {self.error:.3f}"
        moments = (
            "" if math.isnan(self.error_of_moments) else f"; of moments {self.error_of_moments:.3f}"
        )
        return f"{self.clips}: {sure}{right}; {error}{moments}"


def matched_hits(hits: Floats, true: Floats) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(which hits are right, which true onsets are found)."""
    right, found = np.zeros(len(hits), dtype=bool), np.zeros(len(true), dtype=bool)
    for i, j in match_onsets(hits, true, TOLERANCE):
        right[i] = found[j] = True
    return right, found


def reliability_of(
    name: str, given: Sequence[NDArray[np.float32]], right: Sequence[NDArray[np.bool_]]
) -> Reliability:
    """Figures of the hits of some clips: confidences and which are right, [N] each."""
    confidences, came_true = np.concatenate([*given, []]), np.concatenate([*right, []])
    share, count = share_right_above(confidences, came_true, SURE)
    error = expected_calibration_error(confidences, came_true)
    return Reliability(name, len(confidences), count, share, error)
