"""Clips as WebDataset shards: tar files whose neighbouring members of one name are a sample.

A sample is KEY.mp4, KEY.envelope.json and KEY.json: split, prompt, seconds, fps and contacts. A
shard holds clips of one split. The same clips give the same bytes. Training reads every clip many
times, so it unpacks shards once.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from folai.data.cache import cache_key, file_stamp
from folai.data.pieces import Piece, envelope_file, read_piece, write_tables
from folai.writing import one_line, written_whole

VERSION = 1  # raise when the same shards would give other files


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


def local_folder(folder: Path, cache: Path) -> Path:
    """The folder itself; where it holds shards, the clips in them, unpacked into the cache once.

    Raises ValueError for a shard that is damaged, or not as `write_shards` makes them.
    """
    shards = sorted(folder.glob("*.tar")) if folder.is_dir() else []
    if not shards:
        return folder
    out = cache / "shards" / cache_key(VERSION, [file_stamp(shard) for shard in shards])
    if not (out / "clips.csv").is_file():
        for name in ("clips", "envelopes"):
            (out / name).mkdir(parents=True, exist_ok=True)
        pieces = [piece for shard in shards for piece in _unpack(shard, out)]
        write_tables(out, pieces)  # last: it says that all are there
    return out


def _unpack(shard: Path, out: Path) -> list[Piece]:
    """The clips of a shard, with their envelopes, in `out`."""
    pieces = []
    sample: dict[str, bytes] = {}
    try:
        with tarfile.open(shard) as tar:
            for member in tar:
                file = tar.extractfile(member)
                kind = member.name.partition(".")[2]
                sample[kind] = file.read() if file else b""
                if kind == "json":  # the last of a sample
                    pieces.append(_write_sample(sample, out))
                    sample = {}
    except (tarfile.TarError, OSError, ValueError, KeyError, TypeError) as error:
        fix = "make it again with `folai data prepare --shards`"
        raise ValueError(f"{shard}: cannot be read ({one_line(error, 100)}); {fix}") from error
    return pieces


def _write_sample(sample: dict[str, bytes], out: Path) -> Piece:
    piece = read_piece(**json.loads(sample["json"]))
    clip = out / "clips" / Path(piece.path).name  # whatever folder it names
    for target, data in (
        (clip, sample[clip.suffix.lower().removeprefix(".")]),
        (envelope_file(out, piece), sample["envelope.json"]),
    ):
        with written_whole(target) as partial:
            partial.write_bytes(data)
    return replace(piece, path=f"clips/{clip.name}")
