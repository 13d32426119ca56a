"""What trainings share: how a run is saved and resumed, the schedule, the average, the log.

Each training is still one loop in one file, read top to bottom. Here are only the steps that mean
the same in all of them.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from folai.media.ahead import prefetched
from folai.train.torchrun import Processes
from folai.writing import written_whole

Row = TypeVar("Row")
Item = TypeVar("Item")
ALONE = Processes()
TRAINED = 10**6  # steps, for the average of weights that were trained before: it starts from them


class Stateful(Protocol):
    """A module, an optimiser, or anything else whose state can be saved and loaded."""

    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


Parts = Mapping[str, Stateful]
"""What a run consists of, by name."""


# The process


@contextmanager
def own_process_state(threads: int, devices: Sequence[int] | None = None) -> Iterator[None]:
    """Inside, PyTorch computes with `threads`; afterwards thread count and random state are as
    before.

    What is drawn or seeded inside changes nothing outside, also if the training fails. devices: the
    GPUs whose random state is restored as well; None: all there are.
    """
    if devices is None:
        devices = range(torch.cuda.device_count() if torch.cuda.is_available() else 0)
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def best_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


# Options


def check_counts(options: Any, *names: str) -> None:
    """Raises ValueError for the first of the named options that is below 1."""
    for name in names:
        value = getattr(options, name)
        if value < 1:
            raise ValueError(f"{name} is {value}; give 1 or more")


def notes_of(options: Any, *left_out: str) -> dict[str, Any]:
    """The options as the weights' card holds them: JSON, without `left_out` (paths of this machine,
    and what the card says elsewhere)."""
    notes = {name: value for name, value in asdict(options).items() if name not in left_out}
    return dict(json.loads(json.dumps(notes)))


# A step


def cosine(step: int, steps: int, warm_up: int) -> float:
    """Share of the learning rate: up over `warm_up` steps, then down a half cosine to 3 %."""
    return min(1.0, step / warm_up) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate


def descend(
    loss: Tensor,
    optimiser: torch.optim.Optimizer,
    model: nn.Module,
    norm: float = 1.0,
    group: Processes = ALONE,
) -> None:
    """One step down the loss; the gradient of the model's weights is clipped to `norm` first.

    group: the processes whose gradients are averaged.
    """
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    group.share_gradients(model)
    nn.utils.clip_grad_norm_(model.parameters(), norm)
    optimiser.step()


def average_in(
    averages: Iterable[Tensor], weights: Iterable[Tensor], step: int, longest: float
) -> None:
    """Moves each average towards its weights: an exponential moving average.

    `longest` is the share that stays in each step, such as 0.998 for the mean of about 500 steps.
    It is less at the beginning, so that the random first weights are soon forgotten. Counts are
    copied.
    """
    decay = min(longest, step / (step + 10))
    with torch.no_grad():
        for average, weight in zip(averages, weights, strict=True):
            if average.is_floating_point():
                average.lerp_(weight, 1 - decay)
            else:
                average.copy_(weight)


# What a step draws


def feed(
    draw: Callable[[np.random.Generator], Item], seed: int, first: int
) -> Generator[Item, None, None]:
    """What each step after `first` trains on, made ready in a thread ahead of it.

    A step draws from a generator of its own, so that an interrupted run goes on with what it would
    have had.
    """
    return prefetched(draw(np.random.default_rng([seed, step])) for step in count(first + 1))


def seed_step(*numbers: int) -> None:
    """Makes what PyTorch draws from here on, such as dropout, depend on these numbers alone: a seed
    and the step. See `own_process_state`."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(state >> 1))


# The log


class Meter(Generic[Row]):
    """The rows of the steps since the last line of the log, and the mean duration of a step."""

    def __init__(self) -> None:
        self.restart()

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self._steps += 1

    def restart(self) -> None:
        self.rows: list[Row] = []
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leaves the time since the last step out of the mean, such as that of writing examples."""
        self._began, self._steps = time.monotonic(), 0

    @property
    def seconds(self) -> float:
        """Mean duration of a step."""
        return (time.monotonic() - self._began) / max(self._steps, 1)


def heading(*names: str) -> str:
    """The names above the columns of `line`."""
    return f"{'step':>6}" + "".join(f" {name:>7}" for name in (*names, "s/step"))


def line(step: int, figures: Iterable[float], seconds: float, digits: int = 3) -> str:
    """One row of the log."""
    cells = "".join(f" {figure:7.{digits}f}" for figure in figures)
    return f"{step:6d}{cells} {seconds:7.2f}"


def size_of(parameters: Iterable[Tensor]) -> str:
    return f"{sum(p.numel() for p in parameters) / 1e6:.2f} M parameters"


# A run's file


def save_run(path: Path, step: int, parts: Parts, **more: Any) -> None:
    """Writes the step and the state of every part, and `more`: tensors or plain values."""
    states = {name: part.state_dict() for name, part in parts.items()}
    with written_whole(path) as temporary:
        torch.save({"step": step, **states, **more}, temporary)


def resume_run(path: Path, parts: Parts) -> dict[str, Any]:
    """Puts every part back as `save_run` found it, and returns the rest of what it wrote.

    {"step": 0} where nothing was saved. Raises ValueError for a run that trained other parts.
    """
    if not path.is_file():
        return {"step": 0}
    state = torch.load(path, map_location="cpu", weights_only=True)
    try:
        for name, part in parts.items():
            part.load_state_dict(state.pop(name))
    except (KeyError, RuntimeError, ValueError) as error:
        fault = f"{path}: is of a run with another config, or that trained something else"
        raise ValueError(f"{fault}; give another --out") from error
    return dict(state)


class Tensors(dict[str, Tensor]):
    """Tensors by name, saved and resumed in place as a module's are."""

    def state_dict(self) -> dict[str, Any]:
        return {name: tensor.detach() for name, tensor in self.items()}

    def load_state_dict(self, state: dict[str, Any], /) -> None:
        """Raises KeyError for other names, RuntimeError for other shapes."""
        if state.keys() != self.keys():
            raise KeyError(f"{sorted(state.keys() ^ self.keys())[:3]}")
        with torch.no_grad():
            for name, tensor in self.items():
                tensor.copy_(state[name])
