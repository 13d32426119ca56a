"""The preview engine: events of recordings, or a built-in sound, laid along the envelope."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import ClassVar

from folai.engines import Description, Request, Wav
from folai.envelope import Envelope
from folai.preview.events import cut_events
from folai.preview.kit import make_kit
from folai.preview.lay import lay_kit
from folai.preview.materials import DEFAULT_SOUND
from folai.progress import Progress, part_of

TITLE = "of the engine preview"
WORK = 0.1
FILLS = False


@dataclass(frozen=True)
class PreviewOptions:
    """The preview has no options of its own."""

    engine: ClassVar[str] = "preview"

    @property
    def label(self) -> str:
        """What a report calls it."""
        return self.engine


Options = PreviewOptions


def check(options: PreviewOptions, description: Description) -> None:
    for name in ("prompt", "negative_prompt"):
        if getattr(description, name) is not None:
            raise ValueError(f"the preview engine takes no {name}; use the engine diffusion")


def needs(options: PreviewOptions, request: Request) -> Hashable:
    return None


def load(options: PreviewOptions, request: Request) -> None:
    """It has no models."""


def play(
    models: None,
    options: PreviewOptions,
    envelope: Envelope,
    request: Request,
    progress: Progress | None = None,
) -> Iterator[Wav]:
    reference, rate, pool = request.reference, request.sample_rate, request.pool
    sound = None if reference is not None else request.sound or DEFAULT_SOUND
    events = None if reference is None or pool is not None else cut_events(reference, rate)
    for take in range(request.variations):
        report = part_of(progress, take, request.variations)
        report(0.0)
        seed = request.seed + take
        if pool is not None:
            kit = pool.kit(seed)
        else:
            kit = make_kit(events=events, sound=sound, sample_rate=rate, seed=seed)
        wav = lay_kit(envelope, kit, report, tails=request.tails)
        report(1.0)
        yield wav
