"""Models of Stable Audio Open from files and back, in both published layouts.

Names and shapes of all tensors are compared with the config by the headers of the files, and the
memory is estimated, before anything large is read.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import nn

from folai.models.oobleck import Oobleck
from folai.models.seconds import Seconds
from folai.models.stable_dit import StableDiT
from folai.stable.filling import fill
from folai.stable.model_config import (
    StableConfig,
    from_diffusers,
    from_tools,
    to_diffusers,
    to_tools,
)
from folai.stable.tensor_files import TensorFile, open_tensors
from folai.stable.tensor_names import Layout, entries, written
from folai.writing import written_whole

PARTS = ("transformer", "vae", "projection_model")  # folders of diffusers that hold weights
PART_FILE = "diffusion_pytorch_model.safetensors"
TOOLS_FILES = ("model.safetensors", "model.ckpt")


class StableBase(nn.Module):
    """What one published model is made of, but for its text model."""

    def __init__(self, config: StableConfig) -> None:
        super().__init__()
        self.config = config
        self.dit = StableDiT(config.dit)
        self.autoencoder = Oobleck(config.autoencoder)
        self.seconds = Seconds(config.seconds)


def load_base(
    path: Path,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
    beside: int = 0,
) -> StableBase:
    """The model in a folder of either layout, or in one file with its config beside it.

    dtype: of the denoiser; the autoencoder and the rates of its time stay in float32. beside: bytes
    of memory that other models will need. Raises ValueError, before anything large is read, where
    files are missing or cut short, where config and weights contradict each other, and where the
    memory is too small.
    """
    layout, config, files = _find(path)
    with torch.device("meta"):
        base = StableBase(config)
    fill(
        base,
        entries(config),
        layout,
        files,
        str(path),
        dtype_of=lambda name: _dtype(name, dtype),
        device=device or torch.device("cpu"),
        beside=beside,
    )
    return base.requires_grad_(False).eval()


def _dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    """In bfloat16 neighbouring times of a fine schedule, and rates, would be one and the same."""
    is_exact = name.startswith(("autoencoder.", "seconds.")) or name.endswith("rates")
    return torch.float32 if is_exact else dtype


def _find(path: Path) -> tuple[Layout, StableConfig, dict[str, TensorFile]]:
    """(layout, config, files by the prefix of their keys)."""
    if path.is_file():
        config = from_tools(path.with_name("model_config.json"))
        return "tools", config, {"": open_tensors(path)}
    if (path / "transformer").is_dir():
        files = {f"{part}/": open_tensors(path / part / PART_FILE) for part in PARTS}
        return "diffusers", from_diffusers(path), files
    if (path / "model_config.json").is_file():
        names = [path / name for name in TOOLS_FILES if (path / name).is_file()]
        file = open_tensors(names[0] if names else path / TOOLS_FILES[0])
        return "tools", from_tools(path / "model_config.json"), {"": file}
    raise ValueError(
        f"{path}: no Stable Audio model; expected a folder with transformer/, vae/ and "
        "projection_model/, or with model_config.json and model.safetensors"
    )


def save_base(base: StableBase, folder: Path, layout: Layout) -> None:
    """Writes the model in a layout, so that the tools of that layout read it.

    Raises ValueError for a model that the layout cannot hold.
    """
    from safetensors.torch import save_file

    configs = {"model_config.json": to_tools(base.config)} if layout == "tools" else None
    configs = configs or to_diffusers(base.config)
    for name, config in configs.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        with written_whole(folder / name) as temporary:
            temporary.write_text(json.dumps(config, indent=2) + "\n")
    tensors = written(entries(base.config), layout, base.state_dict())
    if layout == "tools":
        files = {folder / TOOLS_FILES[0]: tensors}
    else:
        files = {
            folder / part / PART_FILE: {
                name.removeprefix(f"{part}/"): tensor
                for name, tensor in tensors.items()
                if name.startswith(f"{part}/")
            }
            for part in PARTS
        }
    for file, part_tensors in files.items():
        with written_whole(file) as temporary:
            save_file(part_tensors, temporary, metadata={"format": "pt"})
