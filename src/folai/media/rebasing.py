"""Time that jumps: joined transport streams begin again in the middle, and players go on.

Each part is moved so that it begins where the one before it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

from av.container import InputContainer
from av.format import Flags
from av.packet import Packet
from av.stream import Stream

BACK, AHEAD = 0.1, 10.0  # seconds: larger jumps are a new part (FFmpeg's own limit ahead is 10 s)


def may_jump(container: InputContainer) -> bool:
    """Whether time may jump in this kind of container, as FFmpeg says."""
    return bool(container.format.flags & Flags.ts_discont.value)  # type: ignore[operator]


def rebased(packets: Iterable[Packet[Stream]]) -> Iterator[Packet[Stream]]:
    """The same packets, with times that go on."""
    clocks: dict[int, _Clock] = {}
    for packet in packets:
        if packet.size and packet.dts is not None:
            clocks.setdefault(packet.stream.index, _Clock()).move(packet)
        yield packet


class _Clock:
    """Of one stream: how far its packets have to be moved."""

    def __init__(self) -> None:
        self._offset = 0  # ticks
        self._end: int | None = None  # ticks at which the packets until now end
        self._decoded = 0  # decoding time of the last one

    def move(self, packet: Packet[Stream]) -> None:
        assert packet.dts is not None
        tick = Fraction(packet.time_base)
        moved = packet.dts + self._offset
        jump = float((moved - self._decoded) * tick)
        if self._end is not None and (jump < -BACK or jump > AHEAD):
            begin = packet.pts if packet.pts is not None else packet.dts
            self._offset = self._end - begin
            moved = packet.dts + self._offset
        self._decoded = moved
        packet.dts = moved
        if packet.pts is not None:
            packet.pts += self._offset
        shown = packet.pts if packet.pts is not None else moved
        self._end = max(self._end or shown, shown + (packet.duration or 0))
