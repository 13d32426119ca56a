"""The engine diffusion: the small trained model, by a reference, a prompt or both."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from folai.checkpoints import FOLEY
from folai.diffusion.naming import prompt_or_default, sound_of_prompt
from folai.diffusion.options import DiffusionOptions
from folai.diffusion.vocabulary import find_words
from folai.engines import Description, Request, Wav
from folai.envelope import Envelope
from folai.media.audio import fit_length, resample
from folai.media.channels import to_mono
from folai.preview.events import Event, cut_events
from folai.preview.kit import Kit, make_kit
from folai.preview.lay import Sketch, lay_kit
from folai.progress import Progress
from folai.takes.gate import gated
from folai.takes.own_hits import SEVERAL, with_own_hits
from folai.takes.ringing import find_modes, ring

if TYPE_CHECKING:
    from folai.diffusion.foley import Foley

TITLE = "of the engine diffusion, the trained model"
WORK = 1.2
FILLS = False
Options = DiffusionOptions


def check(options: DiffusionOptions, description: Description) -> None:
    with warnings.catch_warnings():  # unknown words are named once, when they are used
        warnings.simplefilter("ignore")
        if description.prompt is not None:
            find_words(description.prompt)
        if description.negative_prompt is not None:
            find_words(description.negative_prompt, "negative prompt")
    if description.negative_prompt is not None and options.cfg_scale == 1:
        raise ValueError("a negative prompt has no effect with cfg_scale 1; give another scale")


def needs(options: DiffusionOptions, request: Request) -> Hashable:
    return str(options.foley_weights), str(options.lora)


def load(options: DiffusionOptions, request: Request) -> Foley:
    from folai.diffusion.foley_files import load_foley

    weights = FOLEY if options.foley_weights is None else Path(options.foley_weights)
    return load_foley(weights, lora=None if options.lora is None else Path(options.lora))


def play(
    models: Foley,
    options: DiffusionOptions,
    envelope: Envelope,
    request: Request,
    progress: Progress | None = None,
) -> Iterator[Wav]:
    rate = models.sample_rate
    reference = request.reference
    if reference is not None:
        reference = resample(reference, request.sample_rate, rate)
    sound = request.sound or sound_of_prompt(request.prompt)
    takes = models.takes(
        envelope,
        duration=request.duration,
        reference=reference,
        prompt=prompt_or_default(request.prompt, reference, request.sound),
        negative_prompt=request.negative_prompt,
        options=options,
        sketch=Sketch(envelope, reference, sound, rate),
        seed=request.seed,
        variations=request.variations,
        progress=progress,
        together=request.together,
    )
    num_samples = round(request.duration * request.sample_rate)
    events = None if reference is None else cut_events(to_mono(reference), rate)
    for number, take in enumerate(takes):
        take = gated(take, rate, envelope)
        if request.tails == "natural":
            kit = _kit(events, sound, rate, request.seed + number)
            modes = find_modes(kit.events, rate)
            if modes is not None:
                take = ring(take, rate, envelope, modes)
            elif events is not None:
                laid = fit_length(lay_kit(envelope, kit, tails="natural"), take.shape[1])
                whole = len(events) >= SEVERAL and options.likeness == 1
                take = with_own_hits(take, laid, rate, envelope, whole=whole)
        yield fit_length(resample(take, rate, request.sample_rate), num_samples)


def _kit(events: list[Event] | None, sound: str, rate: int, seed: int) -> Kit:
    """The events of the reference; without one, of a built-in thing of that material."""
    if events is not None:
        return make_kit(events=events, sample_rate=rate, seed=seed)
    return make_kit(sound=sound, sample_rate=rate, seed=seed)
