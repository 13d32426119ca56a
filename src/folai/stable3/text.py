"""Prompts as vectors: T5Gemma (arXiv 2504.06225), through transformers (the extra `full`).

The text model weighs as much as the denoiser of the small model, so that it is loaded only for
prompts that are new.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from folai.stable.prompt_cache import Encoded, encode_once
from folai.stable.prompt_models import import_transformers, left_out
from folai.writing import one_line

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
        return encode_once(
            prompt,
            self.length,
            (self.folder,),
            self.cache,
            lambda: _encode(self.folder, prompt, self.length),
        )


def find_text_model(folder: Path) -> Path | None:
    """The text model's folder beside a model's weights; None where it is not there."""
    for place in (folder / FOLDER, folder / "text_encoder"):
        if (place / "config.json").is_file():
            return place
    return None


def _encode(folder: Path, prompt: str, length: int) -> Encoded:
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
    whole = tokenizer(prompt).input_ids
    ids = tokenizer(prompt, truncation=True, max_length=length).input_ids
    with torch.inference_mode():
        hidden: Tensor = model.eval()(input_ids=torch.tensor([ids])).last_hidden_state
    return Encoded(hidden.float(), len(whole), left_out(tokenizer, whole, length))
