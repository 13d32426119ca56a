"""What the preview engine plays: events and a texture, of a reference, or of a computed thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from folai.preview.choosing import Features, Feet, Span
from folai.preview.events import Event, cut_events, measure_event, steady_texture
from folai.preview.impacts import Impactor
from folai.preview.materials import MATERIALS

SAMPLE_RATE = 44100  # Hz

Wav = NDArray[np.float32]


@dataclass(frozen=True)
class Kit:
    """What there is to play: events, a `texture` [C, T] of RMS 1 to take grains from, and how far
    `detune` an event may be resampled when it comes again (0.03: by 3 %)."""

    events: list[Event]
    texture: Wav
    detune: float
    sample_rate: int  # Hz
    rng: Generator  # as it was left by the making; each laying starts from a copy
    # the events for spans and feet; None: as `folai.preview.plan` chooses
    choose: Callable[[list[Span], Feet], list[int]] | None = None

    @cached_property
    def features(self) -> Features:
        return Features.of(self.events, self.sample_rate)


def make_kit(
    *,
    reference: ArrayLike | None = None,
    events: list[Event] | None = None,
    sound: str | None = None,
    sample_rate: int = SAMPLE_RATE,
    seed: int = 0,
) -> Kit:
    """Cuts or computes what `lay` plays, from the same arguments. Raises ValueError as it does.

    events: those of a reference that was cut already, in its place.
    """
    if (reference is None and events is None) == (sound is None):
        raise ValueError(f"give either a reference or a sound: one of {', '.join(MATERIALS)}")
    if sound is not None:
        return _material_kit(sound, sample_rate, seed)
    rng = np.random.default_rng(seed)
    if events is None:
        assert reference is not None
        events = cut_events(reference, sample_rate)
    detune = 0.03 if len(events) < 3 else 0.01
    return Kit(events, steady_texture(events, sample_rate), detune, sample_rate, rng)


@lru_cache(maxsize=4)  # many clips in a row ask for the same; nobody changes a kit
def _material_kit(sound: str, sample_rate: int, seed: int) -> Kit:
    rng = np.random.default_rng(seed)
    thing = Impactor.of(sound, sample_rate, rng)
    blows = [thing.strike(rng, level=level)[None] for level in np.linspace(0.15, 1.0, 8)]
    texture = thing.scrape(rng, 2.0)[None] / np.float32(0.1)
    # A model's blows differ already, and its pitch is what makes it one thing.
    struck = [measure_event(blow, 0, sample_rate) for blow in blows]
    return Kit(struck, texture, 0.002, sample_rate, rng)
