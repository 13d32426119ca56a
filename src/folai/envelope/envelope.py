"""The envelope: how loud the sound is at each moment, as an object that can be edited.

`Envelope.values[i]` is the RMS of a window centred at `i / frame_rate` seconds, on the clock that
starts at the first video frame. It is centred whether it was measured, predicted or drawn.

    envelope = Envelope.load("clip.json").gain(3.0).remove_hit(1.24).add_hit(2.0, level=0.5)
    envelope.save("edited.json")

Nothing here changes in place: every edit returns a new Envelope.

A predicted envelope says how sure it is. `confidence[i]` is the share of the hits around frame i,
those in the envelope and those that a microphone would have heard, that are expected to agree;
`onset_confidence[n]` the probability that onset n is right to 100 ms. Both are None where nobody
knows: measured from sound, drawn by hand, read from a file without them. Edits keep them, and what
a person draws, pastes, adds, moves or removes is sure from then on: 1.

An envelope may also say where the sound is between the loudspeakers: `pan[i]`, -1 left to 1 right,
and of single hits which sound they have, how high and how loud it is, and which foot (`set_hit`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.envelope.files import Curve, read_envelope, write_envelope
from folai.envelope.foreign import TAIL, has_array, has_onsets, read_onsets, read_prediction
from folai.envelope.hits import Hits, HitSettings, checked, moved, of_onsets
from folai.envelope.rms import (
    FRAME_RATE,
    WINDOW,
    centred_rms,
    count_frames,
    find_onsets,
    gaussian_smooth,
    hit_power,
    measure,
)

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Envelope:
    """RMS over time. Arrays are copied on the way in and read-only from then on.

    values: [T] linear RMS >= 0, 1.0 being full scale. frame_rate: Hz.
    onsets: [N] event times in seconds, sorted, within [0, duration].
    confidence: [T] and onset_confidence: [N], 0 to 1, or None where unknown.
    pan: [T] from -1, left, to 1, right, or None: nobody says where.
    hits: the settings of those hits that have any, each at the time of its onset.
    Raises ValueError where any of that does not hold.
    """

    values: NDArray[np.float32]
    frame_rate: float = FRAME_RATE
    onsets: Floats = field(default_factory=lambda: np.zeros(0))
    confidence: NDArray[np.float32] | None = None
    onset_confidence: NDArray[np.float32] | None = None
    pan: NDArray[np.float32] | None = None
    hits: Hits = ()

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32)
        onsets = np.array(self.onsets, dtype=np.float64)
        _check_values(values)
        rate = self.frame_rate
        _require(math.isfinite(rate) and rate > 0, f"frame_rate is {rate} Hz: must be above 0")
        _check_onsets(onsets, len(values) / rate)
        confidence = _shares("confidence", self.confidence, len(values), "frame")
        onset_confidence = _shares("onset_confidence", self.onset_confidence, len(onsets), "onset")
        pan = _shares("pan", self.pan, len(values), "frame", lowest=-1)
        for array in (values, onsets, confidence, onset_confidence, pan):
            if array is not None:
                array.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "onsets", onsets)
        object.__setattr__(self, "confidence", confidence)
        object.__setattr__(self, "onset_confidence", onset_confidence)
        object.__setattr__(self, "pan", pan)
        object.__setattr__(self, "frame_rate", float(self.frame_rate))
        object.__setattr__(self, "hits", checked(self.hits, onsets))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Envelope)
            and self.frame_rate == other.frame_rate
            and np.array_equal(self.values, other.values)
            and np.array_equal(self.onsets, other.onsets)
            and _same(self.confidence, other.confidence)
            and _same(self.onset_confidence, other.onset_confidence)
            and _same(self.pan, other.pan)
            and self.hits == other.hits
        )

    @property
    def num_frames(self) -> int:
        return len(self.values)

    @property
    def duration(self) -> float:
        """Seconds: num_frames / frame_rate."""
        return float(self.num_frames / self.frame_rate)

    @property
    def times(self) -> Floats:
        """[T] seconds at which each value's window is centred."""
        return np.arange(self.num_frames) / self.frame_rate

    # Making one

    @classmethod
    def from_audio(
        cls,
        wav: ArrayLike,
        sample_rate: float,
        *,
        frame_rate: float = FRAME_RATE,
        window: float = WINDOW,
        onsets: Sequence[float] | Floats | None = None,
    ) -> Envelope:
        """Measures wav, [T] or [C, T] (the mean power of its channels), zero outside.

        onsets: seconds; None finds them, on a finer curve than detect_onsets() has; () for none.
        """
        if onsets is None:
            values, onsets = measure(wav, sample_rate, frame_rate, window)
        else:
            values = centred_rms(wav, sample_rate, frame_rate, window)
        return cls(values, frame_rate, np.asarray(onsets, dtype=np.float64))

    @classmethod
    def from_hits(
        cls,
        hits: Iterable[tuple[float, float]] | Iterable[float],
        duration: float,
        *,
        frame_rate: float = FRAME_RATE,
        attack: float = 0.005,
        decay: float = 0.08,
    ) -> Envelope:
        """A hit at each time in seconds, or (time, level) with level its peak RMS; powers add."""
        pairs = [(*np.atleast_1d(hit).tolist(), 1.0)[:2] for hit in hits]
        silence = cls(np.zeros(count_frames(duration, frame_rate), np.float32), frame_rate)
        times, power = silence.times, np.zeros(silence.num_frames)
        for time, level in pairs:
            silence._require_inside(time)
            until = time + WINDOW + attack + 14 * decay  # where it is 120 dB down
            near = slice(*np.searchsorted(times, [time - WINDOW, until]))
            power[near] += hit_power(times[near], time, level, attack, decay)
        onsets = np.sort(np.array([time for time, _ in pairs], dtype=np.float64))
        return cls(np.sqrt(power).astype(np.float32), frame_rate, onsets)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        frame_rate: float | None = None,
        duration: float | None = None,
    ) -> Envelope:
        """Reads .json, .csv, or a file with sound (sampled at 1000 Hz or less: a control signal).

        Also onsets of SyncFusion and RMS of Video2RMS: see `folai.envelope.foreign`.
        frame_rate (Hz) and duration (seconds) are what the file must match, to within one frame;
        sound has no frame rate of its own and is measured at frame_rate. Raises ValueError where
        the file does not match.
        """
        try:
            with np.errstate(over="ignore"):  # a value beyond float32 is reported as infinite
                envelope = cls._read(Path(path), frame_rate, duration)
            envelope.require_match(frame_rate, duration)
        except ValueError as error:
            named = str(error).startswith(str(path))
            raise ValueError(str(error) if named else f"{path}: {error}") from error
        return envelope

    @classmethod
    def _read(cls, path: Path, frame_rate: float | None, duration: float | None) -> Envelope:
        if not path.is_file() or not (has_onsets(path) or has_array(path)):
            return cls._of_curve(read_envelope(path, frame_rate))
        if has_array(path):
            values, rate = read_prediction(path, frame_rate)
            return cls._of_curve(Curve(values, rate, None))
        onsets = read_onsets(path)
        lasts = onsets[-1] + TAIL if duration is None else duration
        return cls.from_hits(onsets, lasts, frame_rate=frame_rate or FRAME_RATE)

    def save(self, path: str | Path) -> None:
        """Writes .json (exact) or .csv (a row a frame, exact too), whole or not at all."""
        beside = (self.confidence, self.onset_confidence, self.pan, self.hits)
        write_envelope(Curve(self.values, self.frame_rate, self.onsets, *beside), Path(path))

    @classmethod
    def _of_curve(cls, curve: Curve) -> Envelope:
        """From what a file holds; onsets are detected where it has none."""
        if curve.onsets is None:
            return cls(curve.values, curve.frame_rate, pan=curve.pan).detect_onsets()
        beside = (curve.confidence, curve.onset_confidence, curve.pan, curve.hits)
        return cls(curve.values, curve.frame_rate, curve.onsets, *beside)

    # Reading it

    def at(self, times: ArrayLike) -> Floats:
        """Values at any times in seconds, by linear interpolation; zero outside [0, duration]."""
        times = np.asarray(times, dtype=np.float64)
        inside = (times >= 0) & (times <= self.duration)
        return np.where(inside, np.interp(times, self.times, self.values), 0.0)

    def resample(self, frame_rate: float, duration: float | None = None) -> Envelope:
        """The same curve at another rate in Hz; cut or filled with silence to duration seconds."""
        num_frames = count_frames(self.duration if duration is None else duration, frame_rate)
        times = np.arange(num_frames) / frame_rate
        kept = self.onsets <= num_frames / frame_rate
        return Envelope(
            self.at(times).astype(np.float32),
            frame_rate,
            self.onsets[kept],
            self._at(times, self.confidence),
            _part(self.onset_confidence, kept),
            self._at(times, self.pan),
            of_onsets(self.hits, self.onsets[kept]),
        )

    def require_match(self, frame_rate: float | None, duration: float | None) -> None:
        """Raises ValueError unless rate (Hz) and duration (s) are these; None matches any."""
        fix = "pass --resample, or call Envelope.resample"
        if frame_rate is not None and abs(frame_rate - self.frame_rate) > 1e-6 * frame_rate:
            raise ValueError(f"frame rate is {self.frame_rate:g} Hz, not {frame_rate:g}: {fix}")
        if duration is not None and abs(duration - self.duration) > 1.001 / self.frame_rate:
            raise ValueError(f"lasts {self.duration:.3f} s, not {duration:.3f} s: {fix}")

    # Edits of the whole curve

    def with_onsets(self, onsets: ArrayLike) -> Envelope:
        """The same curve with these event times, in seconds and in any order."""
        return self.redrawn(self.values, onsets)

    def redrawn(self, values: ArrayLike, onsets: ArrayLike) -> Envelope:
        """As a person has drawn it over: [T] values, and onsets in seconds in any order.

        What was changed is sure; frames and onsets that stay as they were keep their confidence.
        """
        values = np.asarray(values, dtype=np.float32)
        onsets = np.sort(np.asarray(onsets, dtype=np.float64))
        changed = values != self.values
        confidence = None
        if self.confidence is not None:
            confidence = np.where(changed, 1.0, self.confidence)
        return self._with(values, onsets, confidence, self._known_onsets(onsets))

    def detect_onsets(self) -> Envelope:
        """The same curve with its onsets found anew; how sure those are is unknown."""
        onsets = find_onsets(self.values, self.frame_rate)
        hits = of_onsets(self.hits, onsets)
        return replace(self, onsets=onsets, onset_confidence=None, hits=hits)

    def gain(self, db: float) -> Envelope:
        """Louder by db decibels."""
        return self._with(self.values * _from_db(db))

    def shift(self, seconds: float) -> Envelope:
        """Later by seconds, to a fraction of a frame (negative: earlier); what leaves is lost."""
        later = self.onsets + seconds
        kept = (later >= 0) & (later <= self.duration)
        times = self.times - seconds
        confidence, pan = self._at(times, self.confidence), self._at(times, self.pan)
        places = dict(zip(self.onsets.tolist(), later.tolist(), strict=True))
        hits, known = moved(self.hits, places), _part(self.onset_confidence, kept)
        return self._with(self.at(times), later[kept], confidence, known, pan, hits)

    def smooth(self, seconds: float) -> Envelope:
        """Blurs with a Gaussian of that standard deviation: no delay, and the same mean."""
        _require(seconds >= 0, f"smooth is {seconds} s: must be 0 or more")
        return self._with(gaussian_smooth(self.values, seconds * self.frame_rate))

    def gate(self, threshold_db: float) -> Envelope:
        """Silences what lies below a level in dB relative to full scale, and the onsets there."""
        values = np.where(self.values < _from_db(threshold_db), 0.0, self.values)
        heard = self._onsets_heard(values)
        return self._with(
            values, self.onsets[heard], onset_confidence=_part(self.onset_confidence, heard)
        )

    def sharpen(self, amount: float, *, context: float = 0.15) -> Envelope:
        """Contrast against the local mean over context seconds; 0: no change, 1: strong.

        The loudest moment keeps its level, so that no edit pushes the curve over full scale.
        """
        _require(amount >= 0, f"sharpen is {amount}: must be 0 or more, smooth() softens")
        mean = gaussian_smooth(self.values, context * self.frame_rate)
        contrast = self.values / np.maximum(mean, np.finfo(np.float32).tiny)
        values = self.values * contrast**amount
        peak = values.max()
        return self._with(values * (self.values.max() / peak) if peak > 0 else values)

    # Edits of a region

    def scale_region(self, start: float, end: float, db: float, fade: float = 0.01) -> Envelope:
        """Louder by db between start and end seconds, fading over fade seconds on either side."""
        return self._with(self.values * (1 + (_from_db(db) - 1) * self._region(start, end, fade)))

    def mute(self, start: float, end: float, fade: float = 0.01) -> Envelope:
        """Silence, and no onsets, between start and end seconds."""
        silence = Envelope(np.zeros(self.num_frames, np.float32), self.frame_rate)
        return self.paste(silence, start, end, fade)

    def paste(self, other: Envelope, start: float, end: float, fade: float = 0.01) -> Envelope:
        """Between start and end seconds what another envelope has there, its onsets and pan too.

        What a person pastes is sure, whatever it was before.
        """
        share = self._region(start, end, fade)
        outside = (self.onsets < start) | (self.onsets > end)
        pasted = other.onsets[(other.onsets >= start) & (other.onsets <= min(end, self.duration))]
        values = self.values * (1 - share) + other.at(self.times) * share
        onsets = np.append(self.onsets[outside], pasted)
        order = np.argsort(onsets, kind="stable")
        confidence = onset_confidence = None
        if self.confidence is not None:
            confidence = self.confidence * (1 - share) + share
        if self.onset_confidence is not None:
            joined = np.append(self.onset_confidence[outside], np.ones(len(pasted)))
            onset_confidence = joined[order]
        pan = self.pan
        if other.pan is not None:
            here = np.zeros(self.num_frames) if pan is None else pan
            there = np.interp(self.times, other.times, other.pan)
            pan = np.asarray(here * (1 - share) + there * share, np.float32)
        hits = of_onsets(self.hits, self.onsets[outside]) + of_onsets(other.hits, pasted)
        return self._with(values, onsets[order], confidence, onset_confidence, pan, hits)

    def placed_as(self, other: Envelope) -> Envelope:
        """The same curve, heard where another envelope is."""
        if other.pan is None:
            return replace(self, pan=None)
        pan = np.interp(self.times, other.times, other.pan)
        return replace(self, pan=pan.astype(np.float32))

    def place(self, start: float, end: float, pan: float, fade: float = 0.05) -> Envelope:
        """Heard at `pan`, -1 left to 1 right, between start and end seconds.

        It moves there over fade seconds on either side; where nobody said, it is in the middle.
        """
        _require(-1 <= pan <= 1, f"pan is {pan}: must be -1, left, to 1, right")
        share = self._region(start, end, fade)
        before = np.zeros(self.num_frames) if self.pan is None else self.pan
        return replace(self, pan=np.asarray(before * (1 - share) + pan * share, np.float32))

    # Edits of single hits

    def add_hit(self, time: float, level: float, decay: float = 0.08) -> Envelope:
        """One more hit at time seconds: peak RMS level, falling to 1/e in decay seconds."""
        self._require_inside(time)
        power = self.values.astype(np.float64) ** 2
        added = hit_power(self.times, time, level, 0.005, decay)
        onsets = np.sort(np.append(self.onsets, time))
        confidence = self._sure_where(added > 1e-4 * added.max())
        return self._with(np.sqrt(power + added), onsets, confidence, self._known_onsets(onsets))

    def remove_hit(self, time: float, tolerance: float = 0.05) -> Envelope:
        """Takes away the onset nearest to time and brings its bump down to what surrounds it."""
        index = self._nearest_onset(time, tolerance)
        values = self.values.astype(np.float64)
        under, base = self._under_bump(values, index)
        values[under] = base
        onsets, confidence = np.delete(self.onsets, index), self._sure_where(under)
        return self._with(values, onsets, confidence, self._known_onsets(onsets))

    def move_hit(self, time: float, to: float, tolerance: float = 0.05) -> Envelope:
        """Moves the hit nearest to time, with its bump, so that it starts at `to` seconds."""
        self._require_inside(to)
        return self._moved({self._nearest_onset(time, tolerance): to})

    def snap(self, grid: float | Sequence[float] | Floats, tolerance: float = 0.05) -> Envelope:
        """Moves each hit within tolerance of a grid time onto it.

        grid: times in seconds, or one interval in seconds counted from 0.
        """
        times = self._grid(grid)
        moves = {}
        for index, onset in enumerate(self.onsets):
            nearest = times[np.argmin(np.abs(times - onset))]
            if abs(nearest - onset) <= tolerance:
                moves[index] = float(nearest)
        return self._moved(moves)

    def set_hit(self, time: float, *, tolerance: float = 0.05, **changes: Any) -> Envelope:
        """Says how the hit nearest to time differs; what is not given stays as it was.

        sound: number of the event of the reference or pool, or None; pitch: semitones; level_db;
        foot: "left", "right" or None (`folai.envelope.hits.HitSettings`).
        """
        onset = float(self.onsets[self._nearest_onset(time, tolerance)])
        others = [hit for hit in self.hits if hit.time != onset]
        before = [hit for hit in self.hits if hit.time == onset] or [HitSettings(onset)]
        own = HitSettings.of({**before[0].as_dict(), **changes})
        return replace(self, hits=(*others, own))

    def leveled(self) -> Envelope:
        """As it is heard: the levels of single hits are in the curve, no longer beside it."""
        values = self.values.astype(np.float64)
        for hit in self.hits:
            if hit.level_db:
                under, base = self._under_bump(values, int(np.searchsorted(self.onsets, hit.time)))
                bump = (values[under] ** 2 - base**2) * _from_db(hit.level_db) ** 2
                values[under] = np.sqrt(base**2 + bump)
        hits = tuple(replace(hit, level_db=0.0) for hit in self.hits)
        return self if hits == self.hits else self._with(values, hits=hits)

    # Parts of the edits

    def _with(
        self,
        values: ArrayLike | None = None,
        onsets: Floats | None = None,
        confidence: ArrayLike | None = None,
        onset_confidence: ArrayLike | None = None,
        pan: ArrayLike | None = None,
        hits: Hits | None = None,
    ) -> Envelope:
        """With these instead; what is not given stays as it is. Whoever changes the onsets gives
        their confidence, too; settings of hits that are gone go with them."""
        if confidence is None:
            confidence = self.confidence
        if onset_confidence is None:
            onset_confidence = self.onset_confidence
        onsets = self.onsets if onsets is None else onsets
        return Envelope(
            self.values if values is None else np.asarray(values, dtype=np.float32),
            self.frame_rate,
            onsets,
            _optional(confidence),
            _optional(onset_confidence),
            self.pan if pan is None else _optional(pan),
            of_onsets(self.hits if hits is None else hits, onsets),
        )

    def _at(self, times: Floats, curve: NDArray[np.float32] | None) -> NDArray[np.float32] | None:
        """A curve [T] beside the values at any times in seconds; beyond the ends as at the ends."""
        return None if curve is None else np.interp(times, self.times, curve).astype(np.float32)

    def _sure_where(self, frames: NDArray[np.bool_] | slice) -> NDArray[np.float32] | None:
        """The confidence with what a person has changed in it."""
        if self.confidence is None:
            return None
        confidence = self.confidence.copy()
        confidence[frames] = 1.0
        return confidence

    def _known_onsets(self, onsets: Floats) -> NDArray[np.float32] | None:
        """Confidence of these onsets: as before where there was one at that time, else sure."""
        if self.onset_confidence is None:
            return None
        before = dict(zip(self.onsets.tolist(), self.onset_confidence.tolist(), strict=True))
        return np.array([before.get(time, 1.0) for time in onsets.tolist()], dtype=np.float32)

    def _moved(self, moves: dict[int, float]) -> Envelope:
        """Lifts the bumps of these onsets off the curve, then lays each down at its new time."""
        values, onsets = self.values.astype(np.float64), self.onsets.copy()
        laid, changed = np.zeros(self.num_frames), np.zeros(self.num_frames, dtype=bool)
        for index, time in moves.items():
            under, base = self._under_bump(values, index)
            bump = values[under] ** 2 - base**2
            values[under], onsets[index], changed[under] = base, time, True
            place = under.start + (time - self.onsets[index]) * self.frame_rate
            whole, part = math.floor(place), place - math.floor(place)
            frames = whole + np.arange(len(bump) + 1)  # each value shared between two frames
            shared = np.append((1 - part) * bump, 0.0) + np.append(0.0, part * bump)
            inside = (frames >= 0) & (frames < self.num_frames)
            laid[frames[inside]] += shared[inside]
            changed[frames[inside]] = True
        places = {float(self.onsets[index]): float(time) for index, time in moves.items()}
        hits, onsets = moved(self.hits, places), np.sort(onsets)
        confidence, known = self._sure_where(changed), self._known_onsets(onsets)
        return self._with(np.sqrt(values**2 + laid), onsets, confidence, known, hits=hits)

    def _under_bump(self, values: Floats, index: int) -> tuple[slice, Floats]:
        """The frames of one onset's bump, and the line between its two feet to put there.

        The left foot is where the window first touches the onset; the right foot is where the
        curve is back at the left foot's level, or the next hit begins.
        """
        onset, reach = self.onsets[index], WINDOW / 2 + 1 / self.frame_rate
        left = max(math.floor((onset - reach) * self.frame_rate), 0)
        last = self.num_frames - 1
        if index + 1 < len(self.onsets):
            last = min(math.floor((self.onsets[index + 1] - reach) * self.frame_rate), last)
        last = max(last, left)
        floor = values[left] if left > 0 else values[: last + 1].min()
        summit = min(math.ceil((onset + reach) * self.frame_rate), last)
        low = floor + 0.005 * (values[summit] - floor)
        back = np.flatnonzero(values[summit : last + 1] <= low)
        right = summit + int(back[0]) if back.size else last
        line = np.linspace(floor, min(values[right], floor), right - left + 1)
        frames = slice(left, right + 1)
        return frames, np.minimum(values[frames], line)

    def _nearest_onset(self, time: float, tolerance: float) -> int:
        distances = np.abs(self.onsets - time)
        if distances.size and distances.min() <= tolerance:
            return int(np.argmin(distances))
        near = ", ".join(f"{self.onsets[i]:.3f}" for i in np.argsort(distances)[:3]) or "none"
        raise ValueError(f"no onset within {tolerance} s of {time} s: choose from: {near}")

    def _onsets_heard(self, values: Floats) -> NDArray[np.bool_]:
        """[N] which onsets still have sound within a window after them."""
        first = np.floor(self.onsets * self.frame_rate).astype(int)
        last = np.ceil((self.onsets + WINDOW) * self.frame_rate).astype(int)
        heard = [values[i : j + 1].any() for i, j in zip(first, last, strict=True)]
        return np.array(heard, dtype=bool)

    def _region(self, start: float, end: float, fade: float) -> Floats:
        """[T] mask: 1 from start to end, 0 beyond fade seconds outside."""
        _require(0 <= start < end, f"region {start} to {end} s: start must come before end")
        fade = max(fade, 1e-9)
        return np.interp(self.times, [start - fade, start, end, end + fade], [0.0, 1.0, 1.0, 0.0])

    def _grid(self, grid: float | Sequence[float] | Floats) -> Floats:
        if np.ndim(grid) == 0:
            interval = float(np.asarray(grid))
            _require(interval > 0, f"grid interval is {interval} s: must be above 0")
            return interval * np.arange(int(self.duration / interval) + 1, dtype=np.float64)
        times = np.asarray(grid, dtype=np.float64)
        times = times[(times >= 0) & (times <= self.duration)]
        _require(times.size > 0, f"no grid time lies within 0 to {self.duration:g} s")
        return times

    def _require_inside(self, time: float) -> None:
        inside = 0 <= time <= self.duration
        _require(inside, f"time {time} s is outside the envelope, 0 to {self.duration:g} s")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _shares(
    name: str, given: ArrayLike | None, count: int, what: str, lowest: int = 0
) -> NDArray[np.float32] | None:
    """A copy of [count] numbers from `lowest` to 1; None stays None."""
    if given is None:
        return None
    shares = np.array(given, dtype=np.float32)
    one_each = f"{name} has shape {shares.shape}: give one for each {what}, [{count}]"
    _require(shares.shape == (count,), one_each)
    inside = (shares >= lowest) & (shares <= 1)
    if not inside.all():
        wrong = shares[~inside][0]
        fix = f"give {lowest} to 1, or leave it out where unknown"
        raise ValueError(f"{name} holds {wrong:g}: {fix}")
    return shares


