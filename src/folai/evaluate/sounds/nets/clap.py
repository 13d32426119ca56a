"""LAION-CLAP (Wu et al., arXiv 2211.06687) by way of `transformers`: 512 numbers, for text as well.

From a folder as `save_pretrained` writes it, such as a copy of `laion/clap-htsat-fused`, which are
the weights 630k-audioset-fusion-best. Nothing is downloaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.nets.frontend import windows
from folai.media.audio import resample
from folai.metrics.log_mel import SAMPLE_RATE
from folai.writing import one_line

SECONDS = 10.0  # of a window: a longer one would be cropped at random
Floats = NDArray[np.float64]


def load_clap(path: Path) -> Embedder:
    """For FAD-LC and the CLAP score. Raises ValueError where the folder holds no CLAP, ImportError
    without `transformers`."""
    try:
        from transformers import AutoTokenizer, ClapFeatureExtractor, ClapModel
    except ImportError as error:
        raise ImportError("CLAP needs transformers: pip install 'folai[eval]'") from error
    try:
        model: Any = ClapModel.from_pretrained(path, local_files_only=True)
        model.eval()
        extractor = ClapFeatureExtractor.from_pretrained(path, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        reason = one_line(error, 200)
        raise ValueError(f"{path}: holds no CLAP as transformers saves it ({reason})") from error
    rate = extractor.sampling_rate

    def vectors(wav: NDArray[Any]) -> Floats:
        at_rate = resample(wav[None], SAMPLE_RATE, rate)[0]
        found = []
        for part in windows(at_rate, round(SECONDS * rate), 1):
            inputs = extractor(part, sampling_rate=rate, return_tensors="pt")
            with torch.inference_mode():
                found.append(_tensor(model.get_audio_features(**inputs)))
        return np.asarray(torch.cat(found).double().numpy())

    def words(text: str) -> Floats:
        tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)
        with torch.inference_mode():
            found = _tensor(model.get_text_features(**tokenizer([text], return_tensors="pt")))
        return np.asarray(found[0].double().numpy())

    return Embedder("LAION-CLAP", vectors, words=words)


def _tensor(found: Any) -> torch.Tensor:
    """The vectors: versions of transformers wrap them differently."""
    tensor: torch.Tensor = getattr(found, "pooler_output", found)
    return tensor
