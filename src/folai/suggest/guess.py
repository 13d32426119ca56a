"""Three sounds for a clip, from what is seen where something touches; each with its doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from folai.media.clip import Clip, opened
from folai.media.frames import Frame
from folai.suggest.head import load_head
from folai.suggest.seeing import BEFORE, Floats, features_of

MOST_CONTACTS = 24  # of a clip that are looked at
HEIGHT = 256  # pixels
PROMPTS = {"plastic-bag": "hit plastic bag"}  # of a material that the model calls otherwise


@dataclass(frozen=True)
class Suggestion:
    """A material, what to write as a prompt for it, and how likely it is, 0 to 1."""

    material: str
    prompt: str
    probability: float


def suggest(
    video: str | Path | Clip, onsets: Sequence[float] = (), count: int = 3
) -> list[Suggestion]:
    """The likeliest materials of a clip's contacts, the likeliest first.

    onsets: when something touches, seconds; none: moments spread over the clip. Raises ImportError
    without the extra `suggest`, ValueError for a clip that cannot be read.
    """
    with opened(video) as clip:
        features = [
            features_of(before.image, frame.image)
            for before, frame in contact_frames(clip, moments(onsets, clip.info.duration))
        ]
    if not features:
        raise ValueError(f"{clip.path}: too short to see what touches; give a longer clip")
    return ranked(np.stack(features), count)


def moments(onsets: Sequence[float], duration: float) -> list[float]:
    """At most MOST_CONTACTS of the onsets, or as many moments of a clip without any."""
    if not len(onsets):
        return [float(t) for t in np.linspace(0, duration, 10)[1:-1]]
    places = np.linspace(0, len(onsets) - 1, min(len(onsets), MOST_CONTACTS)).round().astype(int)
    return [float(onsets[place]) for place in places]


def contact_frames(clip: Clip, times: Sequence[float]) -> Iterator[tuple[Frame, Frame]]:
    """(a frame BEFORE seconds earlier, the frame) at each of the times, in order."""
    recent: list[Frame] = []
    waiting = sorted(times)
    for frame in clip.frames(height=HEIGHT):
        recent = [*(f for f in recent if f.time > frame.time - 2 * BEFORE), frame]
        if waiting and frame.time >= waiting[0]:
            while waiting and frame.time >= waiting[0]:
                waiting.pop(0)
            yield min(recent, key=lambda f: abs(f.time - (frame.time - BEFORE))), frame
        if not waiting:
            return


def ranked(features: Floats, count: int) -> list[Suggestion]:
    """What the features [N, F] of a clip's contacts suggest."""
    head = load_head()
    shares = head.probabilities(features)
    best = np.argsort(-shares)[:count]
    materials = [head.materials[place] for place in best]
    return [
        Suggestion(material, PROMPTS.get(material, f"hit {material}"), round(float(share), 3))
        for material, share in zip(materials, shares[best], strict=True)
    ]
