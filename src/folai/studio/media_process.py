"""The process that reads media files: `python -m folai.studio.media_process COMMAND JSON`.

JSON holds the arguments. It writes JSON to standard output, one object a line: `{"progress": 0.5}`,
and at the end `{"result": ...}` or `{"error": "..."}`. See `media_client.py` for the other side.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.studio.limits import MEGABYTE, give_way, restrict
from folai.writing import line_with_file

if TYPE_CHECKING:
    from folai.mapper.glimpses import Watcher
    from folai.media.clip import VideoInfo

# Containers of video and sound by FFmpeg's names. Playlists and scripts are not among them: they
# refer to other files and addresses, which FFmpeg would open.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,ogg,asf,flv,mxf,gif,dv,nut,ivf,"
    "h264,hevc,m4v,yuv4mpegpipe,rm,wav,w64,mp3,flac,aac,ac3,eac3,aiff,caf,amr,au,opus,tta,wv,ape"
)


def main() -> None:
    command, arguments = sys.argv[1], json.loads(sys.argv[2])
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # each thread's memory counts as used
    limits = LIMITS[command]
    restrict(memory=limits[0] * MEGABYTE, seconds=limits[1], file_size=arguments.get("file_size"))
    if command in IN_THE_BACKGROUND:
        give_way()
    names = arguments.pop("names", {})
    arguments.pop("file_size", None)
    messages: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = lambda message, *_, **__: messages.append(
            _named(str(message), names)
        )
        try:
            result = COMMANDS[command](**arguments)
        except (ValueError, OSError, ImportError) as error:
            say(error=_named(line_with_file(error), names))
        except MemoryError:
            name = next(iter(names.values()), "this file")
            say(error=f"{name}: needs too much memory; give a smaller one")
        else:
            say(result=result, warnings=messages)


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def progress(share: float) -> None:
    say(progress=round(share, 4))


def _named(text: str, names: dict[str, str]) -> str:
    """A message with the user's file names in place of our paths."""
    for path, name in names.items():
        text = text.replace(path, name)
    return text


# The commands


def check_format(path: str) -> None:
    """Raise ValueError for a file that is not a plain container of video or sound."""
    import av

    from folai.media.files import open_media
    from folai.writing import one_line

    if not Path(path).is_file() or Path(path).stat().st_size == 0:
        with open_media(path):  # says what is wrong with it
            return
    options = {"format_whitelist": FORMATS, "protocol_whitelist": "file"}
    try:
        av.open(path, "r", options=options, metadata_errors="replace").close()
    except (av.FFmpegError, OSError) as error:
        raise ValueError(
            f"{path}: is not a video or sound file that can be read ({one_line(error)}); "
            "it may be damaged, cut short or of another type: export it again, as .mp4 or .wav"
        ) from error


def probe_clip(path: str, times: str) -> dict[str, Any]:
    """The facts of a clip; the times of its frames, float64 seconds, go to the file `times`."""
    from folai.media.clip import Clip
    from folai.writing import written_whole

    check_format(path)
    with Clip(path) as clip:
        info, shown = clip.info, clip.times
    if len(shown) < 2:
        raise ValueError(f"{path}: only one frame was found; give a clip of at least two")
    with written_whole(times) as partial:
        partial.write_bytes(shown.astype("<f8").tobytes())
    return {
        "start": info.start,
        "duration": info.duration,
        "fps": info.fps,
        "nominal_fps": info.nominal_fps,
        "num_frames": len(shown),
        "width": info.width,
        "height": info.height,
        "video_codec": info.video_codec,
        "audio_codec": info.audio_codec,
        "timecode": info.timecode,
        "playable": _plays_in_browsers(info),
    }


def _plays_in_browsers(info: VideoInfo) -> str | None:
    """The media type for a `<video>`; None where some browser would show nothing.

    A clip that begins before its first picture is shown would run on another clock there.
    """
    if abs(info.start) > 0.001 or info.pixel_format not in ("yuv420p", "yuvj420p"):
        return None
    containers, codec = info.container.split(","), info.video_codec
    if "mp4" in containers and codec in ("h264", "vp9", "av1"):
        return "video/mp4"
    if "webm" in containers and codec in ("vp8", "vp9", "av1"):
        return "video/webm"
    return None


def read_sound(path: str, out: str, sample_rate: int, longest: float) -> dict[str, Any]:
    """Writes any sound as a WAV file with one or two channels, and returns its facts."""
    from folai.media.audio import read_audio, resample, write_wav
    from folai.media.files import audio_stream, open_media
    from folai.preview.events import cut_events

    check_format(path)
    wav, rate = read_audio(path)
    with open_media(path) as container:
        channels = getattr(audio_stream(container), "channels", 1)
    seconds = wav.shape[1] / rate
    if seconds > longest:
        raise ValueError(f"{path}: lasts {seconds:.0f} s; give at most {longest:.0f} s of it")
    notes = []
    if channels > 2:
        notes.append(f"{channels} channels folded into two")
    if rate != sample_rate:
        wav = resample(wav, rate, sample_rate)
        notes.append(f"resampled from {rate} to {sample_rate} Hz")
    try:
        cut_events(wav, sample_rate)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    write_wav(out, wav, sample_rate)
    message = ", ".join(notes)
    return {
        "duration": wav.shape[1] / sample_rate,
        "channels": wav.shape[0],
        "sample_rate": sample_rate,
        "message": message,
    }


