"""One recording as the index knows it: its events, each with its figures, and a picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from folai.library.timbre import vectors_of
from folai.media.audio import read_audio, resample
from folai.media.channels import to_mono
from folai.preview.events import Event, cut_events

Wav = NDArray[np.float32]

SAMPLE_RATE = 44_100  # Hz, at which everything is measured
LONGEST = 600.0  # seconds of a recording that are cut into events
QUIETEST = 1e-4  # -80 dB; a recording that stays below it is silent
SHORTEST = 0.06  # seconds; a shorter one is followed by silence
MOST_EVENTS = 400  # of one recording: the loudest of them
PICTURE = 200  # columns of the picture of a waveform
_STEP = "footstep footsteps step steps walk walking run running stomp barefoot heel hoof".split()


@dataclass(frozen=True)
class EventFigures:
    """An event of a recording. Times in seconds, `level` and `floor` RMS, the others Hz."""

    start: float  # of its onset, in the recording
    seconds: float
    level: float
    brightness: float  # centre of its spectrum
    pitch: float  # of its strongest tone
    tonality: float  # share of the energy that lies in tones, 0 to 1
    decay: float  # until 20 dB below its level
    floor: float  # RMS of what is quiet in the recording
    kind: str  # impact, sustained, step or whoosh
    vector: bytes


@dataclass(frozen=True)
class Recording:
    """A file as measured."""

    seconds: float
    sample_rate: int
    channels: int
    picture: bytes
    events: tuple[EventFigures, ...]


def measure_file(path: Path, subject: str) -> Recording:
    """Decodes and measures a file. subject: what it is called, for steps are known by name.

    Raises ValueError where it cannot be read, or has no sound that can be heard.
    """
    wav, rate = read_audio(path, longest=LONGEST)
    mono = resample(to_mono(wav), rate, SAMPLE_RATE)
    if np.abs(mono).max() < QUIETEST:
        raise ValueError(f"{path}: is silent (below -80 dB)")
    missing = round(SHORTEST * SAMPLE_RATE) - mono.shape[1]  # the cutter needs that much
    cut = cut_events(np.pad(mono, ((0, 0), (0, max(0, missing)))), SAMPLE_RATE)
    if len(cut) > MOST_EVENTS:
        loudest = np.argsort([-event.level for event in cut])[:MOST_EVENTS]
        cut = [cut[i] for i in sorted(loudest)]
    floor = float(np.percentile(_levels(mono), 5))
    is_step = not set(subject.split()).isdisjoint(_STEP)
    events = tuple(
        _figures(event, floor, is_step, vector)
        for event, vector in zip(cut, vectors_of([event.samples[0] for event in cut]), strict=True)
    )
    return Recording(wav.shape[1] / rate, rate, wav.shape[0], _picture(mono[0]), events)


def _figures(event: Event, floor: float, is_step: bool, vector: bytes) -> EventFigures:
    spectrum, hertz = _spectrum(event.samples[0])
    total = max(float(spectrum.sum()), 1e-20)
    strongest = int(np.argmax(spectrum))
    return EventFigures(
        start=event.start,
        seconds=event.samples.shape[1] / SAMPLE_RATE,
        level=event.level,
        brightness=float((spectrum * hertz).sum() / total),
        pitch=float(hertz[strongest]),
        tonality=_tonality(spectrum),
        decay=event.decay,
        floor=floor,
        kind=_kind(event, is_step),
        vector=vector,
    )


def _kind(event: Event, is_step: bool) -> str:
    """A whoosh swells: it is loudest late, and neither stays nor was struck."""
    if is_step:
        return "step"
    levels = _levels(event.samples)
    top = int(np.argmax(levels))
    if top >= 12 and levels[: top // 3 + 1].max() < 0.35 * levels[top]:  # 12: 60 ms
        return "whoosh"
    return "sustained" if event.is_sustained else "impact"


def _levels(wav: Wav) -> NDArray[np.float64]:
    """RMS of [C, T] in steps of 5 ms."""
    step = SAMPLE_RATE // 200
    whole = wav[0, : max(1, wav.shape[1] // step) * step]
    rows = np.resize(whole, (max(1, len(whole) // step), step)).astype(np.float64)
    return np.asarray(np.sqrt((rows**2).mean(axis=1)))


def _spectrum(wav: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power and Hz of the first 0.37 s of an event [T]."""
    size = 16_384
    part = wav[:size] * np.hanning(2 * min(size, len(wav)))[min(size, len(wav)) :]
    power = np.asarray(np.abs(np.fft.rfft(part, size)) ** 2, np.float64)
    return power, np.asarray(np.arange(power.size) * (SAMPLE_RATE / size), np.float64)


def _tonality(spectrum: NDArray[np.float64]) -> float:
    """Share of the power that stands 10 dB above its surroundings of 60 bins (160 Hz)."""
    width = 61
    around = np.convolve(np.pad(spectrum, width // 2, mode="edge"), np.ones(width) / width, "valid")
    peaks = spectrum > 10 * around
    near = np.convolve(peaks, np.ones(5), "same") > 0
    return float(spectrum[near].sum() / max(spectrum.sum(), 1e-20))


def _picture(wav: NDArray[np.float32]) -> bytes:
    """Lowest and highest sample of each column, as int8 [PICTURE, 2]."""
    edges = np.linspace(0, len(wav), PICTURE + 1).astype(int)[:-1]
    edges = np.minimum(edges, len(wav) - 1)
    low, high = np.minimum.reduceat(wav, edges), np.maximum.reduceat(wav, edges)
    peak = max(float(np.abs(wav).max()), 1e-9)
    return np.round(np.stack([low, high], axis=1) / peak * 127).astype(np.int8).tobytes()
