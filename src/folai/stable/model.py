"""Runs Stable Audio Open: an envelope, and a prompt, a reference or a sound to re-imagine -> sound.

    stable = load_stable("stable-audio-open-1.0", text=True)
    wav = stable.generate(envelope, duration=10.0, prompt="footsteps on gravel")   # [1, 2, T]

It is used as `foley.Foley` is. Latents are only as long as the clip. What is the same in all steps
is computed once. Clips longer than those of the model's training are sampled in overlapping
windows.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
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
from folai.diffusion.sampling import (
    draw_noise,
    exponential_times,
    guide,
    logistic_times,
    renoised,
    sample_dpmpp_2m_sde,
    sample_pingpong,
)
from folai.diffusion.together import Together, ask
from folai.envelope import Envelope
from folai.models import bfloat16
from folai.models.dit import Memory
from folai.models.oobleck import Oobleck
from folai.models.seconds import Seconds
from folai.models.stable_control import StableControlNet
from folai.models.stable_dit import StableDiT
from folai.progress import Steps
from folai.stable.base_files import load_base
from folai.stable.compiling import compile_blocks, require_compiler
from folai.stable.control_files import inspect_control, load_control
from folai.stable.control_latents import Codec, encode_control, encode_start
from folai.stable.denoising import Conditions, Question, denoise
from folai.stable.hub import find_model
from folai.stable.lora_files import merge_lora
from folai.stable.model_config import StableConfig
from folai.stable.precision import check_dtype
from folai.stable.prompt_cache import prompt_cache
from folai.stable.prompt_models import T5, Clap, load_clap, load_t5

SHORTEST_SAMPLED = 2.0  # seconds; a shorter clip is sampled at this length and cut
OVERLAP = 2.0  # seconds that neighbouring windows share
DECODED_AT_ONCE = 256  # latent frames, 12 s: bounds the decoder's memory to about 1 GB


@dataclass(frozen=True)
class StableAudio:
    """The models, ready to run. The codec is Oobleck; a tiny model may have another."""

    config: StableConfig
    dit: StableDiT
    autoencoder: Codec
    seconds: Seconds
    controlnet: StableControlNet | None = None
    text: T5 | None = None
    clap: Clap | None = None

    @property
    def sample_rate(self) -> int:
        """Hz, of references and of what comes out."""
        return self.autoencoder.config.sample_rate

    @property
    def frame_rate(self) -> float:
        """Latent frames per second."""
        return self.autoencoder.config.frame_rate

    @property
    def device(self) -> torch.device:
        return self.dit.project.weight.device

    def generate(
        self,
        envelope: Envelope,
        *,
        duration: float,
        reference: NDArray[np.floating[Any]] | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        num_steps: int = 100,
        cfg_scale: float = 7.0,
        control_scale: float = DiffusionOptions.control_scale,
        envelope_lock: float = DiffusionOptions.envelope_lock,
        init_wav: NDArray[np.floating[Any]] | None = None,
        init_strength: float = 1.0,
        seed: int = 0,
        variations: int = 1,
        progress: Callable[[float], None] | None = None,
        together: Together | None = None,
    ) -> NDArray[np.float32]:
        """Sound [variations, C, T] of `duration` seconds; take i is that of seed + i alone.

        reference: [C, T] at `sample_rate`, heard by CLAP. control_scale: 0 ignores the envelope.
        init_wav: sound [C, T] at the envelope's level to start from instead of noise;
        init_strength: how far it is re-imagined, 0 (kept) to 1 (not used). progress: is told
        the share of the denoiser's evaluations that is done, rising from 0 to 1, after each of
        them; what it raises stops the work. together: other clips that are denoised in the same
        batch. Others as for `Foley.generate`. Raises ValueError for a prompt without its text
        model, and where a stage gives NaN.
        """
        num_samples = round(duration * self.sample_rate)
        peak = float(envelope.values.max())
        if peak == 0:
            if progress is not None:
                progress(1.0)
            shape = (variations, self.autoencoder.channels, num_samples)
            return np.zeros(shape, np.float32)
        guided = cfg_scale != 1
        prompts = prompt, negative_prompt if guided else None
        positive, negative = self.tokens(prompts, reference, guided)
        gain = LEVEL / peak
        num_frames = self._num_frames(num_samples)
        run = Run(
            self, positive, negative, num_steps, cfg_scale, duration,
            control=self._control(envelope, num_frames, gain) if control_scale > 0 else None,
            control_scale=control_scale,
            start=encode_start(self.autoencoder, init_wav, num_frames, gain, init_strength),
            strength=init_strength,
            together=together,
        )  # fmt: skip
        evaluated = Steps(progress, variations * run.count(num_frames)).step
        takes = []
        with torch.inference_mode():
            for take in range(variations):
                latents = run.sample(num_frames, seed + take, evaluated)
                decoded = self.decode(latents)
                wav = finite(decoded, "the decoder")[0, :, :num_samples].float().cpu().numpy()
                takes.append(finished(wav, self.sample_rate, envelope, peak / LEVEL, envelope_lock))
        return np.stack(takes)

    def decode(self, latents: Tensor) -> Tensor:
        """The sound [1, C, T] of latents, in fp32; on a CPU in the denoiser's own precision.

        bfloat16 takes a quarter of the time there, where the CPU has instructions for it, and is
        38 dB below the sound.
        """
        takes_any = isinstance(self.autoencoder, Oobleck) and latents.device.type == "cpu"
        takes_any = takes_any and bfloat16.is_fast(latents.device)
        precision = self.dit.project.weight.dtype if takes_any else torch.float32
        return self.autoencoder.decode(latents.to(precision), chunk=DECODED_AT_ONCE).float()

    def tokens(
        self,
        prompts: tuple[str | None, str | None],
        reference: NDArray[np.floating[Any]] | None,
        guided: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Conditioning tokens [1, L, D]: the positive ones, and, if guided, the negative ones.

        prompts: prompt and negative prompt; where one is None its tokens are 0. With a ControlNet
        that was trained with CLAP, one more token stands for the reference, or for the prompt.
        """
        none = torch.zeros(1, 0, self.config.seconds.dim)
        positive, negative = (None if text is None else self._text(text) for text in prompts)
        like = next((tokens for tokens in (positive, negative) if tokens is not None), none)
        positives = [torch.zeros_like(like) if positive is None else positive]
        negatives = [torch.zeros_like(like) if negative is None else negative]
        if self.clap is not None and (reference is not None or prompts[0] is not None):
            positives.append(self._clap(self.clap, reference, prompts[0] or ""))
            negatives.append(torch.zeros_like(positives[-1]))
        return torch.cat(positives, dim=1), torch.cat(negatives, dim=1) if guided else None

    def _num_frames(self, num_samples: int) -> int:
        """Latent frames to sample for so many samples; warns where that takes several windows."""
        shortest = math.ceil(SHORTEST_SAMPLED * self.frame_rate)
        num_frames = max(-(-num_samples // self.autoencoder.hop_length), shortest)
        if num_frames > self.config.window:
            duration, trained = num_samples / self.sample_rate, self.config.window / self.frame_rate
            warnings.warn(
                f"{duration:.0f} s are more than the {trained:.0f} s that the model was trained "
                "for: sampled in windows that overlap",
                stacklevel=3,
            )
        return num_frames

    def _clap(self, clap: Clap, reference: NDArray[np.floating[Any]] | None, text: str) -> Tensor:
        """The token [1, 1, D] of a reference, or of a text where there is none."""
        assert self.controlnet is not None and self.controlnet.clap is not None
        layer = self.controlnet.clap
        if reference is None:
            embedding = clap.read(text)
        else:
            embedding = clap.hear(reference, self.sample_rate)
        with torch.inference_mode():
            token: Tensor = layer(embedding.to(layer.weight))
        return token.float().cpu().unsqueeze(1)

    def _text(self, text: str) -> Tensor:
        """T5's tokens [1, L, D] of a prompt, 0 after its end."""
        if self.text is None:
            raise ValueError("this model was loaded without its text model; load it with text=True")
        hidden = self.text.encode(text)
        if self.seconds.text is None:
            return hidden
        mask = hidden.abs().sum(-1, keepdim=True) > 0  # the layer's bias would fill the rest
        with torch.inference_mode():
            projected: Tensor = self.seconds.text(hidden.to(self.seconds.text.weight)).cpu()
        return projected * mask

    def _control(self, envelope: Envelope, num_frames: int, gain: float) -> Tensor | None:
        """Latents [1, C, num_frames] of the envelope, where there is a ControlNet to see them."""
        if self.controlnet is None:
            return None
        return encode_control(self.autoencoder, envelope, num_frames, gain)


class Run:
    """What is computed once per clip, and the sampling of its windows."""

    def __init__(
        self,
        stable: StableAudio,
        positive: Tensor,
        negative: Tensor | None,
        num_steps: int,
        cfg_scale: float,
        duration: float,
        *,
        control: Tensor | None = None,
        control_scale: float = 1.0,
        start: Tensor | None = None,
        strength: float = 1.0,
        together: Together | None = None,
    ) -> None:
        self.together = together
        self.stable, self.cfg_scale, self.duration = stable, cfg_scale, duration
        self.positive, self.negative = positive, negative
        self.control, self.start, self.strength = control, start, strength
        self.control_scale = control_scale
        config = stable.config
        first = strength if start is not None else 1.0
        if config.objective == "v_prediction":
            self.times = exponential_times(num_steps, config.sigma_min, config.sigma_max, first)
        else:
            self.times = logistic_times(num_steps, first)
        self.sampler = sample_pingpong if config.distilled else sample_dpmpp_2m_sde
        overlap = min(round(OVERLAP * stable.frame_rate), config.window // 4)
        self.window, self.overlap = config.window, overlap  # latent frames

    def count(self, num_frames: int) -> int:
        """Evaluations of the denoiser in one take: each sampler asks once a step and window."""
        windows = make_windows(num_frames, self.window, self.overlap)
        return len(windows) * (len(self.times) - 1)

    def sample(
        self, num_frames: int, seed: int, evaluated: Callable[[], None] = lambda: None
    ) -> Tensor:
        """Latents [1, C, F] on the model's device. evaluated: called after each evaluation."""
        stable, device = self.stable, self.stable.device
        channels = stable.config.dit.latent_channels
        noise = draw_noise([seed], channels, num_frames).to(device)
        if self.start is not None:
            start = self.start.to(device)
            noise = renoised(start, noise, self.times[0], stable.config.objective)

        def sample_window(noise: Tensor, start: int, stop: int) -> Tensor:
            def fresh(step: int) -> Tensor:  # the same where windows overlap
                seeds = [(seed << 16) + step + 1]
                return draw_noise(seeds, channels, num_frames)[..., start:stop].to(device)

            model = self.model(start, stop, evaluated)
            return self.sampler(model, noise, self.times, stable.config.objective, fresh)

        latents = sample_windows(sample_window, noise, self.window, self.overlap)
        return finite(latents, "sampling")

    def model(
        self, start: int, stop: int, evaluated: Callable[[], None] = lambda: None
    ) -> Callable[[Tensor, float], Tensor]:
        """The denoiser of the frames from `start` to `stop`, guided, as the sampler asks for it."""
        stable, device = self.stable, self.stable.device
        dtype = stable.dit.project.weight.dtype
        tokens, seconds = self._conditioning(start / stable.frame_rate)
        tokens, seconds = tokens.to(device, dtype), seconds.to(device, dtype)
        net = stable.controlnet
        steered: Memory = []
        hint = None
        if net is not None and self.control is not None:
            hint = net.look(self.control[..., start:stop].to(device, dtype))
            steered = net.trunk.remember(tokens)
        memory, scale = stable.dit.trunk.remember(tokens), self.control_scale
        conditions = Conditions(seconds, memory, steered, hint, scale, stop - start)
        alike, answer = (id(stable), conditions.alike()), partial(denoise, stable.dit, net)

        def model(noisy: Tensor, t: float) -> Tensor:
            out = ask(self.together, alike, Question(conditions, noisy.to(dtype), t), answer)
            evaluated()
            return out if len(out) == 1 else guide(out[:1], out[1:], self.cfg_scale)

        return model

    def _conditioning(self, start: float) -> tuple[Tensor, Tensor]:
        """Tokens [B, L, D] and seconds [B, G] of a window that starts at so many seconds.

        Guided as the stock model was: without a negative prompt all negative tokens are 0, those of
        the seconds too, and the seconds beside the time are the same. A row of tokens that are all
        0 is left out: `Block` knows what attending to it gives.
        """
        stable = self.stable
        numbers = next(stable.seconds.parameters())
        starts = torch.tensor([start], device=numbers.device)
        with torch.inference_mode():
            seconds_tokens, seconds = stable.seconds(starts, torch.full_like(starts, self.duration))
        seconds_tokens = seconds_tokens.cpu().float()
        if stable.controlnet is not None and not stable.controlnet.config.seconds_tokens:
            # The softmax needs one token at least; one of 0 says nothing, as in training.
            count = 0 if self.positive.shape[1] else 1
            seconds_tokens = torch.zeros_like(seconds_tokens[:, :count])
        tokens = torch.cat([self.positive, seconds_tokens], dim=1)
        if self.negative is None:
            return tokens, seconds
        seconds = seconds.expand(2, -1)
        if not self.negative.any():
            return tokens, seconds
        return torch.cat([tokens, torch.cat([self.negative, seconds_tokens], dim=1)]), seconds


def load_stable(
    model: str | Path,
    *,
    control: Path | None = None,
    lora: Path | None = None,
    clap: str | Path = "clap",
    text: bool = False,
    reference: bool = False,
    dtype: str | None = None,
    offline: bool = False,
    compile: bool = False,
) -> StableAudio:
    """A model by its name or path, with the ControlNet and the LoRA in these files.

    text, reference: whether to load the models that prompts and references need. dtype: of the
    weights, by its name in DTYPES; None: bfloat16 on a GPU, float32 on a CPU. compile: blocks by
    torch.compile, which takes a minute at first and pays where many clips are made. Raises
    ValueError, in one line and before anything large is read, for what is missing or does not fit.
    """
    check_dtype(dtype)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    precision = getattr(torch, dtype or ("bfloat16" if device.type == "cuda" else "float32"))
    bfloat16.warn_if_slow(precision, device)
    if compile:
        require_compiler(device)
    folder = find_model(model, offline=offline)
    beside = 0 if control is None else inspect_control(control)
    base = load_base(folder, dtype=precision, device=device, beside=beside)
    net = None
    if control is not None:
        net = load_control(control, base.config).to(device, precision)
        net.trunk.rates.data = net.trunk.rates.data.float()
    if lora is not None:
        merge_lora(lora, base.dit)
    if compile:
        compile_blocks(base.dit.trunk.blocks)
    t5 = _load_text(folder, base.config, offline) if text else None
    needs_clap = (reference or text) and net is not None and net.clap is not None
    embedder = load_clap(find_model(clap, offline=offline)) if needs_clap else None
    return StableAudio(base.config, base.dit, base.autoencoder, base.seconds, net, t5, embedder)


def _load_text(folder: Path, config: StableConfig, offline: bool) -> T5:
    root = folder if folder.is_dir() else folder.parent
    if not (root / "text_encoder").is_dir():
        root = find_model(config.text_model, offline=offline)
    return load_t5(root, config.text_length, prompt_cache())
