"""The noise of a recording: found in its pauses, taken out, and laid under a take again.

A recording is a sound and the noise of its room and microphone. Where it has pauses, these tell
what the noise is, frequency by frequency; a Wiener filter takes it out of the rest (Boll, IEEE ASSP
1979; Ephraim & Malah, IEEE ASSP 1984). A sound without pauses, such as a scrape or rain, is left
as it is: nobody could tell it from noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.envelope.rms import centred_rms

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]

FRAME, HOP = 1024, 256  # samples of a short spectrum, and from one to the next
PAUSE_DB = 22.0  # below the loudest frame at least: what is nearer to it is wanted sound
LIKE_DB = 4.0  # a frame within this of the quietest tenth is part of the pauses
SHORTEST = 0.1  # seconds of pauses, all together, from which noise is known
OVER = 3.0  # times the noise's power that is taken out, since it varies from frame to frame
HEARD = 3.0  # times the noise's power from which on a frame holds anything else


@dataclass(frozen=True, eq=False)
class Noise:
    """The stationary noise of a recording."""

    power: Floats  # [FRAME / 2 + 1] mean power of each frequency of a short spectrum
    level: float  # its RMS over the highest RMS over 32 ms of the recording, linear
    sample_rate: int  # Hz


def without_noise(wav: Wav, sample_rate: int) -> tuple[Wav, Noise | None]:
    """(The recording [C, T] without its noise, that noise); itself and None where none is known."""
    spectra, powers = [], []
    for channel in wav:
        spectrum = _spectra(channel)
        spectra.append(spectrum)
        powers.append(np.abs(spectrum) ** 2)
    power = np.mean(powers, axis=0)  # [frames, F]
    pauses = _pauses(power.sum(axis=1))
    if np.count_nonzero(pauses) * HOP < SHORTEST * sample_rate:
        return wav, None
    noise = power[pauses].mean(axis=0)
    gain = _wiener(power, noise)
    cleaned = np.stack([_sound(gain * spectrum, wav.shape[1]) for spectrum in spectra])
    loudest = float(centred_rms(wav, sample_rate, 250.0).max())
    # Of a Hann window of power 3/8 N, whose one-sided spectrum holds half of the sum.
    rms = float(np.sqrt(2 * noise.sum() / (0.375 * FRAME**2)))
    return cleaned, Noise(noise, rms / loudest, sample_rate)


def bed(noise: Noise, num_samples: int, rms: float, seed: int) -> Wav:
    """New noise of the same colour [1, T], of that RMS."""
    rng = np.random.default_rng([seed, 3])
    shape = np.sqrt(noise.power / noise.power.sum())
    num_frames = num_samples // HOP + FRAME // HOP + 1
    wav = np.zeros(num_frames * HOP + FRAME, np.float32)
    window = np.hanning(FRAME + 1)[:-1]
    for first in range(0, num_frames, 512):
        count = min(512, num_frames - first)
        drawn = rng.standard_normal((count, len(shape), 2)) @ np.array([1, 1j])
        frames = np.fft.irfft(drawn * shape, FRAME) * window
        for index, frame in enumerate(frames):
            start = (first + index) * HOP
            wav[start : start + FRAME] += frame.astype(np.float32)
    wav = wav[FRAME : FRAME + num_samples]
    return (wav * np.float32(rms / max(float(np.sqrt(np.mean(wav**2))), 1e-12)))[None]


def _pauses(power: Floats) -> NDArray[np.bool_]:
    """Which frames [N] of these powers hold noise alone."""
    decibels = 10 * np.log10(np.maximum(power, 1e-20))
    inner = decibels[1:-1] if len(decibels) > 4 else decibels  # the outer ones see padding
    quiet, loud = np.percentile(inner, 10), decibels.max()
    near = np.asarray(decibels < quiet + LIKE_DB)
    near[[0, -1]] = False
    if quiet > loud - PAUSE_DB or quiet < -110 + 10 * np.log10(0.375 * FRAME**2 / 2):
        near[:] = False  # no pauses, or digital silence in them
    return near


def _wiener(power: Floats, noise: Floats) -> Floats:
    """Gains [frames, F] from powers of short spectra and of the noise.

    Powers are averaged over neighbours first, or single bins that stick out of the noise by chance
    would stay, as chirps.
    """
    smooth = _over_frequencies(_over_time(power))
    clean = np.maximum(smooth - OVER * noise, 0.0)
    gain = clean / np.maximum(clean + noise, 1e-20)
    heard = smooth.sum(axis=1, keepdims=True) > HEARD * noise.sum()
    return np.asarray(_over_frequencies(gain * heard))


def _over_time(power: Floats) -> Floats:
    padded = np.pad(power, ((1, 1), (0, 0)), mode="edge")
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


def _over_frequencies(power: Floats) -> Floats:
    padded = np.pad(power, ((0, 0), (2, 2)), mode="edge")
    return np.asarray(sum(padded[:, i : i + power.shape[1]] for i in range(5)) / 5)


def _spectra(wav: NDArray[np.float32]) -> NDArray[np.complex128]:
    """Short spectra [frames, F] of [T], from half a frame before it to half a frame after."""
    window = np.hanning(FRAME + 1)[:-1]
    padded = np.pad(wav, (FRAME, FRAME + -len(wav) % HOP))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP]
    return np.asarray(np.fft.rfft(frames * window, axis=1))


def _sound(spectra: NDArray[np.complex128], num_samples: int) -> Wav:
    """The sound [T] of short spectra; windows of a quarter's hop add up to 3/2 once squared."""
    frames = np.fft.irfft(spectra, FRAME, axis=1) * (np.hanning(FRAME + 1)[:-1] / 1.5)
    wav = np.zeros(len(frames) * HOP + FRAME, np.float32)
    for index, frame in enumerate(frames):
        wav[index * HOP : index * HOP + FRAME] += frame.astype(np.float32)
    return wav[FRAME : FRAME + num_samples]
