"""What is compared: baselines and the trained generator, each from a task to its sound.

noise       pink noise multiplied by the envelope: right in time, of no material
preview     the engine preview: the reference's events, or the built-in sound
reference   the reference itself, as long as the target: right in material, not in time
no control  the generator with `control_scale` 0 and without the recording's own hits
folai       the generator
truth       the target

The engines play as `folai generate` does. A target is a recording, with the noise of its room in
it: where there is a reference, `room` is 1, so that the take has the reference's. A prompt says
nothing of a room, and the judges have learned from recordings: the generator's take of one keeps
the noise that the envelope asks for, which `folai generate` takes out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE
from folai.diffusion.naming import sound_of_prompt
from folai.evaluate.foley.tasks import Task, Wav
from folai.media.audio import fit_length
from folai.pipeline import GenerateOptions, Models, play_envelope
from folai.preview.kit import make_kit
from folai.takes.ringing import find_modes, ring

LOWEST = 40.0  # Hz; below it pink noise is slow swinging, which no envelope can shape


@dataclass(frozen=True)
class System:
    """`play` gives the sound [T] of a task, as long as its target."""

    name: str
    play: Callable[[Task], Wav]
    listens: bool = True  # what it plays depends on the reference
    reads: bool = True  # it can do with a prompt instead of a reference
    follows: bool = True  # what it plays depends on the envelope

    def __call__(self, task: Task) -> Wav:
        """[T]. Raises ValueError for NaN, infinity, or a length that is not the target's."""
        wav = self.play(task)
        if wav.shape != task.target.shape or not np.isfinite(wav).all():
            raise ValueError(f"{self.name}: gave sound {wav.shape} for {task.name}, or not finite")
        return wav


def baselines() -> list[System]:
    """All but the trained generator; the truth comes last."""
    return [
        System("noise", _noise, listens=False),
        System("preview", _engine("preview")),
        System("reference", _reference, reads=False, follows=False),
        System("truth", lambda task: task.target, listens=False, follows=False),
    ]


def generators(weights: Path | None, **sampling: Any) -> list[System]:
    """The trained generator without and with control, and its autoencoder alone.

    `sampling`: options of the engine diffusion.
    """
    from folai.checkpoints import AUTOENCODER, load_autoencoder
    from folai.evaluate.foley.reconstruction import round_trip

    decoded = round_trip(load_autoencoder(AUTOENCODER))
    own = {"foley_weights": weights, "envelope_lock": 0.0, **sampling}
    free = _engine("diffusion", **{**own, "control_scale": 0.0, "tails": "envelope"})
    like, told = _engine("diffusion", **own), _prompted(weights, **sampling)
    return [
        System("no control", free, listens=False, reads=False, follows=False),
        System("folai", lambda task: told(task) if task.reference is None else like(task)),
        System("decoded", lambda task: decoded(task.target), listens=False, follows=False),
    ]


def _engine(name: str, **own: Any) -> Callable[[Task], Wav]:
    """A function from a task to its sound [T], by an engine that stays loaded."""
    models = Models()

    def play(task: Task) -> Wav:
        heard: dict[str, Any]
        if task.reference is not None:
            heard = {"reference": task.reference[None], "room": 1.0}
        elif name == "preview":
            heard = {"sound": task.sound}
        else:
            heard = {"prompt": task.prompt}
        options = GenerateOptions.of(engine=name, seed=task.seed, **heard, **own)
        wav = play_envelope(task.envelope, options, models=models).wav
        return np.asarray(fit_length(wav, len(task.target))[0])

    return play


def _prompted(weights: Path | None, **sampling: Any) -> Callable[[Task], Wav]:
    """A function from a task with a prompt to its sound [T]: what rings in it does, no gate."""
    from folai.diffusion.foley_files import load_foley

    foley = load_foley(weights) if weights else load_foley()

    def play(task: Task) -> Wav:
        asked: dict[str, Any] = {
            "duration": task.duration,
            "prompt": task.prompt,
            "seed": task.seed,
        }
        wav = foley.generate(task.envelope, **asked, envelope_lock=0.0, **sampling)[0]
        kit = make_kit(sound=sound_of_prompt(task.prompt), sample_rate=SAMPLE_RATE, seed=task.seed)
        modes = find_modes(kit.events, SAMPLE_RATE)
        wav = wav if modes is None else ring(wav, SAMPLE_RATE, task.envelope, modes)
        return np.asarray(fit_length(wav, len(task.target))[0])

    return play


def pink_noise(num_samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """[T] of RMS 1, 3 dB less an octave from `LOWEST` on, nothing below."""
    hertz = np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    spectrum *= (hertz >= LOWEST) / np.sqrt(np.maximum(hertz, LOWEST))
    noise = np.fft.irfft(spectrum, num_samples)
    return np.asarray(noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12))


def _noise(task: Task) -> Wav:
    noise = pink_noise(len(task.target), np.random.default_rng(task.seed))
    return np.asarray(noise * task.envelope.at(_times(task)), np.float32)


def _reference(task: Task) -> Wav:
    if task.reference is None:
        raise ValueError(f"{task.name}: has no reference")
    return np.resize(task.reference, len(task.target))  # repeated where it is shorter


def _times(task: Task) -> NDArray[np.float64]:
    return np.arange(len(task.target)) / SAMPLE_RATE
