"""Cuts a piece out of a video: pictures encoded again as H.264, with the sound beside them."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.media.clip import probe
from folai.media.encode import write_pictures
from folai.media.frames import frames_between
from folai.media.mux import mux

QUALITY = 18  # crf of x264: hard to tell from the original


def write_piece(
    video: Path,
    start: float,
    seconds: float,
    wav: NDArray[np.floating[Any]],
    sample_rate: int,
    out: Path,
    height: int | None = None,
) -> None:
    """Write `seconds` of a video from `start` on to `out`, with `wav` [C, T] as its sound.

    The first picture is the one on view at `start`; frame times are kept. Raises ValueError where
    no picture is there.
    """
    rate = Fraction(probe(video).fps or 30.0).limit_denominator(1001)
    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        silent = Path(folder) / "silent.mp4"
        pictures = frames_between(video, start, start + seconds, height)
        if not write_pictures(silent, pictures, crf=QUALITY, rate=rate):
            raise ValueError(f"{video}: shows no picture from {start:g} s on")
        mux(silent, wav, sample_rate, out)
