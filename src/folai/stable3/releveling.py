"""An envelope rules a model that was never trained to follow one, through its autoencoder.

Some times while a sound is sampled, the denoiser's estimate of it is decoded, its level is drawn
onto the envelope, and it is encoded again; sampling goes on from there. So the estimate is
projected onto what is asked for, as inverse problems are solved with diffusion (arXiv 2111.08005).
The gradient of a reader of loudness (`steering.py`) may leave the latents of sounds; this cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.envelope import Envelope
from folai.envelope.rms import centred_rms, gaussian_smooth
from folai.models.same import Same
from folai.stable.control_latents import encode
from folai.stable3.steering import Model

RATE = 250.0  # Hz at which levels are compared
MOST_DB, LEAST_DB = 24.0, -60.0  # of what changes a level
FLOOR = 1e-3  # of the envelope's peak: below it nobody hears the difference
SMOOTHED = 0.004  # seconds over which the change is smoothed
AT_ONCE = 64  # latents that are decoded at once: bounds memory


@dataclass(frozen=True, eq=False)
class Releveling:
    """What level a clip should have, and how often it is brought to that."""

    codec: Same
    envelope: Envelope
    gain: float  # of the envelope, to the level of training
    strength: float  # of the correction, 0 to 1
    often: int  # times in a take
    num_steps: int

    def of(self, model: Model, start: int, stop: int) -> Model:
        """A rectified-flow model of the latents from `start` to `stop`, at the wanted level."""
        chosen = chosen_steps(self.often, self.num_steps)
        step = 0

        def drawn(noisy: Tensor, t: float) -> Tensor:
            nonlocal step
            answer, step = model(noisy, t), step + 1
            if step not in chosen:
                return answer
            return (noisy - self.relevelled(noisy - t * answer, start)) / t

        return drawn

    @torch.inference_mode()
    def relevelled(self, clean: Tensor, start: int) -> Tensor:
        """Clean latents [1, C, F], the first of which is number `start` of the clip."""
        rate = self.codec.config.sample_rate
        wav = self.codec.decode(clean.float(), chunk=AT_ONCE)[0].cpu().numpy()
        first = start * self.codec.hop_length / rate
        wav = wav * level_gain(wav, rate, self.envelope, self.gain, self.strength, first)
        return encode(self.codec, wav)[..., : clean.shape[-1]].to(clean)


def chosen_steps(often: int, num_steps: int) -> set[int]:
    """Of steps 1 to num_steps, `often` evenly spread ones; the last is among them."""
    count = min(often, num_steps)
    return {-(-number * num_steps // count) for number in range(1, count + 1)}


def level_gain(
    wav: NDArray[np.float32],
    sample_rate: int,
    envelope: Envelope,
    gain: float,
    strength: float,
    first: float = 0.0,
) -> NDArray[np.float32]:
    """[T] that brings wav [C, T] to the level of an envelope times `gain`.

    first: seconds at which the sound begins in the envelope.
    """
    measured = centred_rms(wav, sample_rate, RATE)
    asked = gain * envelope.at(first + np.arange(len(measured)) / RATE)
    floor = FLOOR * gain * float(envelope.values.max())
    decibels = 20 * np.log10((asked + floor) / (measured + floor))
    decibels = strength * np.clip(decibels, LEAST_DB, MOST_DB)
    factors = 10 ** (gaussian_smooth(decibels, SMOOTHED * RATE) / 20)
    times = np.arange(wav.shape[1]) * (RATE / sample_rate)
    return np.asarray(np.interp(times, np.arange(len(factors)), factors), np.float32)
