"""Where published weights are: a folder on this machine, the hub's cache, or the hub.

What is here is used without asking the network. What is not is fetched once, and only if a first
knock is answered: no network is said at once, with the step to take.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from folai.checkpoints import WEIGHTS

KNOCK = 3.0  # seconds in which the hub must answer


@dataclass(frozen=True)
class Published:
    """A set of weights that can be named."""

    about: str
    size: float  # gigabytes on disk
    licence: str
    repository: str | None  # on the hub; None: ships with folai
    files: tuple[str, ...] = ()  # patterns of what is needed of it
    gated: bool = False  # its licence has to be accepted first


MODELS = {
    "small": Published("this project's own model, offline", 0.04, "CC BY-SA 4.0", None),
    "stable-audio-open-1.0": Published(
        "the paper's backbone, stereo, up to 47 s at once",
        5.3,
        "Stability AI Community",
        "stabilityai/stable-audio-open-1.0",
        ("model_index.json", "transformer/*", "vae/*", "projection_model/*", "text_encoder/*",
         "tokenizer/*", "scheduler/*"),
        gated=True,
    ),
    "stable-audio-open-small": Published(
        "few steps, stereo, up to 11 s at once; its text model is t5-base",
        2.0,
        "Stability AI Community",
        "stabilityai/stable-audio-open-small",
        ("model_config.json", "model.safetensors"),
        gated=True,
    ),
    "t5-base": Published(
        "text model of stable-audio-open-small", 0.9, "Apache 2.0", "google-t5/t5-base",
        ("config.json", "model.safetensors", "tokenizer*", "spiece.model"),
    ),
    "clap": Published(
        "reads references for a trained ControlNet", 0.6, "Apache 2.0", "laion/clap-htsat-fused",
        ("*.json", "*.txt", "model.safetensors"),
    ),
}  # fmt: skip


def list_models() -> dict[str, dict[str, Any]]:
    """Of each model that can be named: what it is, its size and licence, where it is (or None)."""
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


def models_table(models: dict[str, dict[str, Any]]) -> str:
    """A line a model."""
    return "\n".join(
        f"{name:24} {model['gigabytes']:5.2f} GB  {'here' if model['path'] else '-':5} "
        f"{model['licence']:24} {model['about']}"
        for name, model in models.items()
    )


def find_model(name: str | Path, *, offline: bool = False) -> Path:
    """The folder of a model that is named, or of which the path is given; fetched if need be.

    Raises ValueError for an unknown name, and where weights are neither here nor can be fetched:
    in one line that says which step to take.
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
    """Its folder in the hub's cache, where all that is needed is there. Asks no network."""
    if published.repository is None:
        return WEIGHTS
    try:
        folder = Path(_hub().snapshot_download(published.repository, local_files_only=True))
    except ImportError:
        return None
    except Exception:  # the hub has a class of error for each way of not being there
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
    _knock(name, hub.constants.ENDPOINT, local)
    page = f"{hub.constants.ENDPOINT}/{repository}"
    try:
        folder = hub.snapshot_download(
            repository, allow_patterns=list(published.files), etag_timeout=KNOCK
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


def _knock(name: str, endpoint: str, local: str) -> None:
    """The hub's client tries again for half a minute where no network is; this does not."""
    parts = urlsplit(endpoint)
    if parts.scheme in getproxies():
        return  # whoever set a proxy is answered by it
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=KNOCK).close()
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
