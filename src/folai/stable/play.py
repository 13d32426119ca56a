"""Takes of Stable Audio Open along an envelope, with or without a trained ControlNet.

Without one the envelope still rules: the preview engine lays a sound along it, and the stock model
re-imagines that. No PyTorch at import.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from folai.engines import (
    Sampling,
    Wav,
    sampled_takes,
    sound_of_prompt,
)
from folai.envelope import Envelope
from folai.media.audio import fit_length, resample

if TYPE_CHECKING:
    from folai.stable.model import StableAudio

REIMAGINED = 0.5  # how far the preview's sound is, where nothing is said and no ControlNet is there


@dataclass(frozen=True)
class StableSampling:
    """What is asked of the model; None: what suits it, see `settled`."""

    prompt: str | None = None  # in any words
    negative_prompt: str | None = None
    num_steps: int | None = None
    cfg_scale: float | None = None
    control_scale: float = Sampling.control_scale
    envelope_lock: float = Sampling.envelope_lock
    init_strength: float | None = None

    def settled(self, stable: StableAudio, told: bool, unheard: bool = False) -> dict[str, Any]:
        """As `StableAudio.generate` takes it; `told`: there is a prompt or a reference it hears;
        `unheard`: there is a reference that only the preview hears.

        The stock model is guided by 7 in 100 steps, as published; with a ControlNet by 2 in 150, as
        in arXiv 2412.15023; the distilled one not at all, in 8.
        """
        steered, distilled = stable.controlnet is not None, stable.config.distilled
        steps = 8 if distilled else 150 if steered else 100
        scale = 1.0 if distilled or not told else 2.0 if steered else 7.0
        strength = 1.0 if steered and not unheard else REIMAGINED
        return {
            "prompt": self.prompt,
            "negative_prompt": self.negative_prompt,
            "num_steps": self.num_steps or steps,
            "cfg_scale": scale if self.cfg_scale is None else self.cfg_scale,
            "control_scale": self.control_scale,
            "envelope_lock": self.envelope_lock,
            "init_strength": strength if self.init_strength is None else self.init_strength,
        }


def play_stable(
    stable: StableAudio,
    envelope: Envelope,
    sampling: StableSampling,
    *,
    duration: float,
    reference: Wav | None,
    sound: str | None,
    sample_rate: int,
    seed: int,
    variations: int,
) -> list[Wav]:
    """Takes [C, T] at `sample_rate`, from a reference [C, T] at that rate."""
    heard = reference is not None and stable.clap is not None
    unheard = reference is not None and not heard
    given = sampling.settled(stable, heard or sampling.prompt is not None, unheard)
    if unheard:
        warnings.warn(
            "without a ControlNet trained with CLAP the reference is heard through the preview "
            "alone, whose sound is re-imagined",
            stacklevel=2,
        )
    rate = stable.sample_rate
    own = None if reference is None else resample(reference, sample_rate, rate)
    shared: dict[str, Any] = {**given, "duration": duration, "reference": own if heard else None}
    sound = sound or sound_of_prompt(sampling.prompt)
    takes = sampled_takes(stable, envelope, shared, own, sound, seed, variations)
    num_samples = round(duration * sample_rate)
    return [fit_length(resample(take, rate, sample_rate), num_samples) for take in takes]
