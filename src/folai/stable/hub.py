"""Where published weights are: a folder on this machine, the hub's cache, or the hub.

Weights on this machine are used without the network. Others are fetched once, and only where the
hub answers a first connection: without a network the error comes at once and says what to do.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from folai.checkpoints import WEIGHTS

PATIENCE = 3.0  # seconds in which the hub must answer


@dataclass(frozen=True)
class Published:
    """A set of weights that can be named."""

    about: str
    size: float  # gigabytes on disk
    licence: str
    repository: str | None  # on the hub; None: ships with folai
    files: tuple[str, ...] = ()  # patterns of the files that are needed


MODELS = {
    "small": Published("this project's own model, offline", 0.04, "CC BY-SA 4.0", None),
    "stable-audio-open-1.0": Published(
        "the paper's backbone, stereo, up to 47 s at once",
        5.3,
        "Stability AI Community",
        "stabilityai/stable-audio-open-1.0",
        ("model_index.json", "transformer/*", "vae/*", "projection_model/*", "text_encoder/*",
         "tokenizer/*", "scheduler/*"),
    ),
    "stable-audio-open-small": Published(
        "few steps, stereo, up to 11 s at once; its text model is t5-base",
        2.0,
        "Stability AI Community",
        "stabilityai/stable-audio-open-small",
        ("model_config.json", "model.safetensors"),
    ),
    **{
        f"stable-audio-3-{name}{base}": Published(
            f"{about}{'; 50 steps, for training' if base else '; 8 steps'}",
            size,
            "Stability AI Community",
            f"stabilityai/stable-audio-3-{name}{base}",
            ("model_config.json", "model.safetensors", "t5gemma-b-b-ul2/*"),
        )
        for name, size, about in (
            ("small-sfx", 3.5, "sounds for a laptop, stereo, up to 120 s"),
            ("small-music", 3.5, "music for a laptop, stereo, up to 120 s"),
            ("medium", 10.4, "both at 1.4 billion parameters, stereo, up to 285 s"),
        )
        for base in ("", "-base")
    },
    "t5-base": Published(
        "text model of stable-audio-open-small", 0.9, "Apache 2.0", "google-t5/t5-base",
        ("config.json", "model.safetensors", "tokenizer*", "spiece.model"),
    ),
    "clap": Published(
        "embeds references for a trained ControlNet", 0.6, "Apache 2.0", "laion/clap-htsat-fused",
        ("*.json", "*.txt", "model.safetensors"),
    ),
}  # fmt: skip


def list_models() -> dict[str, dict[str, Any]]:
    """Each model by its name: what it is, its size and licence, and its path (None: not here)."""
    return {
        name: {
            "gigabytes": published.size,
            "licence": published.licence,
            "repository": published.repository,
            "path": cached(published),
            "about": published.about,
        }
        for name, published in MODELS.items()
    }


def nothing_cached() -> bool:
    """Whether the hub's cache is empty, told without its client, which takes long to load."""
    home = os.environ.get("HF_HOME") or Path(
        os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "huggingface"
    )
    folder = Path(os.environ.get("HF_HUB_CACHE") or Path(home, "hub"))
    return not any(folder.glob("models--*"))


def models_table(models: dict[str, dict[str, Any]]) -> str:
    """The models of `list_models` as text, one line each."""
    return "\n".join(
        f"{name:24} {model['gigabytes']:5.2f} GB  {'here' if model['path'] else '-':5} "
        f"{model['licence']:24} {model['about']}"
        for name, model in models.items()
    )


def find_model(name: str | Path, *, offline: bool = False) -> Path:
    """The folder of a model, from its name or its path; it is fetched where it is not here.

    Raises ValueError for an unknown name, and where weights are not here and cannot be fetched, in
    one line that says what to do.
    """
    if Path(name).exists():
        return Path(name)
    published = MODELS.get(str(name))
    if published is None:
        known = ", ".join(MODELS)
        raise ValueError(f"model {str(name)!r} is no folder here and no known name: {known}")
    if published.repository is None:
        return WEIGHTS
    return cached(published) or _fetch(str(name), published, offline)


def cached(published: Published) -> Path | None:
    """Its folder in the hub's cache; None where a file is missing there. Asks no network."""
    if published.repository is None:
        return WEIGHTS
    try:
        folder = Path(_hub().snapshot_download(published.repository, local_files_only=True))
    except ImportError:
        return None
    except Exception:  # the hub has many classes of error for what is not there
        return None
    return folder if all(any(folder.glob(pattern)) for pattern in published.files) else None


def _fetch(name: str, published: Published, offline: bool) -> Path:
    local = f"or copy its folder here and give its path instead of {name!r}"
    if offline:
        raise ValueError(f"{name}: not on this machine; leave out --offline to fetch it, {local}")
    hub = _hub()
    repository = str(published.repository)
    if hub.constants.HF_HUB_OFFLINE:
        raise ValueError(
            f"{name}: not on this machine and HF_HUB_OFFLINE is set; unset it, {local}"
        )
    _require_answer(name, hub.constants.ENDPOINT, local)
    page = f"{hub.constants.ENDPOINT}/{repository}"
    try:
        folder = hub.snapshot_download(
            repository, allow_patterns=list(published.files), etag_timeout=PATIENCE
        )
    except hub.errors.GatedRepoError:
        raise ValueError(
            f"{name}: needs its licence accepted at {page} and `hf auth login`, {local}"
        ) from None
    except hub.errors.RepositoryNotFoundError:
        raise ValueError(
            f"{name}: {page} does not exist or needs `hf auth login`, {local}"
        ) from None
    except OSError as error:
        raise ValueError(f"{name}: {page} broke off ({error}); start again, {local}") from None
    return Path(folder)


def _require_answer(name: str, endpoint: str, local: str) -> None:
    """Raises ValueError where the hub does not answer: its own client would retry for 30 s."""
    parts = urlsplit(endpoint)
    if parts.scheme in getproxies():
        return  # a proxy answers for itself
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=PATIENCE).close()
    except OSError as error:
        reason = f"not on this machine, and {parts.hostname} cannot be reached ({error})"
        raise ValueError(f"{name}: {reason}; connect to the network, {local}") from None


def _hub() -> Any:
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
    except ImportError as error:
        raise ImportError("the hub's client is missing: pip install 'folai[full]'") from error
    return huggingface_hub
