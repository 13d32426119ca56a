"""Envelopes of a project: immutable files named by their content, and as the page sends them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from folai.envelope import FRAME_RATE, Envelope
from folai.envelope.files import BESIDE
from folai.envelope.hits import HitSettings
from folai.envelope.rms import count_frames
from folai.writing import written_whole

LOUDEST = 8.0  # RMS, +18 dB re full scale: beyond it something is broken


def envelope_id(envelope: Envelope) -> str:
    """A hash of the curve: the same curve has the same name, so a saved file never changes."""
    digest = hashlib.sha256(np.float64(envelope.frame_rate).tobytes())
    digest.update(np.int64(len(envelope.onsets)).tobytes())
    digest.update(np.ascontiguousarray(envelope.onsets, "<f8").tobytes())
    digest.update(np.ascontiguousarray(envelope.values, "<f4").tobytes())
    for name, shares in _beside(envelope).items():
        digest.update(name.encode() + shares.tobytes())
    if envelope.hits:
        digest.update(_hits_text(envelope).encode())
    return digest.hexdigest()[:24]


def _beside(envelope: Envelope) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Confidences and pan, where the envelope has them, little-endian float32."""
    named = {name: getattr(envelope, name) for name in BESIDE}
    return {
        name: np.ascontiguousarray(shares, "<f4")
        for name, shares in named.items()
        if shares is not None
    }


def _hits_text(envelope: Envelope) -> str:
    return json.dumps([hit.as_dict() for hit in envelope.hits])


def write_npz(path: Path, envelope: Envelope) -> None:
    """Writes a file that exists whole or not at all, also after a power cut."""
    buffer = io.BytesIO()
    rate, shares = [envelope.frame_rate], _beside(envelope)
    hits = {"hits": np.array(_hits_text(envelope))} if envelope.hits else {}
    np.savez(
        buffer,
        values=envelope.values,
        onsets=envelope.onsets,
        frame_rate=rate,
        **shares,  # type: ignore[arg-type]
        **hits,  # type: ignore[arg-type]
    )
    write_durably(path, buffer.getvalue())


def read_npz(path: Path) -> Envelope:
    """Raises ValueError for a file that `write_npz` did not write."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            known = {name: arrays[name] for name in BESIDE if name in arrays}
            rate = float(arrays["frame_rate"][0])
            hits = json.loads(str(arrays["hits"])) if "hits" in arrays else []
            own = tuple(map(HitSettings.of, hits))
            return Envelope(arrays["values"], rate, arrays["onsets"], **known, hits=own)
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read as an envelope ({error})") from error


def write_durably(path: Path, content: bytes) -> None:
    """Replaces a file by one that is complete and on the disk itself."""
    with written_whole(path) as partial:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


def to_json(envelope: Envelope) -> dict[str, Any]:
    """The Envelope of API.md: its arrays are base64 of little-endian float32."""
    values = np.ascontiguousarray(envelope.values, "<f4")
    arrays = {"values": values, **_beside(envelope)}
    return {
        "frame_rate": envelope.frame_rate,
        "onsets": envelope.onsets.tolist(),
        **{name: base64.b64encode(array.tobytes()).decode() for name, array in arrays.items()},
        **({"hits": [hit.as_dict() for hit in envelope.hits]} if envelope.hits else {}),
    }


def from_json(document: dict[str, Any], *, base: Envelope | None = None) -> Envelope:
    """Reads what `to_json` writes. With `base` it holds the frames to replace there, from `first`.

    Confidences are not read: what a person has drawn is sure. Its pan is. Where it does not say the
    settings of hits, those of `base` stay with the onsets that do.

    Raises ValueError for an invalid envelope.
    """
    values = decode_values(document["values"])
    onsets = np.sort(np.array(document["onsets"], np.float64))
    if base is None:
        pan = decode_values(document["pan"]) if document.get("pan") else None
        envelope = Envelope(values, document["frame_rate"], onsets, pan=pan)
    else:
        first = document["first"]
        last = first + len(values)
        if last > base.num_frames:
            raise ValueError(
                f"frames {first} to {last} are to be replaced: give those below {base.num_frames}"
            )
        whole = base.values.copy()
        whole[first : first + len(values)] = values
        envelope = base.redrawn(whole, onsets)
    if "hits" in document:
        envelope = replace(envelope, hits=tuple(map(HitSettings.of, document["hits"])))
    if envelope.values.max() > LOUDEST:
        fix = f"values are linear RMS, up to {LOUDEST:g}"
        raise ValueError(f"the envelope reaches {envelope.values.max():g}: {fix}")
    return envelope


def decode_values(text: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    """base64 of little-endian float32 -> [T]."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"values are not base64 ({error}): send float32 as base64") from error
    if len(content) % 4:
        raise ValueError(f"values have {len(content)} bytes: send whole float32, 4 bytes each")
    return np.frombuffer(content, "<f4").astype(np.float32)


def fitted(envelope: Envelope, duration: float) -> Envelope:
    """The envelope as long as the clip, where it differs by one frame at most.

    Raises ValueError for another rate than FRAME_RATE, or another length.
    """
    if abs(envelope.frame_rate - FRAME_RATE) > 1e-6:
        raise ValueError(f"frame_rate is {envelope.frame_rate:g} Hz: send {FRAME_RATE:g}")
    num_frames = count_frames(duration, FRAME_RATE)
    missing = num_frames - envelope.num_frames
    if missing == 0:
        return envelope
    if abs(missing) > 1:
        raise ValueError(
            f"the envelope has {envelope.num_frames} frames, the clip {num_frames}: send as many"
        )
    return envelope.resample(FRAME_RATE, duration)
