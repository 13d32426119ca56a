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

from folai.diffusion.vocabulary import find_words
from folai.envelope import Envelope
from folai.media.audio import fit_length, resample
from folai.preview.lay import lay
from folai.preview.materials import DEFAULT_SOUND, MATERIALS

if TYPE_CHECKING:
    from folai.diffusion.foley import Foley
    from folai.stable.model import StableAudio

ENGINES = ("diffusion", "preview")

# The built-in sound that is nearest to a word of a prompt, where it is not called the same.
NEAREST = {
    "stone": "rock",
    "plastic bag": "plastic_bag",
    "floor": "wood",
    "concrete": "rock",
    "mud": "dirt",
    "sand": "gravel",
    "snow": "gravel",
    "leather": "cloth",
    "flesh": "cloth",
    "bell": "metal",
    "cymbal": "metal",
    "chain": "metal",
    "coin": "metal",
    "blade": "metal",
    "ice": "glass",
    "plate": "ceramic",
    "door": "wood",
    "splash": "water",
    "drip": "water",
}

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

    prompt: str | None = None  # words of `folai.diffusion.vocabulary`
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

    progress: is told what share of the steps is done, 0 to 1.
    """
    prompt = sampling.prompt
    rate = foley.sample_rate
    given = None if reference is None else resample(reference, sample_rate, rate)
    shared: dict[str, Any] = {
        **vars(sampling),
        "duration": duration,
        "reference": given,
        "prompt": wanted_prompt(prompt, given, sound),
        "progress": progress,
    }
    sound = sound or sound_of_prompt(prompt)
    made = sampled_takes(foley, envelope, shared, given, sound, seed, variations)
    num_samples = round(duration * sample_rate)
    return [fit_length(resample(take, rate, sample_rate), num_samples) for take in made]


def sampled_takes(
    model: Foley | StableAudio,
    envelope: Envelope,
    asked: dict[str, Any],
    reference: Wav | None,
    sound: str,
    seed: int,
    variations: int,
) -> list[Wav]:
    """Takes [C, T] of a model that was `asked` (arguments of its `generate`), at its own rate.

    With an `init_strength` below 1 each starts from what the preview lays of the reference or,
    without one, of the built-in sound.
    """
    if asked["init_strength"] == 1:
        return list(model.generate(envelope, seed=seed, variations=variations, **asked))
    laid: dict[str, Any] = {"reference": reference, "sample_rate": model.sample_rate}
    laid["sound"] = sound if reference is None else None
    return [
        model.generate(envelope, seed=take, init_wav=lay(envelope, seed=take, **laid), **asked)[0]
        for take in range(seed, seed + variations)
    ]


def wanted_prompt(prompt: str | None, reference: object, sound: str | None) -> str | None:
    """The prompt; where nothing is told, that of the built-in sound."""
    if prompt is not None or reference is not None:
        return prompt
    return prompt_of_sound(sound or DEFAULT_SOUND)


def sound_of_prompt(prompt: str | None) -> str:
    """The built-in sound that is nearest to a prompt: the first that it names, or the usual one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            words = find_words(prompt) if prompt else ()
        except ValueError:
            words = ()
    named = (NEAREST.get(word, word.replace(" ", "_")) for word in words)
    return next((name for name in named if name in MATERIALS), DEFAULT_SOUND)


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
