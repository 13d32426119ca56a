"""Models of Stable Audio 3 from published files and back.

Names and shapes of all tensors are compared with the config by the header of the file, and the
memory is estimated, before anything large is read.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from folai.models.int8 import use_int8
from folai.models.same import Same
from folai.models.stable3_conditioner import Stable3Conditioner
from folai.models.stable3_dit import Stable3DiT
from folai.stable.filling import fill
from folai.stable.tensor_files import open_tensors
from folai.stable.tensor_names import written
from folai.stable3.model_config import Stable3Config, from_published, to_published
from folai.stable3.tensor_names import constants, entries
from folai.writing import written_whole

CONFIG, WEIGHTS = "model_config.json", ("model.safetensors", "model.ckpt")


class Stable3Base(nn.Module):
    """What one published model is made of, but for its text model."""

    def __init__(self, config: Stable3Config) -> None:
        super().__init__()
        self.config = config
        self.dit = Stable3DiT(config.dit)
        self.autoencoder = Same(config.autoencoder)
        self.conditioner = Stable3Conditioner(config.conditioner)


def load_base(
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
    beside: int = 0,
) -> Stable3Base:
    """The model in a folder, or in one file with its config beside it.

    dtype: of the denoiser; the autoencoder stays in float32. int8: on a CPU alone, of the linear
    layers of both; the rest is float32. beside: bytes of memory that other models will need.
    Raises ValueError, before anything large is read, where files are missing or cut short, where
    config and weights contradict each other, and where the memory is too small.
    """
    file = path if path.is_file() else _weights(path)
    config = from_published(file.with_name(CONFIG))
    with torch.device("meta"):
        base = Stable3Base(config)
    layers = set(_use_int8(base, device)) if dtype == torch.int8 else set()

    def dtype_of(name: str) -> torch.dtype:
        if dtype == torch.int8:
            return dtype if name.removesuffix(".weight") in layers else torch.float32
        return torch.float32 if name.startswith("autoencoder.") else dtype

    fill(
        base,
        entries(config),
        "tools",
        {"": open_tensors(file)},
        str(path),
        dtype_of=dtype_of,
        device=device or torch.device("cpu"),
        beside=beside,
    )
    return base.requires_grad_(False).eval()


def _use_int8(base: Stable3Base, device: torch.device | None) -> list[str]:
    """In the blocks, where nearly all weights are; what surrounds them stays as it is."""
    if device is not None and device.type != "cpu":
        raise ValueError(f"dtype is 'int8' and the device {device}; take bfloat16 on a GPU")
    parts = {
        "dit.blocks": base.dit.blocks,
        "autoencoder.encoder.blocks": base.autoencoder.encoder.blocks,
        "autoencoder.decoder.blocks": base.autoencoder.decoder.blocks,
    }
    return [f"{part}.{name}" for part, blocks in parts.items() for name in use_int8(blocks)]


def _weights(folder: Path) -> Path:
    """The file of weights in a folder. Raises ValueError for a folder of another kind."""
    if not (folder / CONFIG).is_file():
        raise ValueError(
            f"{folder}: no Stable Audio 3 model; expected a folder with {CONFIG} and {WEIGHTS[0]}"
        )
    return next((folder / name for name in WEIGHTS if (folder / name).is_file()),
                folder / WEIGHTS[0])  # fmt: skip


def save_base(base: Stable3Base, folder: Path) -> None:
    """Writes the model as it is published, so that the published code reads it."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / CONFIG) as temporary:
        temporary.write_text(json.dumps(to_published(base.config), indent=2) + "\n")
    tensors = written(entries(base.config), "tools", base.state_dict())
    with written_whole(folder / WEIGHTS[0]) as temporary:
        save_file({**tensors, **constants(base.config)}, temporary, metadata={"format": "pt"})
