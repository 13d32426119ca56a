"""Sound in and out: any file to `[C, T]` float32 on the video clock, and WAV files."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import gcd
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from folai.media.files import decode, frame_time, open_media, picture_start, video_stream
from folai.writing import one_line, written_whole

# Timestamps that stray from the sample count by less than this (seconds) are jitter: Matroska
# rounds to 1 ms and browsers record worse. Codec packets are longer, so a hole left by a lost
# packet is always above it.
JITTER = 0.005
LONGEST_HOLE = 60.0  # seconds, or as long as the file says it lasts: beyond, a timestamp is damaged


def read_audio(
    path: str | Path,
    *,
    sample_rate: int | None = None,
    mono: bool = False,
    start: Fraction | None = None,
) -> tuple[NDArray[np.float32], int]:
    """Return the sound of a file as `[C, T]` in [-1, 1], and its sample rate in Hz.

    In a file with video, sample 0 is the moment the first picture is shown: sound before it is
    cut, sound that starts later is preceded by silence. Otherwise sample 0 is the first sample.
    Holes in the stream are silent, so every sample stands where its timestamp says.

    start: container time of sample 0, seconds, where it is known already (as a `Clip` knows it).

    Raises ValueError for a file that cannot be read, has no sound, or whose sound is empty or NaN.
    """
    with open_media(path) as container:
        stream = container.streams.best("audio")
        if stream is None:
            raise ValueError(f"{path}: has no sound; give a file with an audio stream")
        if start is None and video_stream(container) is not None:
            start = picture_start(path)
        frames = (f for f in decode(container, stream) if isinstance(f, AudioFrame))
        longest = max(LONGEST_HOLE, (container.duration or 0) / av.time_base)
        wav, rate = _lay_out(frames, start, longest, path)
    if not np.isfinite(wav).all():
        raise ValueError(f"{path}: its sound holds NaN or infinite samples; export it again")
    if mono:
        wav = to_mono(wav)
    if sample_rate is not None:
        wav, rate = resample(wav, rate, sample_rate), sample_rate
    return wav, rate


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


def to_mono(wav: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Average the channels of `[C, T]` into `[1, T]`."""
    mean: NDArray[np.float32] = wav.mean(axis=0, keepdims=True, dtype=np.float32)
    return mean


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

    Mono goes to every channel; `under` with more than two channels is made mono first.
    """
    if under.shape[0] > 2:
        under = to_mono(under)
    num_samples = max(wav.shape[1], under.shape[1])
    gain = np.float32(10.0 ** (level_db / 20))
    return fit_length(wav, num_samples) + fit_length(under, num_samples) * gain


def check_wav(wav: NDArray[np.floating[Any]]) -> None:
    """Raise ValueError unless `wav` is finite sound `[C, T]` with at least one sample."""
    if wav.ndim != 2 or 0 in wav.shape:
        raise ValueError(f"sound has the shape {wav.shape}; expected [channels, samples]")
    if not np.isfinite(wav).all():
        raise ValueError("sound holds NaN or infinite samples; expected values in [-1, 1]")


def _lay_out(
    frames: Iterator[AudioFrame], origin: Fraction | None, longest: float, path: str | Path
) -> tuple[NDArray[np.float32], int]:
    """Join decoded frames at their timestamps, counted from `origin` (None: the first frame).

    A frame that would leave a hole of more than `longest` seconds follows the one before it.
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
        elif 0 < gap <= longest * rate and (not pieces or gap > JITTER * rate):
            pieces.append(np.zeros((channels, gap), np.float32))
            cursor += gap
        if samples.shape[1]:
            pieces.append(samples)
            cursor += samples.shape[1]
    if not pieces:
        raise ValueError(f"{path}: its sound is empty; give a file with sound that can be decoded")
    return np.concatenate(pieces, axis=1), rate


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
