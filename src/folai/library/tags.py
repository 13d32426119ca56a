"""What a sound file says of itself: BWF `bext`, iXML, RIFF INFO, ID3 and Vorbis comments.

FFmpeg reads the tags of most formats. The chunks of WAV files that it leaves out, iXML among them,
are read here; so are those of RF64 and of AIFF.
"""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

LONGEST_CHUNK = 1 << 20  # bytes of a chunk that are read

_WORDS = (
    "title description comment genre keywords category subcategory fxname subject album "
    "inam isbj ikey icmt ignr catid usercategory note".split()
)
_LICENCE = ("copyright", "license", "licence", "icop")
_CREDIT = ("artist", "author", "originator", "designer", "iart", "composer", "creator")


class Tags:
    """What is said of the sound in words, under which licence it is, and who made it."""

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self.words = " ".join(dict.fromkeys(_found(pairs, _WORDS)))
        self.licence = next(_found(pairs, _LICENCE), "")
        self.credit = next(_found(pairs, _CREDIT), "")


def read_tags(path: Path, metadata: Mapping[str, str]) -> Tags:
    """Those of a file, of which FFmpeg tells `metadata`. What cannot be read is left out."""
    pairs = {key.lower().rsplit(":", 1)[-1]: value for key, value in metadata.items()}
    if path.suffix.lower() in (".wav", ".bwf", ".wave", ".rf64", ".aif", ".aiff"):
        for name, data in _chunks(path):
            if name == "iXML":
                pairs |= _from_xml(data)
            elif name == "bext":
                pairs.setdefault("description", _text(data[:256]))
                pairs.setdefault("originator", _text(data[256:288]))
            elif name in ("NAME", "AUTH", "(c) ", "ANNO"):  # of AIFF
                key = {"NAME": "title", "AUTH": "author", "(c) ": "copyright"}.get(name, "comment")
                pairs.setdefault(key, _text(data))
    return Tags(pairs)


def _found(pairs: Mapping[str, str], names: tuple[str, ...] | list[str]) -> Iterator[str]:
    for name in names:
        if value := " ".join(pairs.get(name, "").split()):
            yield value[:1000]


def _chunks(path: Path) -> Iterator[tuple[str, bytes]]:
    """(name, data) of the chunks of a RIFF or AIFF file beside its samples."""
    try:
        with path.open("rb") as file:
            yield from _read_chunks(file)
    except OSError:
        return


def _read_chunks(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    form, _, _ = struct.unpack("4sI4s", file.read(12).ljust(12, b"\0"))
    order = {b"RIFF": "<", b"RF64": "<", b"FORM": ">"}.get(form)
    while order is not None:
        header = file.read(8)
        if len(header) < 8:
            return
        name, size = struct.unpack(order + "4sI", header)
        if name in (b"iXML", b"bext", b"NAME", b"AUTH", b"(c) ", b"ANNO"):
            yield name.decode("latin-1"), file.read(min(size, LONGEST_CHUNK))
            size -= min(size, LONGEST_CHUNK)
        file.seek(size + size % 2, 1)


def _from_xml(data: bytes) -> dict[str, str]:
    """Its elements' texts by lower-case name. An XML file that declares entities is not read."""
    text = data.rstrip(b"\0 \r\n")
    if b"<!ENTITY" in text or b"<!DOCTYPE" in text:
        return {}
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError:
        return {}
    return {element.tag.lower(): element.text for element in root.iter() if element.text}


def _text(data: bytes) -> str:
    text = data.split(b"\0", 1)[0]
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return re.sub(r"[^\w\s.,;:()&'-]", " ", text.decode("latin-1"))
