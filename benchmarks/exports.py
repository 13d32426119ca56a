"""Measures what exports of a long project take: processor time, and time that passes.

    python benchmarks/exports.py                      # 10 min, 8 layers with EQ, pan and room
    python benchmarks/exports.py --plain --seconds 120 --kinds session,stems

One line a kind: session (mono files, AAF, EDL, timeline, REAPER project), stems, wav (the mix).
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from folai.media.audio import write_wav
from folai.studio.exporting import _sound_writer
from folai.studio.jobs import Job
from folai.studio.project import Project

CHANNELS: list[dict[str, Any] | None] = [
    {"pan": -1, "low_db": 6},
    {"pan": -0.5, "mid_db": -12, "mid_hz": 600},
    {"pan": 0.3, "room": "booth", "distance": 1},
    {"pan": 1, "room": "hall", "distance": 4},
    {"high_db": -9, "room": "bathroom", "distance": 1.5, "wet_db": -6},
    {"low_db": -12, "mid_db": 9, "mid_hz": 2500, "high_db": 6, "pan": -0.2},
    {"room": "church", "distance": 8, "pan": 0.6},
    None,
]
TAKE_RATE, PIECE = 44100, 30  # Hz; seconds of noise that are repeated


def make_project(folder: Path, seconds: float, plain: bool) -> Project:
    clip = {
        "file": "clip.mov", "media": "clip.mov", "media_type": "video/mp4", "start": 0.0,
        "duration": seconds, "fps": 25.0, "nominal_fps": 25.0, "num_frames": round(25 * seconds),
        "width": 64, "height": 48, "video_codec": "h264", "audio_codec": None, "timecode": None,
    }  # fmt: skip
    takes = folder / "media" / "takes"
    takes.mkdir(parents=True)
    project, rng = Project.make(folder, "Show", clip, {}), np.random.default_rng(0)
    with project.change() as document:
        first, layers = document["edit"]["layers"][0], []
        for n, channel in enumerate(CHANNELS):
            own = {"id": f"l{n}", "name": f"Layer {n}", "gain_db": -14}
            layers.append({**first, **own, "channel": None if plain else channel})
            document["takes"].append({"id": f"t{n}", "layer": f"l{n}", "name": "Take"})
            piece = (0.1 * rng.standard_normal((1, PIECE * TAKE_RATE))).astype(np.float32)
            wav = np.tile(piece, (1, int(-(-seconds // PIECE))))[:, : round(seconds * TAKE_RATE)]
            write_wav(takes / f"t{n}.wav", wav, TAKE_RATE)
        document["edit"]["layers"] = layers
    return project


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--plain", action="store_true", help="no equaliser, pan or room")
    parser.add_argument("--kinds", default="session,stems,wav")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = make_project(Path(folder) / "project", parsed.seconds, parsed.plain)
        for kind in parsed.kinds.split(","):
            request = {"kind": kind, "start": 0.0, "sample_rate": 48000, "timecode": None}
            before, began = processor_seconds(), time.perf_counter()
            write, _ = _sound_writer(kind, project, project.document, request)
            write(Path(folder) / f"{kind}.out", Job("export", "project", lambda job: None))
            spent, passed = processor_seconds() - before, time.perf_counter() - began
            print(f"{kind}: {spent:.1f} s of the processor, {passed:.1f} s passed", flush=True)


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
