"""The finished clip: pictures copied packet for packet, sound encoded beside them. PyAV alone."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Stream
from numpy.typing import NDArray

from folai.media.audio import check_wav, fit_length, mix, resample, write_wav
from folai.media.clip import Clip, opened
from folai.media.containers import OUTPUTS, carries, encodable_rate, suffix_for, surround_layout
from folai.media.encode import write_pictures
from folai.media.files import open_media, packets_of, require_video
from folai.media.output import Output, dated, failures_named
from folai.media.trims import EDITED, end_edit
from folai.writing import check_writable, written_whole

ENCODED = (".mp4", ".m4v", ".mov", ".mkv")  # take H.264, which pictures become that none takes
ENCODED_CRF = 14  # of x264: hardly to be told from the original


def mux(
    video: str | Path | Clip,
    wav: NDArray[np.floating[Any]],
    sample_rate: int,
    out: str | Path,
    *,
    mix_db: float | None = None,
    codec: str | None = None,
    timecode: str | None = None,
) -> None:
    """Write the pictures of `video`, copied packet for packet, with the sound `wav` `[C, T]`.

    Sample 0 of `wav` sounds with the first picture; the sound is cut, or continued in silence, to
    last as long as the pictures. The sound in the clip is replaced or, with `mix_db`, added at
    that level. The suffix of `out` names the container (see `OUTPUTS`) and `codec` chooses among
    the sound codecs it offers; .wav holds the sound alone. timecode: of the first picture, such as
    "01:00:00:00"; None: the clip's own.

    Raises ValueError as `check_output` does, and if the file cannot be written; `out` then keeps
    what it had.
    """
    mux_takes(video, [wav], sample_rate, [out], mix_db=mix_db, codec=codec, timecode=timecode)


def mux_takes(
    video: str | Path | Clip,
    takes: Sequence[NDArray[np.floating[Any]]],
    sample_rate: int,
    outs: Sequence[str | Path],
    *,
    mix_db: float | None = None,
    codec: str | None = None,
    timecode: str | None = None,
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
            layout = surround_layout(clip, outs, codec)
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
        with nullcontext(clip) if carries(container, clip) else _encoded_copy(clip) as source:
            start = timecode or clip.info.timecode
            _write_videos(source, videos, sample_rate, codec, layout, start, progress)


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
    """The name for a clip with its sound, in a container that can be written (`suffix_for`)."""
    return f"{Path(video).stem}.foley{suffix_for(str(video))}"


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
        if not carries(container, clip):
            able = [name for name, (other, _) in OUTPUTS.items() if carries(other, clip)]
            if able == [".wav"] and suffix in ENCODED:
                return  # no container takes them: they are encoded
            able = able if able != [".wav"] else [*ENCODED, ".wav"]
            kind = clip.info.video_codec
            fix = f"use {' or '.join(able)}"
            raise ValueError(f"{out}: {suffix} cannot hold {kind} pictures; {fix}")


def _write_videos(
    clip: Clip,
    videos: Sequence[tuple[NDArray[np.floating[Any]], Path]],
    sample_rate: int,
    codec: str | None,
    layout: str | None,
    timecode: str | None,
    progress: Callable[[float], None] | None,
) -> None:
    """Write all (sound, file) at once, so that the packets of the clip are read once."""
    with ExitStack() as stack:
        source = stack.enter_context(open_media(clip.path))
        template = require_video(source, clip.path)
        outputs = []
        for wav, out in videos:
            stack.enter_context(failures_named(out))
            container, codecs = OUTPUTS[out.suffix.lower()]
            coder = codec or codecs[0]
            rate = encodable_rate(coder, sample_rate)
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
            outputs.append(Output(out, target, clip, sound, rate, coder, layout, timecode))
        streams = [template, *(stream for stream in source.streams if _is_carried(stream, clip))]
        start, count = clip.info.start, 0
        for packet in dated(packets_of(source, *streams), template):
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


def _is_carried(stream: Stream, clip: Clip) -> bool:
    return any(stream.index == other.index for other in clip.others)
