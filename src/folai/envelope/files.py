"""Envelopes as files: JSON, CSV for spreadsheets and other programs, and sound to measure.

Everything here works on plain arrays; `Envelope.load` and `Envelope.save` are what to call.
"""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from folai.envelope.hits import Hits, HitSettings, of_onsets
from folai.envelope.rms import FRAME_RATE, measure
from folai.writing import check_writable, written_whole

Floats = NDArray[np.float64]

FORMAT = "folai-envelope"
VERSION = 1
BESIDE = ("confidence", "onset_confidence", "pan")  # curves that an envelope may have
MAX_CONTROL_RATE = 1000  # Hz: sound this slow is no sound but a control signal


Shares = NDArray[np.float32]


class Curve(NamedTuple):
    """What a file of an envelope holds, unchecked."""

    values: NDArray[np.float32]  # [T] linear RMS
    frame_rate: float  # Hz
    onsets: Floats | None  # [N] seconds, sorted; None: the file knows of none, they are to be found
    confidence: Shares | None = None  # [T] 0 to 1; None: unknown
    onset_confidence: Shares | None = None  # [N] 0 to 1; None: unknown
    pan: Shares | None = None  # [T] -1 to 1; None: nobody says where
    hits: Hits = ()  # settings of single hits


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
    curve = _from_json(text) if path.suffix.lower() == ".json" else _from_csv(text)
    return _without_stale(curve, path)


def _without_stale(curve: Curve, path: Path) -> Curve:
    """Whoever changes the numbers of a file by hand or by script leaves what is beside them."""
    counts = (np.size(curve.values), np.size(_known(curve.onsets)), np.size(curve.values))
    beside = [
        (name, getattr(curve, name), count) for name, count in zip(BESIDE, counts, strict=True)
    ]
    stale: dict[str, Any] = {
        name: None for name, own, count in beside if own is not None and np.size(own) != count
    }
    if stale:
        warnings.warn(
            f"{path}: its {' and '.join(stale)} was written for other numbers, and is left out",
            stacklevel=2,
        )
    kept = of_onsets(curve.hits, _known(curve.onsets))
    if len(kept) < len(curve.hits):
        warnings.warn(
            f"{path}: settings of {len(curve.hits) - len(kept)} hits are at no onset, and are left "
            "out",
            stacklevel=2,
        )
    return curve._replace(**stale, hits=kept)


def check_envelope_name(path: str | Path) -> None:
    """Raises ValueError, before any work, unless an envelope can be written to path."""
    if Path(path).suffix.lower() not in (".json", ".csv"):
        raise ValueError(f"{path}: envelopes are saved as .json or .csv: change the name")
    check_writable(path)


