"""Whether anybody speaks in a take: what no Foley should have, by a detector of speech.

The detector is Silero VAD (MIT), by its package `silero-vad`: speech is detected in a sound where
it says so, by its own defaults, for a quarter of a second on end. Takes are asked for with many
prompts and references under rhythms of hits and scrapes.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from folai.data.sounds import SAMPLE_RATE, Sound, pick
from folai.diffusion.vocabulary import WORDS
from folai.envelope import Envelope
from folai.evaluate.foley.tasks import Wav
from folai.media.audio import resample
from folai.pipeline import GenerateOptions, play_envelope

INSTALL = "pip install silero-vad"
RATE = 16_000  # Hz, that the detector takes
SECONDS = 4.0  # of a take
LONGEST = 10.0  # seconds of a reference


@dataclass(frozen=True)
class SpeechScore:
    """In how many takes speech is detected, and what those were asked for."""

    num_takes: int
    found: tuple[str, ...]

    def row(self) -> str:
        """A line of the table."""
        named = f": {', '.join(self.found)}" if self.found else ""
        return f"speech detected in {len(self.found)} of {self.num_takes} takes{named}"


def check_detector() -> None:
    """Raises ImportError where the detector is not installed."""
    if find_spec("silero_vad") is None:
        raise ImportError(f"the detector of speech is not installed: {INSTALL}")


def speech_seconds(wav: Wav, sample_rate: int) -> float:
    """Seconds of sound [T] in which speech is detected.

    Raises ImportError where the detector is not installed.
    """
    check_detector()
    import torch

    detector = import_module("silero_vad")
    heard = torch.from_numpy(resample(np.atleast_2d(wav), sample_rate, RATE)[0])
    found = detector.get_speech_timestamps(heard, detector.load_silero_vad(), sampling_rate=RATE)
    return float(sum(part["end"] - part["start"] for part in found)) / RATE


def speech_score(count: int, sounds: Sequence[Sound], values: dict[str, Any]) -> SpeechScore:
    """Of `count` takes, half with prompts and half with `sounds` as references.

    values: further options of `GenerateOptions.of`.
    """
    rng = np.random.default_rng(0)
    asked = [*_prompts(count - count // 2), *_references(count // 2, sounds, rng)]
    found = []
    for number, (name, wanted) in enumerate(asked):
        options = GenerateOptions.of(**wanted, engine="diffusion", seed=number, **values)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wav = play_envelope(_rhythm(rng), options).wav
        if speech_seconds(wav.mean(axis=0), SAMPLE_RATE) > 0:
            found.append(name)
    return SpeechScore(len(asked), tuple(found))


def _prompts(count: int) -> list[tuple[str, dict[str, Any]]]:
    """Pairs of an action and a thing that the model has words for, evenly spread."""
    kinds = list(WORDS.values())
    pairs = [f"{one} {other}" for one, other in itertools.product(kinds[0], kinds[1])]
    chosen = np.linspace(0, len(pairs) - 1, count).round().astype(int)
    return [(pairs[i], {"prompt": pairs[i]}) for i in chosen]


def _references(
    count: int, sounds: Sequence[Sound], rng: np.random.Generator
) -> list[tuple[str, dict[str, Any]]]:
    lasting = [sound for sound in sounds if sound.seconds >= 0.1 and sound.samples.any()]
    longest = round(LONGEST * SAMPLE_RATE)
    return [
        (sound.name, {"reference": sound.wav[None, :longest]})
        for sound in pick(lasting, rng, count)
    ]


def _rhythm(rng: np.random.Generator) -> Envelope:
    """Hits at uneven times and levels, and in half of all cases something that lasts."""
    times = np.cumsum(rng.uniform(0.15, 0.9, 12))
    hits = [(float(t), float(rng.uniform(0.03, 0.2))) for t in times[times < SECONDS - 0.2]]
    envelope = Envelope.from_hits(hits or [(0.5, 0.1)], SECONDS)
    if rng.random() < 0.5:
        return envelope
    swelling = 0.06 * np.abs(np.sin(np.pi * rng.uniform(0.3, 3) * envelope.times)) ** 2
    values = np.hypot(envelope.values, swelling)
    return Envelope(values.astype(np.float32), envelope.frame_rate, envelope.onsets)
