"""Runs the trained sound model: an envelope, and a reference or a prompt -> sound that follows it.

    foley = load_foley()                                              # foley_files.py
    wav = foley.generate(envelope, duration=10.0, reference=hit)      # [1, 1, T]

The DiT and its ControlNet turn noise into latents, window by window, and the autoencoder's decoder
those into sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from folai.diffusion.conditioning import LEVEL, Hints, condition, read_hints
from folai.diffusion.denoising import STEERED, Conditions, Question, denoise
from folai.diffusion.finishing import finished, finite
from folai.diffusion.likeness import match_bands
from folai.diffusion.longform import make_windows, sample_windows
from folai.diffusion.options import DiffusionOptions
from folai.diffusion.sampling import SAMPLERS, draw_noise, guide, make_times, renoised
from folai.diffusion.together import Together, ask
from folai.diffusion.vocabulary import ALL
from folai.envelope import Envelope
from folai.envelope.rms import centred_rms
from folai.media.audio import fit_length
from folai.media.channels import to_mono
from folai.models.autoencoder import Autoencoder
from folai.models.conditioner import Conditioner, ConditionerConfig
from folai.models.controlnet import ControlNet
from folai.models.dit import DiT, DiTConfig
from folai.progress import Progress, Steps, part_of

WINDOW, OVERLAP = 6.0, 1.0  # seconds sampled at once, and shared by neighbours
STRONGEST = 7.0  # guidance that the answer of one evaluation can hold
SHORTEST_SAMPLED = 2.0  # seconds; a shorter clip is sampled at this length and cut
DECODED_AT_ONCE = 1024  # latent frames: bounds the decoder's memory


@dataclass(frozen=True)
class FoleyConfig:
    dit: DiTConfig = field(default_factory=DiTConfig)
    conditioner: ConditionerConfig = field(default_factory=lambda: ConditionerConfig(words=ALL))
    objective: str = "clean"
    sampler: str = "ddim"
    time_shift: float = 1.0  # of the steps toward the noise, see `make_times`
    steer_scale: float = 1.0  # of guidance toward the envelope; `cfg_scale` is toward hints
    guided: tuple[float, float] = (0.3, 0.7)  # times of guidance where there is a reference,
    guided_by_words: tuple[float, float] = (0.3, 1.0)  # and where there are words alone
    last_time: float = 0.2  # of the last step, see there
    leap_steps: tuple[int, ...] = ()  # numbers of steps in which one evaluation each is enough

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FoleyConfig:
        """As read from JSON. Raises TypeError or KeyError for what is no config of this kind."""
        words = tuple(values["conditioner"]["words"])
        conditioner = ConditionerConfig(**{**values["conditioner"], "words": words})
        values = {**values, "dit": DiTConfig(**values["dit"]), "conditioner": conditioner}
        for name in ("guided", "guided_by_words", "leap_steps"):
            values[name] = tuple(values.get(name, getattr(cls, name)))
        return cls(**values)


@dataclass(frozen=True)
class Foley:
    """The models, ready to run."""

    config: FoleyConfig
    autoencoder: Autoencoder
    dit: DiT
    conditioner: Conditioner
    controlnet: ControlNet | None = None

    @property
    def sample_rate(self) -> int:
        """Hz, of references and of what comes out."""
        return self.autoencoder.config.sample_rate

    def generate(
        self,
        envelope: Envelope,
        *,
        duration: float,
        reference: NDArray[np.floating[Any]] | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        init_wav: NDArray[np.floating[Any]] | None = None,
        seed: int = 0,
        variations: int = 1,
        progress: Progress | None = None,
        **options: Any,
    ) -> NDArray[np.float32]:
        """Sound [variations, 1, T] of `duration` seconds; take i is that of seed + i alone.

        reference: [C, T] at `sample_rate`. init_wav: sound [C, T] to start from instead of noise,
        re-imagined by `init_strength`. options: fields of `DiffusionOptions`. Raises ValueError for
        a reference or prompt that is unusable, and where a stage gives NaN.
        """
        takes = self.takes(
            envelope,
            duration=duration,
            reference=reference,
            prompt=prompt,
            negative_prompt=negative_prompt,
            options=DiffusionOptions(**options),
            sketch=None if init_wav is None else lambda seed: init_wav,
            seed=seed,
            variations=variations,
            progress=progress,
        )
        return np.stack(list(takes))

    def takes(
        self,
        envelope: Envelope,
        *,
        duration: float,
        reference: NDArray[np.floating[Any]] | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        options: DiffusionOptions = DiffusionOptions(),
        sketch: Callable[[int], NDArray[np.floating[Any]]] | None = None,
        seed: int = 0,
        variations: int = 1,
        progress: Progress | None = None,
        together: Together | None = None,
    ) -> Iterator[NDArray[np.float32]]:
        """Yields the takes [1, T], one after another; otherwise as `generate`.

        sketch: gives the sound [C, T] that the take of a seed starts from; it is asked where
        `init_strength` is below 1. together: other clips that are denoised in the same batch.
        """
        rate = self.sample_rate
        num_samples = round(duration * rate)
        peak = float(envelope.values.max())
        if peak == 0:
            yield from np.zeros((variations, 1, num_samples), np.float32)
            return
        hints = read_hints(
            self.autoencoder,
            self.config.conditioner.words,
            reference=reference,
            prompt=prompt,
            negative_prompt=negative_prompt,
        )
        run = Run(self, hints, options, together)
        # One by one: on a CPU a batch is no faster, and rounding would depend on it.
        for take in range(variations):
            report = part_of(progress, take, variations)
            start = None
            if sketch is not None and options.init_strength < 1:
                start = sketch(seed + take)
            wav = self._take(run, envelope, num_samples, seed + take, start, report)
            yield finished(wav, rate, envelope, peak / LEVEL, options.envelope_lock)
            report(1.0)

    @torch.inference_mode()
    def _take(
        self,
        run: Run,
        envelope: Envelope,
        num_samples: int,
        seed: int,
        start: NDArray[np.floating[Any]] | None,
        progress: Progress,
    ) -> NDArray[np.float32]:
        """The sound [1, T] of one seed at the level of training; start: sound to set out from."""
        num_frames = -(-num_samples // self.autoencoder.hop_length)
        if start is not None:
            run.start_from(self._latents(start, num_frames), run.options.init_strength)
        latents = run.sample(envelope, num_frames, seed, progress)
        latents = self.liken(latents, run.reference, run.options.likeness)
        decoded = self.autoencoder.decode(latents, chunk=DECODED_AT_ONCE)
        wav: NDArray[np.float32] = finite(decoded, "the decoder")[0, :, :num_samples].cpu().numpy()
        return wav

    def liken(self, latents: Tensor, reference: Tensor | None, likeness: float) -> Tensor:
        """Latents [1, C, T] with bands drawn to those of the reference's [1, C, N]."""
        if reference is None or likeness == 0:
            return latents
        mean, std = self.autoencoder.band_mean, self.autoencoder.band_std
        levels, wanted = latents[0] * std + mean, reference[0] * std + mean
        return ((match_bands(levels, wanted, likeness) - mean) / std)[None]

    def _latents(self, wav: NDArray[np.floating[Any]], num_frames: int) -> Tensor:
        """A sound [C, T] at the level of training, as latents [1, C, num_frames]."""
        mono = to_mono(np.atleast_2d(wav)).astype(np.float32)
        loudest = float(centred_rms(mono, self.sample_rate, 250.0).max())
        mono = fit_length(mono, num_frames * self.autoencoder.hop_length)
        mono = mono * np.float32(LEVEL / max(loudest, 1e-6))
        return self.autoencoder.encode(torch.from_numpy(mono)[None], chunk=2048)[..., :num_frames]

    def _frames(self, seconds: float) -> int:
        """Latent frames, a whole number of the DiT's tokens."""
        patch = self.config.dit.patch
        return max(1, round(seconds * self.autoencoder.config.frame_rate / patch)) * patch


