"""Foley for silent video: when, as an envelope you can edit; what, as the sound you choose.

    folai.generate("clip.mp4", "out.mp4", folai.GenerateOptions(reference="hit.wav"))

Names are imported at first use, so that `import folai` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from folai.diffusion.options import DiffusionOptions
    from folai.engines.preview import PreviewOptions
    from folai.envelope import Envelope
    from folai.envelope.plot import plot_envelope
    from folai.jobs.batch import batch
    from folai.pipeline import FoleyResult, GenerateOptions, generate, predict_envelope
    from folai.preview.lay import lay
    from folai.stable.options import StableAudioOpenOptions
    from folai.train.adapt import adapt_mapper

__version__ = "0.2.0"

__all__ = [
    "DiffusionOptions",
    "Envelope",
    "FoleyResult",
    "GenerateOptions",
    "PreviewOptions",
    "StableAudioOpenOptions",
    "__version__",
    "adapt_mapper",
    "batch",
    "generate",
    "lay",
    "plot_envelope",
    "predict_envelope",
]

_HOMES = {
    "DiffusionOptions": "folai.diffusion.options",
    "Envelope": "folai.envelope",
    "FoleyResult": "folai.pipeline",
    "GenerateOptions": "folai.pipeline",
    "PreviewOptions": "folai.engines.preview",
    "StableAudioOpenOptions": "folai.stable.options",
    "adapt_mapper": "folai.train.adapt",
    "batch": "folai.jobs.batch",
    "generate": "folai.pipeline",
    "lay": "folai.preview.lay",
    "plot_envelope": "folai.envelope.plot",
    "predict_envelope": "folai.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'folai' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
