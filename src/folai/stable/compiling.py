"""Blocks of a denoiser compiled by torch.compile, which on a CPU writes C++."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

import torch
from torch import nn


def require_compiler(device: torch.device) -> None:
    """Raises ValueError where blocks cannot be compiled for the device."""
    names = [os.environ.get("CXX", ""), "g++", "clang++"]
    if device.type == "cpu" and not any(shutil.which(name) for name in names if name):
        raise ValueError("compile needs a C++ compiler; install g++ or clang++, or leave it out")


def compile_blocks(blocks: Iterable[nn.Module]) -> None:
    """In place: each is compiled when it is first used."""
    for block in blocks:
        block.compile()
