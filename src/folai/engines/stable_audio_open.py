"""The engine stable_audio_open: the paper's model at full size.

Without a trained ControlNet the envelope still rules: the preview lays a sound along it, and the
stock model re-imagines that.
"""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.diffusion.naming import prompt_or_default, sound_of_prompt
from folai.engines import Description, Request, Wav
from folai.envelope import Envelope
from folai.media.audio import fit_length, resample
from folai.preview.lay import Sketch
from folai.progress import Progress, part_of
from folai.stable.options import StableAudioOpenOptions
from folai.takes.gate import gated

if TYPE_CHECKING:
    from folai.stable.model import StableAudio

TITLE = "at full size: Stable Audio Open (see docs/full_size.md)"
WORK = 60.0
FILLS = False
Options = StableAudioOpenOptions


def check(options: StableAudioOpenOptions, description: Description) -> None:
    """Any words are allowed in its prompts."""


def needs(options: StableAudioOpenOptions, request: Request) -> Hashable:
    files = (options.model, options.control, options.lora, options.clap)
    of_files = (str(file) for file in files)
    kind = options.dtype, options.offline, options.compile
    return (*of_files, *kind, _has_text(request), _is_heard(request))


def load(options: StableAudioOpenOptions, request: Request) -> StableAudio:
    from folai.stable.model import load_stable

    return load_stable(
        options.model,
        control=None if options.control is None else Path(options.control),
        lora=None if options.lora is None else Path(options.lora),
        clap=options.clap or "clap",
        text=_has_text(request),
        reference=_is_heard(request),
        dtype=options.dtype,
        offline=options.offline,
        compile=options.compile,
    )


def _has_text(request: Request) -> bool:
    prompt = prompt_or_default(request.prompt, request.reference, request.sound)
    return prompt is not None or request.negative_prompt is not None


def _is_heard(request: Request) -> bool:
    return request.reference is not None


def play(
    models: StableAudio,
    options: StableAudioOpenOptions,
    envelope: Envelope,
    request: Request,
    progress: Progress | None = None,
) -> Iterator[Wav]:
    rate = models.sample_rate
    prompt = prompt_or_default(request.prompt, request.reference, request.sound)
    reference = request.reference
    if reference is not None:
        reference = resample(reference, request.sample_rate, rate)
    heard = reference is not None and models.clap is not None
    unheard = reference is not None and not heard
    if unheard:
        warnings.warn(
            "without a ControlNet trained with CLAP the reference is heard through the preview "
            "alone, whose sound is re-imagined",
            stacklevel=2,
        )
    sampling = options.sampling(
        steered=models.controlnet is not None,
        distilled=models.config.distilled,
        described=heard or prompt is not None,
        unheard=unheard,
    )
    conditioning: dict[str, Any] = {
        "duration": request.duration,
        "prompt": prompt,
        "negative_prompt": request.negative_prompt,
        "reference": reference if heard else None,
    }
    sketch = Sketch(envelope, reference, request.sound or sound_of_prompt(prompt), rate)
    num_samples = round(request.duration * request.sample_rate)
    for take in range(request.variations):
        seed = request.seed + take
        takes = models.generate(
            envelope,
            **conditioning,
            **sampling,
            init_wav=sketch(seed) if sampling["init_strength"] < 1 else None,
            seed=seed,
            progress=part_of(progress, take, request.variations),
            together=request.together,
        )
        wav = gated(takes[0], rate, envelope)
        yield fit_length(resample(wav, rate, request.sample_rate), num_samples)
