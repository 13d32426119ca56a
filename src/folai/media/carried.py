"""What else a clip holds, carried over to its copy: further tracks, chapters, tags.

What the container of the copy does not take is named, so that nothing is lost in silence.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from folai.media.clip import Clip

# Tags of the file that belong to its container, not to what it holds.
OWN_TAGS = {
    "encoder", "major_brand", "minor_version", "compatible_brands", "duration", "timecode",
    "software",
    # MXF: who wrote the file, and the numbers of its parts.
    "application_platform", "company_name", "generation_uid", "material_package_umid",
    "operational_pattern_ul", "product_name", "product_uid", "product_version",
    "product_version_num", "toolkit_version_num", "uid",
    # FLV and ASF: what there is to find in the file, and where.
    "audiosize", "canseektoend", "datasize", "filesize", "hasaudio", "hascuepoints",
    "haskeyframes", "hasmetadata", "hasvideo", "lastkeyframelocation", "lastkeyframetimestamp",
    "lasttimestamp", "metadatacreator", "videosize", "deviceconformancetemplate", "isvbr",
    "mediafoundationversion", "wm/encodingtime", "wmfsdkneeded", "wmfsdkversion",
}  # fmt: skip
OWN_STREAM_TAGS = {"encoder", "duration", "handler_name", "vendor_id", "rotate"}


class Carried:
    """The further tracks of a clip in one copy of it."""

    def __init__(self, clip: Clip, target: OutputContainer) -> None:
        """Adds them to `target`, which has its pictures and its sound already."""
        self._clip = clip
        self.tracks: dict[int, Stream] = {}  # by the number that they have in the clip
        self.lost: list[str] = []
        for stream in clip.others:
            if _is_written_anew(stream, clip):
                continue
            if _takes(target.format.name, stream):
                track = target.add_stream_from_template(stream, opaque=True)
                copy_tags(stream, track)
                self.tracks[stream.index] = track
            else:
                self.lost.append(_named(stream))

    def moved(self, packet: Packet[Stream], start: float) -> Iterator[Packet[Stream]]:
        """A packet of a further track for the copy, `start` seconds earlier; none outside it."""
        track = self.tracks.get(packet.stream.index)
        if track is None or packet.pts is None or packet.is_discard:
            return
        tick = packet.time_base or Fraction(1)
        begin = float(packet.pts * tick) - start
        is_cover = bool(packet.stream.disposition & Disposition.attached_pic)
        if not is_cover and not 0 <= begin < self._clip.info.duration:
            return
        shift = 0 if is_cover else round(start / tick)
        packet.pts -= shift
        packet.dts = packet.pts if packet.dts is None else packet.dts - shift
        packet.stream = track
        yield packet


def copy_tags(source: Stream, target: Stream) -> None:
    """Language, title, timecode, transparency, and whether it is the default."""
    tags = {k: v for k, v in source.metadata.items() if k.lower() not in OWN_STREAM_TAGS}
    target.metadata.update(tags)
    target.disposition = source.disposition


def copy_file_tags(source: InputContainer, target: OutputContainer, start: float) -> None:
    """Title, date, place and chapters; times are `start` seconds earlier."""
    tags = {k: v for k, v in source.metadata.items() if k.lower() not in OWN_TAGS}
    target.metadata.update(tags)
    chapters = []
    for chapter in source.chapters():
        shift = round(start / (chapter["time_base"] or 1))
        chapter["start"] = max(0, chapter["start"] - shift)
        chapter["end"] = max(0, chapter["end"] - shift)
        if chapter["end"] > chapter["start"]:
            chapters.append(chapter)
    if chapters:
        target.set_chapters(chapters)


def missing_in(out: Path, clip: Clip, timecode: str | None) -> list[str]:
    """The tags and chapters of a clip, and the timecode, that its finished copy does not have."""
    with av.open(str(out.absolute()), metadata_errors="replace") as copy:
        kept = {key.lower() for key in copy.metadata}
        source = clip.container
        tags = [k for k in source.metadata if k.lower() not in OWN_TAGS and k.lower() not in kept]
        lost = [f"the tag {key}" for key in sorted(tags)]
        if timecode and not _has_timecode(copy):
            lost.append("the timecode")
        if len(copy.chapters()) < len(source.chapters()):
            lost.append("chapters")
    return lost


def _has_timecode(copy: InputContainer) -> bool:
    tags = [copy.metadata, *(stream.metadata for stream in copy.streams)]
    return any("timecode" in {key.lower() for key in tag} for tag in tags)


def _is_written_anew(stream: Stream, clip: Clip) -> bool:
    """Whether a track holds what the copy gets otherwise: QuickTime keeps the timecode, which is a
    tag of the pictures, and the names of chapters in tracks of their own."""
    if stream.type != "data":
        return False
    has_timecode = "timecode" in {key.lower() for key in stream.metadata}
    return has_timecode or bool(clip.container.chapters())


def _takes(container: str, stream: Stream) -> bool:
    """Whether a container takes a stream as it is: by writing a header for it."""
    if stream.codec_context is None or stream.type not in ("video", "audio", "subtitle"):
        return False
    try:
        with av.open(io.BytesIO(), "w", format=container) as target:
            target.add_stream_from_template(stream, opaque=True)
            target.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def _named(stream: Stream) -> str:
    """Such as "the subtitle track (eng)"."""
    title = stream.metadata.get("title") or stream.metadata.get("language", "")
    if stream.disposition & Disposition.attached_pic:
        return "the cover picture"
    return f"the {stream.type} track" + (f" ({title})" if title not in ("", "und") else "")
