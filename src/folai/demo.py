"""The demonstration: a clip gets its sound, and the distance of each sound to its contact is
measured.

Without a clip, one is rendered whose contact times are known exactly. Sounds are detected in the
finished file, decoded again: what is measured is what a player plays.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.plot import check_plot, plot_envelope
from folai.media.audio import read_audio
from folai.media.clip import probe
from folai.media.frames import iter_frames
from folai.media.mux import finished_name
from folai.metrics import onset_distances
from folai.pipeline import FoleyResult, GenerateOptions, generate, read_reference
from folai.progress import Progress
from folai.render import demo_scene, write_clip
from folai.writing import make_folder

Times = NDArray[np.float64]  # seconds


@dataclass(frozen=True, eq=False)
class DemoReport:
    """The files that the demonstration wrote, and when the sounds begin."""

    video: Path  # the finished one
    envelope: Path
    plot: Path
    result: FoleyResult
    onsets: Times  # [N] of the sounds in the finished video
    contacts: Times | None  # [M] as drawn; None for a clip of the user's

    @property
    def errors(self) -> Times:
        """[M] seconds from each contact to the nearest sound, positive where the sound is late."""
        return onset_distances(self.onsets, () if self.contacts is None else self.contacts)

    def table(self) -> str:
        """A line for each contact, or for each sound where the contacts are not known."""
        if self.contacts is None:
            return "\n".join(["    sound at", *(f"{time:10.3f} s" for time in self.onsets)])
        if not len(self.onsets):
            return f"{len(self.contacts)} contacts, and no sound begins anywhere"
        late = self.errors
        lines = [
            f"{contact:10.3f} s{contact + error:10.3f} s{1000 * error:+9.1f} ms"
            for contact, error in zip(self.contacts, late, strict=True)
        ]
        median = f"median distance {1000 * np.median(np.abs(late)):.1f} ms"
        counts = f"{len(self.contacts)} contacts, {len(self.onsets)} sounds, {median}"
        return "\n".join(["     contact       sound    distance", *lines, counts])

    def to_dict(self) -> dict[str, Any]:
        return {
            "video": str(self.video),
            "envelope": str(self.envelope),
            "plot": str(self.plot),
            "duration": self.result.duration,
            "onsets": self.onsets.tolist(),
            "contacts": None if self.contacts is None else self.contacts.tolist(),
            "errors": None if self.contacts is None else self.errors.tolist(),
        }


def run_demo(
    folder: str | Path,
    *,
    video: str | Path | None = None,
    options: GenerateOptions = GenerateOptions(),
    progress: Progress | None = None,
) -> DemoReport:
    """Write the finished video, its envelope and its plot into `folder`, which is made if need be.

    Raises ValueError as `generate` does, and if the folder cannot be made.
    """
    read_reference(options)  # a bad one is refused before anything is written
    if video is not None:
        probe(video)
    folder = Path(folder)
    make_folder(folder)
    contacts = None
    if video is None:
        scene, video = demo_scene(options.seed), folder / "demo.mp4"
        write_clip(scene, video)
        contacts = scene.onsets
    finished = folder / finished_name(video)
    envelope, plot = (folder / f"{Path(video).stem}.envelope{kind}" for kind in (".json", ".png"))
    check_plot(plot)
    result = generate(video, finished, options, progress=progress)
    result.envelope.save(envelope)
    frames = iter_frames(video, height=128)
    plot_envelope(result.envelope, plot, frames=frames, contacts=contacts, title=finished.name)
    onsets = Envelope.from_audio(*read_audio(finished)).onsets
    return DemoReport(finished, envelope, plot, result, onsets, contacts)
