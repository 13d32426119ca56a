"""Pictures that were trimmed away but still lie in the file, and how a copy leaves them out.

Telephones and QuickTime trim without encoding: an edit list (ISO 14496-12, 8.6.6) says which part
is shown. What lies before it is kept where later pictures need it to be decoded; FFmpeg marks such
packets to be discarded. Only MP4 and its relatives can say so in a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EDITED = ("mp4", "mov")  # FFmpeg's names of containers with edit lists


@dataclass(frozen=True)
class Trims:
    """What of a stream's packets, in file order, is not shown.

    count: packets up to the last shown one; what follows is not copied. before, after, inside: of
    those, the ones that belong before the first shown picture, after the last, or between two.
    """

    count: int = 0
    before: int = 0
    after: int = 0
    inside: int = 0

    @classmethod
    def of(cls, packets: Sequence[tuple[int, bool]]) -> Trims:
        """packets: (presentation time, discarded) of each, in file order."""
        shown = [time for time, discarded in packets if not discarded]
        if not shown:
            return cls(len(packets))
        count = max(i for i, (_, discarded) in enumerate(packets) if not discarded) + 1
        first, last = min(shown), max(shown)
        trimmed = [time for time, discarded in packets[:count] if discarded]
        before = sum(time < first for time in trimmed)
        after = sum(time > last for time in trimmed)
        return cls(count, before, after, len(trimmed) - before - after)

    def check(self, path: Path, out: Path, container: str) -> None:
        """Raise ValueError unless a copy in this container can show what the clip shows."""
        if self.inside:
            raise ValueError(
                f"{path}: a part was cut out of its middle, which a copy would show again; "
                "export it once more, or write .wav"
            )
        if (self.before or self.after) and container not in EDITED:
            raise ValueError(
                f"{out}: {out.suffix} would show the pictures that were trimmed away from {path}; "
                "use .mp4, .m4v or .mov"
            )


def end_edit(path: Path, seconds: float) -> None:
    """Let the edit list of an MP4's pictures end after so many seconds, in place.

    FFmpeg writes one that begins where it should but lasts as long as there are packets. Where the
    file has no such list nothing is done.
    """
    data = bytearray(path.read_bytes())
    timescale = 0
    for name, start, end in _boxes(data, 0, len(data)):
        if name != b"moov":
            continue
        for inner, begin, stop in _boxes(data, start, end):
            if inner == b"mvhd":
                place = begin + (20 if data[begin] else 12)
                timescale = int.from_bytes(data[place : place + 4], "big")
            if inner == b"trak" and data.find(b"vide", begin, stop) >= 0:
                # Rounded down: a picture that begins there is trimmed away.
                _end_list(data, begin, stop, int(seconds * timescale))
    path.write_bytes(data)


def _end_list(data: bytearray, begin: int, stop: int, ticks: int) -> None:
    """Set the duration of a track's last edit."""
    for name, start, end in _boxes(data, begin, stop):
        if name == b"edts":
            _end_list(data, start, end, ticks)
        elif name == b"elst":
            size = 8 if data[start] else 4  # version 1 has wide fields
            entry = end - (2 * size + 4)
            data[entry : entry + size] = ticks.to_bytes(size, "big")


def _boxes(data: bytearray, start: int, end: int) -> list[tuple[bytes, int, int]]:
    """(name, first byte of the content, end) of the boxes in data[start:end]."""
    boxes = []
    while start + 8 <= end:
        size = int.from_bytes(data[start : start + 4], "big")
        name = bytes(data[start + 4 : start + 8])
        header = 8
        if size == 1:
            size, header = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        size = size or end - start
        if size < header:
            break
        boxes.append((name, start + header, min(end, start + size)))
        start += size
    return boxes
