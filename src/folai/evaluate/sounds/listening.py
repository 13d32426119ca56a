"""A listening test on a page.

Pairs: two sounds for one clip, unnamed, and which is better. MUSHRA-style rows (ITU-R BS.1534): all
systems, the hidden truth and an anchor without highs beside the open truth, each from 0 to 100.
Clips, rows and sides are in an order drawn by a seed. The page saves answers to a file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from folai.data.listing import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from folai.evaluate.sounds.system_scores import SoundReport

Wav = NDArray[np.float32]

KINDS = ("pairs", "mushra")
FORMAT, VERSION = "folai-listening", 1
TRUTH, ANCHOR = "truth", "anchor"
ANCHOR_HERTZ = 3500.0  # above it the anchor is silent, as BS.1534 says


@dataclass(frozen=True, eq=False)
class Heard:
    """One clip of a test: sounds [T] by system, the truth among them, and the picture as a URI."""

    clip: str
    sounds: Mapping[str, Wav]
    video: str = ""


def make_test(clips: Sequence[Heard], sample_rate: int, *, kind: str, seed: int) -> dict[str, Any]:
    """What the page needs: sounds as URIs, and trials in the order drawn by `seed`.

    Raises ValueError for another kind, or fewer than two sounds to compare.
    """
    from folai.evaluate.report.page import sound_uri

    if kind not in KINDS:
        raise ValueError(f"kind of listening test is {kind!r}; use one of {', '.join(KINDS)}")
    rng = np.random.default_rng([seed, 2])
    sounds: dict[str, str] = {}
    trials: list[dict[str, Any]] = []
    for number, heard in enumerate(clips):
        wavs = dict(heard.sounds)
        if kind == "mushra":
            wavs[ANCHOR] = anchor(wavs[TRUTH], sample_rate)
        if len(wavs) < 2:
            raise ValueError(f"{heard.clip}: {len(wavs)} sound; a test needs two or more")
        known = {system: f"{number}-{place}" for place, system in enumerate(wavs)}
        sounds |= {known[system]: sound_uri(wav, sample_rate) for system, wav in wavs.items()}
        groups = list(combinations(wavs, 2)) if kind == "pairs" else [tuple(wavs)]
        for group in groups:
            order = [group[i] for i in rng.permutation(len(group))]
            options = [{"system": system, "sound": known[system]} for system in order]
            reference = known[TRUTH] if kind == "mushra" else None
            video = number if heard.video else ""
            trials.append({"clip": heard.clip, "options": options, "reference": reference})
            trials[-1]["video"] = video
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": kind,
        "seed": seed,
        "sounds": sounds,
        "videos": {number: heard.video for number, heard in enumerate(clips) if heard.video},
        "trials": [trials[i] for i in rng.permutation(len(trials))],
    }


def anchor(wav: Wav, sample_rate: int) -> Wav:
    """Sound [T] without what is above `ANCHOR_HERTZ`."""
    spectrum = np.fft.rfft(wav)
    spectrum[np.fft.rfftfreq(len(wav), 1 / sample_rate) > ANCHOR_HERTZ] = 0
    return np.fft.irfft(spectrum, len(wav)).astype(np.float32)


def sound_test(
    report: SoundReport, *, kind: str, count: int, seed: int, videos: bool = True
) -> dict[str, Any]:
    """A test of `count` clips of a comparison of systems, with their pictures if there are any."""
    from folai.evaluate.report.pictures import small_video
    from folai.evaluate.sounds.comparison_sections import piece_sounds, shown_pieces
    from folai.evaluate.sounds.measure import WIDE

    clips = []
    for piece in shown_pieces(report, count):
        pairs = report.systems[0].pairing.pairs
        (path,) = [pair.truth for pair in pairs if pair.name == piece.name]
        start = 0.0 if math.isnan(piece.start) else piece.start
        shows = videos and path.suffix.lower() in VIDEO_SUFFIXES
        video = small_video(path, start, piece.seconds) if shows else ""
        clips.append(Heard(piece.label, piece_sounds(report, piece), video))
    return make_test(clips, WIDE, kind=kind, seed=seed)
