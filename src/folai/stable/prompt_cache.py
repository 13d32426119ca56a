"""Prompts as vectors, kept on disk: a text model is loaded only for prompts that are new.

    words = encode_once("hit wood", 128, (folder,), prompt_cache(), lambda: ...)   # [1, L, D]

Text models weigh gigabytes, and a designer tries many takes of one prompt.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from folai.writing import written_whole


@dataclass(frozen=True)
class Encoded:
    """What a text model says of a prompt."""

    hidden: Tensor  # [1, L, D], of the L tokens that it took
    num_tokens: int  # of the whole prompt
    left_out: str = ""  # the end of a prompt that is too long


def prompt_cache() -> Path:
    """Where prompts are kept for a user of this machine."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "folai" / "prompts"


def encode_once(
    prompt: str,
    length: int,
    folders: tuple[Path, ...],
    cache: Path | None,
    encode: Callable[[], Encoded],
) -> Tensor:
    """The words of a prompt, [1, L, D] of L tokens, at most `length`: from the cache, or by
    `encode`, the text model of these folders.

    Warns where the prompt is too long and was cut. Raises ValueError for an empty one.
    """
    if not prompt.strip():
        raise ValueError("prompt is empty; describe the sound, or leave the prompt out")
    stored = None if cache is None else cache / f"{_key(prompt, length, folders)}.safetensors"
    known = None if stored is None else _read(stored)
    encoded = encode() if known is None else known
    if known is None and stored is not None:
        _write(stored, encoded)
    if encoded.left_out:
        warnings.warn(
            f"the prompt has {encoded.num_tokens} tokens and the text model takes {length}: "
            f"{encoded.left_out!r} is left out",
            stacklevel=3,
        )
    return encoded.hidden


def _key(prompt: str, length: int, folders: tuple[Path, ...]) -> str:
    """Changes with the prompt, its longest length, and the text model's files."""
    files = sorted(file for folder in folders for file in folder.glob("*.*"))
    states = [(str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((prompt, length, states)).encode()).hexdigest()[:32]


def _read(path: Path) -> Encoded | None:
    """What was kept; None where there is nothing, or nothing whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            facts = file.metadata()
            hidden = file.get_tensor("hidden")
            return Encoded(hidden, int(facts["num_tokens"]), facts["left_out"])
    except (OSError, SafetensorError):
        return None


def _write(path: Path, encoded: Encoded) -> None:
    """Kept where it can be: a disk that is full or closed is no reason to fail."""
    from safetensors.torch import save_file

    facts = {"num_tokens": str(encoded.num_tokens), "left_out": encoded.left_out}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            save_file({"hidden": encoded.hidden.contiguous()}, temporary, facts)
    except OSError:
        return
