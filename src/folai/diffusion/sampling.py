"""From noise to latents in few steps: flat functions that know no models.

    noisy = alpha(t) * clean + sigma(t) * noise        t from 1 (noise) to 0 (clean)

Rectified flow (Liu et al., arXiv 2209.03003): alpha = 1 - t, sigma = t, the model says noise -
clean, or, on the same path ("clean"), what is to be added to a share of the noisy latents to make
them clean (Karras et al., arXiv 2206.00364), which asks less of a narrow network: it need not carry
all the noise. v-prediction (Salimans & Ho, arXiv 2202.00512): alpha = cos(pi t / 2), sigma =
sin(pi t / 2), the model says alpha * noise - sigma * clean. Latents are [B, C, T].
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

OBJECTIVES = ("rectified_flow", "clean", "v_prediction")
FINE = 0.3  # deviation of what is left of latents once their smooth shape is known
Model = Callable[[Tensor, float], Tensor]  # (noisy [B, C, T], t) -> the objective's output, alike
Fresh = Callable[[int], Tensor]  # number of a step -> noise [B, C, T] that is new in it


def draw_noise(seeds: Sequence[int], channels: int, num_frames: int) -> Tensor:
    """[B, C, T]: one generator on the CPU for each seed, whatever the batch."""
    drawn = [
        torch.randn(num_frames, channels, generator=torch.Generator().manual_seed(seed)).T
        for seed in seeds
    ]
    return torch.stack(drawn)


def make_times(num_steps: int, shift: float = 1.0, last: float = 0.0) -> list[float]:
    """num_steps + 1 values of t from 1 to 0; a shift above 1 spends more steps near the noise.

    The shift of arXiv 2403.03206, equation 23: t -> shift t / (1 + (shift - 1) t). The one before 0
    is `last` at least: a model's own errors there are as rough as noise, and the mean of what it
    expects, to which the last step leads, is not.
    """
    lowest = max(last, 1 / num_steps)
    steps = max(1, num_steps - 1)
    even = [1 - (1 - lowest) * step / steps for step in range(num_steps)]
    return [*(shift * t / (1 + (shift - 1) * t) for t in even), 0.0]


def exponential_times(
    num_steps: int, sigma_min: float, sigma_max: float, start: float = 1.0
) -> list[float]:
    """num_steps + 1 values of t for v-prediction, the last 0, from `start` or sigma_max.

    Noise over sound, tan(pi t / 2), falls by the same factor in each step, to sigma_min or half of
    what it starts from.
    """
    highest = sigma_max if start >= 1 else min(sigma_max, math.tan(start * math.pi / 2))
    lowest = min(sigma_min, highest / 2)
    steps = torch.linspace(math.log(highest), math.log(lowest), num_steps, dtype=torch.float64)
    return [*(steps.exp().atan() * (2 / math.pi)).tolist(), 0.0]


def logistic_times(num_steps: int, start: float = 1.0) -> list[float]:
    """num_steps + 1 values of t for rectified flow, the last 0: evenly spaced logarithms of sound
    over noise, as Stable Audio Open Small is sampled."""
    first = math.log((1 - start) / start + 1e-6) if start < 1 else -6.0
    ratios = torch.linspace(first, max(first, 2.0), num_steps + 1, dtype=torch.float64)
    return [start, *torch.sigmoid(-ratios)[1:-1].tolist(), 0.0]


def renoised(latents: Tensor, noise: Tensor, t: float, objective: str) -> Tensor:
    """Clean latents with the share of noise that belongs to t: where audio to audio begins."""
    alpha, sigma = (float(part) for part in alpha_sigma(torch.tensor(t), objective))
    return alpha * latents + sigma * noise


def alpha_sigma(t: Tensor, objective: str) -> tuple[Tensor, Tensor]:
    """Shares of the clean latents and of the noise at t, both shaped as t."""
    if objective in ("rectified_flow", "clean"):
        return 1 - t, t
    if objective == "v_prediction":
        return torch.cos(t * math.pi / 2), torch.sin(t * math.pi / 2)
    raise ValueError(f"objective is {objective!r}; allowed: {', '.join(OBJECTIVES)}")


def clean_shares(t: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of the noisy latents and of the model's output in the clean ones, shaped as t.

    Once the shape is known, what is left has the deviation FINE, and the best guess at it is this
    share of what is noisy.
    """
    power = ((1 - t) * FINE).square() + t.square()
    return (1 - t) * FINE**2 / power, t.clamp(min=1e-3) / power.sqrt()


def to_predict(clean: Tensor, noise: Tensor, t: Tensor, objective: str) -> Tensor:
    """What a model should say of these two, mixed: the inverse of `to_clean`; t is [B, 1, 1]."""
    alpha, sigma = alpha_sigma(t, objective)
    if objective == "clean":
        skip, share = clean_shares(t)
        return (clean - skip * (alpha * clean + sigma * noise)) / share
    if objective == "rectified_flow":
        return noise - clean
    return alpha * noise - sigma * clean