def write_envelope(curve: Curve, path: Path) -> None:
    """By suffix, .json or .csv: to a temporary name beside path, then renamed."""
    check_envelope_name(path)
    text = _to_json(curve) if path.suffix.lower() == ".json" else _to_csv(curve)
    try:
        with written_whole(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ValueError(f"{path}: cannot write here ({error.strerror}): choose another") from error


def _from_sound(path: Path, frame_rate: float) -> Curve:
    """Measures sound; a control signal's first channel is taken as the values."""
    from folai.media.audio import read_audio
    from folai.media.rumble import without_rumble

    wav, sample_rate = read_audio(path)
    if sample_rate > MAX_CONTROL_RATE:
        values, onsets = measure(without_rumble(wav, sample_rate), sample_rate, frame_rate)
        return Curve(values, frame_rate, onsets)
    return Curve(wav[0], sample_rate, None)


def _to_json(curve: Curve) -> str:
    document: dict[str, object] = {
        "format": FORMAT,
        "version": VERSION,
        "frame_rate": curve.frame_rate,
        "onsets": _known(curve.onsets).tolist(),
        "values": _decimals(curve.values),
    }
    for name in BESIDE:  # readers that do not know them pass over them
        if getattr(curve, name) is not None:
            document[name] = _decimals(getattr(curve, name))
    if curve.hits:
        document["hits"] = [hit.as_dict() for hit in curve.hits]
    return json.dumps(document) + "\n"


def _decimals(values: Shares) -> list[float]:
    """The shortest decimals that read back as the same float32."""
    return [float(str(value)) for value in values]


def _known(onsets: Floats | None) -> Floats:
    return np.zeros(0) if onsets is None else onsets


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
        beside = {name: _shares(document.get(name)) for name in BESIDE}
    except (TypeError, ValueError) as error:
        raise ValueError(f"holds something that is no number ({error}): repair it") from error
    hits = document.get("hits", [])
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise ValueError('"hits" is no list of objects, such as {"time": 1.5, "pitch": 12}')
    return Curve(values, rate, onsets, **beside, hits=tuple(map(HitSettings.of, hits)))


def _shares(values: list[float] | None) -> Shares | None:
    return None if values is None else np.array(values, dtype=np.float32)


def _to_csv(curve: Curve) -> str:
    """Columns time, rms, onset; confidence, pan, onset_confidence and hits where there are such.

    onset holds the seconds of the onsets nearest to that frame, onset_confidence and hits what is
    said of those.
    """
    onsets, num_frames = _known(curve.onsets), len(curve.values)
    places = np.minimum(np.rint(onsets * curve.frame_rate).astype(int), num_frames - 1).tolist()
    columns: dict[str, list[str]] = {
        "time": [repr(time) for time in (np.arange(num_frames) / curve.frame_rate).tolist()],
        "rms": [str(value) for value in curve.values],
        "onset": _beside(places, [repr(time) for time in onsets.tolist()], num_frames),
    }
    for name, shares in (("confidence", curve.confidence), ("pan", curve.pan)):
        if shares is not None:
            columns[name] = [str(share) for share in shares]
    if curve.onset_confidence is not None:
        known = [str(share) for share in curve.onset_confidence]
        columns["onset_confidence"] = _beside(places, known, num_frames)
    if curve.hits:
        settings = {hit.time: hit.as_text() for hit in curve.hits}
        told = [settings.get(time, "") for time in onsets.tolist()]
        columns["hits"] = _beside(places, told, num_frames)
    rows = zip(*columns.values(), strict=True)
    return "\n".join([",".join(columns), *map(",".join, rows)]) + "\n"


def _beside(places: list[int], notes: list[str], num_frames: int) -> list[str]:
    """A cell a frame: the notes of these frames, parted by spaces."""
    cells: list[list[str]] = [[] for _ in range(num_frames)]
    for place, note in zip(places, notes, strict=True):
        cells[place].append(note)
    return [" ".join(filter(None, cell)) for cell in cells]


def _from_csv(text: str) -> Curve:
    """Rows of time,value at an even step; a header is optional, other columns need one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    separator = next((s for s in ",;\t" if lines and s in lines[0]), ",")
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error as error:
        raise ValueError(f"malformed CSV ({error}): each row is time,rms[,onset]") from error
    header = [] if not rows or _is_number(rows[0][0]) else [cell.lower() for cell in rows.pop(0)]
    names = ("onset", *BESIDE, "hits")
    places = {name: header.index(name) for name in names if name in header[2:]}
    points: list[tuple[float, float]] = []
    found: dict[str, list[Any]] = {name: [] for name in places}
    for number, row in enumerate(rows, start=1):
        try:
            points.append((float(row[0]), float(row[1])))
            for name, place in places.items():
                words = " ".join(row[place : place + 1]).split()
                found[name] += map(HitSettings.of_text if name == "hits" else float, words)
        except (ValueError, IndexError):
            shown = separator.join(row)
            fix = "each row is time,rms[,onset] in numbers"
            raise ValueError(f"malformed CSV, data row {number} is {shown!r}: {fix}") from None
    return _as_curve(np.array(points).reshape(-1, 2), found)


def _as_curve(points: Floats, found: dict[str, list[Any]]) -> Curve:
    """Rows [T, 2] of time and value, and what the other columns hold."""
    values, frame_rate = _evenly_spaced(points)
    onsets = np.array(found.get("onset", []), dtype=np.float64)
    order = np.argsort(onsets, kind="stable")
    clock = np.arange(len(values)) / frame_rate
    confidence, onset_confidence, pan = (_shares(found.get(name)) for name in BESIDE)
    if confidence is not None and len(confidence) == len(points):
        confidence = np.interp(clock, points[:, 0], confidence).astype(np.float32)
    if pan is not None and len(pan) == len(points):
        pan = np.interp(clock, points[:, 0], pan).astype(np.float32)
    if onset_confidence is not None and len(onset_confidence) == len(onsets):
        onset_confidence = onset_confidence[order]
    beside = (confidence, onset_confidence, pan, tuple(found.get("hits", ())))
    return Curve(values.astype(np.float32), frame_rate, onsets[order], *beside)


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
