"""Embeddings by name: a sound as a vector, for distances and for similarity.

CLAP, MS-CLAP and PANNs need weights from you. aiSFX is used if its package is installed; otherwise
the mean and deviation of 96 log-mel bands. All are in `nets` and `mel_blocks`. `Embedder.name` says
which one was used.
"""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.mel_blocks import describe

INSTALL = "pip install --no-deps aisfx==0.1.2"
NETS = ("clap", "ms-clap", "panns")  # with weights of the user's


def load_embedder(name: str | None = None) -> Embedder:
    """aiSFX where it is installed, else log-mel statistics; or the one of that name.

    Names with weights of yours are `clap=FOLDER`, `ms-clap=FILE` and `panns=FILE`.
    Raises ValueError for another name, ImportError for a package that is absent.
    """
    kind, _, path = (name or "").partition("=")
    if path and kind in NETS:
        return load_net(kind, Path(path))
    if name not in (None, "aisfx", "log-mel"):
        nets = ", ".join(f"{net}=PATH" for net in NETS)
        raise ValueError(f"embedding is {name!r}; use aisfx or log-mel, or {nets}")
    package = find_spec("aisfx") if name != "log-mel" else None
    if package is None or package.origin is None:
        if name == "aisfx":
            raise ImportError(f"the embedding aisfx is not installed: {INSTALL}")
        return Embedder("log-mel", describe)
    from folai.evaluate.sounds.nets.aisfx import load_aisfx

    return load_aisfx(Path(package.origin).parent / "models" / "checkpoint.pth")


def load_net(kind: str, path: Path) -> Embedder:
    """One of `NETS` with the weights at `path`. Raises ValueError where they do not fit."""
    if not path.exists():
        raise ValueError(
            f"{path}: no weights of {kind} here; give the file or folder that has them"
        )
    from folai.evaluate.sounds import nets

    loaders = {"clap": nets.load_clap, "ms-clap": nets.load_ms_clap, "panns": nets.load_panns}
    return replace(loaders[kind](path), weights=path)
