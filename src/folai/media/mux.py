"""The finished clip: pictures copied packet for packet, sound encoded beside them. PyAV alone."""

from __future__ import annotations

import io
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from folai.media.audio import check_wav, fit_length, mix, resample, write_wav
from folai.media.carried import Carried, copy_file_tags, copy_tags, missing_in
from folai.media.clip import Clip, opened
from folai.media.encode import write_pictures
from folai.media.files import open_media, packets_of, require_video
from folai.media.trims import EDITED, end_edit
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
ENCODED = (".mp4", ".m4v", ".mov", ".mkv")  # take H.264, which pictures become that none takes
ENCODED_CRF = 14  # of x264: hardly to be told from the original
ENCODERS = {"opus": "libopus"}  # FFmpeg's name of a codec's encoder, where it is another


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
        layout = None  # of the clip's own channels, where they are kept
        if mix_db is not None and clip.sound is not None:
            layout = _surround(clip, outs, codec)
            own, _ = clip.audio(sample_rate=sample_rate, surround=layout is not None)
            takes = [mix(wav, own, mix_db) for wav in takes]
        videos = []
        for wav, out in zip(takes, map(Path, outs), strict=True):
            if out.suffix.lower() == ".wav":
                num_samples = round(clip.info.duration * sample_rate)
                write_wav(out, fit_length(wav, num_samples), sample_rate)
            else:
                videos.append((wav, out))
        if not videos:
            return
        container = OUTPUTS[videos[0][1].suffix.lower()][0]
        with nullcontext(clip) if _carries(container, clip) else _encoded_copy(clip) as source:
            _write_videos(source, videos, sample_rate, codec, layout, progress)


@contextmanager
def _encoded_copy(clip: Clip) -> Iterator[Clip]:
    """The pictures of a clip as H.264, where no container takes them as they are."""
    warnings.warn(
        f"{clip.path}: its {clip.info.video_codec} pictures cannot be copied; "
        "they are encoded as H.264",
        stacklevel=2,
    )
    with tempfile.TemporaryDirectory(prefix="folai-") as folder:
        path = Path(folder) / "encoded.mp4"
        write_pictures(path, clip.frames(), crf=ENCODED_CRF)
        with Clip(path) as copy:
            yield copy


def finished_name(video: str | Path) -> str:
    """The name for a clip with its sound: the same suffix where that can be written, else one that
    takes its pictures; .mkv, if none does: they are encoded then."""
    suffix = Path(video).suffix.lower()
    if suffix not in OUTPUTS or suffix == ".wav":
        suffix = ".mkv"
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
        if container != "wav":
            clip.trims.check(clip.path, out, container)
        if not _carries(container, clip):
            able = [name for name, (other, _) in OUTPUTS.items() if _carries(other, clip)]
            if able == [".wav"] and suffix in ENCODED:
                return  # no container takes them: they are encoded
            able = able if able != [".wav"] else [*ENCODED, ".wav"]
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
    layout: str | None,
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
            options = {}
            if container in EDITED:
                # The index goes first, so that a browser plays it before all is loaded. What is
                # not in the standard of MP4 itself, such as Dolby Vision, is written all the same.
                options = {"movflags": "faststart", "strict": "unofficial"}
            partial = stack.enter_context(written_whole(out))
            if clip.trims.after:
                stack.callback(end_edit, partial, clip.info.duration)
            target = stack.enter_context(
                av.open(str(partial.absolute()), "w", format=container, options=options)
            )
            outputs.append(_Output(out, target, clip, sound, rate, coder, layout))
        streams = [template, *(stream for stream in source.streams if _is_carried(stream, clip))]
        start, count = clip.info.start, 0
        for packet in _dated(packets_of(source, *streams), template):
            stream = packet.stream
            is_picture = stream.index == template.index
            count += is_picture
            if is_picture and count > clip.trims.count:
                continue  # trimmed away at the end
            stamps = packet.pts, packet.dts, packet.duration, packet.time_base
            for output in outputs:
                # The one before has rounded them to the ticks of its own container.
                packet.pts, packet.dts, packet.duration, packet.time_base = stamps
                packet.stream = stream
                output.add(packet, is_picture, start)
            if progress is not None and is_picture:
                share = float((stamps[1] or 0) * stamps[3]) / clip.info.duration
                progress(min(1.0, max(0.0, share)))
        for output in outputs:
            output.finish()
            if output.written < clip.trims.count:
                raise ValueError(
                    f"{output.out}: only {output.written} of {clip.trims.count} pictures could be "
                    "written; use another container"
                )
    for output in outputs:
        output.warn_of_losses()


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
        clip: Clip,
        sound: NDArray[np.float32],
        rate: int,
        codec: str,
        layout: str | None,
    ) -> None:
        self.out, self.written = out, 0
        self._target, self._clip = target, clip
        self._pictures = _add_pictures(target, clip.stream)
        copy_tags(clip.stream, self._pictures)
        if clip.info.timecode:
            self._pictures.metadata["timecode"] = clip.info.timecode
        track = _add_track(target, sound.shape[0], rate, codec, layout)
        if clip.sound is not None:
            track.metadata["language"] = clip.sound.language or "und"
        self._carried = Carried(clip, target)
        copy_file_tags(clip.container, target, clip.info.start)
        target.start_encoding()
        self._sound = _encoded(sound, rate, track)
        self._following = next(self._sound, None)

    def add(self, packet: Packet[Stream], is_picture: bool, start: float) -> None:
        """Write a packet of pictures, or of a further track.

        Pictures and sound go by decoding time, so that neither waits in memory for the other.
        """
        with _failures_named(self.out):
            if not is_picture:
                for carried in self._carried.moved(packet, start):
                    self._target.mux(carried)
                return
            _move(packet, start)
            self._write_sound(until=_decoding_time(packet))
            packet.stream = self._pictures
            self._target.mux(packet)
            self.written += 1

    def finish(self) -> None:
        """Write what is left of the sound."""
        with _failures_named(self.out):
            self._write_sound(until=None)

    def warn_of_losses(self) -> None:
        """Name what of the clip is not in the file."""
        lost = [*self._carried.lost, *missing_in(self.out, self._clip)]
        if lost:
            warnings.warn(f"{self.out}: does not hold {', '.join(lost)}", stacklevel=2)

    def _write_sound(self, until: Fraction | None) -> None:
        while self._following is not None:
            if until is not None and _decoding_time(self._following) >= until:
                return
            self._target.mux(self._following)
            self._following = next(self._sound, None)


