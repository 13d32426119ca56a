"""The session as an AAF file: one composition, and links to the mono WAV files beside it.

Of the forms that AAF has, this one is read by most editors: sound that is embedded, or a second
composition, is what Pro Tools stumbles over. A composition's clip leads to a master mob, that to a
source mob, and its locator to the file. Lengths are samples.
"""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any
from urllib.parse import quote

from folai.studio.handover.session import Session, Track
from folai.studio.handover.timing import Times


def write_aaf(path: Path, session: Session) -> None:
    """Write the session. Raises ValueError for a track that is not mono."""
    import aaf2

    wide = [track.file for track in session.tracks if track.channels != 1]
    if wide:
        raise ValueError(f"an AAF links mono files, and {wide[0]} is stereo; choose mono files")
    with aaf2.open(str(path), "w") as file:
        composition = file.create.CompositionMob(session.name)
        composition.usage = "Usage_TopLevel"
        file.content.mobs.append(composition)
        times = session.times
        _add_timecode(composition, times, times.session_frame, times.session_frames)
        for track in session.tracks:
            _add_track(file, composition, session, track)


def _add_track(file: Any, composition: Any, session: Session, track: Track) -> None:
    times = session.times
    master = _linked(file, times, track)
    slot = composition.create_sound_slot(times.sample_rate)
    slot.name = track.name
    clip = master.create_source_clip(1, times.skipped_samples, times.session_samples, "sound")
    slot.segment.components.append(clip)
    slot.segment.length = times.session_samples


def _linked(file: Any, times: Times, track: Track) -> Any:
    """The master mob of a WAV file."""
    source, master = file.create.SourceMob(track.file), file.create.MasterMob(track.file)
    source.descriptor = _descriptor(file, times, track)
    nothing = file.create.SourceClip(length=times.file_samples, media_kind="sound")
    slot = source.create_timeline_slot(times.sample_rate, 1)
    slot.segment = nothing
    num_frames = times.num_frames + times.pop + 2 * times.handle
    _add_timecode(source, times, times.file_frame, num_frames)
    slot = master.create_timeline_slot(times.sample_rate, 1)
    slot.name = track.name
    slot.segment = source.create_source_clip(1, 0, times.file_samples, "sound")
    file.content.mobs.append(source)
    file.content.mobs.append(master)
    return master


def _descriptor(file: Any, times: Times, track: Track) -> Any:
    """What the WAV file is, and where: beside the AAF file, wherever that is put."""
    descriptor = file.create.WAVEDescriptor()
    rate, block = times.sample_rate, 3 * track.channels
    form = struct.pack("<HHIIHH", 1, track.channels, rate, rate * block, block, 24)
    size = struct.pack("<I", times.file_samples * block + 4 + 24 + 8)
    summary = b"RIFF" + size + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    descriptor["Summary"].value = bytearray(summary)
    descriptor["SampleRate"].value = Fraction(rate)
    descriptor["Length"].value = times.file_samples
    descriptor["ContainerFormat"].value = file.dictionary.lookup_containerdef("AAF")
    locator = file.create.NetworkLocator()
    locator["URLString"].value = quote(track.file)
    descriptor["Locator"].append(locator)
    return descriptor


def _add_timecode(mob: Any, times: Times, frame: int, length: int) -> None:
    """A slot that counts `length` frames from `frame` on."""
    slot = mob.create_timeline_slot(times.rate)
    slot.name = "Timecode"
    slot.segment = mob.root.create.Timecode(times.nominal, drop=times.drop, length=length)
    slot.segment.start = frame
