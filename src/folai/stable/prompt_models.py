"""Prompts and references as vectors: T5 and CLAP, through transformers (the extra `full`).

Both are read from folders, without the network. T5 encodes a prompt as the tokens that the stock
model was trained with, 0 after its end. CLAP (arXiv 2211.06687) embeds a sound or a text as one
vector of length 1, both in the same space.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.media.audio import resample
from folai.media.channels import to_mono
from folai.writing import one_line

CLAP_RATE = 48_000  # Hz


@dataclass(frozen=True)
class T5:
    """A tokenizer and an encoder."""

    tokenizer: Any
    encoder: Any
    length: int  # tokens of a prompt; a longer one is cut

    def encode(self, prompt: str) -> Tensor:
        """Tokens [1, length, D] of a prompt. Warns where it is too long and is cut.

        Raises ValueError for an empty one.
        """
        if not prompt.strip():
            raise ValueError("prompt is empty; describe the sound, or leave the prompt out")
        ids = self.tokenizer(prompt).input_ids
        if len(ids) > self.length:
            rest = self.tokenizer.decode(ids[self.length - 1 :], skip_special_tokens=True)
            warnings.warn(
                f"the prompt has {len(ids)} tokens and the text model takes {self.length}: "
                f"{rest!r} is left out",
                stacklevel=2,
            )
        tokens = self.tokenizer(
            prompt,
            padding="max_length",
            max_length=self.length,
            truncation=True,
            return_tensors="pt",
        )
        with torch.inference_mode():
            hidden = self.encoder(tokens.input_ids, attention_mask=tokens.attention_mask)[0]
        encoded: Tensor = hidden.float() * tokens.attention_mask.unsqueeze(-1)
        return encoded


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


def load_t5(folder: Path, length: int) -> T5:
    """The text model of a pipeline's folder (text_encoder/, tokenizer/), or of a folder of its own.

    Raises ValueError where its files are missing, ImportError without transformers.
    """
    transformers = import_transformers()
    encoder = tokenizer = folder
    if (folder / "text_encoder").is_dir():
        encoder, tokenizer = folder / "text_encoder", folder / "tokenizer"
    try:
        return T5(
            transformers.AutoTokenizer.from_pretrained(tokenizer, local_files_only=True),
            transformers.T5EncoderModel.from_pretrained(encoder, local_files_only=True).eval(),
            length,
        )
    except (OSError, ValueError) as error:
        reason = one_line(error, 160)
        raise ValueError(f"{folder}: no T5 text model ({reason}); copy its whole folder") from None


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
