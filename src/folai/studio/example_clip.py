"""The example of the first screen: a drawn clip of six seconds with its prediction and three takes.

`example/example.mp4` was drawn by `folai.render` (`demo_scene()`, 480 x 270, two exposures);
`example/example.json` is what the mapper predicts for it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from folai.envelope import Envelope
from folai.media.audio import write_wav
from folai.preview.kit import make_kit
from folai.preview.lay import lay_kit
from folai.studio import project_envelopes
from folai.studio.generation import keep_take
from folai.studio.project import Project
from folai.studio.studio import SAMPLE_RATE, Studio

FOLDER = Path(__file__).parent / "example"
SOUNDS = ("wood", "gravel", "metal")  # of its takes
NAME = "Example.mp4"


def open_example(studio: Studio) -> Project:
    """The project of the example: the one that is there, or a new one."""
    known = studio.store.find_source(NAME)
    if known is not None:
        return studio.open(known)
    with studio.store.new_folder() as folder:
        clip = folder / "media" / "clip.mp4"
        shutil.copyfile(FOLDER / "example.mp4", clip)
        project = studio.store.make(folder, clip, NAME, NAME)
    envelope = Envelope.load(FOLDER / "example.json", duration=project.duration)
    saved = project.add_envelope(project_envelopes.fitted(envelope, project.duration))
    with project.change() as document:
        document["prediction"] = saved
    for sound in SOUNDS:
        _add_take(project, envelope, saved, sound)
    return project


def _add_take(project: Project, envelope: Envelope, saved: str, sound: str) -> None:
    out = project.media / "takes" / f".{sound}.wav"
    out.parent.mkdir(exist_ok=True)
    wav = lay_kit(envelope, make_kit(sound=sound, sample_rate=SAMPLE_RATE))
    write_wav(out, wav, SAMPLE_RATE)
    settings = {"engine": "preview", "sound": sound, "seed": 0, "variations": 1}
    facts = {"layer": "layer-1", "name": sound.capitalize(), "envelope": saved, "sound": settings}
    keep_take(project, out, {**facts, "region": None, "engine": "preview", "warnings": []})
