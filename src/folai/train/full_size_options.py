"""How a ControlNet or a LoRA is trained at full size; the defaults are the paper's recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from folai.train import loop


@dataclass(frozen=True)
class StableOptions:
    data: tuple[Path, ...] = ()  # folders of recordings or clips, or of such folders
    model: str | Path = "stable-audio-open-1.0"
    out: Path = Path("runs/stable-control")
    cache: Path | None = None  # where windows are kept, encoded
    lora_rank: int = 0  # of additions to the base's attention, trained instead of a ControlNet
    train_base: bool = False  # the base, too: for tiny models that begin at random
    clap: str | Path | None = "clap"  # hears the windows; None: none does
    depth_factor: float = 0.2  # share of the base's blocks that the ControlNet copies
    seconds: float = 10.0  # of a window
    windows: int = 4000  # that are encoded
    steps: int = 15_000
    batch_size: int = 12  # windows a process sees at once
    accumulate: int = 4  # times, before a step is done
    learning_rate: float = 1e-4
    weight_decay: float = 1e-3
    dropout: float = 0.1  # share of examples without tokens, and of those without envelope
    base_alone: float = 0.0  # share of steps without the ControlNet, where the base is trained
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
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; give 0 to below 1")
        if self.lora_rank < 0:
            raise ValueError(f"lora_rank is {self.lora_rank}; give 1 or more, or leave it out")
