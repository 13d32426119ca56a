"""How a control or a LoRA of Stable Audio 3 is trained."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from folai.train import loop

LIGHT_RANK = 16


@dataclass(frozen=True)
class Stable3TrainOptions:
    """Raises ValueError for what is out of range or contradicts itself."""

    data: tuple[Path, ...] = ()  # folders of recordings or clips, or of such folders
    library: str | None = None  # words that find the recordings in the library instead
    library_file: Path | None = None  # None: the default library
    model: str | Path = "stable-audio-3-small-sfx-base"
    out: Path = Path("runs/stable3-control")
    cache: Path | None = None  # where windows are kept, encoded
    light: bool = False  # one linear layer and additions to attention instead of a ControlNet
    lora_rank: int | None = None  # of additions; without `light`, they alone are trained
    prompts: bool = True  # labels of recordings are heard as prompts
    depth_factor: float = 0.2  # share of the base's blocks that a ControlNet copies
    seconds: float = 10.0  # of a window
    windows: int = 4000  # that are encoded
    steps: int = 10_000
    batch_size: int = 16  # windows a process sees at once
    accumulate: int = 1  # times, before a step is done
    learning_rate: float = 1e-4
    weight_decay: float = 0.01
    dropout: float = 0.1  # share of examples without prompt, and for a light control without levels
    gaps: float = 0.2  # share of examples in which parts of the sound are given
    ema: float = 0.999  # of the weights that are kept
    dtype: str | None = None  # None: bfloat16 on a GPU, float32 on a CPU
    checkpointing: bool = True  # blocks are computed again on the way back: less memory
    seed: int = 0
    threads: int = 1
    log_every: int = 50
    offline: bool = False

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "accumulate", "windows", "threads", "log_every")
        loop.check_counts(self, *counts)
        if not self.seconds > 0:
            raise ValueError(f"seconds is {self.seconds}; give above 0")
        for name in ("dropout", "gaps"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 0 to below 1")
        if self.lora_rank is not None and self.lora_rank < 1:
            raise ValueError(f"lora_rank is {self.lora_rank}; give 1 or more, or leave it out")
        if self.library is not None and self.data:
            raise ValueError("both data and library are given; name one")
        if self.library_file is not None and self.library is None:
            raise ValueError("library_file is given without words; name what to learn by library")
        if self.dtype == "int8":
            raise ValueError("dtype is 'int8', which is not trained; give bfloat16 or float32")

    @property
    def is_lora(self) -> bool:
        """Whether a LoRA is trained, and no control."""
        return self.lora_rank is not None and not self.light

    @property
    def rank(self) -> int:
        """Of the additions to the base's attention; 0: none are trained."""
        return self.lora_rank or (LIGHT_RANK if self.light else 0)
