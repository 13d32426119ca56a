"""Prompts and references as vectors: T5 and CLAP, through transformers (the extra `full`).

Both are read from folders, without the network. T5 encodes a prompt as the tokens that the stock
model was trained with, 0 after its end; it is loaded only for prompts that are new. CLAP (arXiv
2211.06687) embeds a sound or a text as one vector of length 1, both in the same space.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.media.audio import resample
from folai.media.channels import to_mono
from folai.stable.prompt_cache import Encoded, encode_once
from folai.writing import one_line

CLAP_RATE = 48_000  # Hz


@dataclass(frozen=True)
class T5:
    """A tokenizer and an encoder, loaded when a prompt is new, and kept from then on."""

    encoder: Path
    tokenizer: Path
    length: int  # tokens of a prompt; a longer one is cut
    cache: Path | None = None  # where prompts are kept

    def encode(self, prompt: str) -> Tensor:
        """Tokens [1, length, D] of a prompt. Warns where it is too long and is cut.

        Raises ValueError for an empty one, and where the files are no text model.
        """
        folders = (self.encoder, self.tokenizer)
        words = encode_once(prompt, self.length, folders, self.cache, lambda: self._encode(prompt))
        return torch.nn.functional.pad(words, (0, 0, 0, self.length - words.shape[1]))

    def _encode(self, prompt: str) -> Encoded:
        """With padding, as the stock model was trained; what is said of it is left out."""
        tokenizer, encoder = self._models
        whole = tokenizer(prompt).input_ids
        tokens = tokenizer(
            prompt,
            padding="max_length",
            max_length=self.length,
            truncation=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            hidden = encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        words = hidden.float()[:, : int(tokens.attention_mask.sum())]
        return Encoded(words, len(whole), left_out(tokenizer, whole, self.length))

    @cached_property
    def _models(self) -> tuple[Any, Any]:
        transformers = import_transformers()
        try:
            return (
                transformers.AutoTokenizer.from_pretrained(self.tokenizer, local_files_only=True),
                transformers.T5EncoderModel.from_pretrained(
                    self.encoder, local_files_only=True
                ).eval(),
            )
        except (OSError, ValueError) as error:
            reason = one_line(error, 160)
            raise ValueError(
                f"{self.encoder}: no T5 text model ({reason}); copy its whole folder"
            ) from None


def left_out(tokenizer: Any, ids: list[int], length: int) -> str:
    """The words behind the first `length` tokens, of which one is that of the end."""
    if len(ids) <= length:
        return ""
    rest: str = tokenizer.decode(ids[length - 1 :], skip_special_tokens=True)
    return rest


@dataclass(frozen=True)
class Clap:
    """The model, and what turns sounds and texts into its inputs."""

    model: Any
    extractor: Any
    tokenizer: Any

    def hear(self, wav: NDArray[np.floating[Any]], sample_rate: int) -> Tensor:
        """A sound [C, T] -> [1, 512], of length 1."""
        mono = resample(to_mono(np.atleast_2d(wav)).astype(np.float32), sample_rate, CLAP_RATE)[0]
        inputs = self.extractor(mono, sampling_rate=CLAP_RATE, return_tensors="pt")
        with torch.inference_mode():
            return _vector(self.model.get_audio_features(**inputs))

    def read(self, text: str) -> Tensor:
        """A text -> [1, 512], of length 1."""
        inputs = self.tokenizer(text, truncation=True, return_tensors="pt")
        with torch.inference_mode():
            return _vector(self.model.get_text_features(**inputs))


def load_t5(folder: Path, length: int, cache: Path | None = None) -> T5:
    """The text model of a pipeline's folder (text_encoder/, tokenizer/), or of a folder of its own.

    cache: where prompts are kept. Raises ValueError where its files are missing, ImportError
    without transformers: at once, though it is loaded when a prompt is new.
    """
    if importlib.util.find_spec("transformers") is None:
        import_transformers()  # says what to install
    is_pipeline = (folder / "text_encoder").is_dir()
    encoder, tokenizer = (
        folder / name if is_pipeline else folder for name in ("text_encoder", "tokenizer")
    )
    if not (encoder / "config.json").is_file() or not tokenizer.is_dir():
        raise ValueError(f"{folder}: no T5 text model; copy its whole folder")
    return T5(encoder, tokenizer, length, cache)


def load_clap(folder: Path) -> Clap:
    """CLAP from a folder. Raises as `load_t5`."""
    transformers = import_transformers()
    try:
        return Clap(
            transformers.ClapModel.from_pretrained(folder, local_files_only=True).eval(),
            transformers.ClapFeatureExtractor.from_pretrained(folder, local_files_only=True),
            transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True),
        )
    except (OSError, ValueError) as error:
        reason = one_line(error, 160)
        raise ValueError(f"{folder}: no CLAP model ({reason}); copy its whole folder") from None


def _vector(output: Any) -> Tensor:
    """[B, 512] of length 1; some versions of transformers wrap the features."""
    vector: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return torch.nn.functional.normalize(vector.float(), dim=-1)


def import_transformers() -> Any:
    try:
        import transformers
        from transformers.utils import logging
    except ImportError as error:
        raise ImportError("transformers is missing: pip install 'folai[full]'") from error
    quiet: Any = logging.disable_progress_bar
    quiet()
    return transformers