def _is_carried(stream: Stream, clip: Clip) -> bool:
    return any(stream.index == other.index for other in clip.others)


def _decoding_time(packet: Packet[Stream]) -> Fraction:
    """Seconds."""
    return (packet.dts or 0) * packet.time_base


def _surround(clip: Clip, outs: Sequence[str | Path], codec: str | None) -> str | None:
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


def _add_track(
    target: OutputContainer, channels: int, rate: int, codec: str, layout: str | None
) -> AudioStream:
    """Add a stream of encoded sound; layout: of more than two channels."""
    track = target.add_stream(ENCODERS.get(codec, codec), rate=rate)
    assert isinstance(track, AudioStream)
    track.codec_context.layout = layout or ("mono" if channels == 1 else "stereo")
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
        # QuickTime plays no other tag; that of Dolby Vision says what the stream is.
        tag = template.codec_context.codec_tag
        pictures.codec_context.codec_tag = tag if tag in ("dvh1", "hvc1") else "hvc1"
    return pictures


def _dated(packets: Iterable[Packet[Stream]], pictures: Stream) -> Iterator[Packet[Stream]]:
    """Give a decoding time to the pictures that lack one: with B-frames, Matroska's first few."""
    waiting: list[Packet[Stream]] = []
    for packet in packets:
        if not packet.size:
            continue
        if packet.stream.index != pictures.index:
            yield packet
            continue
        if packet.dts is None:
            waiting.append(packet)
            continue
        for back, early in enumerate(reversed(waiting), start=1):
            early.dts = packet.dts - back * (packet.duration or 1)
        yield from [*waiting, packet]
        waiting = []
    # A clip of a few pictures ends before one has a decoding time: in order, before any is shown.
    ordered = sorted(packet.pts or 0 for packet in waiting)
    early_by = max((t - (p.pts or 0) for t, p in zip(ordered, waiting, strict=True)), default=0)
    for time, packet in zip(ordered, waiting, strict=True):
        packet.dts = time - early_by
    yield from waiting


def _move(packet: Packet[Stream], start: float) -> None:
    """Earlier by `start` seconds: what is shown at `start` is shown at 0."""
    shift = round(start / packet.time_base)
    packet.pts = None if packet.pts is None else packet.pts - shift
    packet.dts = None if packet.dts is None else packet.dts - shift


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
