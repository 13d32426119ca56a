"""Reference sound and prompt -> the model's conditioning, computed once per clip.

A reference is brought to the level at which the model was trained, so that only its character
counts, and cut to what sounds in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.diffusion.vocabulary import find_words, numbers_of
from folai.envelope.rms import centred_rms
from folai.media.channels import to_mono
from folai.models.autoencoder import Autoencoder
from folai.models.conditioner import Conditioner, Conditioning
from folai.preview.events import check_reference

LEVEL = 0.2  # highest RMS over 32 ms to which references and training targets are brought
LONGEST_REFERENCE = 10.0  # seconds of a reference that are used
SHORTEST_REFERENCE = 0.4  # seconds; a shorter one is followed by silence
LEAD, PAUSE = 0.05, 0.35  # seconds kept of silence before a sound begins and after it has ended


@dataclass(frozen=True)
class Hints:
    """What is known of a sound: latents [1, C, T] or None, and numbers of words [1, K]."""

    reference: Tensor | None
    words: Tensor


def read_hints(
    autoencoder: Autoencoder,
    vocabulary: tuple[str, ...],
    *,
    reference: NDArray[np.floating] | None = None,
    prompt: str | None = None,
    negative_prompt: str | None = None,
) -> tuple[Hints, Hints]:
    """What the sound should be like, and what it should not, for guidance between the two.

    reference: [C, T] at the autoencoder's rate. Raises ValueError where it is silent or shorter
    than 50 ms, and for a prompt of which no word is known.
    """
    latents = None if reference is None else reference_latents(autoencoder, reference)
    wanted = () if prompt is None else find_words(prompt)
    unwanted = () if negative_prompt is None else find_words(negative_prompt, "negative prompt")
    words = (torch.tensor([numbers_of(found, vocabulary)]) for found in (wanted, unwanted))
    return Hints(latents, next(words)), Hints(None, next(words))


def condition(
    conditioner: Conditioner, hints: list[Hints], silence: Tensor, device: torch.device
) -> Conditioning:
    """A batch of what was hinted; `silence` [C, 1] stands where there is no reference."""
    references = [hint.reference for hint in hints]
    length = max((latents.shape[-1] for latents in references if latents is not None), default=0)
    length = max(length, conditioner.config.patch)
    filler = silence.expand(-1, length)[None]
    rows = [filler if latents is None else _repeated(latents, length) for latents in references]
    has_reference = torch.tensor([latents is not None for latents in references], device=device)
    words = torch.cat([hint.words for hint in hints]).to(device)
    conditioning: Conditioning = conditioner(torch.cat(rows).to(device), has_reference, words)
    return conditioning


def reference_latents(autoencoder: Autoencoder, reference: NDArray[np.floating]) -> Tensor:
    """A reference [C, T] at the training level and without long silences, as latents [1, C, T]."""
    rate = autoencoder.config.sample_rate
    wav = to_mono(check_reference(reference, rate))
    wav = _sounding(wav, rate)[:, : round(LONGEST_REFERENCE * rate)]
    wav = wav * np.float32(LEVEL / centred_rms(wav, rate, 250.0).max())
    missing = round(SHORTEST_REFERENCE * rate) - wav.shape[1]
    wav = np.pad(wav, ((0, 0), (0, max(0, missing))))
    with torch.inference_mode():
        return autoencoder.encode(torch.from_numpy(wav)[None], chunk=2048)


def _sounding(wav: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """[1, T] without pauses: what is 50 dB below the loudest for longer than LEAD + PAUSE."""
    step = sample_rate // 100
    level = centred_rms(wav, sample_rate, sample_rate / step)
    sounds = level > 10**-2.5 * level.max()
    near = np.zeros(len(sounds), bool)
    for place in np.flatnonzero(sounds):
        near[max(0, place - round(100 * LEAD)) : place + round(100 * PAUSE)] = True
    return wav[:, np.repeat(near, step)[: wav.shape[1]].nonzero()[0]]


def _repeated(latents: Tensor, length: int) -> Tensor:
    """[1, C, T] again and again until it fills `length`."""
    return latents.repeat(1, 1, -(-length // latents.shape[-1]))[..., :length]
