"""Runs the trained sound model: an envelope, and a reference or a prompt -> sound that follows it.

    foley = load_foley()
    wav = foley.generate(envelope, duration=10.0, reference=hit)      # [1, 1, T]

The DiT and its ControlNet turn noise into latents, window by window, and the autoencoder's decoder
those into sound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from folai.checkpoints import (
    AUTOENCODER,
    CONTROL,
    FOLEY,
    load_autoencoder,
    load_weights,
    save_weights,
)
from folai.diffusion.conditioning import LEVEL, Hints, condition, read_hints
from folai.diffusion.likeness import match_bands
from folai.diffusion.longform import sample_windows
from folai.diffusion.sampling import SAMPLERS, draw_noise, guide, make_times, renoised
from folai.diffusion.vocabulary import ALL
from folai.engines import Sampling
from folai.envelope import Envelope
from folai.envelope.rms import centred_rms, gaussian_smooth
from folai.media.audio import fit_length, to_mono
from folai.models.autoencoder import Autoencoder
from folai.models.conditioner import Conditioner, ConditionerConfig
from folai.models.controlnet import ControlConfig, ControlNet
from folai.models.dit import DiT, DiTConfig

WINDOW, OVERLAP = 6.0, 1.0  # seconds sampled at once, and shared by neighbours
SHORTEST = 2.0  # seconds; a shorter clip is sampled at this length and cut
DECODED_AT_ONCE = 1024  # latent frames: bounds the decoder's memory
LOCK_RATE = 250.0  # Hz at which the finished level is compared with the envelope
LOCK_DB = 12.0  # most that `envelope_lock` changes
CEILING = 0.99  # highest sample


@dataclass(frozen=True)
class FoleyConfig:
    dit: DiTConfig = field(default_factory=DiTConfig)
    conditioner: ConditionerConfig = field(default_factory=lambda: ConditionerConfig(words=ALL))
    objective: str = "clean"
    sampler: str = "ddim"
    time_shift: float = 1.0  # of the steps toward the noise, see `make_times`
    steer_scale: float = 1.25  # of guidance toward the envelope; `cfg_scale` is toward hints
    last_time: float = 0.2  # of the last step, see there

    @classmethod
    def from_dict(cls, given: dict[str, Any]) -> FoleyConfig:
        """As read from JSON. Raises TypeError or KeyError for what is no config of this kind."""
        words = tuple(given["conditioner"]["words"])
        conditioner = ConditionerConfig(**{**given["conditioner"], "words": words})
        return cls(**{**given, "dit": DiTConfig(**given["dit"]), "conditioner": conditioner})


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
        num_steps: int = Sampling.num_steps,
        cfg_scale: float = Sampling.cfg_scale,
        control_scale: float = Sampling.control_scale,
        envelope_lock: float = Sampling.envelope_lock,
        likeness: float = Sampling.likeness,
        init_wav: NDArray[np.floating[Any]] | None = None,
        init_strength: float = Sampling.init_strength,
        seed: int = 0,
        variations: int = 1,
        progress: Callable[[float], None] | None = None,
    ) -> NDArray[np.float32]:
        """Sound [variations, 1, T] of `duration` seconds; take i is that of seed + i alone.

        reference: [C, T] at `sample_rate`. control_scale: 0 ignores the envelope. envelope_lock:
        how far the finished level is pulled onto it, 0 to 1. likeness: how far its bands are drawn
        to those of the reference, 0 to 1. init_wav: sound [C, T] to start from instead of noise;
        init_strength: how far it is re-imagined, 0 (kept) to 1 (not looked at). Raises ValueError
        for a reference or prompt that will not do, and where a stage gives NaN.
        """
        rate = self.sample_rate
        num_samples = round(duration * rate)
        peak = float(envelope.values.max())
        if peak == 0:
            return np.zeros((variations, 1, num_samples), np.float32)
        hints = read_hints(
            self.autoencoder,
            self.config.conditioner.words,
            reference=reference,
            prompt=prompt,
            negative_prompt=negative_prompt,
        )
        done = 0

        def step_done() -> None:
            nonlocal done
            done += 1
            if progress is not None:
                progress(min(1.0, done / (num_steps * variations * count)))

        num_frames = -(-num_samples // self.autoencoder.hop_length)
        count = max(1, -(-num_frames // self._frames(WINDOW - OVERLAP)))
        run = Run(self, hints, num_steps, cfg_scale, control_scale, step_done)
        takes = []
        with torch.inference_mode():
            if init_wav is not None and init_strength < 1:
                latents = self._latents(init_wav, num_frames)
                run.start_from(latents, init_strength)
            # One by one: on a CPU a batch is no faster, and rounding would depend on it.
            for take in range(variations):
                latents = run.sample(envelope, num_frames, seed + take)
                latents = self.liken(latents, hints[0].reference, likeness)
                decoded = self.autoencoder.decode(latents, chunk=DECODED_AT_ONCE)
                wav = finite(decoded, "the decoder")[0, :, :num_samples].cpu().numpy()
                takes.append(finished(wav, rate, envelope, peak / LEVEL, envelope_lock))
        return np.stack(takes)

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
        num_steps: int,
        cfg_scale: float,
        control_scale: float,
        step_done: Callable[[], None],
    ) -> None:
        self.foley, self.cfg_scale, self.step_done = foley, cfg_scale, step_done
        self.device = foley.dit.project.weight.device
        self.controlnet = foley.controlnet if control_scale > 0 else None
        self.control_scale = control_scale
        self.times = make_times(num_steps, foley.config.time_shift, foley.config.last_time)
        self.start: Tensor | None = None  # latents [1, C, F] to set out from, instead of noise
        wanted, unwanted = hints
        branches = [wanted] if cfg_scale == 1 else [wanted, unwanted]
        if len(branches) == 2 and self.controlnet is not None:
            branches.append(unwanted)  # the one that ignores the envelope, too
        with torch.inference_mode():
            silence = foley.autoencoder.silence
            given = condition(foley.conditioner, branches, silence, self.device)
            self.conditioning = given
            finite(given.pooled, "conditioning")
            self.memory = foley.dit.remember(given.tokens)
            if self.controlnet is not None:
                self.steered = min(2, len(branches))
                self.control_memory = self.controlnet.remember(given.tokens[: self.steered])

    def start_from(self, latents: Tensor, strength: float) -> None:
        """Sets out from latents [1, C, F] with noise of t = `strength`, not from noise alone.

        As many steps are done as lie below it (SDEdit, arXiv 2108.01073).
        """
        self.start = latents.to(self.device)
        self.times = [strength, *(t for t in self.times if t < strength - 1e-6)]

    def sample(self, envelope: Envelope, num_frames: int, seed: int) -> Tensor:
        """Latents [1, C, F] that follow the envelope, its peak at the level of training."""
        foley = self.foley
        samples = 1 if self.controlnet is None else self.controlnet.config.samples
        rate = foley.autoencoder.config.frame_rate * samples
        length = max(num_frames, foley._frames(SHORTEST))
        asked = envelope.at(np.arange(length * samples) / rate) / envelope.values.max()
        control = torch.from_numpy(asked.astype(np.float32))[None]
        return self.follow(control, length, seed)[..., :num_frames]

    def follow(self, control: Tensor, num_frames: int, seed: int) -> Tensor:
        """Latents [1, C, F] that follow control [1, samples * F], see `ControlNet.look`."""
        foley = self.foley
        samples = control.shape[-1] // num_frames
        control = control.to(self.device)
        channels = foley.config.dit.latent_channels
        noise = draw_noise([seed], channels, num_frames).to(self.device)
        if self.start is not None:
            start = _fitted(self.start, num_frames)
            noise = renoised(start, noise, self.times[0], foley.config.objective)

        def sample_window(noise: Tensor, start: int, stop: int) -> Tensor:
            return self._sample_window(noise, control[:, start * samples : stop * samples])

        window, overlap = foley._frames(WINDOW), foley._frames(OVERLAP)
        return finite(sample_windows(sample_window, noise, window, overlap), "sampling")

    def _sample_window(self, noise: Tensor, envelope: Tensor) -> Tensor:
        foley, given, count = self.foley, self.conditioning, len(self.conditioning.pooled)
        seconds = noise.shape[-1] / foley.autoencoder.config.frame_rate
        duration = torch.full((count,), seconds, device=self.device)
        looked = None if self.controlnet is None else self.controlnet.look(envelope)

        def model(noisy: Tensor, t: float) -> Tensor:
            both, time = noisy.expand(count, -1, -1), torch.full_like(duration, t)
            control = None
            if looked is not None:
                few = slice(self.steered)
                x, modulation = foley.dit.begin(
                    both[few], time[few], duration[few], given.pooled[few]
                )
                control = self.steer(x, modulation, looked)
            said: Tensor = foley.dit(
                both, time, duration, given.pooled, self.memory, given.mask, control
            )
            self.step_done()
            if count == 1:
                return said
            steering: Tensor = (foley.config.steer_scale - 1) * (said[1:2] - said[-1:])
            return guide(said[:1], said[1:2], self.cfg_scale) + steering

        sampler = SAMPLERS[foley.config.sampler]
        return sampler(model, noise, self.times, foley.config.objective)

    def steer(self, x: Tensor, modulation: Tensor, looked: Tensor) -> list[Tensor]:
        """What the ControlNet adds to all branches but the last of three.

        So guidance also leads away from what ignores the envelope, by a scale of its own: without
        it hits are missed (correlation 0.86 on training recordings, with it 0.97), and with as much
        of it as hints need, bands come out that are not in the reference.
        """
        assert self.controlnet is not None
        mask = self.conditioning.mask
        others = (0, 0, 0, 0, 0, len(mask) - self.steered)  # at the end of the batch
        looked = looked.expand(self.steered, -1, -1)
        return [
            F.pad(self.control_scale * part, others)
            for part in self.controlnet(
                x, modulation, looked, self.control_memory, mask[: self.steered]
            )
        ]


def _fitted(latents: Tensor, num_frames: int) -> Tensor:
    """[1, C, F] cut, or continued with its last frame."""
    missing = num_frames - latents.shape[-1]
    return F.pad(latents, (0, max(0, missing)), mode="replicate")[..., :num_frames]


# The finished sound


def finite(values: Tensor, stage: str) -> Tensor:
    """Stops NaN and infinity before they reach a file."""
    if not torch.isfinite(values).all():
        fix = "use fewer guidance (cfg_scale) or other weights"
        raise ValueError(f"{stage} gave NaN or infinite values; {fix}")
    return values


def finished(
    wav: NDArray[np.float32], sample_rate: int, envelope: Envelope, gain: float, lock: float
) -> NDArray[np.float32]:
    """[1, T] at the envelope's level, pulled onto it by `lock`, and nowhere above CEILING."""
    wav = wav * np.float32(gain)
    if lock > 0:
        lock_level(wav, sample_rate, envelope, lock)
    wav *= np.float32(min(1.0, CEILING / max(float(wav.max()), -float(wav.min()), 1e-9)))
    return wav


