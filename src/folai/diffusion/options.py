"""The options of the small sound model. No PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from folai.options import check_ranges, option

SAMPLERS = ("ddim", "dpmpp_2m")  # of `folai.diffusion.sampling`


def control_scale_option() -> Any:
    """The same for every engine with a ControlNet."""
    return option(
        1.0, float, "how strongly the envelope steers; 0: not at all", lowest=0, highest=3
    )


def envelope_lock_option() -> Any:
    """The same for every engine that finishes its sound by `folai.diffusion.finishing`."""
    return option(
        0.5,
        float,
        "how far the finished level is pulled onto the envelope, 0 to 1",
        lowest=0,
        highest=1,
    )


@dataclass(frozen=True)
class DiffusionOptions:
    """How the small model is sampled. Raises ValueError for what is out of range."""

    engine: ClassVar[str] = "diffusion"

    num_steps: int = option(4, int, "number of sampling steps", metavar="N", lowest=1, highest=500)
    sampler: str | None = option(
        None, str, "how steps are taken", choices=SAMPLERS, default_text="that of the weights"
    )
    cfg_scale: float = option(
        3.0, float, "guidance toward reference and prompt; 1: none", lowest=0, highest=20
    )
    control_scale: float = control_scale_option()
    envelope_lock: float = envelope_lock_option()
    likeness: float = option(
        1.0,
        float,
        "how far the finished bands are drawn to those of the reference, 0 to 1",
        lowest=0,
        highest=1,
    )
    init_strength: float = option(
        1.0,
        float,
        "how much to re-imagine the preview's sound, 0 (kept) to 1 (not used)",
        lowest=0,
        highest=1,
    )
    foley_weights: str | Path | None = option(
        None,
        Path,
        "weights of the sound model, with control.safetensors beside them",
        metavar="FILE",
        default_text="folai's own",
    )
    lora: str | Path | None = option(
        None,
        Path,
        "what a training on your own recordings has added",
        metavar="FILE",
        default_text="none",
    )

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def label(self) -> str:
        """What a report calls it."""
        return self.engine
