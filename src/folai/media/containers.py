"""What containers and encoders take: asked by a header, or by opening one. PyAV alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path, PurePath

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import OutputContainer
from av.video.stream import VideoStream

from folai.media.clip import Clip

# What can be written: suffix -> FFmpeg's name of the container, and the sound codecs it is
# offered with, the default first. (FFmpeg takes .m4v for an iPod: H.264 and MPEG-4 only.)
OUTPUTS: dict[str, tuple[str, tuple[str, ...]]] = {
    ".mp4": ("mp4", ("aac",)),
    ".m4v": ("mp4", ("aac",)),
    ".mov": ("mov", ("aac",)),
    ".mkv": ("matroska", ("flac", "opus", "aac")),
    ".webm": ("webm", ("opus",)),
    ".wav": ("wav", ("pcm",)),
}
# Containers that are read and not written -> one that takes their pictures as they are. Pictures
# that no container takes are encoded.
INSTEAD = {".gif": ".mov"}
ENCODERS = {"opus": "libopus"}  # FFmpeg's name of a codec's encoder, where it is another


def suffix_for(video: str) -> str:
    """The suffix of a clip with its sound: the video's own, where that can be written."""
    suffix = PurePath(video).suffix.lower()
    if suffix in OUTPUTS and suffix != ".wav":
        return suffix
    return INSTEAD.get(suffix, ".mkv")


def carries(container: str, clip: Clip) -> bool:
    """Whether a container takes the pictures of a clip: by writing a header for them."""
    if container == "wav":
        return True
    try:
        with av.open(io.BytesIO(), "w", format=container) as target:
            add_pictures(target, clip.stream)
            target.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True


def add_pictures(target: OutputContainer, template: VideoStream) -> VideoStream:
    """Add a stream that takes the packets of `template` as they are, its display matrix too."""
    pictures = target.add_stream_from_template(template, opaque=True)
    pictures.codec_context.framerate = template.average_rate or Fraction(0)
    if template.codec_context.name == "hevc" and target.format.name in ("mp4", "mov"):
        # QuickTime plays no other tag; that of Dolby Vision says what the stream is.
        tag = template.codec_context.codec_tag
        pictures.codec_context.codec_tag = tag if tag in ("dvh1", "hvc1") else "hvc1"
    return pictures


def surround_layout(clip: Clip, outs: Sequence[str | Path], codec: str | None) -> str | None:
    """The layout in which the clip's own channels can be kept; None: they are stereo or fewer, or
    the codec of these files does not take them."""
    assert clip.sound is not None
    layout = clip.sound.codec_context.layout.name
    if clip.sound.channels <= 2:
        return None
    # Opus knows the side channels of 5.1 as rear ones; they are in the same places.
    for name in (layout, layout.replace("(side)", "")):
        coders = (codec or OUTPUTS[Path(out).suffix.lower()][1][0] for out in outs)
        if all(_encodes(coder, name) for coder in coders):
            return name
    return None


def _encodes(codec: str, layout: str) -> bool:
    """Whether a codec takes channels in this layout: by opening it."""
    if codec == "pcm":
        return False  # a WAV file of the sound alone is stereo
    context = av.CodecContext.create(ENCODERS.get(codec, codec), "w")
    assert isinstance(context, AudioCodecContext)
    try:
        context.layout, context.sample_rate = layout, 48000
        context.format = {"flac": "s32", "opus": "flt"}.get(codec, "fltp")
        context.open()
    except (av.FFmpegError, ValueError):
        return False
    return True


def encodable_rate(codec: str, sample_rate: int) -> int:
    """Return the sample rate (Hz) to encode at: the nearest the codec has; Opus has 48000."""
    if codec == "opus":
        return 48000
    rates = av.Codec(codec, "w").audio_rates or [sample_rate]
    return sample_rate if sample_rate in rates else 48000


def check_codec(codec: str | None) -> None:
    """Raise ValueError for a sound codec that no container is written with."""
    allowed = sorted({name for _, codecs in OUTPUTS.values() for name in codecs})
    if codec is not None and codec not in allowed:
        raise ValueError(f"codec is {codec!r}; use one of {', '.join(allowed)}")
