"""The session as a project of REAPER: the picture, and a track for each file."""

from __future__ import annotations

from folai.studio.handover.session import Session


def project_text(session: Session) -> str:
    """The project (.RPP). Time 0 is the session's beginning, shown as its timecode."""
    times = session.times
    begin = times.session_frame / times.rate  # seconds since midnight
    after = times.pop / times.rate  # seconds until the first picture
    # The ruler's frame rate: whole frames, and whether they are 1: drop-frame, 2: slower by 1.001.
    kind = 1 if times.drop else int(times.rate.denominator != 1) * 2
    picture = _item(session.video, float(after), float(times.num_frames / times.rate), 0.0, "VIDEO")
    lines = [
        '<REAPER_PROJECT 0.1 "7.0" 0',
        f"  PROJOFFS {float(begin):.12g} 0 0",
        f"  SAMPLERATE {times.sample_rate} 1 0",
        f"  TIMEMODE 1 5 -1 {times.nominal} {kind} 0 -1",
        *_track("Picture", 0.0, False, picture),
    ]
    length = times.session_samples / times.sample_rate
    skipped = times.skipped_samples / times.sample_rate
    for track in session.tracks:
        item = _item(track.file, 0.0, length, skipped, "WAVE")
        lines += _track(track.name, track.pan, track.mute, item)
    return "\n".join([*lines, ">", ""])


def _track(name: str, pan: float, mute: bool, item: list[str]) -> list[str]:
    return [
        "  <TRACK",
        f"    NAME {_quoted(name)}",
        f"    VOLPAN 1 {pan:g} -1 -1 1",
        f"    MUTESOLO {int(mute)} 0 0",
        *(f"    {line}" for line in item),
        "  >",
    ]


def _item(file: str, position: float, length: float, skipped: float, kind: str) -> list[str]:
    return [
        "<ITEM",
        f"  POSITION {position:.12g}",
        f"  LENGTH {length:.12g}",
        "  LOOP 0",
        f"  NAME {_quoted(file)}",
        f"  SOFFS {skipped:.12g}",
        f"  <SOURCE {kind}",
        f"    FILE {_quoted(file)}",
        "  >",
        ">",
    ]


def _quoted(text: str) -> str:
    """In the quotation marks that the text does not hold, as REAPER writes names."""
    for mark in "\"'`":
        if mark not in text:
            return f"{mark}{text}{mark}"
    return "`" + text.replace("`", "'") + "`"
