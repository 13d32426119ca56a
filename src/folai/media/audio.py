"""Sound in and out: any file to `[C, T]` float32 on the video clock, and WAV files."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from numpy.typing import NDArray

from folai.media.channels import to_mono, to_stereo
from folai.media.files import (
    audio_stream,
    decode,
    frame_time,
    open_media,
    picture_start,
    video_stream,
)
from folai.writing import one_line, written_whole

# Timestamps that stray from the sample count by less than this (seconds) are jitter: Matroska
# rounds to 1 ms and browsers record worse. Codec packets are longer, so a hole left by a lost
# packet is always above it.
JITTER = 0.005
LONGEST_HOLE = 60.0  # seconds, or as long as the file says it lasts: beyond, a timestamp is damaged

FULL_SCALE = 0.99  # highest sample of a mix


def read_audio(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    mono: bool = False,
    start: Fraction | None = None,
    surround: bool = False,
    longest: float | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Return the sound of a file as `[C, T]` in [-1, 1], and its sample rate in Hz.

    In a file with video, sample 0 is the moment the first picture is shown: sound before it is
    cut, sound that starts later is preceded by silence. Otherwise sample 0 is the first sample.
    Holes in the stream are silent, so every sample stands where its timestamp says.

    longest: seconds from the beginning that are read; None: all.

    More than two channels are folded into stereo (`folai.media.channels`), unless `surround` is
    true: then they stay as they are, in the order of the stream's layout.

    start: container time of sample 0, seconds, where it is known already (as a `Clip` knows it).

    Raises ValueError for a file that cannot be read, has no sound, or whose sound is empty or NaN.
    """
    with open_media(path) as container:
        stream = audio_stream(container)
        if stream is None:
            raise ValueError(f"{path}: {_why_silent(container)}")
        if start is None and video_stream(container) is not None:
            start = picture_start(path)
        frames = (f for f in decode(container, stream) if isinstance(f, AudioFrame))
        hole = max(LONGEST_HOLE, (container.duration or 0) / av.time_base)
        wav, rate = _lay_out(frames, start, hole, path, longest)
        names = [channel.name for channel in stream.codec_context.layout.channels]
    if not np.isfinite(wav).all():
        raise ValueError(f"{path}: its sound holds NaN or infinite samples; export it again")
    if wav.shape[0] > 2 and not surround:
        wav = to_stereo(wav, names)
    if mono:
        wav = to_mono(wav)
    if sample_rate is not None:
        wav, rate = resample(wav, rate, sample_rate), sample_rate
    return wav, rate


def _why_silent(container: InputContainer) -> str:
    if not container.streams.audio:
        return "has no sound; give a file with an audio stream"
    return "its sound cannot be decoded; export it again, with AAC or PCM"


def write_wav(
    path: str | Path, wav: NDArray[np.floating[Any]], sample_rate: int, *, subtype: str = "PCM_24"
) -> None:
    """Write `[C, T]` sound as a WAV file; samples beyond [-1, 1] are clipped, they never wrap."""
    import soundfile

    check_wav(wav)
    try:
        with written_whole(path) as partial:
            samples = np.clip(wav.T, -1.0, 1.0)
            soundfile.write(partial, samples, sample_rate, subtype=subtype, format="WAV")
    except (OSError, soundfile.LibsndfileError) as error:
        raise ValueError(f"{path}: cannot be written ({one_line(error)})") from error


