"""Where bfloat16 pays.

A CPU without instructions for it imitates it, twenty times slower than float32: products of
matrices of 1024 x 256 x 704 took 180 ms instead of 8 on one with AVX2 alone.
"""

from __future__ import annotations

import warnings
from functools import cache

import torch


def is_fast(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16; true for every GPU."""
    return device.type != "cpu" or _cpu_has_instructions()


def mixed(device: torch.device, wanted: bool = True) -> torch.autocast:
    """A context in which products are computed in bfloat16, if that is wanted and pays there."""
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted and is_fast(device))


def warn_if_slow(dtype: torch.dtype, device: torch.device) -> None:
    """Warns of weights in half precision on a CPU that can only imitate it."""
    if dtype == torch.bfloat16 and not is_fast(device):
        warnings.warn(
            "this CPU has no instructions for bfloat16 and takes many times as long with it; "
            "where memory suffices, leave out --dtype bfloat16",
            stacklevel=3,
        )


@cache
def _cpu_has_instructions() -> bool:
    # AMX and AVX-512 on x86; on other processors PyTorch does not say, and float32 is safe.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(bool(getattr(torch.cpu, name, bool)()) for name in names)
