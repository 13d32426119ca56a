"""The finished clip: pictures copied packet for packet, sound encoded beside them. PyAV alone."""

from __future__ import annotations

import heapq
import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.media.audio import check_wav, fit_length, mix, read_audio, resample, write_wav
from folai.media.clip import probe
from folai.media.files import open_media, packets_of, require_video
from folai.writing import check_writable, one_line, written_whole

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


def mux(
    video: str | Path,
    wav: NDArray[np.floating[Any]],
    sample_rate: int,
    out: str | Path,
    *,
    mix_db: float | None = None,
    codec: str | None = None,
) -> None:
    """Write the pictures of `video`, copied packet for packet, with the sound `wav` `[C, T]`.

    Sample 0 of `wav` sounds with the first picture; the sound is cut, or continued in silence, to
    last as long as the pictures. The sound in the clip is replaced or, with `mix_db`, added at
    that level. The suffix of `out` names the container (see `OUTPUTS`) and `codec` chooses among
    the sound codecs it offers; .wav holds the sound alone.

    Raises ValueError as `check_output` does, and if the file cannot be written; `out` then keeps
    what it had.
    """
    check_output(out, source=video, codec=codec)
    check_wav(wav)
    if wav.shape[0] > 2:
        raise ValueError(f"sound has {wav.shape[0]} channels; give one (mono) or two (stereo)")
    container, codecs = OUTPUTS[Path(out).suffix.lower()]
    codec = codec or codecs[0]
    info = probe(video)
    if mix_db is not None and info.has_audio:
        wav = mix(wav, read_audio(video, sample_rate=sample_rate)[0], mix_db)
    if container == "wav":
        write_wav(out, fit_length(wav, round(info.duration * sample_rate)), sample_rate)
        return
    rate = _encodable_rate(codec, sample_rate)
    sound = fit_length(resample(wav, sample_rate, rate), round(info.duration * rate))
    # The index of an .mp4 goes first, so that a browser plays it before all is loaded.
    options = {"movflags": "faststart"} if container in ("mp4", "mov") else {}
    try:
        with written_whole(out) as partial, open_media(video) as source:
            with av.open(str(partial.absolute()), "w", format=container, options=options) as target:
                _copy_with_sound(source, target, info.start, sound, rate, codec)
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{out}: cannot be written ({one_line(error)})") from error


def finished_name(video: str | Path) -> str:
    """The name for a clip with its sound: the same suffix, or .mkv, which holds any pictures."""
    suffix = Path(video).suffix.lower()
    suffix = suffix if suffix in OUTPUTS and suffix != ".wav" else ".mkv"
    return f"{Path(video).stem}.foley{suffix}"


def check_output(out: str | Path, *, source: str | Path, codec: str | None = None) -> None:
    """Raise ValueError unless the sound for the clip `source` can be written to `out`."""
    kind = probe(source).video_codec
    out = Path(out)
    suffix = out.suffix.lower()
    if suffix not in OUTPUTS:
        raise ValueError(f"{out}: unknown suffix {suffix!r}; use one of {', '.join(OUTPUTS)}")
    container, codecs = OUTPUTS[suffix]
    if codec is not None and codec not in codecs:
        raise ValueError(
            f"{out}: {suffix} is not written with {codec!r}; use {' or '.join(codecs)}"
        )
    check_writable(out, inputs=(source,))
    if not _carries(container, source):
        able = [name for name, (other, _) in OUTPUTS.items() if _carries(other, source)]
        raise ValueError(f"{out}: {suffix} cannot hold {kind} pictures; use {' or '.join(able)}")


def check_codec(codec: str | None) -> None:
    """Raise ValueError for a sound codec that no container is written with."""
    known = sorted({name for _, codecs in OUTPUTS.values() for name in codecs})
    if codec is not None and codec not in known:
        raise ValueError(f"codec is {codec!r}; use one of {', '.join(known)}")


def _copy_with_sound(
    source: InputContainer,
    target: OutputContainer,
    start: float,
    sound: NDArray[np.float32],
    rate: int,
    codec: str,
) -> None:
    """Copy the pictures so that those of time `start` are shown at 0, and encode `sound` from 0."""
    template = require_video(source, source.name)
    pictures = _add_pictures(target, template)
    track = target.add_stream("libopus" if codec == "opus" else codec, rate=rate)
    assert isinstance(track, AudioStream)
    track.codec_context.layout = "mono" if sound.shape[0] == 1 else "stereo"
    if codec == "flac":
        track.codec_context.format = "s32"  # 24 bits; FLAC would start at 16
    else:
        track.bit_rate = 128_000 * sound.shape[0]
    target.start_encoding()
    # Both streams by decoding time, so that neither waits in memory for the other.
    for packet in heapq.merge(
        _moved(_dated(packets_of(source, template)), pictures, start),
        _encoded(sound, rate, track),
        key=lambda packet: (packet.dts or 0) * packet.time_base,
    ):
        target.mux(packet)


def _add_pictures(target: OutputContainer, template: VideoStream) -> VideoStream:
    """Add a stream that takes the packets of `template` as they are, its display matrix too."""
    pictures = target.add_stream_from_template(template, opaque=True)
    pictures.codec_context.framerate = template.average_rate or Fraction(0)
    if template.codec_context.name == "hevc" and target.format.name in ("mp4", "mov"):
        pictures.codec_context.codec_tag = "hvc1"  # QuickTime plays no other tag
    return pictures


def _dated(packets: Iterable[Packet[Stream]]) -> Iterator[Packet[Stream]]:
    """Give a decoding time to the packets that lack one: with B-frames, Matroska's first few."""
    waiting: list[Packet[Stream]] = []
    for packet in packets:
        if packet.dts is None:
            waiting.append(packet)
            continue
        for back, early in enumerate(reversed(waiting), start=1):
            early.dts = packet.dts - back * (packet.duration or 1)
        yield from [*waiting, packet]
        waiting = []


def _moved(
    packets: Iterable[Packet[Stream]], stream: Stream, start: float
) -> Iterator[Packet[Stream]]:
    """Hand the packets to another stream, `start` seconds earlier."""
    for packet in packets:
        shift = round(start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = stream
        yield packet


def _encoded(sound: NDArray[np.float32], rate: int, track: AudioStream) -> Iterator[Packet[Stream]]:
    """Yield the sound as encoded packets.

    The encoders stamp their packets earlier by their own delay (AAC 1024 samples, Opus 312) and
    the containers record it, so that a player drops it: the sound is not moved here.
    """
    block = track.codec_context.frame_size or 4096
    for begin in range(0, sound.shape[1], block):
        samples = np.ascontiguousarray(sound[:, begin : begin + block].clip(-1.0, 1.0))
        frame = AudioFrame.from_ndarray(samples, "fltp", track.codec_context.layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, begin, Fraction(1, rate)
        yield from track.encode(frame)
    yield from track.encode(None)


def _encodable_rate(codec: str, sample_rate: int) -> int:
    """Return the sample rate (Hz) to encode at: the nearest the codec has; Opus has 48000."""
    if codec == "opus":
        return 48000
    rates = av.Codec(codec, "w").audio_rates or [sample_rate]
    return sample_rate if sample_rate in rates else 48000


def _carries(container: str, source: str | Path) -> bool:
    """Say whether a container takes the pictures of a clip: by writing a header for them."""
    if container == "wav":
        return True
    try:
        with open_media(source) as media, av.open(io.BytesIO(), "w", format=container) as target:
            _add_pictures(target, require_video(media, source))
            target.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
