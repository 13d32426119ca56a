"""The engine stable_audio_3: Stable Audio 3 at full size, which a laptop can run.

The stock model follows no envelope. The preview lays a sound along the envelope, and the model
re-imagines that; it may keep the silence between hits, and be guided by loudness. With a control
that was trained for it (folai train control) it follows the envelope itself.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from folai.diffusion.naming import prompt_or_default, sound_of_prompt
from folai.engines import Description, Request, Wav
from folai.envelope import Envelope
from folai.envelope.spans import Span, common
from folai.media.audio import fit_length, resample
from folai.preview.lay import Sketch
from folai.progress import Progress, part_of
from folai.stable3.gaps import filled, sounding
from folai.stable3.options import StableAudio3Options
from folai.takes.gate import gated

if TYPE_CHECKING:
    from folai.stable3.model import Stable3

TITLE = "at full size: Stable Audio 3 (see docs/full_size.md)"
WORK = 12.0
FILLS = True
Options = StableAudio3Options


def check(options: StableAudio3Options, description: Description) -> None:
    """Any words are allowed in its prompts."""


def needs(options: StableAudio3Options, request: Request) -> Hashable:
    files = options.model, options.control, options.lora, options.loudness
    kind = options.dtype, options.offline, options.compile
    return (*(str(file) for file in files), *kind, _has_text(request))


def load(options: StableAudio3Options, request: Request) -> Stable3:
    from folai.stable3.model import load_stable3

    return load_stable3(
        options.model,
        control=None if options.control is None else Path(options.control),
        lora=None if options.lora is None else Path(options.lora),
        loudness=None if options.loudness is None else Path(options.loudness),
        text=_has_text(request),
        dtype=options.dtype,
        offline=options.offline,
        compile=options.compile,
    )


def _has_text(request: Request) -> bool:
    prompt = prompt_or_default(request.prompt, request.reference, request.sound)
    return prompt is not None or request.negative_prompt is not None


def play(
    models: Stable3,
    options: StableAudio3Options,
    envelope: Envelope,
    request: Request,
    progress: Progress | None = None,
) -> Iterator[Wav]:
    rate = models.sample_rate
    prompt = prompt_or_default(request.prompt, request.reference, request.sound)
    reference = request.reference
    if reference is not None:
        reference = resample(reference, request.sample_rate, rate)
    sampling = options.sampling(
        distilled=models.config.distilled,
        described=prompt is not None,
        steered=models.control is not None,
    )
    sketch = Sketch(envelope, reference, request.sound or sound_of_prompt(prompt), rate)
    num_samples = round(request.duration * request.sample_rate)
    keeps = options.keep_silence
    is_laid = keeps or sampling["init_strength"] < 1
    kept = None if request.kept is None else resample(request.kept, request.sample_rate, rate)
    gaps = _gaps(envelope, request, keeps)
    for take in range(request.variations):
        seed = request.seed + take
        laid = sketch(seed) if is_laid else None
        if kept is not None:
            laid = kept if laid is None else filled(kept, laid, request.gaps, rate)
        takes = models.generate(
            envelope,
            duration=request.duration,
            prompt=prompt,
            negative_prompt=request.negative_prompt,
            **sampling,
            init_wav=laid if sampling["init_strength"] < 1 else None,
            kept_wav=laid if keeps or kept is not None else None,
            gaps=gaps,
            seed=seed,
            progress=part_of(progress, take, request.variations),
            together=request.together,
        )
        wav = gated(takes[0], rate, envelope)
        yield fit_length(resample(wav, rate, request.sample_rate), num_samples)


def _gaps(envelope: Envelope, request: Request, keeps_silence: bool) -> Sequence[Span]:
    """What is made: the gaps that are asked for, and of them what sounds where silence is kept."""
    if request.kept is None:
        return sounding(envelope) if keeps_silence else ()
    return common(sounding(envelope), request.gaps) if keeps_silence else request.gaps
