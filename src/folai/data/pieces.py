"""One clip of a prepared data set, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from folai.data.layouts import Contact


@dataclass(frozen=True)
class Piece:
    """One clip of the prepared data set: a row of clips.csv."""

    path: str  # inside the folder
    split: str
    dataset: str
    action: str  # what is done in it, such as "wood hit x2"
    seconds: float
    fps: float
    prompt: str
    recording: str
    start: float  # seconds into the recording
    contacts: tuple[Contact, ...] | None = None


def envelope_file(folder: Path, piece: Piece) -> Path:
    """Where the envelope of a piece lies in the folder of its data set."""
    return folder / "envelopes" / f"{Path(piece.path).stem}.json"
