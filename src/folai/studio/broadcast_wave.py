"""Bytes of Broadcast Wave files: 24-bit WAV whose `bext` chunk says its start (EBU Tech 3285)."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from folai.studio.project_sounds import Wav

LONGEST = (1 << 32) - (1 << 20)  # bytes that a WAV file can say it has
HIGHEST = (1 << 23) - 1
CLIPPING = 0.99  # highest sample of a sound that would clip


def timecode_seconds(timecode: str | None, fps: float) -> float:
    """Seconds since midnight of HH:MM:SS:FF at `fps`; `;` before FF means drop-frame.

    29.97 and the like count whole frames: an hour of non-drop timecode lasts 3603.6 s.
    Raises ValueError for an invalid timecode.
    """
    if timecode is None:
        return 0.0
    found = re.fullmatch(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)", timecode)
    nominal = max(1, round(fps))
    if found is None:
        raise ValueError(f"timecode {timecode!r}: write it as HH:MM:SS:FF")
    hours, minutes, seconds, frames = (int(found[group]) for group in (1, 2, 3, 5))
    if hours > 23 or minutes > 59 or seconds > 59 or frames >= nominal:
        raise ValueError(
            f"timecode {timecode!r}: at {fps:g} fps frames go from 00 to {nominal - 1}"
        )
    count = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if found[4] in ";." and nominal % 30 == 0:
        whole = hours * 60 + minutes
        count -= nominal // 15 * (whole - whole // 10)  # SMPTE ST 12-1: 2 a minute, not each tenth
    return count / fps if fps > 0 else 0.0


def timecode_rate(clip: dict[str, Any]) -> float:
    """The rate that a clip's timecode counts in, Hz; projects of before 0.2 know the average."""
    return float(clip.get("nominal_fps") or clip["fps"])


def check_size(num_bytes: int, sample_rate: int) -> None:
    """Raise ValueError for samples of 24 bits that are more than a WAV file can hold."""
    if num_bytes > LONGEST:
        hours = LONGEST / 3 / sample_rate / 3600
        raise ValueError(f"a WAV file holds {hours:.1f} h of one channel; export a shorter clip")


def wave_header(
    num_samples: int, channels: int, sample_rate: int, chunks: Sequence[tuple[bytes, bytes]]
) -> bytes:
    """What stands in a WAV file before its samples of 24 bits, with these chunks among it."""
    block = 3 * channels
    size = num_samples * block
    form = struct.pack("<HHIIHH", 1, channels, sample_rate, sample_rate * block, block, 24)
    inside = b"WAVE" + b"".join(_chunk(*chunk) for chunk in [*chunks, (b"fmt ", form)])
    samples = b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(inside) + 8 + size + size % 2) + inside + samples


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def bext_chunk(description: str, reference: int) -> bytes:
    """Version 1: description, originator, its reference, date, time, samples since midnight."""
    now = datetime.now(UTC)
    text = description.encode("ascii", "replace")[:256]
    fixed = struct.pack(
        "<256s32s32s10s8sQH64s190s",
        text,
        b"folai",
        b"",
        now.strftime("%Y-%m-%d").encode(),
        now.strftime("%H:%M:%S").encode(),
        reference,
        1,
        b"",
        b"",
    )
    return fixed


def sample_bytes(wav: Wav) -> bytes:
    """[C, T] as interleaved little-endian 24-bit samples."""
    scaled = np.clip(wav.T, -1.0, 1.0).astype(np.float64)  # [T, C]
    scaled *= HIGHEST
    whole = np.rint(scaled, out=scaled).astype("<i4").reshape(-1)
    four = whole.view(np.uint8).reshape(-1, 4)
    three = np.empty((whole.size, 3), np.uint8)
    for place in range(3):  # much faster than one copy of a slice three bytes wide
        three[:, place] = four[:, place]
    return three.tobytes()
