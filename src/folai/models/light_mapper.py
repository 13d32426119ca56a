"""The RMS-Mapper computed with NumPy alone: what `RMSMapper` computes, without PyTorch.

To load PyTorch takes longer than to run this network on ten seconds of video. The class below takes
the tensors that `RMSMapper` is saved as and does the same sums in evaluation mode: no dropout, and
each batch norm is a scale and a shift. Tests hold the two together.

Arrays have their channels last, [T, rows, columns, C]: a convolution is one product of matrices.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from folai.models.cells import CHANNELS, FLOW_CHANNELS, MOVING
from folai.models.mapper_config import MapperConfig

Array = NDArray[np.float32]
_FLOW, _C = len(FLOW_CHANNELS), len(CHANNELS)
HEADS = 4  # learned weightings of the grid
PLACES = (4, 4)  # rows and columns of the statistics


class LightMapper:
    """Cells of `T` steps -> `T * upsample` envelope frames.

    tensors: float32, by the names and of the shapes of `RMSMapper.state_dict()`. Raises ValueError
    where one is missing, left over or of another shape.
    """

    def __init__(self, config: MapperConfig, tensors: Mapping[str, Array]) -> None:
        self.config = config
        self._left = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
        self._tensors: dict[str, Array] = {}
        dim, hidden, sizes = config.dim, config.hidden, config.channels
        self._norm("encoder.norm", _C)
        self._convolution("encoder.mix", "encoder.mix_norm", _C + 2 * MOVING, sizes[0], (1, 1))
        for i, (before, after) in enumerate(pairwise(sizes)):
            stage = f"encoder.stages.{i}"
            self._convolution(
                f"{stage}.conv", f"{stage}.norm", before, after, (3, 3), has_bias=False
            )
        self._linear("encoder.attention", HEADS, sizes[-1], 1, 1)
        statistics = 2 * _C * (PLACES[0] * PLACES[1] + 2)
        self._norm("encoder.statistics_norm", statistics)
        self._linear("encoder.project", dim, (2 + HEADS) * sizes[-1] + statistics)
        for i in range(3):
            conv = f"convs.{i}"
            self._convolution(f"{conv}.conv", f"{conv}.norm", dim + (i == 0), dim, (5,))
        for layer in range(config.num_layers):
            for way in ("", "_reverse"):
                for side, size in (("ih", dim if layer == 0 else 2 * hidden), ("hh", hidden)):
                    self._take(f"recurrence.weight_{side}_l{layer}{way}", 3 * hidden, size)
                    self._take(f"recurrence.bias_{side}_l{layer}{way}", 3 * hidden)
        self._linear("upsampling", config.upsample * dim, 2 * hidden + dim)
        self._convolution("refine.conv", "refine.norm", dim, dim, (5,))
        self._linear("bins", config.num_bins, dim)
        self._linear("onset", 1, dim)
        if self._left:
            raise ValueError(f"tensor {min(self._left)} is of no use to this network")

    def features(self, cells: Array) -> Array:
        """Cells [T, C, rows, columns], flow in the clip's usual speed -> features [T, D]."""
        x = self._apply_norm("encoder.norm", self._scaled(cells).transpose(0, 2, 3, 1))
        statistics = self._statistics(x)
        moving = x[..., :MOVING]
        x = np.concatenate([x, _later(moving, 1), _later(moving, -1)], axis=-1)
        x = _relu(self._apply("encoder.mix", x))
        for i in range(len(self.config.channels) - 1):
            x = self._stage(f"encoder.stages.{i}.conv", x, stride=1 if i else 2)
        places = x.reshape(len(x), -1, x.shape[-1])  # [T, places, C]
        weights = _softmax(self._apply("encoder.attention", places).transpose(0, 2, 1))
        looked_at = (weights @ places).reshape(len(x), -1)
        pooled = [places.mean(axis=1), places.max(axis=1), looked_at, statistics]
        return _relu(self._apply("encoder.project", np.concatenate(pooled, axis=1)))

    def logits(self, features: Array, spans: Array) -> tuple[Array, Array]:
        """Features [T, D] of steps that last so many seconds [T] -> (bin logits
        [T * upsample, bins], onset logits [T * upsample])."""
        x = np.concatenate([features, np.log(spans * np.float32(30.0))[:, None]], axis=1)
        for i in range(3):
            x = self._over_time(f"convs.{i}.conv", x)
        recurrent = x
        for layer in range(self.config.num_layers):
            ways = [self._recur(f"l{layer}", recurrent)]
            ways.append(self._recur(f"l{layer}_reverse", recurrent[::-1])[::-1])
            recurrent = np.concatenate(ways, axis=1)
        x = self._apply("upsampling", np.concatenate([recurrent, x], axis=1))
        x = _relu(x).reshape(len(x) * self.config.upsample, -1)
        x = self._over_time("refine.conv", x)
        return self._apply("bins", x), self._apply("onset", x)[:, 0]

    def _scaled(self, cells: Array) -> Array:
        """About unit range, fast motion compressed; what `inputs` leaves out is 0."""
        flow, look = np.arcsinh(2 * cells[:, :_FLOW]), cells[:, _FLOW:]
        look = np.concatenate([(8 * look[:, :3]).clip(-3, 3), 2 * look[:, 3:] - 1], axis=1)
        if self.config.inputs == "rgb":
            flow = np.zeros_like(flow)
        if self.config.inputs == "flow":
            look = np.zeros_like(look)
        return np.concatenate([flow, look], axis=1)

    def _statistics(self, cells: Array) -> Array:
        """Of normalised cells [T, rows, columns, C]: [T, S]."""
        steps, rows, columns, channels = cells.shape
        parts = (steps, PLACES[0], rows // PLACES[0], PLACES[1], columns // PLACES[1], channels)
        coarse = cells.reshape(parts).mean(axis=(2, 4)).transpose(0, 3, 1, 2).reshape(steps, -1)
        now = np.concatenate([coarse, cells.mean(axis=(1, 2)), cells.max(axis=(1, 2))], axis=1)
        both = np.concatenate([now, now - _later(now, 1)], axis=1)
        return self._apply_norm("encoder.statistics_norm", both)

    def _stage(self, name: str, x: Array, stride: int) -> Array:
        """Some channels of the steps before and after, then a convolution of 3 x 3 places."""
        count = x.shape[-1] // 4
        shifted = [_later(x[..., :count], 1), _later(x[..., count : 2 * count], -1)]
        x = np.concatenate([*shifted, x[..., 2 * count :]], axis=-1)
        x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        rows, columns = ((size - 3) // stride + 1 for size in x.shape[1:3])
        around = [
            x[:, i : i + stride * rows : stride, j : j + stride * columns : stride]
            for i in range(3)
            for j in range(3)
        ]
        return _relu(self._apply(name, np.concatenate(around, axis=-1)))

    def _over_time(self, name: str, x: Array) -> Array:
        """A convolution over five steps, added to its input [T, D] where sizes allow."""
        padded = np.pad(x, ((2, 2), (0, 0)))
        around = [padded[i : i + len(x)] for i in range(5)]
        y = _relu(self._apply(name, np.concatenate(around, axis=-1)))
        return x + y if x.shape == y.shape else y

    def _recur(self, name: str, x: Array) -> Array:
        """A gated recurrent unit (Cho et al., arXiv 1406.1078) over x [T, D]: [T, hidden]."""
        parts = ("weight_ih", "bias_ih", "weight_hh", "bias_hh")
        wx, bx, wh, bh = (self._tensors[f"recurrence.{part}_{name}"] for part in parts)
        given, hidden = x @ wx.T + bx, wh.shape[1]  # given: [T, 3 * hidden]
        state, states = np.zeros(hidden, np.float32), np.empty((len(x), hidden), np.float32)
        for step, new in enumerate(given):
            own = wh @ state + bh
            gates = _sigmoid(new[: 2 * hidden] + own[: 2 * hidden])
            reset, keep = gates[:hidden], gates[hidden:]
            proposal = np.tanh(new[2 * hidden :] + reset * own[2 * hidden :])
            state = proposal + keep * (state - proposal)
            states[step] = state
        return states

    def _apply(self, name: str, x: Array) -> Array:
        """A linear layer over the last axis: one product of two matrices."""
        weight = self._tensors[f"{name}.weight"]
        y: Array = x.reshape(-1, x.shape[-1]) @ weight + self._tensors[f"{name}.bias"]
        return y.reshape(*x.shape[:-1], -1)

    def _apply_norm(self, name: str, x: Array) -> Array:
        return x * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]

    # Reading the tensors

    def _take(self, name: str, *shape: int) -> Array:
        tensor = self._left.pop(name, None)
        if tensor is None or tensor.shape != shape:
            found = "missing" if tensor is None else f"of shape {tensor.shape}"
            raise ValueError(f"tensor {name} is {found}; {shape} is needed")
        self._tensors[name] = tensor
        return tensor

    def _keep(self, name: str, weight: Array) -> None:
        """Keep a weight [after, before, *kernel] as [kernel * before, after]."""
        moved = np.moveaxis(weight, (0, 1), (-1, -2))
        self._tensors[name] = np.ascontiguousarray(moved).reshape(-1, len(weight))

    def _linear(self, name: str, after: int, *before: int) -> None:
        self._keep(f"{name}.weight", self._take(f"{name}.weight", after, *before))
        self._take(f"{name}.bias", after)

    def _norm(self, name: str, size: int) -> tuple[Array, Array]:
        """Keep a batch norm as the scale and the shift that it is, and return both."""
        mean, variance = (self._take(f"{name}.running_{of}", size) for of in ("mean", "var"))
        scale = self._take(f"{name}.weight", size) / np.sqrt(variance + np.float32(1e-5))
        shift = self._take(f"{name}.bias", size) - mean * scale
        self._tensors[f"{name}.weight"], self._tensors[f"{name}.bias"] = scale, shift
        return scale, shift

    def _convolution(
        self,
        name: str,
        norm: str,
        before: int,
        after: int,
        kernel: tuple[int, ...],
        has_bias: bool = True,
    ) -> None:
        """Keep a convolution with the batch norm that follows it as one convolution."""
        weight = self._take(f"{name}.weight", after, before, *kernel)
        bias = self._take(f"{name}.bias", after) if has_bias else np.zeros(after, np.float32)
        scale, shift = self._norm(norm, after)
        each = scale.reshape(-1, *[1] * (weight.ndim - 1))
        self._keep(f"{name}.weight", weight * each)
        self._tensors[f"{name}.bias"] = bias * scale + shift


def _later(x: Array, steps: int) -> Array:
    """x [T, ...] delayed by one step (1) or advanced (-1); the end repeats."""
    return np.concatenate([x[:1], x[:-1]] if steps > 0 else [x[1:], x[-1:]])


def _relu(x: Array) -> Array:
    return np.maximum(x, np.float32(0))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)), np.float32)


def _softmax(x: Array) -> Array:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    y: Array = raised / raised.sum(axis=-1, keepdims=True)
    return y
