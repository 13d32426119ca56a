"""From what a network for pictures sees to materials: a small trained layer. NumPy alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

WEIGHTS = Path(__file__).parents[1] / "weights" / "suggest.safetensors"


@dataclass(frozen=True)
class Head:
    """Log-probabilities are `((rooted(features) - mean) / spread) @ matrix + bias` + a constant.

    matrix [F, M], bias [M], one column a material; `doubt` divides them, so that they are as sure
    as they are right.
    """

    mean: Floats
    spread: Floats
    matrix: Floats
    bias: Floats
    materials: tuple[str, ...]
    doubt: float

    def probabilities(self, features: Floats) -> Floats:
        """[M] of a clip from features [N, F] of its contacts: their mean evidence."""
        evidence = self.logits(features).mean(axis=0) / self.doubt
        shares = np.exp(evidence - evidence.max())
        return np.asarray(shares / shares.sum(), np.float32)

    def logits(self, features: Floats) -> Floats:
        """[N, M] of contacts, each by itself."""
        scaled = (rooted(features) - self.mean) / self.spread
        return np.asarray(scaled @ self.matrix + self.bias)


def rooted(features: Floats) -> Floats:
    """Mean activations are skewed: their roots tell materials apart better."""
    return np.asarray(np.sqrt(np.maximum(features, 0)), np.float32)


@cache
def load_head() -> Head:
    """The one that ships with folai."""
    from safetensors.numpy import load_file

    tensors = {name: value.astype(np.float32) for name, value in load_file(WEIGHTS).items()}
    config = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))["config"]
    return Head(**tensors, materials=tuple(config["materials"]), doubt=config["doubt"])