def _same(one: NDArray[np.float32] | None, other: NDArray[np.float32] | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one, other)


def _part(
    shares: NDArray[np.float32] | None, chosen: NDArray[np.bool_] | NDArray[np.intp]
) -> NDArray[np.float32] | None:
    return None if shares is None else shares[chosen]


def _optional(shares: ArrayLike | None) -> NDArray[np.float32] | None:
    return None if shares is None else np.asarray(shares, dtype=np.float32)


def _from_db(db: float) -> float:
    _require(math.isfinite(db), f"{db} dB: give a finite number, or mute()")
    return float(10 ** (db / 20))


def _check_values(values: NDArray[np.float32]) -> None:
    _require(values.ndim == 1, f"values have shape {values.shape}: give one RMS a frame, [T]")
    _require(values.size > 0, "the envelope is empty: give at least one frame")
    for wrong, what in ((~np.isfinite(values), "NaN or infinite"), (values < 0, "negative")):
        if wrong.any():
            frame = int(np.argmax(wrong))
            fix = "values are linear RMS, 0 or more: repair or re-export them"
            raise ValueError(f"value {values[frame]:g} at frame {frame} is {what}: {fix}")


def _check_onsets(onsets: Floats, duration: float) -> None:
    _require(onsets.ndim == 1, f"onsets have shape {onsets.shape}: give a list of seconds, [N]")
    inside = (onsets >= 0) & (onsets <= duration)
    if not inside.all():
        wrong = onsets[~inside][0]
        raise ValueError(f"onset at {wrong:g} s is outside 0 to {duration:g} s: move or remove it")
    _require(bool(np.all(np.diff(onsets) >= 0)), "onsets are not in order: sort them")
