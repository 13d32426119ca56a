"""Clips as WebDataset shards: tar files whose neighbouring members of one name are a sample.

A sample is KEY.mp4, KEY.envelope.json and KEY.json: split, prompt, seconds, fps and contacts. A
shard holds clips of one split. The same clips give the same bytes.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from folai.data.pieces import Piece, envelope_file
from folai.writing import written_whole


def write_shards(out: Path, pieces: Sequence[Piece], most: int) -> tuple[str, ...]:
    """Shards of at most `most` samples in `out`/shards; their names."""
    folder = out / "shards"
    folder.mkdir(exist_ok=True)
    names = []
    for split in dict.fromkeys(piece.split for piece in pieces):
        own = [piece for piece in pieces if piece.split == split]
        for number, first in enumerate(range(0, len(own), most)):
            name = f"{split}-{number:05d}.tar"
            _write_shard(folder / name, out, own[first : first + most])
            names.append(name)
    for stale in set(folder.glob("*.tar")) - {folder / name for name in names}:
        stale.unlink()  # of an earlier run with other options
    return tuple(names)


def _write_shard(path: Path, out: Path, pieces: Sequence[Piece]) -> None:
    with (
        written_whole(path) as partial,
        tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for piece in pieces:
            clip = out / piece.path
            key = clip.stem.replace(".", "_")  # a dot would end the name of the sample
            facts = json.dumps(asdict(piece)).encode()
            _add(tar, f"{key}{clip.suffix.lower()}", clip.read_bytes())
            _add(tar, f"{key}.envelope.json", envelope_file(out, piece).read_bytes())
            _add(tar, f"{key}.json", facts)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(data), 0, 0o644
    tar.addfile(member, io.BytesIO(data))