class Run:
    """What is computed once per clip, and the sampling of its windows."""

    def __init__(
        self,
        foley: Foley,
        hints: tuple[Hints, Hints],
        options: DiffusionOptions,
        together: Together | None = None,
    ) -> None:
        self.foley, self.options, self.together = foley, options, together
        self.device = foley.dit.project.weight.device
        self.controlnet = foley.controlnet if options.control_scale > 0 else None
        config = foley.config
        self.times = make_times(options.num_steps, config.time_shift, config.last_time)
        self.start: Tensor | None = None  # latents [1, C, F] to set out from, instead of noise
        wanted, unwanted = hints
        self.reference = wanted.reference  # latents [1, C, N]
        self.leaps = _can_leap(config, options, unwanted)
        alone = options.cfg_scale == 1 or self.leaps
        branches = [wanted] if alone else [wanted, unwanted]
        if len(branches) == 2 and self.controlnet is not None and config.steer_scale != 1:
            branches.append(unwanted)  # the one that ignores the envelope, too
        with torch.inference_mode():
            silence = foley.autoencoder.silence
            cond = condition(foley.conditioner, branches, silence, self.device)
            finite(cond.pooled, "conditioning")
            memory, net = foley.dit.remember(cond.tokens), self.controlnet
            steered = [] if net is None else net.remember(cond.tokens[:STEERED])
        self.conditions = Conditions(cond, memory, steered, options.control_scale)
        self._denoise = partial(denoise, foley.dit, net)

    def start_from(self, latents: Tensor, strength: float) -> None:
        """Sets out from latents [1, C, F] with noise of t = `strength`, not from noise alone.

        As many steps are done as lie below it (SDEdit, arXiv 2108.01073).
        """
        self.start = latents.to(self.device)
        self.times = [strength, *(t for t in self.times if t < strength - 1e-6)]

    def sample(
        self, envelope: Envelope, num_frames: int, seed: int, progress: Progress | None = None
    ) -> Tensor:
        """Latents [1, C, F] that follow the envelope, its peak at the level of training."""
        foley = self.foley
        samples = 1 if self.controlnet is None else self.controlnet.config.samples
        rate = foley.autoencoder.config.frame_rate * samples
        length = max(num_frames, foley._frames(SHORTEST_SAMPLED))
        rms = envelope.at(np.arange(length * samples) / rate) / envelope.values.max()
        control = torch.from_numpy(rms.astype(np.float32))[None]
        return self.follow(control, length, seed, progress)[..., :num_frames]

    def follow(
        self, control: Tensor, num_frames: int, seed: int, progress: Progress | None = None
    ) -> Tensor:
        """Latents [1, C, F] that follow control [1, samples * F], see `ControlNet.look`.

        progress: is told the share that is done after each evaluation of the denoiser.
        """
        foley = self.foley
        samples = control.shape[-1] // num_frames
        control = control.to(self.device)
        channels = foley.config.dit.latent_channels
        noise = draw_noise([seed], channels, num_frames).to(self.device)
        if self.start is not None:
            start = _fitted(self.start, num_frames)
            noise = renoised(start, noise, self.times[0], foley.config.objective)

        window, overlap = foley._frames(WINDOW), foley._frames(OVERLAP)
        num_windows = len(make_windows(num_frames, window, overlap))
        # No longer than so many need to be: 10 s are two windows of 5.5 s.
        patch = foley.config.dit.patch
        least = -(-(num_frames + (num_windows - 1) * overlap) // num_windows)
        window = min(window, -(-least // patch) * patch)
        # Decoding, which comes after the last evaluation, is one more of them.
        steps = Steps(progress, num_windows * (len(self.times) - 1) + 1)

        def sample_window(noise: Tensor, start: int, stop: int) -> Tensor:
            return self._sample_window(noise, control[:, start * samples : stop * samples], steps)

        return finite(sample_windows(sample_window, noise, window, overlap), "sampling")

    def _sample_window(self, noise: Tensor, envelope: Tensor, steps: Steps) -> Tensor:
        """Guidance is given in the middle of the sampling alone (arXiv 2404.07724).

        At first everything is noise, and what guidance exaggerates there spoils the envelope (words
        alone need it all the same); at the end there is little left to choose. Where there is none,
        or the answer holds it already, one branch is enough.
        """
        foley, config = self.foley, self.foley.config
        count = len(self.conditions.cond.pooled)
        encoded = None if self.controlnet is None else self.controlnet.look(envelope)
        first, last = config.guided if self.reference is not None else config.guided_by_words
        seconds = noise.shape[-1] / foley.autoencoder.config.frame_rate
        alike = id(foley), self.controlnet is None
        sizes = {t: t - following for t, following in pairwise(self.times)} if self.leaps else {}
        guidance = self.options.cfg_scale if self.leaps else 1.0

        def model(noisy: Tensor, t: float) -> Tensor:
            branches = count if first <= t <= last else 1
            size = sizes.get(t, 0.0)
            question = Question(
                self.conditions, branches, noisy, t, seconds, encoded, size, guidance
            )
            output = ask(self.together, alike, question, self._denoise)
            steps.step()
            if branches == 1:
                return output
            guided = guide(output[:1], output[1:2], self.options.cfg_scale)
            return guided + (config.steer_scale - 1) * (output[1:2] - output[-1:])

        sampler = SAMPLERS[self.options.sampler or config.sampler]
        return sampler(model, noise, self.times, config.objective)


def _can_leap(config: FoleyConfig, options: DiffusionOptions, unwanted: Hints) -> bool:
    """Whether each step of a take is one evaluation, with the guidance in its answer."""
    known = options.num_steps in config.leap_steps and 1 <= options.cfg_scale <= STRONGEST
    as_learned = options.sampler in (None, "ddim") and options.init_strength == 1
    return known and as_learned and not bool((unwanted.words > 0).any())


def _fitted(latents: Tensor, num_frames: int) -> Tensor:
    """[1, C, F] cut, or continued with its last frame."""
    missing = num_frames - latents.shape[-1]
    return F.pad(latents, (0, max(0, missing)), mode="replicate")[..., :num_frames]
