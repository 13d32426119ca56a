"""How long the generator takes and how much memory, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

CLIP = 10.0  # seconds


@dataclass(frozen=True)
class Speed:
    """Of one sound: `wall` seconds for sampling and decoding, models loaded and warm.

    `peak_bytes` is the most memory the process held, PyTorch and the models included.
    """

    duration: float  # seconds
    wall: float
    peak_bytes: int

    def row(self) -> str:
        memory, rate = self.peak_bytes / 1e9, self.wall / self.duration
        return f"{self.duration:.0f} s: {self.wall:.2f} s ({rate:.3f} of it), peak {memory:.2f} GB"


def measure_speed(duration: float, weights: Path | None, sampling: dict[str, Any]) -> Speed:
    """Generate `duration` seconds of hits on a reference, in a new process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
        return pool.submit(_generate, duration, weights, sampling).result()


def _generate(duration: float, weights: Path | None, sampling: dict[str, Any]) -> Speed:
    import resource
    import sys
    import time

    from folai.diffusion.foley_files import load_foley
    from folai.envelope import Envelope

    foley = load_foley(weights) if weights else load_foley()
    rng = np.random.default_rng(0)
    fading = np.exp(-np.arange(foley.sample_rate) / (0.05 * foley.sample_rate))
    reference = (0.3 * fading * rng.standard_normal(foley.sample_rate)).astype(np.float32)[None]

    def play(seconds: float) -> float:
        envelope = Envelope.from_hits(np.arange(0.2, seconds, 0.5).tolist(), seconds)
        began = time.perf_counter()
        foley.generate(envelope, duration=seconds, reference=reference, **sampling)
        return time.perf_counter() - began

    play(1.0)  # the first is slower: memory is fetched, kernels are chosen
    wall = play(duration)
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss
    return Speed(duration, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
