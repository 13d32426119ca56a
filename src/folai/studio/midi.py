"""An envelope as a Standard MIDI File: a note at each hit, a controller that follows the curve.

One tick is a millisecond: 500 ticks a quarter note at 120 beats a minute. Levels are companded as
the ear hears them, by the mu law of `envelope/rms.py` relative to the loudest moment: velocity and
controller 127 stand for the peak.
"""

from __future__ import annotations

import struct

import numpy as np

from folai.envelope import Envelope
from folai.envelope.rms import WINDOW, bin_positions

TICKS_PER_QUARTER, QUARTERS_PER_SECOND = 500, 2
TICKS_PER_SECOND = TICKS_PER_QUARTER * QUARTERS_PER_SECOND
NOTE = 60  # middle C
CONTROLLER = 11  # expression
LONGEST_NOTE = 0.25  # seconds
NEAR = 0.06  # seconds after a hit within which its level is read

Event = tuple[int, int, bytes]  # tick, order within it, message


def midi_file(envelope: Envelope, name: str) -> bytes:
    """Format 1: a track with the tempo, a track with notes and controller on channel 1."""
    tempo = round(1_000_000 / QUARTERS_PER_SECOND)
    first = _track([(0, 0, b"\xff\x51\x03" + tempo.to_bytes(3, "big"))])
    label = name.encode("ascii", "replace")[:100]
    named: Event = (0, -1, b"\xff\x03" + bytes([len(label)]) + label)
    second = _track([named, *_notes(envelope), *_controls(envelope)])
    header = b"MThd" + struct.pack(">IHHH", 6, 1, 2, TICKS_PER_QUARTER)
    return header + first + second


def loudness(envelope: Envelope, level: float) -> int:
    """0 to 127 for a level, 127 for the envelope's peak."""
    highest = float(envelope.values.max())
    if highest <= 0:
        return 0
    return round(float(bin_positions(level / highest, 128)))


def _notes(envelope: Envelope) -> list[Event]:
    events: list[Event] = []
    following = np.append(envelope.onsets, np.inf)[1:]
    for onset, next_onset in zip(envelope.onsets, following, strict=True):
        until = min(onset + NEAR, max(onset, next_onset - WINDOW / 2))
        first, last = (int(time * envelope.frame_rate) for time in (onset, until))
        level = float(envelope.values[first : last + 1].max(initial=0.0))
        start = round(onset * TICKS_PER_SECOND)
        length = min(LONGEST_NOTE, next_onset - onset) * TICKS_PER_SECOND
        velocity = max(1, loudness(envelope, level))  # a velocity of 0 would end the note
        events.append((start, 2, bytes([0x90, NOTE, velocity])))
        events.append((start + max(1, int(length)), 0, bytes([0x80, NOTE, 64])))
    return events


def _controls(envelope: Envelope) -> list[Event]:
    highest = max(float(envelope.values.max()), 1e-12)
    values = np.rint(bin_positions(envelope.values / highest, 128)).astype(int)
    changed = np.flatnonzero(np.diff(values, prepend=-1))
    ticks = np.rint(envelope.times[changed] * TICKS_PER_SECOND).astype(int)
    return [
        (int(tick), 1, bytes([0xB0, CONTROLLER, value]))
        for tick, value in zip(ticks, values[changed].tolist(), strict=True)
    ]


def _track(events: list[Event]) -> bytes:
    content, now = bytearray(), 0
    for tick, _, message in sorted(events, key=lambda event: event[:2]):
        content += _length(tick - now) + message
        now = tick
    content += b"\x00\xff\x2f\x00"
    return b"MTrk" + struct.pack(">I", len(content)) + bytes(content)


def _length(number: int) -> bytes:
    """A variable-length quantity: seven bits a byte, the highest first."""
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | (number & 0x7F))
    return bytes(reversed(groups))
