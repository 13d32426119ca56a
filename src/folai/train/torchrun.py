"""A training spread over processes, as torchrun starts them."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist


@contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """(number of this process, how many there are): more than one under torchrun."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield 0, 1
        return
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    try:
        yield dist.get_rank(), count
    finally:
        # Gloo's threads let go of the last tensors they summed, for which they need the
        # interpreter: they have to end before it does, which they do once nothing (a model in
        # DistributedDataParallel, caught in a cycle of references) holds the group any more.
        gc.collect()
        dist.destroy_process_group()
