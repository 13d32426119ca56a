"""The session as an edit decision list (CMX 3600): one event for the picture, one for each file."""

from __future__ import annotations

from folai.studio.handover.session import Session
from folai.studio.handover.ucs import plain


def edl_text(session: Session) -> str:
    """Source times are the timecode in the files. Tracks are V, A, A2, A3..."""
    times = session.times
    begin, end = times.session_frame, times.start + times.num_frames
    record = (times.timecode(begin), times.timecode(end))
    lines = [
        f"TITLE: {plain(session.name) or 'folai'}",
        f"FCM: {'DROP FRAME' if times.drop else 'NON-DROP FRAME'}",
        "",
    ]
    source = (session.video_frame, session.video_frame + times.num_frames)
    shown = (times.timecode(source[0]), times.timecode(source[1]))
    lines += _event(1, "V", shown, (times.timecode(times.start), record[1]), session.video)
    for number, track in enumerate(session.tracks, start=1):
        channel = "A" if number == 1 else f"A{number}"
        lines += _event(number + 1, channel, record, record, track.file)
    return "\r\n".join(lines) + "\r\n"


def _event(
    number: int, channel: str, source: tuple[str, str], record: tuple[str, str], file: str
) -> list[str]:
    times = " ".join((*source, *record))
    return [
        f"{number:03}  AX       {channel:<5} C        {times}",
        f"* FROM CLIP NAME: {file}",
        "",
    ]