def lock_level(wav: NDArray[np.float32], sample_rate: int, envelope: Envelope, lock: float) -> None:
    """Draws the level of wav [1, T] smoothly toward the envelope, within +-LOCK_DB, in place."""
    measured = centred_rms(wav, sample_rate, LOCK_RATE)
    asked = envelope.at(np.arange(len(measured)) / LOCK_RATE)
    floor = 1e-3 * float(envelope.values.max())  # below it nobody hears the difference
    ratio = (asked + floor) / (measured + floor)
    decibels = lock * np.clip(20 * np.log10(ratio), -LOCK_DB, LOCK_DB)
    gain = 10 ** (gaussian_smooth(decibels, 0.004 * LOCK_RATE) / 20)
    frames = np.arange(len(gain))
    for first in range(0, wav.shape[1], 1 << 18):  # some seconds at a time, to bound the memory
        part = wav[:, first : first + (1 << 18)]
        at = (first + np.arange(part.shape[1])) * (LOCK_RATE / sample_rate)
        part *= np.interp(at, frames, gain).astype(np.float32)


# Weights


def save_base(
    path: Path, dit: DiT, conditioner: Conditioner, config: FoleyConfig, notes: dict[str, Any]
) -> None:
    tensors = {f"dit.{name}": tensor for name, tensor in dit.state_dict().items()}
    tensors |= {f"conditioner.{name}": t for name, t in conditioner.state_dict().items()}
    save_weights(path, "foley", tensors, asdict(config), notes)