def resample(wav: NDArray[np.floating[Any]], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """Change the rate of `[C, T]` from `from_rate` to `to_rate` Hz; sample 0 stays at time 0."""
    if from_rate < 1 or to_rate < 1:
        raise ValueError(f"sample rates are {from_rate} and {to_rate} Hz; both must be positive")
    wav = wav.astype(np.float32, copy=False)
    if from_rate == to_rate:
        return wav
    from scipy.signal import resample_poly

    divisor = gcd(from_rate, to_rate)
    resampled: NDArray[np.float32] = resample_poly(
        wav, to_rate // divisor, from_rate // divisor, axis=-1
    )
    return resampled.astype(np.float32, copy=False)


def peak_normalise(wav: NDArray[np.floating[Any]], peak: float = 1.0) -> NDArray[np.float32]:
    """Scale `[C, T]` so that its largest absolute sample is `peak`; silence stays silence."""
    largest = float(np.abs(wav).max(initial=0.0))
    gain = peak / largest if largest > 0 else 1.0
    return (wav * gain).astype(np.float32, copy=False)


def fit_length(wav: NDArray[np.floating[Any]], num_samples: int) -> NDArray[np.float32]:
    """Cut `[C, T]` to `num_samples`, or continue it in silence."""
    cut = wav[:, :num_samples].astype(np.float32, copy=False)
    return np.pad(cut, ((0, 0), (0, num_samples - cut.shape[1])))


def mix(
    wav: NDArray[np.floating[Any]], under: NDArray[np.floating[Any]], level_db: float
) -> NDArray[np.float32]:
    """Add `under` at `level_db` to `wav`, both `[C, T]`: as long as the longer, with its channels.

    Mono goes to every channel of stereo. Where `under` is surround, `wav` goes to its first two
    channels, the front ones, and the others stay as they are. What comes out above full scale is
    turned down as a whole, and a warning tells by how much: clipping would harm both.
    """
    num_samples = max(wav.shape[1], under.shape[1])
    gain = np.float32(10.0 ** (level_db / 20))
    mixed = fit_length(under, num_samples) * gain
    front = fit_length(wav, num_samples)
    if mixed.shape[0] > 2:
        mixed[:2] += front
    else:
        mixed = mixed + front
    peak = float(np.abs(mixed).max(initial=0.0))
    if peak > FULL_SCALE:
        mixed *= np.float32(FULL_SCALE / peak)
        decibels = 20 * np.log10(peak / FULL_SCALE)
        warnings.warn(
            f"the mix is above full scale: it was turned down by {decibels:.1f} dB as a whole",
            stacklevel=2,
        )
    return mixed


def check_wav(wav: NDArray[np.floating[Any]]) -> None:
    """Raise ValueError unless `wav` is finite sound `[C, T]` with at least one sample."""
    if wav.ndim != 2 or 0 in wav.shape:
        raise ValueError(f"sound has the shape {wav.shape}; expected [channels, samples]")
    if not np.isfinite(wav).all():
        raise ValueError("sound holds NaN or infinite samples; expected values in [-1, 1]")


def _lay_out(
    frames: Iterator[AudioFrame],
    origin: Fraction | None,
    hole: float,
    path: str | Path,
    longest: float | None,
) -> tuple[NDArray[np.float32], int]:
    """Join decoded frames at their timestamps, counted from `origin` (None: the first frame).

    A frame that would leave a hole of more than `hole` seconds follows the one before it. Of more
    than `longest` seconds the rest is not decoded.
    """
    pieces: list[NDArray[np.float32]] = []
    cursor = rate = channels = 0
    for frame in frames:
        samples = _to_float(frame)
        if not rate:
            rate, channels = frame.sample_rate, samples.shape[0]
            origin = frame_time(frame, default=Fraction(0)) if origin is None else origin
        if (frame.sample_rate, samples.shape[0]) != (rate, channels):
            raise ValueError(f"{path}: its sound changes rate or channels midway; convert it first")
        assert origin is not None
        now = origin + Fraction(cursor, rate)
        gap = round((frame_time(frame, default=now) - now) * rate)
        if gap < 0 and (not pieces or -gap > JITTER * rate):
            samples = samples[:, -gap:]  # before the clock starts, or repeated
        elif 0 < gap <= hole * rate and (not pieces or gap > JITTER * rate):
            pieces.append(np.zeros((channels, gap), np.float32))
            cursor += gap
        if samples.shape[1]:
            pieces.append(samples)
            cursor += samples.shape[1]
        if longest is not None and cursor >= longest * rate:
            break
    if not pieces:
        raise ValueError(f"{path}: its sound is empty; give a file with sound that can be decoded")
    end = None if longest is None else round(longest * rate)
    return np.concatenate(pieces, axis=1)[:, :end], rate


def _to_float(frame: AudioFrame) -> NDArray[np.float32]:
    """Return the samples of one decoded frame as `[C, T]` float32, integers scaled to [-1, 1)."""
    samples: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    wav = samples.astype(np.float32)
    if samples.dtype == np.uint8:
        wav = (wav - 128.0) / 128.0
    elif samples.dtype.kind == "i":
        wav /= 2.0 ** (8 * samples.dtype.itemsize - 1)
    return wav.astype(np.float32, copy=False)
