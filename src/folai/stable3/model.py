"""Runs Stable Audio 3: an envelope, and a prompt or a sound to re-imagine -> sound.

    stable = load_stable3("stable-audio-3-small-sfx", text=True)
    wav = stable.generate(envelope, duration=10.0, prompt="footsteps on gravel")   # [1, 2, T]

It is used as `stable.StableAudio` is. Some seconds more than the clip are sampled, in which sounds
may end; they are not decoded.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.diffusion.conditioning import LEVEL
from folai.diffusion.finishing import finished, finite
from folai.diffusion.longform import make_windows, sample_windows
from folai.diffusion.options import DiffusionOptions
from folai.diffusion.sampling import draw_noise, sample_ddim, sample_pingpong
from folai.diffusion.together import Together, ask
from folai.envelope import Envelope
from folai.models import bfloat16
from folai.models.same import Same
from folai.models.stable3_conditioner import Stable3Conditioner
from folai.models.stable3_control import Stable3Control
from folai.models.stable3_dit import Stable3DiT
from folai.progress import Steps
from folai.stable.compiling import compile_blocks, require_compiler
from folai.stable.control_latents import encode_fitted, encode_start
from folai.stable.hub import find_model
from folai.stable.precision import check_dtype
from folai.stable.prompt_cache import prompt_cache
from folai.stable3.base_files import load_base
from folai.stable3.conditioning import condition
from folai.stable3.control_files import inspect_control, load_control
from folai.stable3.control_levels import filter_width, levels_of, softened
from folai.stable3.denoising import Question, Steered, denoise, guide_apart
from folai.stable3.gaps import gap_frames, keeping, kept_latents
from folai.stable3.lora_files import merge_lora
from folai.stable3.loudness_files import load_loudness
from folai.stable3.model_config import Stable3Config
from folai.stable3.options import DTYPES
from folai.stable3.releveling import Releveling
from folai.stable3.steering import Loudness, Steering, wanted_levels
from folai.stable3.text import T5Gemma, find_text_model

# Seconds sampled beyond the end. The published code takes 6; it trains with silence behind the end
# whose length is exponentially distributed, so that less is likelier, and less takes less time.
HEADROOM = 2.0
OVERLAP = 4.0  # seconds that neighbouring windows share
DECODED_AT_ONCE = 64  # latents, 6 s: bounds the decoder's memory


@dataclass(frozen=True)
class Stable3:
    """The models, ready to run."""

    config: Stable3Config
    dit: Stable3DiT
    autoencoder: Same
    conditioner: Stable3Conditioner
    text: T5Gemma | None = None
    loudness: Loudness | None = None
    control: Stable3Control | None = None

    @property
    def sample_rate(self) -> int:
        """Hz, of what comes out."""
        return self.config.sample_rate

    @property
    def frame_rate(self) -> float:
        """Latents per second."""
        return self.autoencoder.config.frame_rate

    @property
    def device(self) -> torch.device:
        return self.dit.project.weight.device

    def generate(
        self,
        envelope: Envelope,
        *,
        duration: float,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        num_steps: int = 8,
        cfg_scale: float = 1.0,
        control_scale: float = DiffusionOptions.control_scale,
        envelope_lock: float = DiffusionOptions.envelope_lock,
        relevel: int = 0,
        init_wav: NDArray[np.floating[Any]] | None = None,
        init_strength: float = 1.0,
        kept_wav: NDArray[np.floating[Any]] | None = None,
        gaps: Sequence[tuple[float, float]] = (),
        seed: int = 0,
        variations: int = 1,
        progress: Callable[[float], None] | None = None,
        together: Together | None = None,
    ) -> NDArray[np.float32]:
        """Sound [variations, C, T] of `duration` seconds; take i is that of seed + i alone.

        init_wav: sound [C, T] at the envelope's level to start from instead of noise;
        init_strength: how far it is re-imagined, 0 (kept) to 1 (not used). kept_wav: sound [C, T]
        at the envelope's level of which all but the `gaps`, (start, stop) in seconds, is kept.
        control_scale: how strictly the envelope is followed by a control and by loudness, where
        this model has them; 0: not at all. relevel: times that the level is drawn onto the
        envelope while the sound is made, as strictly. progress: is told the share of the denoiser's
        evaluations that is done; what it raises stops the work. together: other clips that are
        denoised in the same batch. Raises ValueError for a prompt without its text model, for a
        kept sound with a model that fills no gaps, and where a stage gives NaN.
        """
        num_samples = round(duration * self.sample_rate)
        peak = float(envelope.values.max())
        if peak == 0:
            if progress is not None:
                progress(1.0)
            return np.zeros((variations, self.autoencoder.channels, num_samples), np.float32)
        gain = LEVEL / peak
        needed = -(-num_samples // self.autoencoder.hop_length)
        num_frames = self._num_frames(needed, duration)
        guided = cfg_scale != 1
        run = Run(
            self,
            self.words(prompt),
            self.words(negative_prompt) if guided else None,
            num_steps,
            cfg_scale,
            duration,
            start=encode_start(self.autoencoder, init_wav, num_frames, gain, init_strength),
            strength=init_strength,
            kept=None if kept_wav is None else self._kept(kept_wav, gaps, num_frames, gain),
            steering=self._steering(envelope, num_frames, gain, control_scale),
            releveling=self._releveling(envelope, gain, control_scale, relevel, num_steps),
            levels=self._levels(envelope, num_frames, gain, control_scale),
            control_scale=control_scale,
            together=together,
        )
        evaluated = Steps(progress, variations * run.count(num_frames)).step
        takes = []
        for take in range(variations):
            latents = run.sample(num_frames, seed + take, evaluated)
            wav = self.decode(latents, needed)[0, :, :num_samples].float().cpu().numpy()
            takes.append(finished(wav, self.sample_rate, envelope, peak / LEVEL, envelope_lock))
        return np.stack(takes)

    @torch.inference_mode()
    def decode(self, latents: Tensor, num_frames: int) -> Tensor:
        """The sound [1, C, T] of the first latents: of others only those that reach into them."""
        reaching = latents[..., : num_frames + self.autoencoder.config.context]
        wav = self.autoencoder.decode(reaching.float(), chunk=DECODED_AT_ONCE)
        return finite(wav, "the decoder")[..., : num_frames * self.autoencoder.hop_length]

    def words(self, prompt: str | None) -> Tensor | None:
        """The text model's output [1, W, D] for a prompt."""
        if prompt is None:
            return None
        if self.text is None:
            raise ValueError("this model was loaded without its text model; load it with text=True")
        return self.text.encode(prompt)

    def _kept(
        self,
        wav: NDArray[np.floating[Any]],
        gaps: Sequence[tuple[float, float]],
        num_frames: int,
        gain: float,
    ) -> Tensor:
        """What the denoiser hears of a sound with gaps, [1, 1 + C, num_frames]."""
        if not self.config.dit.fills_gaps:
            raise ValueError("this model was not trained to fill gaps; leave the kept sound out")
        latents = encode_fitted(self.autoencoder, wav, num_frames, gain)
        is_gap = gap_frames(gaps, num_frames, self.frame_rate)
        is_gap[math.ceil(wav.shape[-1] / self.autoencoder.hop_length) :] = True
        return kept_latents(latents, is_gap)

    def _steering(
        self, envelope: Envelope, num_frames: int, gain: float, strength: float
    ) -> Steering | None:
        if self.loudness is None or strength == 0:
            return None
        wanted = wanted_levels(self.loudness.config, envelope, num_frames, gain)
        return Steering(self.loudness, wanted.to(self.device), strength)

    def _releveling(
        self, envelope: Envelope, gain: float, strictness: float, often: int, num_steps: int
    ) -> Releveling | None:
        if often == 0 or strictness == 0:
            return None
        strength = min(strictness, 1.0)
        return Releveling(self.autoencoder, envelope, gain, strength, often, num_steps)

    def _levels(
        self, envelope: Envelope, num_frames: int, gain: float, strictness: float
    ) -> Tensor | None:
        """What the control sees of the envelope, [1, num_frames * per latent]."""
        if self.control is None or strictness == 0:
            return None
        each = self.control.config.per_latent
        levels = torch.from_numpy(levels_of(envelope, num_frames, self.frame_rate, each, gain))
        is_filtered = self.control.config.light
        width = filter_width(strictness, self.frame_rate * each) if is_filtered else 1
        return softened(levels.unsqueeze(0), width).to(self.device)

    def _num_frames(self, needed: int, duration: float) -> int:
        """Latents to sample where so many are needed; warns where that takes several windows."""
        num_frames = needed + math.floor(HEADROOM * self.frame_rate)
        if num_frames > self.window:
            warnings.warn(
                f"{duration:.0f} s are more than the {self.window / self.frame_rate - HEADROOM:.0f}"
                " s that the model was trained for: sampled in windows that overlap",
                stacklevel=3,
            )
        return num_frames

    @property
    def window(self) -> int:
        """The most latents that are sampled at once."""
        return self.config.num_samples // self.autoencoder.hop_length


