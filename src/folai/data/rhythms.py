"""When the events of a training example begin."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator


class Rhythm:
    """Event times: evenly spaced as steps are, at random, or in bursts."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.kind = rng.choice(("even", "random", "bursts"), p=(0.45, 0.4, 0.15))
        self.interval = float(np.exp(rng.uniform(np.log(0.18), np.log(1.5))))
        self.spread_db = float(rng.uniform(0.5, 6))

    def onsets(self, seconds: float) -> list[float]:
        """Times from just before 0 on."""
        rng = self.rng
        times: list[float] = []
        time = float(rng.uniform(-0.2, min(0.8, self.interval)))
        while time < seconds - 0.05 and len(times) < 40:
            times.append(time)
            if self.kind == "even":
                gap = self.interval * max(0.3, rng.normal(1, 0.06))
            elif self.kind == "random":
                gap = 0.08 + rng.exponential(self.interval)
            else:
                gap = rng.uniform(0.06, 0.14) if rng.random() < 0.6 else 0.3 + self.interval
            time += float(gap)
        return times
