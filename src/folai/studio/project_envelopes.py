"""Envelopes of a project: immutable files named by their content, and as the page sends them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np

from folai.envelope import FRAME_RATE, Envelope
from folai.envelope.rms import count_frames
from folai.writing import written_whole

LOUDEST = 8.0  # RMS, +18 dB re full scale: beyond it something is broken


def envelope_id(envelope: Envelope) -> str:
    """The same curve has the same name, so nothing that is saved is ever changed."""
    digest = hashlib.sha256(np.float64(envelope.frame_rate).tobytes())
    digest.update(np.int64(len(envelope.onsets)).tobytes())
    digest.update(np.ascontiguousarray(envelope.onsets, "<f8").tobytes())
    digest.update(np.ascontiguousarray(envelope.values, "<f4").tobytes())
    return digest.hexdigest()[:24]


def write_npz(path: Path, envelope: Envelope) -> None:
    """To a file that is there whole or not at all, also after a power cut."""
    held = io.BytesIO()
    np.savez(held, values=envelope.values, onsets=envelope.onsets, frame_rate=[envelope.frame_rate])
    write_durably(path, held.getvalue())


def read_npz(path: Path) -> Envelope:
    """Raises ValueError for a file that `write_npz` did not write."""
    try:
        with np.load(path, allow_pickle=False) as held:
            return Envelope(held["values"], float(held["frame_rate"][0]), held["onsets"])
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: is no envelope that can be read ({error})") from error


def write_durably(path: Path, content: bytes) -> None:
    """Whole or not at all, and on the disk itself before it takes the place of what was there."""
    with written_whole(path) as partial:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def to_json(envelope: Envelope) -> dict[str, Any]:
    """As it travels: `values` is base64 of little-endian float32."""
    values = np.ascontiguousarray(envelope.values, "<f4").tobytes()
    return {
        "frame_rate": envelope.frame_rate,
        "onsets": envelope.onsets.tolist(),
        "values": base64.b64encode(values).decode(),
    }


def from_json(given: dict[str, Any], *, base: Envelope | None = None) -> Envelope:
    """Reads what `to_json` gives; with `base`, frames from `first` on replace those of it.

    Raises ValueError for what is no envelope.
    """
    values = decode_values(given["values"])
    onsets = np.sort(np.array(given["onsets"], np.float64))
    if base is None:
        envelope = Envelope(values, given["frame_rate"], onsets)
    else:
        first = given["first"]
        if first + len(values) > base.num_frames:
            end = f"{first} to {first + len(values)} of {base.num_frames}"
            raise ValueError(f"frames {end} are replaced: give those that are there")
        whole = base.values.copy()
        whole[first : first + len(values)] = values
        envelope = Envelope(whole, base.frame_rate, onsets)
    if envelope.values.max() > LOUDEST:
        fix = f"values are linear RMS, up to {LOUDEST:g}"
        raise ValueError(f"the envelope reaches {envelope.values.max():g}: {fix}")
    return envelope


def decode_values(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """base64 of little-endian float32 -> [T]."""
    try:
        held = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"values are no base64 ({error}): send float32 as base64") from error
    if len(held) % 4:
        raise ValueError(f"values hold {len(held)} bytes, not a whole number of float32")
    return np.frombuffer(held, "<f4").astype(np.float32)


def fitted(envelope: Envelope, duration: float) -> Envelope:
    """At FRAME_RATE and as long as the clip; one frame more or less is made good.

    Raises ValueError for a curve of another rate or length.
    """
    if abs(envelope.frame_rate - FRAME_RATE) > 1e-6:
        raise ValueError(f"frame_rate is {envelope.frame_rate:g} Hz: send {FRAME_RATE:g}")
    wanted = count_frames(duration, FRAME_RATE)
    missing = wanted - envelope.num_frames
    if missing == 0:
        return envelope
    if abs(missing) > 1:
        raise ValueError(f"the envelope has {envelope.num_frames} frames, the clip {wanted}")
    return envelope.resample(FRAME_RATE, duration)
