"""A training spread over processes, as torchrun starts them: each computes its share of a batch.

Every process draws the same whole batch and takes its rows. So what is trained does not depend on
their number, but for rounding: N processes with a batch of B are one process with N * B. Gradients
are averaged after each step; statistics over a batch (batch norms, ratios of sums) are taken over
all processes.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this one is."""

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process logs and writes files."""
        return self.rank == 0

    def rows(self, total: int) -> slice:
        """This process's rows of a batch of `total`: as many as the others, or one more."""
        edges = [total * rank // self.count for rank in (self.rank, self.rank + 1)]
        return slice(*edges)

    def barrier(self) -> None:
        """Waits for all processes."""
        if self.count > 1:
            dist.barrier()

    @contextmanager
    def first_alone(self) -> Iterator[None]:
        """The first process does what is inside, such as filling a cache; then the others do."""
        if not self.is_first:
            self.barrier()
        yield
        if self.is_first:
            self.barrier()

    def align(self, module: nn.Module) -> None:
        """Gives all processes the weights of the first."""
        if self.count > 1:
            with torch.no_grad():
                for tensor in module.state_dict().values():
                    dist.broadcast(tensor, 0)

    def share_gradients(self, module: nn.Module) -> None:
        """Puts the mean gradient of all processes in place of this one's own.

        A weight without a gradient anywhere keeps none: an optimiser leaves it alone.
        """
        if self.count == 1:
            return
        weights = [weight for weight in module.parameters() if weight.requires_grad]
        known = torch.tensor([float(weight.grad is not None) for weight in weights])
        known = known.to(weights[0].device)
        dist.all_reduce(known)
        used = [weight for weight, here in zip(weights, known.tolist(), strict=True) if here]
        grads = [torch.zeros_like(w) if w.grad is None else w.grad for w in used]
        flat = torch.cat([grad.reshape(-1) for grad in grads])
        dist.all_reduce(flat)
        flat /= self.count
        parts = torch.split(flat, [grad.numel() for grad in grads])
        for weight, part in zip(used, parts, strict=True):
            weight.grad = part.view_as(weight).clone()

    def mean(self, value: Tensor) -> Tensor:
        """The mean of a tensor over the processes, without a gradient."""
        if self.count == 1:
            return value
        mean = value.detach().clone()
        dist.all_reduce(mean)
        return mean / self.count

    def gather(self, rows: Tensor, total: int) -> Tensor:
        """The rows [n, ...] of all processes as [total, ...], in order of the batch.

        The gradient is that of this process's rows, times their number, as `share_gradients` takes
        a mean: a loss of the whole batch that every process computes is then that of one process.
        """
        if self.count == 1:
            return rows
        gathered: Tensor = _Gather.apply(rows, total, self)  # type: ignore[no-untyped-call]
        return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, total: int, processes: Processes) -> Tensor:
        ctx.rows, ctx.count = processes.rows(total), processes.count
        sizes = [_size(Processes(rank, processes.count), total) for rank in range(processes.count)]
        missing = max(sizes) - len(rows)  # all processes send as many
        padded = F.pad(rows, (0, 0) * (rows.ndim - 1) + (0, missing)).contiguous()
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient[ctx.rows] * ctx.count, None, None


def _size(processes: Processes, total: int) -> int:
    rows = processes.rows(total)
    return int(rows.stop - rows.start)


class _Sum(torch.autograd.Function):
    """The sum over the processes; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        dist.all_reduce(total)
        return total


def join_batch_norms(module: nn.Module) -> None:
    """Batch norms of the module take their statistics over the batches of all processes.

    PyTorch's own SyncBatchNorm does so on GPUs alone. Weights and their names stay as they are.
    """
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.forward = _joined_norm(norm)  # type: ignore[method-assign]


def _joined_norm(norm: nn.BatchNorm1d | nn.BatchNorm2d) -> Any:
    own = norm.forward

    def forward(x: Tensor) -> Tensor:
        if not norm.training:
            return own(x)
        kind, x = x.dtype, x.float()
        dims = [0, *range(2, x.ndim)]
        number = x.new_tensor([x.numel() / x.shape[1]])
        sums = torch.cat([x.sum(dims), x.square().sum(dims), number])
        totals = _Sum.apply(sums)  # type: ignore[no-untyped-call]
        first, second = (totals[:-1] / totals[-1]).chunk(2)
        variance = (second - first.square()).clamp(min=0)
        with torch.no_grad():
            assert norm.running_mean is not None and norm.running_var is not None
            assert norm.num_batches_tracked is not None and norm.momentum is not None
            unbiased = variance * totals[-1] / (totals[-1] - 1)
            norm.running_mean.lerp_(first, norm.momentum)
            norm.running_var.lerp_(unbiased, norm.momentum)
            norm.num_batches_tracked += 1
        shape = [1, -1] + [1] * (x.ndim - 2)
        scale = norm.weight * torch.rsqrt(variance + norm.eps)
        y = (x - first.view(shape)) * scale.view(shape) + norm.bias.view(shape)
        joined: Tensor = y.to(kind)
        return joined

    return forward


@contextmanager
def processes() -> Iterator[Processes]:
    """This process among those of torchrun; alone without it.

    A group that is there already is used, and stays: torchrun's store takes one a process.
    """
    if dist.is_initialized():
        yield Processes(dist.get_rank(), dist.get_world_size())
        return
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        yield Processes(dist.get_rank(), count)
    finally:
        # Gloo's threads let go of the last tensors they summed, for which they need the
        # interpreter: they have to end before it does, which they do once nothing (a model in
        # DistributedDataParallel, caught in a cycle of references) holds the group any more.
        gc.collect()
        dist.destroy_process_group()
