"""The options of Stable Audio Open, and what suits each of its models. No PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from folai.diffusion.options import control_scale_option, envelope_lock_option
from folai.options import check_ranges, option
from folai.stable.precision import DTYPES

REIMAGINED = 0.5  # how far the preview's sound is, where no ControlNet hears what is asked for


@dataclass(frozen=True)
class StableAudioOpenOptions:
    """Which model, and how it is sampled. Raises ValueError for what is out of range."""

    engine: ClassVar[str] = "stable_audio_open"

    model: str | Path = option(
        "stable-audio-open-1.0",
        str,
        "a name of `folai models`, or a folder of its weights",
        metavar="NAME",
    )
    control: str | Path | None = option(
        None, Path, "ControlNet for it", metavar="FILE", default_text="none"
    )
    lora: str | Path | None = option(
        None, Path, "LoRA for it, merged", metavar="FILE", default_text="none"
    )
    clap: str | Path | None = option(
        None, Path, "CLAP from this folder", metavar="DIR", default_text="from the hub"
    )
    dtype: str | None = option(
        None,
        str,
        "precision of its weights",
        choices=DTYPES,
        default_text="bfloat16 on a GPU, else float32",
    )
    offline: bool = option(False, bool, "never ask the network")
    compile: bool = option(
        False,
        bool,
        "compile the denoiser first: pays from the second take on; needs a C++ compiler",
    )
    num_steps: int | None = option(
        None,
        int,
        "number of sampling steps",
        metavar="N",
        default_text="100, 150 with a ControlNet, 8 distilled",
        lowest=1,
        highest=500,
    )
    cfg_scale: float | None = option(
        None,
        float,
        "guidance toward reference and prompt; 1: none",
        default_text="7, 2 with a ControlNet, 1 distilled",
        lowest=0,
        highest=20,
    )
    control_scale: float = control_scale_option()
    envelope_lock: float = envelope_lock_option()
    init_strength: float | None = option(
        None,
        float,
        "how much to re-imagine the preview's sound, 0 (kept) to 1 (not used)",
        default_text="0.5, 1 with a ControlNet",
        lowest=0,
        highest=1,
    )

    def __post_init__(self) -> None:
        check_ranges(self)

    @property
    def label(self) -> str:
        """What a report calls it."""
        return str(self.model)

    def sampling(
        self, *, steered: bool, distilled: bool, described: bool, unheard: bool = False
    ) -> dict[str, Any]:
        """How to sample, as `StableAudio.generate` takes it; what is None here suits the model.

        steered: it has a ControlNet. described: it hears a prompt or a reference. unheard: there is
        a reference that only the preview hears. The stock model is guided by 7 in 100 steps, as
        published; with a ControlNet by 2 in 150, as in arXiv 2412.15023; the distilled one not at
        all, in 8.
        """
        steps = 8 if distilled else 150 if steered else 100
        scale = 1.0 if distilled or not described else 2.0 if steered else 7.0
        strength = 1.0 if steered and not unheard else REIMAGINED
        return {
            "num_steps": self.num_steps or steps,
            "cfg_scale": scale if self.cfg_scale is None else self.cfg_scale,
            "control_scale": self.control_scale,
            "envelope_lock": self.envelope_lock,
            "init_strength": strength if self.init_strength is None else self.init_strength,
        }