def read_guide(
    path: str, out: str, envelope: str, sample_rate: int, duration: float
) -> dict[str, Any]:
    """Writes a clip's own sound as a WAV file as long as the clip, and its envelope."""
    from folai.envelope import Envelope
    from folai.media.audio import fit_length, read_audio, write_wav
    from folai.studio.project_envelopes import write_npz

    wav, _ = read_audio(path, sample_rate=sample_rate)
    wav = fit_length(wav, round(duration * sample_rate))
    write_wav(out, wav, sample_rate)
    write_npz(Path(envelope), Envelope.from_audio(wav, sample_rate))
    return {
        "duration": wav.shape[1] / sample_rate,
        "channels": wav.shape[0],
        "sample_rate": sample_rate,
    }


def read_envelope(path: str, out: str) -> None:
    """Reads an envelope from a .json, .csv or sound file and saves it as `write_npz` does."""
    from folai.envelope import Envelope
    from folai.studio.project_envelopes import write_npz

    if Path(path).suffix not in (".json", ".csv"):
        check_format(path)
    write_npz(Path(out), Envelope.load(path))


def predict(path: str, out: str, watched: str, expect: str | None = None) -> None:
    """Saves the prediction, and says its pieces as they come. watched: see `Watcher.folder`."""
    from folai.pipeline import predict_envelope
    from folai.studio.project_envelopes import write_npz

    watcher = _watcher(watched, told=True)
    predicted = predict_envelope(path, expect=expect, pan=True, progress=_seldom(), watcher=watcher)
    write_npz(Path(out), predicted)


def _watcher(watched: str, told: bool = False) -> Watcher:
    from folai.mapper.glimpses import Piece, Watcher

    def tell(piece: Piece) -> None:
        values = base64.b64encode(piece.values.astype("<f4").tobytes()).decode()
        say(piece={"first": piece.first, "values": values, "onsets": piece.onsets.tolist()})

    return Watcher(tell if told else None, Path(watched))


def adapt(
    path: str, out: str, watched: str, taught: str, weights: str, start: float, end: float
) -> None:
    """Teach the mapper a part of the envelope `taught`, and predict: there the part is kept.

    watched: see `Watcher.folder`; a clip that was watched to its end is not watched again.
    """
    from folai.pipeline import predict_envelope
    from folai.studio.project_envelopes import read_npz, write_npz
    from folai.train.adapt import adapt_mapper

    envelope, report = read_npz(Path(taught)), _seldom()
    learning = 0.8  # of the time
    adapt_mapper(
        path,
        envelope,
        weights,
        start=start,
        end=end,
        progress=lambda share: report(learning * share),
        watcher=_watcher(watched),
    )
    predicted = predict_envelope(
        path,
        weights=weights,
        pan=True,
        progress=lambda share: report(learning + (1 - learning) * share),
        watcher=_watcher(watched),
    )
    write_npz(Path(out), predicted.paste(envelope, start, end))


def suggest_sounds(path: str, onsets: list[float]) -> list[dict[str, Any]]:
    """What the picture suggests: materials, prompts and how likely each is."""
    from dataclasses import asdict

    from folai.suggest.guess import suggest

    return [asdict(guess) for guess in suggest(path, onsets)]


def make_proxy(path: str, out: str) -> str:
    from folai.studio.proxy import write_proxy

    return write_proxy(Path(path), Path(out), _seldom())


def finish_clip(
    path: str, sound: str, out: str, mix_db: float | None, timecode: str | None
) -> None:
    """Writes the clip with the WAV file `sound` to `out`, from a timecode (None: its own) on."""
    from folai.media.audio import read_audio
    from folai.media.mux import mux

    mux(path, *read_audio(sound), out, mix_db=mix_db, timecode=timecode)


def check_finished(path: str, out: str) -> None:
    """Raise ValueError unless the clip can be written to a file with the suffix of `out`."""
    from folai.media.mux import check_output

    check_output(out, source=path)


def show_pictures(path: str, start: float) -> None:
    from folai.studio.picture_process import serve_pictures

    serve_pictures(path, start)


def _seldom(step: float = 0.002) -> Callable[[float], None]:
    """`progress`, but not for every frame: only after each step of so much."""
    last = -1.0

    def report(share: float) -> None:
        nonlocal last
        if share >= last + step or share >= 1:
            last = share
            progress(share)

    return report


COMMANDS: dict[str, Callable[..., Any]] = {
    "probe": probe_clip,
    "sound": read_sound,
    "guide": read_guide,
    "envelope": read_envelope,
    "predict": predict,
    "adapt": adapt,
    "suggest": suggest_sounds,
    "proxy": make_proxy,
    "finish": finish_clip,
    "check": check_finished,
    "pictures": show_pictures,
}

IN_THE_BACKGROUND = ("predict", "adapt", "suggest", "proxy")

LIMITS: dict[str, tuple[int, int | None]] = {  # megabytes, seconds of computing
    "probe": (2048, 120),
    "sound": (2048, 120),
    "guide": (6144, None),
    "envelope": (2048, 60),
    "predict": (4096, None),  # as long as it goes on, see `media_client.py`
    "adapt": (6144, None),
    "suggest": (6144, 300),
    "proxy": (3072, None),
    "finish": (6144, None),
    "check": (2048, 60),
    "pictures": (2048, None),
}

if __name__ == "__main__":
    main()
