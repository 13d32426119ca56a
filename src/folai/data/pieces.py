"""One clip of a prepared data set, where its files lie, and the tables that name them."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from folai.data.layouts import Contact
from folai.writing import written_whole


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


def read_piece(contacts: list[dict[str, Any]] | None, **fields: Any) -> Piece:
    """A piece from what `asdict` made of it. Raises TypeError for other fields."""
    known = None if contacts is None else tuple(Contact(**contact) for contact in contacts)
    return Piece(**fields, contacts=known)


def write_tables(out: Path, pieces: Sequence[Piece]) -> None:
    """clips.csv, and onsets.csv where contacts are known."""
    columns = [name for name in Piece.__dataclass_fields__ if name != "contacts"]
    _write_csv(
        out / "clips.csv", columns, [[getattr(piece, name) for name in columns] for piece in pieces]
    )
    rows = [
        [piece.path, contact.time, contact.material, contact.action, contact.reaction]
        for piece in pieces
        for contact in piece.contacts or ()
    ]
    if any(piece.contacts is not None for piece in pieces):
        names = ["path", "time_seconds", "material", "action", "reaction"]
        _write_csv(out / "onsets.csv", names, rows)


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *rows])
    with written_whole(path) as partial_path:
        partial_path.write_text(text.getvalue(), encoding="utf-8")
