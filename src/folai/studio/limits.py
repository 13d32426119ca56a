"""Limits of the processes that read media files. Each sets its own before it starts."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

MEGABYTE = 1 << 20
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def restrict(*, memory: int, seconds: int | None = None, file_size: int | None = None) -> None:
    """Limits this process: bytes of memory, seconds of CPU time, bytes of a file it writes.

    It ends with the process that started it. Where the system knows no such limits (Windows), the
    time limits of `media_client.py` remain.
    """
    try:
        import resource
    except ImportError:
        return
    # Not RLIMIT_AS: the libraries that PyTorch maps would count, many gigabytes of them.
    _lower(resource, resource.RLIMIT_DATA, memory)
    _lower(resource, resource.RLIMIT_CORE, 0)
    if seconds is not None:
        _lower(resource, resource.RLIMIT_CPU, seconds)
    if file_size is not None:
        _lower(resource, resource.RLIMIT_FSIZE, file_size)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing then fails, as on a full disk
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def give_way(steps: int = 5) -> None:
    """Lowers the priority below that of the page and its previews."""
    if hasattr(os, "nice"):
        os.nice(steps)


def _lower(resource: object, which: int, limit: int) -> None:
    """Sets a limit, unless a lower one applies already."""
    getlimit, setlimit = getattr(resource, "getrlimit"), getattr(resource, "setrlimit")  # noqa: B009
    _, highest = getlimit(which)
    if highest >= 0:  # negative: none
        limit = min(limit, highest)
    setlimit(which, (limit, limit))
