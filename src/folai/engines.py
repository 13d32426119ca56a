"""What makes the sound along an envelope: the trained model, or the preview. No PyTorch at import.

"diffusion" is the DiT with its ControlNet (`foley.py`), told by a reference, a prompt or both;
"preview" lays a reference's events, or a built-in material, in an instant (`preview.py`).
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path
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
    init_strength: float = 1.0  # how far the preview's sound is re-imagined; 1: not looked at

    def __post_init__(self) -> None:
        if not 1 <= self.num_steps <= 500:
            raise ValueError(f"num_steps is {self.num_steps}; give 1 to 500")
        for name, highest in (
            ("cfg_scale", 20),
            ("control_scale", 3),
            ("envelope_lock", 1),
            ("init_strength", 1),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= highest):
                raise ValueError(f"{name} is {value}; give 0 to {highest}")
        with warnings.catch_warnings():  # unknown words are named once, when they are used
            warnings.simplefilter("ignore")
            if self.prompt is not None:
                find_words(self.prompt)
            if self.negative_prompt is not None:
                find_words(self.negative_prompt, "negative prompt")


def choose_engine(
    engine: str | None, *, sound: str | None, prompt: str | None, weights: Path | None
) -> str:
    """The engine to use: as asked; else the trained model for words or for weights that are named.

    A reference alone is left to the preview: the trained model is not yet as near to it as the
    preview is (`weights/MODEL_CARD_FOLEY.md`).
    """
    if engine is not None:
        return engine
    asked = prompt is not None or (weights is not None and sound is None)
    return "diffusion" if asked else "preview"


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
) -> list[Wav]:
    """Takes [1, T] at `sample_rate`, from a reference [C, T] at that rate."""
    prompt = sampling.prompt
    if reference is None and prompt is None:
        prompt = prompt_of_sound(sound or DEFAULT_SOUND)
    rate = foley.sample_rate
    takes = foley.generate(
        envelope,
        duration=duration,
        reference=None if reference is None else resample(reference, sample_rate, rate),
        prompt=prompt,
        negative_prompt=sampling.negative_prompt,
        num_steps=sampling.num_steps,
        cfg_scale=sampling.cfg_scale,
        control_scale=sampling.control_scale,
        envelope_lock=sampling.envelope_lock,
        seed=seed,
        variations=variations,
    )
    num_samples = round(duration * sample_rate)
    return [fit_length(resample(take, rate, sample_rate), num_samples) for take in takes]


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
