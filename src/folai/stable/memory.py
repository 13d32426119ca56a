"""Whether a model will fit, estimated before it is loaded."""

from __future__ import annotations

import os
from pathlib import Path

import torch

BESIDE = 1.6e9  # bytes beside the weights: the text model, one window's activations, decoding


def require_memory(
    weights: int, name: str, dtype: torch.dtype, device: torch.device, free: int | None = None
) -> None:
    """Raises ValueError where so many bytes of weights, and BESIDE, are more than is free.

    free: bytes; None: asked of the system, and no error where it does not say.
    """
    available_bytes = available(device) if free is None else free
    needed = weights + BESIDE
    if available_bytes is None or needed <= available_bytes:
        return
    smaller = [] if dtype.itemsize < 4 else ["--dtype bfloat16 (half of it)"]
    smaller += ["--model stable-audio-open-small", "--model small"]
    raise ValueError(
        f"{name}: needs about {needed / 1e9:.1f} GB and {available_bytes / 1e9:.1f} GB are free on "
        f"{device}; close other programs or take {', '.join(smaller)}"
    )


def available(device: torch.device) -> int | None:
    """Bytes free; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    table = Path("/proc/meminfo")
    if table.is_file():
        for line in table.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None
