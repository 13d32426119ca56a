"""The finished clip: pictures copied packet for packet, sound encoded beside them. PyAV alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.media.audio import check_wav, fit_length, mix, resample, write_wav
from folai.media.clip import Clip, opened
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
    video: str | Path | Clip,
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
    mux_takes(video, [wav], sample_rate, [out], mix_db=mix_db, codec=codec)


def mux_takes(
    video: str | Path | Clip,
    takes: Sequence[NDArray[np.floating[Any]]],
    sample_rate: int,
    outs: Sequence[str | Path],
    *,
    mix_db: float | None = None,
    codec: str | None = None,
    progress: Callable[[float], None] | None = None,
) -> None:
    """Do what `mux` does for several takes of one clip, which is read once for all of them.

    takes: a sound [C, T] for each file of `outs`. progress: receives the share that is written,
    0 to 1; what it raises stops the work, and no file is left.
    """
    with opened(video) as clip:
        for wav, out in zip(takes, outs, strict=True):
            check_output(out, source=clip, codec=codec)
            check_wav(wav)
            if (channels := wav.shape[0]) > 2:
                raise ValueError(f"sound has {channels} channels; give one (mono) or two (stereo)")
        if mix_db is not None and clip.info.has_audio:
            own, _ = clip.audio(sample_rate=sample_rate)
            takes = [mix(wav, own, mix_db) for wav in takes]
        videos = []
        for wav, out in zip(takes, map(Path, outs), strict=True):
            if out.suffix.lower() == ".wav":
                num_samples = round(clip.info.duration * sample_rate)
                write_wav(out, fit_length(wav, num_samples), sample_rate)
            else:
                videos.append((wav, out))
        if videos:
            _write_videos(clip, videos, sample_rate, codec, progress)


def finished_name(video: str | Path) -> str:
    """The name for a clip with its sound: the same suffix, or .mkv, which holds any pictures."""
    suffix = Path(video).suffix.lower()
    suffix = suffix if suffix in OUTPUTS and suffix != ".wav" else ".mkv"
    return f"{Path(video).stem}.foley{suffix}"


def check_output(out: str | Path, *, source: str | Path | Clip, codec: str | None = None) -> None:
    """Raise ValueError unless the sound for the clip `source` can be written to `out`."""
    out = Path(out)
    suffix = out.suffix.lower()
    with opened(source) as clip:
        if suffix not in OUTPUTS:
            raise ValueError(f"{out}: unknown suffix {suffix!r}; use one of {', '.join(OUTPUTS)}")
        container, codecs = OUTPUTS[suffix]
        if codec is not None and codec not in codecs:
            raise ValueError(
                f"{out}: {suffix} is not written with {codec!r}; use {' or '.join(codecs)}"
            )
        check_writable(out, inputs=(clip.path,))
        if not _carries(container, clip):
            able = [name for name, (other, _) in OUTPUTS.items() if _carries(other, clip)]
            kind = clip.info.video_codec
            fix = f"use {' or '.join(able)}"
            raise ValueError(f"{out}: {suffix} cannot hold {kind} pictures; {fix}")


def check_codec(codec: str | None) -> None:
    """Raise ValueError for a sound codec that no container is written with."""
    allowed = sorted({name for _, codecs in OUTPUTS.values() for name in codecs})
    if codec is not None and codec not in allowed:
        raise ValueError(f"codec is {codec!r}; use one of {', '.join(allowed)}")


def _write_videos(
    clip: Clip,
    videos: Sequence[tuple[NDArray[np.floating[Any]], Path]],
    sample_rate: int,
    codec: str | None,
    progress: Callable[[float], None] | None,
) -> None:
    """Write all (sound, file) at once, so that the packets of the clip are read once."""
    with ExitStack() as stack:
        source = stack.enter_context(open_media(clip.path))
        template = require_video(source, clip.path)
        outputs = []
        for wav, out in videos:
            stack.enter_context(_failures_named(out))
            container, codecs = OUTPUTS[out.suffix.lower()]
            coder = codec or codecs[0]
            rate = _encodable_rate(coder, sample_rate)
            num_samples = round(clip.info.duration * rate)
            sound = fit_length(resample(wav, sample_rate, rate), num_samples)
            # The index of an .mp4 goes first, so that a browser plays it before all is loaded.
            options = {"movflags": "faststart"} if container in ("mp4", "mov") else {}
            partial = str(stack.enter_context(written_whole(out)).absolute())
            target = stack.enter_context(av.open(partial, "w", format=container, options=options))
            outputs.append(_Output(out, target, template, sound, rate, coder))
        packets = (packet for packet in packets_of(source, template) if packet.size)
        for packet in _moved(_dated(packets), clip.info.start):
            stamps = packet.pts, packet.dts, packet.duration, packet.time_base
            for output in outputs:
                # The one before has rounded them to the ticks of its own container.
                packet.pts, packet.dts, packet.duration, packet.time_base = stamps
                output.add(packet)
            if progress is not None:
                share = float((stamps[1] or 0) * stamps[3]) / clip.info.duration
                progress(min(1.0, max(0.0, share)))
        for output in outputs:
            output.finish()


@contextmanager
def _failures_named(out: Path) -> Iterator[None]:
    """Say which file could not be written."""
    try:
        yield
    except (av.FFmpegError, OSError) as error:
        raise ValueError(f"{out}: cannot be written ({one_line(error)})") from error


class _Output:
    """A file while it is written: pictures as they are handed in, its sound between them."""

    def __init__(
        self,
        out: Path,
        target: OutputContainer,
        template: VideoStream,
        sound: NDArray[np.float32],
        rate: int,
        codec: str,
    ) -> None:
        self._out, self._target = out, target
        self._pictures = _add_pictures(target, template)
        track = _add_track(target, sound.shape[0], rate, codec)
        target.start_encoding()
        self._sound = _encoded(sound, rate, track)
        self._following = next(self._sound, None)

    def add(self, packet: Packet[Stream]) -> None:
        """Write a packet of pictures.

        Both streams go by decoding time, so that neither waits in memory for the other.
        """
        with _failures_named(self._out):
            self._write_sound(until=_decoding_time(packet))
            packet.stream = self._pictures
            self._target.mux(packet)

    def finish(self) -> None:
        """Write what is left of the sound."""
        with _failures_named(self._out):
            self._write_sound(until=None)

    def _write_sound(self, until: Fraction | None) -> None:
        while self._following is not None:
            if until is not None and _decoding_time(self._following) >= until:
                return
            self._target.mux(self._following)
            self._following = next(self._sound, None)


def _decoding_time(packet: Packet[Stream]) -> Fraction:
    """Seconds."""
    return (packet.dts or 0) * packet.time_base


def _add_track(target: OutputContainer, channels: int, rate: int, codec: str) -> AudioStream:
    """Add a stream of encoded sound."""
    track = target.add_stream("libopus" if codec == "opus" else codec, rate=rate)
    assert isinstance(track, AudioStream)
    track.codec_context.layout = "mono" if channels == 1 else "stereo"
    if codec == "flac":
        track.codec_context.format = "s32"  # 24 bits; FLAC would start at 16
    else:
        track.bit_rate = 128_000 * channels
    return track


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


def _moved(packets: Iterable[Packet[Stream]], start: float) -> Iterator[Packet[Stream]]:
    """The packets `start` seconds earlier: what is shown at `start` is shown at 0."""
    for packet in packets:
        shift = round(start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
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


def _carries(container: str, clip: Clip) -> bool:
    """Whether a container takes the pictures of a clip: by writing a header for them."""
    if container == "wav":
        return True
    try:
        with av.open(io.BytesIO(), "w", format=container) as target:
            _add_pictures(target, clip.stream)
            target.start_encoding()
    except (av.FFmpegError, ValueError):
        return False
    return True
