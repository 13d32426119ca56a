"""The iXML chunk of a Broadcast Wave file: scene, take, track names and timecode (iXML 1.61)."""

from __future__ import annotations

from xml.sax.saxutils import escape

from folai.studio.handover.session import Session, Track


def ixml_chunk(session: Session, track: Track) -> bytes:
    """The chunk's content, UTF-8, for one file of the session."""
    times = session.times
    rate = f"{times.rate.numerator}/{times.rate.denominator}"
    first, sample_rate = times.file_sample, times.sample_rate
    speed = _element(
        "SPEED",
        MASTER_SPEED=rate,
        CURRENT_SPEED=rate,
        TIMECODE_RATE=rate,
        TIMECODE_FLAG="DF" if times.drop else "NDF",
        FILE_SAMPLE_RATE=sample_rate,
        AUDIO_BIT_DEPTH=24,
        DIGITIZER_SAMPLE_RATE=sample_rate,
        TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_HI=first >> 32,
        TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO=first & 0xFFFFFFFF,
        TIMESTAMP_SAMPLE_RATE=sample_rate,
    )
    sides = ("L", "R") if track.channels == 2 else ("",)
    channels = "".join(
        _element(
            "TRACK",
            CHANNEL_INDEX=index,
            INTERLEAVE_INDEX=index,
            NAME=f"{track.name} {side}".strip(),
        )
        for index, side in enumerate(sides, start=1)
    )
    body = "".join(
        (
            _text("IXML_VERSION", "1.61"),
            _text("PROJECT", session.name),
            _text("SCENE", session.scene),
            _text("TAKE", track.take),
            _text("TAPE", session.scene),
            _text("NOTE", f"Foley for {session.video}"),
            speed,
            f"<TRACK_LIST><TRACK_COUNT>{len(sides)}</TRACK_COUNT>{channels}</TRACK_LIST>",
        )
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<BWFXML>{body}</BWFXML>'.encode()


def _element(name: str, **values: object) -> str:
    return f"<{name}>{''.join(_text(key, value) for key, value in values.items())}</{name}>"


def _text(name: str, value: object) -> str:
    return f"<{name}>{escape(str(value))}</{name}>"
