"""The options of Stable Audio 3, and what suits each of its models. No PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from folai.diffusion.options import control_scale_option, envelope_lock_option
from folai.options import check_ranges, option
from folai.stable.options import REIMAGINED
from folai.stable.precision import DTYPES as TORCH_DTYPES

DTYPES = (*TORCH_DTYPES, "int8")
NAMES = ("small-sfx", "small-music", "medium")  # each also as NAME-base
PREFIX = "stable-audio-3-"


@dataclass(frozen=True)
class StableAudio3Options:
    """Which model, and how it is sampled. Raises ValueError for what is out of range."""

    engine: ClassVar[str] = "stable_audio_3"

    model: str | Path = option(
        f"{PREFIX}{NAMES[0]}",
        str,
        "a name of `folai models`, or a folder of its weights",
        metavar="NAME",
    )
    control: str | Path | None = option(
        None, Path, "ControlNet or light control for it", metavar="FILE", default_text="none"
    )
    lora: str | Path | None = option(
        None, Path, "LoRA for it, merged", metavar="FILE", default_text="none"
    )
    dtype: str | None = option(
        None,
        str,
        "precision of its weights",
        choices=DTYPES,
        default_text="bfloat16 on a GPU, else float32; int8: a quarter of the memory, on a CPU",
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
        default_text="8, 50 for a -base model",
        lowest=1,
        highest=500,
    )
    cfg_scale: float | None = option(
        None,
        float,
        "guidance toward reference and prompt; 1: none",
        default_text="1, 7 for a -base model",
        lowest=0,
        highest=20,
    )
    control_scale: float = control_scale_option()
    envelope_lock: float = envelope_lock_option()
    loudness: str | Path | None = option(
        None,
        Path,
        "reader of loudness (folai train loudness) by which the envelope guides each step",
        metavar="FILE",
        default_text="none",
    )
    relevel: int = option(
        0,
        int,
        "times that the level is drawn onto the envelope while the sound is made",
        metavar="N",
        lowest=0,
        highest=500,
    )
    keep_silence: bool = option(
        False, bool, "keep the preview's silence between what the envelope asks for"
    )
    init_strength: float | None = option(
        None,
        float,
        "how much to re-imagine the preview's sound, 0 (kept) to 1 (not used)",
        default_text=f"{REIMAGINED}, 1 with a control",
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
        self, *, distilled: bool, described: bool, steered: bool = False
    ) -> dict[str, Any]:
        """How to sample, as `Stable3.generate` takes it; what is None here suits the model.

        described: it hears a prompt. steered: it has a control, and sets out from noise. Published
        models take 8 steps without guidance, and their bases 50 with a guidance of 7.
        """
        scale = 1.0 if distilled or not described else 7.0
        strength = 1.0 if steered else REIMAGINED
        return {
            "num_steps": self.num_steps or (8 if distilled else 50),
            "cfg_scale": scale if self.cfg_scale is None else self.cfg_scale,
            "control_scale": self.control_scale,
            "envelope_lock": self.envelope_lock,
            "relevel": self.relevel,
            "init_strength": strength if self.init_strength is None else self.init_strength,
        }


def is_stable3(model: str | Path) -> bool:
    """Whether a name or a folder is of Stable Audio 3: its config names the text model."""
    path = Path(model)
    if not path.exists():
        return str(model).startswith(PREFIX)
    config = (path if path.is_dir() else path.parent) / "model_config.json"
    return config.is_file() and '"t5gemma"' in config.read_text(errors="replace")
