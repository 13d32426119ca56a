"""Envelopes as ComfyUI's CURVE: x is the share of the clip, y the level as a share of the peak.

Both run from 0 to 1, as in ComfyUI's curve editor. A CURVE is an object with `interp_array`, or
the JSON that such an object is made from: points, or `{"points", "interpolation"}`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai import Envelope

try:
    from comfy_api.input import LinearCurve
except ImportError:  # a release of before 2026: the JSON is passed on as it is
    LinearCurve = None

Floats = NDArray[np.float64]


def curve_of(envelope: Envelope) -> Any:
    """One point a frame. Silence is a curve at 0."""
    peak = float(envelope.values.max()) or 1.0
    xs, ys = np.linspace(0.0, 1.0, envelope.num_frames), envelope.values / peak
    points = list(zip(xs.tolist(), ys.tolist(), strict=True))
    if LinearCurve is not None:
        return LinearCurve(points)
    return {"points": points, "interpolation": "linear"}


def drawn_over(envelope: Envelope, curve: Any) -> Envelope:
    """The envelope with the curve's shape and its own peak; onsets are found anew.

    The curve that was made of the envelope changes nothing. A silent envelope gets a peak of 1.
    """
    peak = float(envelope.values.max()) or 1.0
    levels = _levels(curve, np.linspace(0.0, 1.0, envelope.num_frames))
    values = peak * np.clip(levels, 0.0, None)
    if np.allclose(values, envelope.values, rtol=0, atol=1e-6 * peak):
        return envelope
    onsets = Envelope(values.astype(np.float32), envelope.frame_rate).detect_onsets().onsets
    return envelope.redrawn(values, onsets)


def _levels(curve: Any, xs: Floats) -> Floats:
    """A curve's y at each x. From JSON: straight or monotone cubic between its points."""
    if hasattr(curve, "interp_array"):
        return np.asarray(curve.interp_array(xs), dtype=np.float64)
    from scipy.interpolate import PchipInterpolator

    raw = curve if isinstance(curve, dict) else {"points": curve}
    points = np.array(sorted((float(x), float(y)) for x, y in raw["points"]), dtype=np.float64)
    if len(points) < 2 or raw.get("interpolation") == "linear":
        return np.interp(xs, points[:, 0], points[:, 1])
    inside = np.clip(xs, points[0, 0], points[-1, 0])
    return np.asarray(PchipInterpolator(points[:, 0], points[:, 1])(inside))
