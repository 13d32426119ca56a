"""Envelopes as files: JSON, CSV for spreadsheets and other programs, and sound to measure.

Everything here works on plain arrays; `Envelope.load` and `Envelope.save` are what to call.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from folai.envelope.rms import FRAME_RATE, measure
from folai.writing import check_writable, written_whole

Floats = NDArray[np.float64]

FORMAT = "folai-envelope"
VERSION = 1
MAX_CONTROL_RATE = 1000  # Hz: sound this slow is no sound but a control signal


class Curve(NamedTuple):
    """What a file of an envelope holds, unchecked."""

    values: NDArray[np.float32]  # [T] linear RMS
    frame_rate: float  # Hz
    onsets: Floats | None  # [N] seconds, sorted; None: the file knows of none, they are to be found


def read_envelope(path: Path, frame_rate: float | None) -> Curve:
    """Reads by suffix; sound is measured at frame_rate Hz. The ValueErrors leave the name out."""
    if not path.is_file():
        raise ValueError("is a directory: name a file" if path.is_dir() else "no such file")
    if path.suffix.lower() not in (".json", ".csv"):
        return _from_sound(path, frame_rate or FRAME_RATE)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read as text ({error}): re-export the envelope") from error
    if not text.strip():
        raise ValueError("the file is empty: re-export the envelope")
    return _from_json(text) if path.suffix.lower() == ".json" else _from_csv(text)


def check_envelope_name(path: str | Path) -> None:
    """Raises ValueError, before any work, unless an envelope can be written to path."""
    if Path(path).suffix.lower() not in (".json", ".csv"):
        raise ValueError(f"{path}: envelopes are saved as .json or .csv: change the name")
    check_writable(path)


def write_envelope(
    values: NDArray[np.float32], frame_rate: float, onsets: Floats, path: Path
) -> None:
    """By suffix, .json or .csv: to a temporary name beside path, then renamed."""
    check_envelope_name(path)
    to_text = _to_json if path.suffix.lower() == ".json" else _to_csv
    text = to_text(values, frame_rate, onsets)
    try:
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot write here ({error.strerror}): choose another") from error


def _from_sound(path: Path, frame_rate: float) -> Curve:
    """Measures sound; a control signal's first channel is taken as the values."""
    from folai.media.audio import read_audio

    wav, sample_rate = read_audio(path)
    if sample_rate > MAX_CONTROL_RATE:
        values, onsets = measure(wav, sample_rate, frame_rate)
        return Curve(values, frame_rate, onsets)
    return Curve(wav[0], sample_rate, None)


def _to_json(values: NDArray[np.float32], frame_rate: float, onsets: Floats) -> str:
    document = {
        "format": FORMAT,
        "version": VERSION,
        "frame_rate": frame_rate,
        "onsets": onsets.tolist(),
        # The shortest decimals that read back as the same float32.
        "values": [float(str(value)) for value in values],
    }
    return json.dumps(document) + "\n"


def _from_json(text: str) -> Curve:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"malformed JSON ({error}): re-export the envelope") from error
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise ValueError(f'JSON without "format": "{FORMAT}": save it with Envelope.save')
    version = document.get("version")
    if version != VERSION:
        raise ValueError(
            f"version {version!r} of the format, this folai reads {VERSION}: update folai"
        )
    missing = {"frame_rate", "values", "onsets"} - document.keys()
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} missing: re-export the envelope")
    try:
        rate = float(document["frame_rate"])
        values = np.array(document["values"], dtype=np.float32)
        onsets = np.array(document["onsets"], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"holds something that is no number ({error}): repair it") from error
    return Curve(values, rate, onsets)


def _to_csv(values: NDArray[np.float32], frame_rate: float, onsets: Floats) -> str:
    """Columns time, rms, onset: the last holds the seconds of the onsets nearest to that frame."""
    frames = np.rint(onsets * frame_rate).astype(int)
    notes: dict[int, list[str]] = {}
    for frame, onset in zip(frames, onsets.tolist(), strict=True):
        notes.setdefault(min(int(frame), len(values) - 1), []).append(repr(onset))
    times = (np.arange(len(values)) / frame_rate).tolist()
    rows = [
        f"{time!r},{value},{' '.join(notes.get(frame, []))}"
        for frame, (time, value) in enumerate(zip(times, values, strict=True))
    ]
    return "\n".join(["time,rms,onset", *rows]) + "\n"


def _from_csv(text: str) -> Curve:
    """Rows of time,value at an even step; a header is optional, an onset column needs one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = next((s for s in ",;\t" if lines and s in lines[0]), ",")
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error as error:
        raise ValueError(f"malformed CSV ({error}): each row is time,rms[,onset]") from error
    header = [] if not rows or _is_number(rows[0][0]) else [cell.lower() for cell in rows.pop(0)]
    has_onsets = header[2:3] == ["onset"]
    points: list[tuple[float, float]] = []
    onsets: list[float] = []
    for number, row in enumerate(rows, start=1):
        try:
            points.append((float(row[0]), float(row[1])))
            onsets += [float(word) for word in row[2].split()] if has_onsets and row[2:] else []
        except (ValueError, IndexError):
            found = separator.join(row)
            fix = "each row is time,rms[,onset] in numbers"
            raise ValueError(f"malformed CSV, data row {number} is {found!r}: {fix}") from None
    values, frame_rate = _evenly_spaced(np.array(points).reshape(-1, 2))
    return Curve(values.astype(np.float32), frame_rate, np.sort(np.array(onsets)))


def _evenly_spaced(points: Floats) -> tuple[Floats, float]:
    """Values and rate in Hz of (time, value) rows [T, 2]; rows that start late are interpolated."""
    times, values = points.T
    if len(times) < 2:
        raise ValueError(f"{len(times)} rows: two or more are needed to know the rate")
    step = (times[-1] - times[0]) / (len(times) - 1)
    if not np.isfinite(times).all() or step <= 0 or np.ptp(np.diff(times)) > 0.2 * step:
        raise ValueError("times are not evenly spaced: resample to a fixed step before export")
    rate = _simplest_rate(times - times[0])
    if abs(times[0]) < 0.1 * step:  # rounding, at most
        return values, rate
    clock = np.arange(max(int(times[-1] * rate + 1e-6) + 1, 1)) / rate
    return np.interp(clock, times, values, left=0.0), rate


def _simplest_rate(times: Floats) -> float:
    """Hz. Printed times are rounded: 0, 0.0083, 0.0167 are 120 Hz, not what the division gives.

    Takes the roundest rate that explains the times as well as the straight line through them does.
    """
    frames = np.arange(len(times))
    fitted = float(frames[-1] / times[-1])
    slack = 2 * np.abs(times - frames / fitted).max() + 1e-12 * times[-1]
    for rate in (round(fitted), round(fitted, 2), round(fitted, 3)):
        if rate > 0 and np.abs(times - frames / rate).max() <= slack:
            return float(rate)
    return fitted


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