class Run:
    """What is computed once per clip, and the sampling of its windows."""

    def __init__(
        self,
        stable: Stable3,
        words: Tensor | None,
        unwanted: Tensor | None,
        num_steps: int,
        cfg_scale: float,
        duration: float,
        *,
        start: Tensor | None = None,
        strength: float = 1.0,
        kept: Tensor | None = None,
        steering: Steering | None = None,
        releveling: Releveling | None = None,
        levels: Tensor | None = None,
        control_scale: float = 1.0,
        together: Together | None = None,
    ) -> None:
        self.levels, self.control_scale = levels, control_scale
        self.kept, self.steering, self.releveling = kept, steering, releveling
        self.stable, self.cfg_scale, self.duration = stable, cfg_scale, duration
        self.words, self.unwanted, self.together = words, unwanted, together
        self.start = start
        self.num_steps, self.first = num_steps, strength if start is not None else 1.0
        self.window = stable.window
        self.overlap = min(round(OVERLAP * stable.frame_rate), self.window // 4)

    def count(self, num_frames: int) -> int:
        """Evaluations of the denoiser in one take: each sampler asks once a step and window."""
        return len(make_windows(num_frames, self.window, self.overlap)) * self.num_steps

    @torch.inference_mode()
    def sample(
        self, num_frames: int, seed: int, evaluated: Callable[[], None] = lambda: None
    ) -> Tensor:
        """Latents [1, C, F] on the model's device. evaluated: called after each evaluation."""
        stable, device = self.stable, self.stable.device
        channels = stable.config.dit.latent_channels
        noise = draw_noise([seed], channels, num_frames).to(device)
        if self.start is not None:
            noise = (1 - self.first) * self.start.to(device) + self.first * noise

        def sample_window(noise: Tensor, start: int, stop: int) -> Tensor:
            def fresh(step: int) -> Tensor:  # the same where windows overlap
                seeds = [(seed << 16) + step + 1]
                return draw_noise(seeds, channels, num_frames)[..., start:stop].to(device)

            model, times = self.model(start, stop, evaluated), self.times(stop - start)
            if stable.config.distilled:
                return sample_pingpong(model, noise, times, "rectified_flow", fresh)
            return sample_ddim(model, noise, times, "rectified_flow")

        latents = sample_windows(sample_window, noise, self.window, self.overlap)
        return finite(latents, "sampling")

    def times(self, num_frames: int) -> list[float]:
        """For a window of so many latents; those behind the end of the sound do not count."""
        within = min(num_frames, math.ceil(self.duration * self.stable.frame_rate))
        return self.stable.config.shift.times(self.num_steps, within, self.first)

    def model(
        self, start: int, stop: int, evaluated: Callable[[], None] = lambda: None
    ) -> Callable[[Tensor, float], Tensor]:
        """The denoiser of the frames from `start` to `stop`, guided, as the sampler asks for it."""
        stable, guided = self.stable, self.cfg_scale != 1
        seconds = min(self.duration - start / stable.frame_rate, stable.config.longest)
        conditions = condition(
            stable.dit,
            stable.conditioner,
            seconds,
            stop - start,
            self.words,
            self.unwanted,
            guided=guided,
            kept=None if self.kept is None else self.kept[..., start:stop].to(stable.device),
            steered=self._steered(start, stop),
        )
        alike, answer = (id(stable), conditions.alike()), partial(denoise, stable.dit)
        dtype = stable.dit.embed.weight.dtype

        def model(noisy: Tensor, t: float) -> Tensor:
            out = ask(self.together, alike, Question(conditions, noisy.to(dtype), t), answer)
            evaluated()
            return guide_apart(noisy, out[:1], out[1:], t, self.cfg_scale) if guided else out

        steered = model if self.steering is None else self.steering.of(model, start, stop)
        if self.releveling is not None:
            steered = self.releveling.of(steered, start, stop)
        if self.kept is None:
            return steered
        return keeping(steered, self.kept[..., start:stop].to(stable.device))

    def _steered(self, start: int, stop: int) -> Steered | None:
        """What the control sees of the frames from `start` to `stop`."""
        control = self.stable.control
        if self.levels is None or control is None:
            return None
        each = control.config.per_latent
        seen = control.see(self.levels[:, start * each : stop * each])
        least = 1.0 if control.config.light else 0.0  # below it, the filter makes it less strict
        return Steered(control, seen, max(self.control_scale, least))


def load_stable3(
    model: str | Path,
    *,
    lora: Path | None = None,
    loudness: Path | None = None,
    control: Path | None = None,
    text: bool = False,
    dtype: str | None = None,
    offline: bool = False,
    compile: bool = False,
) -> Stable3:
    """A model by its name or path, with the LoRA, the reader of loudness and the control in these
    files.

    text: whether prompts will be given. dtype: of the weights, by its name in DTYPES; None:
    bfloat16 on a GPU, float32 on a CPU. compile: blocks by torch.compile, which takes a minute at
    first and pays where many clips are made. Raises ValueError, in one line and before anything
    large is read, for what is missing or does not fit.
    """
    check_dtype(dtype, DTYPES)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = getattr(torch, dtype or ("bfloat16" if device.type == "cuda" else "float32"))
    bfloat16.warn_if_slow(precision, device)
    if compile:
        require_compiler(device)
    folder = find_model(model, offline=offline)
    beside = 0 if control is None else inspect_control(control)
    base = load_base(folder, dtype=precision, device=device, beside=beside)
    if lora is not None:
        merge_lora(lora, base)
    steers = None
    if control is not None:
        steers = load_control(control, base).to(device, base.dit.embed.weight.dtype)
    if compile:
        compile_blocks(base.dit.blocks)
    t5 = _find_text(folder, base.config) if text else None
    reader = None
    if loudness is not None:
        reader = load_loudness(loudness, base.config.autoencoder).to(device)
    return Stable3(base.config, base.dit, base.autoencoder, base.conditioner, t5, reader, steers)


def _find_text(folder: Path, config: Stable3Config) -> T5Gemma:
    root = folder if folder.is_dir() else folder.parent
    found = find_text_model(root)
    if found is None:
        name = config.text_model.split("/")[-1]
        raise ValueError(f"{root}: has no text model; copy the folder {name} into it")
    return T5Gemma(found, config.conditioner.text_length, prompt_cache())
