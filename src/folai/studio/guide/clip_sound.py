"""A clip's own sound: decoded once, in a process of its own, and kept beside the clip."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from folai.envelope import FRAME_RATE
from folai.studio import project_envelopes
from folai.studio.failures import Missing
from folai.studio.media_client import run_child
from folai.studio.project import Project

GUIDE_RATE = 44100  # Hz, as the page plays takes
STALLED = 600.0  # seconds that decoding may take
_making = threading.Lock()


def make_guide(project: Project) -> dict[str, Any]:
    """Facts of the clip's own sound, on the clock of the first picture, and its envelope's id.

    Raises ValueError for a clip without sound, or whose sound cannot be read.
    """
    facts_path = project.media / "guide.json"
    with _making:
        if facts_path.exists():
            facts: dict[str, Any] = json.loads(facts_path.read_text())
            return facts
        facts = _decode(project)
        project_envelopes.write_durably(facts_path, json.dumps(facts).encode())
    return facts


def guide_path(project: Project) -> Path:
    """The file of the clip's own sound. Raises Missing before `make_guide`."""
    path = project.media / "guide.wav"
    if not (project.media / "guide.json").exists() or not path.exists():
        raise Missing("the clip's own sound was not read yet: ask for it first")
    return path


def _decode(project: Project) -> dict[str, Any]:
    clip = project["clip"]
    if clip["audio_codec"] is None:
        raise ValueError(f"{clip['file']}: has no sound of its own")
    path, measured = project.media / "guide.wav", project.media / ".guide.npz"
    try:
        facts, _ = run_child(
            "guide",
            {
                "path": str(project.clip_path),
                "out": str(path),
                "envelope": str(measured),
                "sample_rate": GUIDE_RATE,
                "duration": project.duration,
            },
            names={project.clip_path: clip["file"]},
            patience=STALLED,
        )
        envelope = project_envelopes.read_npz(measured)
    finally:
        measured.unlink(missing_ok=True)
    name = project.add_envelope(envelope.resample(FRAME_RATE, project.duration))
    return {**facts, "envelope": name}
