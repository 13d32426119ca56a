"""What makes the sound along an envelope: the trained model, or the preview. No PyTorch at import.

"diffusion" is the DiT with its ControlNet (`foley.py`), told by a reference, a prompt or both;
"preview" lays a reference's events, or a built-in material, in an instant (`preview.py`).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from folai.audio import fit_length, resample
from folai.envelope import Envelope
from folai.materials import MATERIALS
from folai.preview import lay
from folai.vocabulary import find_words

if TYPE_CHECKING:
    from folai.foley import Foley

ENGINES = ("diffusion", "preview")
DEFAULT_SOUND = "wood"

_HIGHEST = {
    "cfg_scale": 20,
    "control_scale": 3,
    "envelope_lock": 1,
    "likeness": 1,
    "init_strength": 1,
}

Wav = NDArray[np.float32]


@dataclass(frozen=True)
class Sampling:
    """How the trained model is used. Raises ValueError for what is out of range."""

    prompt: str | None = None  # words of `folai.vocabulary`
    negative_prompt: str | None = None  # what the sound must not be like
    num_steps: int = 12
    cfg_scale: float = 4.0  # of guidance toward reference and prompt; 1: none
    control_scale: float = 1.0  # how strongly the envelope steers; 0: not at all
    envelope_lock: float = 0.5  # how far the finished level is pulled onto the envelope, 0 to 1
    likeness: float = 1.0  # how far the finished bands are drawn to the reference's, 0 to 1
    init_strength: float = 1.0  # how far the preview's sound is re-imagined; 1: not looked at

    def __post_init__(self) -> None:
        if not 1 <= self.num_steps <= 500:
            raise ValueError(f"num_steps is {self.num_steps}; give 1 to 500")
        for name, highest in _HIGHEST.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= highest):
                raise ValueError(f"{name} is {value}; give 0 to {highest}")
        with warnings.catch_warnings():  # unknown words are named once, when they are used
            warnings.simplefilter("ignore")
            if self.prompt is not None:
                find_words(self.prompt)
            if self.negative_prompt is not None:
                find_words(self.negative_prompt, "negative prompt")


def choose_engine(engine: str | None, *, sound: str | None, prompt: str | None) -> str:
    """The engine to use: as asked; else the trained model, but for a built-in sound alone."""
    if engine is not None:
        return engine
    return "preview" if sound is not None and prompt is None else "diffusion"


def prompt_of_sound(sound: str) -> str:
    """What to say to the trained model for a built-in sound's name."""
    return sound if sound == "footstep" else f"hit {sound.replace('_', ' ')}"


def play_preview(
    envelope: Envelope,
    *,
    reference: Wav | None,
    sound: str | None,
    sample_rate: int,
    seed: int,
    variations: int,
) -> list[Wav]:
    """Takes [C, T] at `sample_rate`; take i is that of seed + i."""
    given = None if reference is not None else sound or DEFAULT_SOUND
    return [
        lay(envelope, reference=reference, sound=given, sample_rate=sample_rate, seed=seed + take)
        for take in range(variations)
    ]


def play_diffusion(
    foley: Foley,
    envelope: Envelope,
    sampling: Sampling,
    *,
    duration: float,
    reference: Wav | None,
    sound: str | None,
    sample_rate: int,
    seed: int,
    variations: int,
    progress: Callable[[float], None] | None = None,
) -> list[Wav]:
    """Takes [1, T] at `sample_rate`, from a reference [C, T] at that rate.

    With an `init_strength` below 1 each starts from what the preview makes of the same.
    progress: is told what share of the steps is done, 0 to 1.
    """
    prompt = sampling.prompt
    rate = foley.sample_rate
    given = None if reference is None else resample(reference, sample_rate, rate)
    named = None if given is not None else sound or _nearest_sound(prompt)
    if given is None and prompt is None:
        prompt = prompt_of_sound(sound or DEFAULT_SOUND)
    shared: dict[str, Any] = {
        **{name: value for name, value in vars(sampling).items() if name != "prompt"},
        "duration": duration,
        "reference": given,
        "prompt": prompt,
        "progress": progress,
    }
    if sampling.init_strength == 1:
        takes = list(foley.generate(envelope, seed=seed, variations=variations, **shared))
    else:
        takes = []
        for take in range(seed, seed + variations):
            wav = lay(envelope, reference=given, sound=named, sample_rate=rate, seed=take)
            takes.append(foley.generate(envelope, seed=take, init_wav=wav, **shared)[0])
    num_samples = round(duration * sample_rate)
    return [fit_length(resample(take, rate, sample_rate), num_samples) for take in takes]


def _nearest_sound(prompt: str | None) -> str:
    """The built-in sound that a prompt names, or the usual one."""
    if prompt is None:
        return DEFAULT_SOUND
    named = {find_words(material.replace("_", " "))[0]: material for material in MATERIALS}
    return next((named[word] for word in find_words(prompt) if word in named), DEFAULT_SOUND)


def check_engine(engine: str | None, sound: str | None, given: dict[str, Any]) -> None:
    """Raises ValueError for an engine, or a mixture of options, that cannot be meant."""
    if engine is not None and engine not in ENGINES:
        raise ValueError(f"engine is {engine!r}; use one of {', '.join(ENGINES)}")
    if sound is not None and sound not in MATERIALS:
        raise ValueError(f"sound is {sound!r}; use one of {', '.join(MATERIALS)}")
    asked = [name for name in ("prompt", "negative_prompt") if given.get(name) is not None]
    if asked and engine == "preview":
        raise ValueError(f"the preview engine takes no {asked[0]}; use the engine diffusion")
    if "prompt" in asked and sound is not None:
        raise ValueError(f"both sound {sound!r} and a prompt are given; give one of them")
