"""Prompts as vectors: T5Gemma (arXiv 2504.06225), through transformers (the extra `full`).

The text model weighs as much as the denoiser of the small model. What it says of a prompt is kept
on disk, so that it is loaded only for prompts that are new.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from folai.stable.prompt_models import import_transformers
from folai.writing import one_line, written_whole

FOLDER = "t5gemma-b-b-ul2"  # beside the weights of a published model


@dataclass(frozen=True)
class T5Gemma:
    """A folder with the tokenizer and the encoder, loaded when a prompt is new."""

    folder: Path
    length: int  # tokens of a prompt; a longer one is cut
    cache: Path | None = None  # where prompts are kept

    def encode(self, prompt: str) -> Tensor:
        """The words of a prompt, [1, L, D] of L tokens, at most `length`.

        Raises ValueError for an empty prompt, and where the files are no text model.
        """
        if not prompt.strip():
            raise ValueError("prompt is empty; describe the sound, or leave the prompt out")
        stored = None if self.cache is None else self.cache / f"{self._key(prompt)}.safetensors"
        if stored is not None and stored.is_file():
            return _read(stored)
        hidden = _encode(self.folder, prompt, self.length)
        if stored is not None:
            _write(stored, hidden)
        return hidden

    def _key(self, prompt: str) -> str:
        """Changes with the prompt, its longest length, and the text model's weights."""
        sizes = sorted((file.name, file.stat().st_size) for file in self.folder.glob("*.*"))
        facts = repr((prompt, self.length, str(self.folder.resolve()), sizes))
        return hashlib.sha256(facts.encode()).hexdigest()[:32]


def prompt_cache() -> Path:
    """Where prompts are kept for a user of this machine."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "folai" / "prompts"


def find_text_model(folder: Path) -> Path | None:
    """The text model's folder beside a model's weights; None where it is not there."""
    for place in (folder / FOLDER, folder / "text_encoder"):
        if (place / "config.json").is_file():
            return place
    return None


def _encode(folder: Path, prompt: str, length: int) -> Tensor:
    """Padding is left out: words do not attend to it, and it would take most of the time."""
    transformers = import_transformers()
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        config.is_encoder_decoder = False
        model: Any = transformers.T5GemmaEncoderModel.from_pretrained(
            folder, config=config, local_files_only=True
        )
    except (OSError, ValueError) as error:
        reason = one_line(error, 160)
        raise ValueError(f"{folder}: no T5Gemma model ({reason}); copy its whole folder") from None
    ids = tokenizer(prompt).input_ids
    if len(ids) > length:
        rest = tokenizer.decode(ids[length - 1 :], skip_special_tokens=True)
        warnings.warn(
            f"the prompt has {len(ids)} tokens and the text model takes {length}: "
            f"{rest!r} is left out",
            stacklevel=3,
        )
        ids = tokenizer(prompt, truncation=True, max_length=length).input_ids
    with torch.inference_mode():
        hidden: Tensor = model.eval()(input_ids=torch.tensor([ids])).last_hidden_state
    return hidden.float()


def _read(path: Path) -> Tensor:
    from safetensors.torch import load_file

    return load_file(path)["hidden"]


def _write(path: Path, hidden: Tensor) -> None:
    """Kept where it can be: a disk that is full or closed is no reason to fail."""
    from safetensors.torch import save_file

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as temporary:
            save_file({"hidden": hidden.contiguous()}, temporary)
    except OSError:
        return