def load_base(path: Path = FOLEY) -> tuple[FoleyConfig, DiT, Conditioner]:
    """Raises ValueError where a file is missing, damaged, of another version or kind."""
    weights = load_weights(path, "foley")
    try:
        config = FoleyConfig.from_dict(weights.config)
        dit, conditioner = DiT(config.dit), Conditioner(config.conditioner)
    except (TypeError, KeyError) as error:
        raise weights.misfit(error) from error
    weights.fill(dit, "dit.")
    weights.fill(conditioner, "conditioner.")
    return config, dit.eval(), conditioner.eval()


def save_control(path: Path, controlnet: ControlNet, notes: dict[str, Any]) -> None:
    save_weights(path, "control", controlnet.state_dict(), asdict(controlnet.config), notes)


def load_control(path: Path, dit: DiT) -> ControlNet:
    """The ControlNet of these weights for this DiT. Raises ValueError as `load_base`."""
    weights = load_weights(path, "control")
    try:
        controlnet = ControlNet(ControlConfig(**weights.config), dit)
    except TypeError as error:
        raise weights.misfit(error) from error
    weights.fill(controlnet)
    return controlnet.eval()


def load_foley(
    path: Path = FOLEY, *, control: Path | None = None, autoencoder: Path = AUTOENCODER
) -> Foley:
    """All models, on the CPU. control: `control.safetensors` beside `path` where not given."""
    config, dit, conditioner = load_base(path)
    codec = load_autoencoder(autoencoder)
    if codec.latent_channels != config.dit.latent_channels:
        raise ValueError(f"{path}: not made for the latents of {autoencoder}; take both alike")
    controlnet = load_control(control or path.with_name(CONTROL.name), dit)
    return Foley(config, codec, dit, conditioner, controlnet)