def to_clean(
    noisy: Tensor, prediction: Tensor, t: float | Tensor, objective: str
) -> tuple[Tensor, Tensor]:
    """(clean, noise) that a model's output means; t is a number, or [B, 1, 1]."""
    t = torch.as_tensor(t)
    alpha, sigma = alpha_sigma(t, objective)
    if objective == "clean":
        skip, share = clean_shares(t)
        clean = skip * noisy + share * prediction
        return clean, (noisy - alpha * clean) / sigma.clamp(min=1e-6)
    if objective == "rectified_flow":
        return noisy - sigma * prediction, noisy + alpha * prediction
    return alpha * noisy - sigma * prediction, sigma * noisy + alpha * prediction


def guide(wanted: Tensor, unwanted: Tensor, cfg_scale: float | Tensor) -> Tensor:
    """Classifier-free guidance (arXiv 2207.12598): away from what is not wanted."""
    return unwanted + cfg_scale * (wanted - unwanted)


def sample_ddim(model: Model, noise: Tensor, times: Sequence[float], objective: str) -> Tensor:
    """DDIM (arXiv 2010.02502); on rectified flow the same as Euler's method. One call a step."""
    x = noise
    for t, following in pairwise(times):
        x = leapt(x, model(x, t), t, following, objective)
    return x


def leapt(
    noisy: Tensor, prediction: Tensor, t: float | Tensor, following: float | Tensor, objective: str
) -> Tensor:
    """Noisy latents at `following` after a DDIM step from t; both are numbers, or [B, 1, 1]."""
    clean, noise = to_clean(noisy, prediction, t, objective)
    alpha, sigma = alpha_sigma(torch.as_tensor(following), objective)
    return alpha * clean + sigma * noise


def leap_target(
    noisy: Tensor, after: Tensor, t: Tensor, following: Tensor, objective: str
) -> Tensor:
    """What a model should say of `noisy` at t so that `leapt` gives `after`; times are [B, 1, 1].

    Progressive distillation (arXiv 2202.00512, appendix G), for every objective.
    """
    alpha, sigma = alpha_sigma(t, objective)
    alpha_after, sigma_after = alpha_sigma(following, objective)
    ratio = sigma_after / sigma
    clean = (after - ratio * noisy) / (alpha_after - ratio * alpha)
    return to_predict(clean, (noisy - alpha * clean) / sigma, t, objective)


def sample_dpmpp_2m(model: Model, noise: Tensor, times: Sequence[float], objective: str) -> Tensor:
    """DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2): each step also uses the one before it.

    The first and last steps are of first order, where the log of alpha / sigma is infinite.
    """
    x, before = noise, None
    for index, (t, following) in enumerate(pairwise(times)):
        clean, _ = to_clean(x, model(x, t), t, objective)
        alpha, sigma = (float(a) for a in alpha_sigma(torch.tensor(following), objective))
        sigma_now = float(alpha_sigma(torch.tensor(t), objective)[1])
        guess = clean
        if before is not None and following > 0 and index > 1:
            now, then, last = (_log_ratio(at, objective) for at in (t, following, times[index - 1]))
            ratio = (now - last) / (then - now)
            guess = clean + (clean - before) / (2 * ratio)
        ratio_sigma = sigma / sigma_now
        alpha_now = float(alpha_sigma(torch.tensor(t), objective)[0])
        x = ratio_sigma * x + (alpha - ratio_sigma * alpha_now) * guess
        before = clean
    return x


def sample_dpmpp_2m_sde(
    model: Model, noise: Tensor, times: Sequence[float], objective: str, fresh: Fresh
) -> Tensor:
    """SDE-DPM-Solver++(2M), midpoint (arXiv 2211.01095, appendix): new noise in each step.

    The same as diffusers' CosineDPMSolverMultistepScheduler, whose samples are these over alpha.
    """
    x, before, last = noise, None, 0.0
    for index, (t, following) in enumerate(pairwise(times)):
        clean, _ = to_clean(x, model(x, t), t, objective)
        if following == 0:
            return clean
        sigma_now = float(alpha_sigma(torch.tensor(t), objective)[1])
        alpha, sigma = (float(a) for a in alpha_sigma(torch.tensor(following), objective))
        step = _log_ratio(following, objective) - _log_ratio(t, objective)
        decay = math.exp(-step)
        guess = clean if before is None else clean + (clean - before) * (step / (2 * last))
        x = sigma / sigma_now * decay * x + alpha * (1 - decay**2) * guess
        x = x + sigma * math.sqrt(1 - decay**2) * fresh(index)
        before, last = clean, step
    return x


def sample_pingpong(
    model: Model, noise: Tensor, times: Sequence[float], objective: str, fresh: Fresh
) -> Tensor:
    """For distilled models (arXiv 2505.08175): each step cleans, then adds new noise."""
    x = noise
    for index, (t, following) in enumerate(pairwise(times)):
        x, _ = to_clean(x, model(x, t), t, objective)
        if following > 0:
            x = renoised(x, fresh(index), following, objective)
    return x


SAMPLERS = {"ddim": sample_ddim, "dpmpp_2m": sample_dpmpp_2m}


def _log_ratio(t: float, objective: str) -> float:
    """Log of alpha / sigma, which grows as the noise goes."""
    alpha, sigma = (float(part) for part in alpha_sigma(torch.tensor(t), objective))
    return math.log(max(alpha, 1e-9) / max(sigma, 1e-9))
