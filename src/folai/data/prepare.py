"""Recordings -> clips, envelopes, onsets, prompts and a manifest, in a folder that training reads.

    DST/clips/NAME.mp4          the recording as it is, or a piece of it with its sound
    DST/envelopes/NAME.json     measured from its sound at peak 1
    DST/clips.csv, onsets.csv   what `folai train` and `folai evaluate` read
    DST/manifest.json           counts, beside those published; what was skipped, and why
    DST/shards/SPLIT-00000.tar  the same as WebDataset samples, if asked for

A recording is done when its file in DST/records is there, so an interrupted run goes on.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from folai.data.cutting import write_piece
from folai.data.layouts import LAYOUTS, Contact, Layout, Recording, stick_prompt
from folai.data.pieces import Piece, envelope_file, read_piece, write_tables
from folai.data.prepare_report import PrepareReport
from folai.data.shards import write_shards
from folai.data.workers import spread
from folai.envelope import FRAME_RATE, Envelope
from folai.media.audio import peak_normalise, read_audio
from folai.media.channels import to_mono
from folai.media.clip import probe
from folai.progress import Progress, Steps
from folai.writing import line_with_file, written_whole

VERSION = 1  # raise when the same recording and options would give other files


@dataclass(frozen=True)
class PrepareOptions:
    """What to prepare, and how. Raises ValueError for what is out of range."""

    kind: str  # of LAYOUTS
    source: Path
    out: Path
    splits: Path | None = None  # folder of the split files; None: `source`
    piece: float | None = None  # seconds of pieces; None: whole recordings, copied
    height: int | None = None  # of the pictures; None: as they are
    shards: int | None = None  # samples a shard; None: no shards
    workers: int = 1

    def __post_init__(self) -> None:
        if self.kind not in LAYOUTS:
            raise ValueError(f"data set is {self.kind!r}; use one of {', '.join(LAYOUTS)}")
        if self.piece is not None and not (math.isfinite(self.piece) and self.piece >= 1):
            raise ValueError(f"piece is {self.piece} s; give 1 or more")
        for name, least in (("height", 32), ("shards", 1), ("workers", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}; give {least} or more")
        if self.out.resolve() == self.source.resolve():
            raise ValueError(f"{self.out}: is the source itself; choose another folder")


def prepare(options: PrepareOptions, progress: Progress | None = None) -> PrepareReport:
    """Make what is missing in `options.out`.

    A recording that cannot be read is listed in `broken`, and the others are prepared. Raises
    ValueError for a source that is not laid out as its kind says, and if no recording is usable.
    """
    layout = LAYOUTS[options.kind](options.source, options.splits)
    for name in ("clips", "envelopes", "records"):
        (options.out / name).mkdir(parents=True, exist_ok=True)
    steps = Steps(progress, max(1, len(layout.recordings)))
    pieces: list[Piece] = []
    broken: dict[str, str] = {}
    for recording, new, reason in _each(layout, options):
        pieces += new
        if reason:
            broken[recording.name] = reason
        steps.step()
    if not pieces:
        reason = next(iter({**broken, **layout.skipped}.values()), "it is empty")
        raise ValueError(f"{options.source}: no clip can be prepared from it: {reason}")
    write_tables(options.out, pieces)
    shards: tuple[str, ...] = ()
    if options.shards is not None:
        shards = write_shards(options.out, pieces, options.shards)
    report = PrepareReport(
        layout.dataset,
        options.out,
        tuple(pieces),
        layout.counts,
        layout.expected,
        layout.skipped,
        broken,
        shards,
    )
    with written_whole(options.out / "manifest.json") as partial_path:
        facts = report.to_dict() | {"piece": options.piece, "height": options.height}
        partial_path.write_text(json.dumps(facts, indent=1) + "\n")
    steps.finish()
    return report


def _each(
    layout: Layout, options: PrepareOptions
) -> Iterator[tuple[Recording, list[Piece], str | None]]:
    run = partial(_prepare_one, dataset=layout.dataset, options=options)
    results = spread(run, layout.recordings, options.workers)
    for recording, (pieces, reason) in zip(layout.recordings, results, strict=True):
        yield recording, pieces, reason


def _prepare_one(
    recording: Recording, dataset: str, options: PrepareOptions
) -> tuple[list[Piece], str | None]:
    """(clips of a recording, why there are none), from its record if it is done."""
    record = options.out / "records" / f"{recording.name}.json"
    try:
        status = recording.video.stat()
        parameters = [recording.split, recording.prompt, options.piece, options.height, VERSION]
        stamp = json.dumps([status.st_size, status.st_mtime_ns, *parameters])
        known = _recorded(record, stamp, options.out)
        if known is not None:
            return known, None
        pieces = list(_make(recording, dataset, options))
    except (ValueError, OSError) as error:
        return [], line_with_file(error)
    with written_whole(record) as partial_path:
        partial_path.write_text(
            json.dumps({"stamp": stamp, "pieces": [asdict(piece) for piece in pieces]})
        )
    return pieces, None


def _recorded(record: Path, stamp: str, out: Path) -> list[Piece] | None:
    try:
        stored = json.loads(record.read_text())
        pieces = [read_piece(**piece) for piece in stored["pieces"]]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = all((out / p.path).is_file() and envelope_file(out, p).is_file() for p in pieces)
    return pieces if stored["stamp"] == stamp and whole else None


def _make(recording: Recording, dataset: str, options: PrepareOptions) -> Iterator[Piece]:
    info = probe(recording.video)
    whole, sample_rate = read_audio(recording.video)
    wav = peak_normalise(to_mono(whole))
    if not wav.any():
        raise ValueError(f"{recording.video.name}: its sound is silent")
    size = options.piece
    count = 1 if size is None else int(info.duration / size + 1e-6)
    if not count:
        raise ValueError(f"{recording.video.name}: shorter than a piece of {size:g} s")
    for index in range(count):
        start = 0.0 if size is None else index * size
        seconds = info.duration if size is None else size
        name = recording.name if size is None else f"{recording.name}_{index:03d}"
        contacts = None
        if recording.contacts is not None:
            within = (c for c in recording.contacts if start <= c.time < start + seconds)
            contacts = tuple(replace(c, time=round(c.time - start, 6)) for c in within)
        suffix = recording.video.suffix if size is None and options.height is None else ".mp4"
        piece = Piece(
            path=f"clips/{name}{suffix}",
            split=recording.split,
            dataset=recording.group or dataset,
            action=_counted(contacts or ()),
            seconds=round(seconds, 3),
            fps=round(info.fps, 3),
            prompt=recording.prompt or stick_prompt(contacts or ()) or "",
            recording=recording.name,
            start=start,
            contacts=contacts,
        )
        heard = slice(round(start * sample_rate), round((start + seconds) * sample_rate))
        target = options.out / piece.path
        if size is None and options.height is None:
            with written_whole(target) as partial_path:
                shutil.copyfile(recording.video, partial_path)
        else:
            sound = whole[:, heard]
            write_piece(recording.video, start, seconds, sound, sample_rate, target, options.height)
        envelope = Envelope.from_audio(wav[:, heard], sample_rate, frame_rate=FRAME_RATE)
        envelope.save(envelope_file(options.out, piece))
        yield piece


def _counted(contacts: Sequence[Contact]) -> str:
    """Such as "wood hit x3; metal scratch x1"."""
    counts: dict[str, int] = {}
    for contact in contacts:
        if "None" not in (contact.material, contact.action):
            name = f"{contact.material} {contact.action}"
            counts[name] = counts.get(name, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: -pair[1])
    return "; ".join(f"{name} x{count}" for name, count in ordered)
