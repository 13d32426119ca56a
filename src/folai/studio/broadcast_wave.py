"""Broadcast Wave files: 24-bit WAV with a `bext` chunk that says when it starts (EBU Tech 3285)."""

from __future__ import annotations

import re
import struct
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from folai.studio.project_sounds import Sound, Wav, blocks, peak
from folai.writing import written_whole

LONGEST = (1 << 32) - (1 << 20)  # bytes that a WAV file can say it has
HIGHEST = (1 << 23) - 1


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


def write_broadcast_wave(path: Path, sound: Sound, *, start: float, description: str) -> None:
    """Write `sound` with 24 bits. start: seconds since midnight. Raises ValueError beyond 4 GB.

    A sound that would clip is attenuated as a whole.
    """
    block = 3 * sound.channels
    size = sound.num_samples * block
    if size > LONGEST:
        hours = LONGEST / block / sound.sample_rate / 3600
        raise ValueError(f"a WAV file holds {hours:.1f} h at most; export a shorter clip")
    gain = min(1.0, 0.99 / max(peak(sound), 1e-9))
    bext = _bext(description, round(start * sound.sample_rate))
    form = struct.pack(
        "<HHIIHH",
        1,
        sound.channels,
        sound.sample_rate,
        sound.sample_rate * block,
        block,
        24,
    )
    with written_whole(path) as partial, open(partial, "wb") as file:
        padded = size + size % 2
        file.write(b"RIFF" + struct.pack("<I", 4 + 8 + len(bext) + 24 + 8 + padded) + b"WAVE")
        _chunk(file, b"bext", bext)
        _chunk(file, b"fmt ", form)
        file.write(b"data" + struct.pack("<I", size))
        for wav in blocks(sound):
            file.write(_packed(wav * np.float32(gain)))
        file.write(b"\0" * (size % 2))


def _chunk(file: BinaryIO, name: bytes, content: bytes) -> None:
    file.write(name + struct.pack("<I", len(content)) + content)


def _bext(description: str, reference: int) -> bytes:
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


def _packed(wav: Wav) -> bytes:
    """[C, T] as interleaved little-endian 24-bit samples."""
    scaled = np.rint(np.clip(wav.T, -1.0, 1.0).astype(np.float64) * HIGHEST).astype("<i4")
    return scaled.reshape(-1, 1).view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
