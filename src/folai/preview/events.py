"""Cuts a sound into its events: where each begins, to the sample, how loud it is, how it dies.

Also finds the steady part of a sound, from which grains of any length can be taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from folai.envelope.rms import WINDOW, centred_rms

Wav = NDArray[np.float32]
Curve = NDArray[np.float64]

_STEP = 0.001  # seconds between the power values by which a reference is cut
_PRE_ROLL = 0.002  # seconds kept before an event's onset
ATTACK = 0.06  # seconds after an onset within which its peak level lies
BLOW = 0.2  # seconds in which a blow is loudest; what swells longer is rubbed
LASTING, FALLEN = 1.0, 0.3  # seconds from which on what has not fallen to this share goes on


@dataclass(frozen=True)
class Event:
    """One sounding event. `samples` is [C, T]; the attack begins at sample `onset` of it.

    `level` is the highest RMS over 32 ms after the onset, `decay` the seconds until the sound is
    20 dB below it; `is_sustained` says that the sound holds on rather than dies away. `start` is
    where its attack was in the sound that it was cut from, seconds.
    """

    samples: Wav
    onset: int
    level: float
    decay: float
    is_sustained: bool
    start: float = 0.0


def cut_events(reference: ArrayLike, sample_rate: int) -> list[Event]:
    """The events of a sound [T] or [C, T], in order; the whole as one where nothing begins anew.

    Raises ValueError for a sound that is shorter than 50 ms, silent or not finite.
    """
    wav = check_reference(reference, sample_rate)
    power = _steps(wav, sample_rate)
    quiet = max(2 * min(float(np.percentile(power, 10)), 1e-3 * power.max()), 1e-5 * power.max())
    starts = _starts(power, quiet)
    onsets = [_attack_sample(wav, start, sample_rate) for start in starts]
    if not onsets:  # nothing begins anew: it begins where it is first as loud as it stays
        onsets = [int(np.argmax(power > 0.1 * power.max())) * round(_STEP * sample_rate)]
    return [
        _cut(wav, onset, following, quiet, sample_rate)
        for onset, following in zip(onsets, [*onsets[1:], wav.shape[1]], strict=True)
    ]


def check_reference(reference: ArrayLike, sample_rate: int) -> Wav:
    """The reference as [C, T]. Raises ValueError as `cut_events`."""
    wav = np.atleast_2d(np.asarray(reference, dtype=np.float32))
    if wav.ndim != 2 or wav.shape[0] > 32:
        raise ValueError(f"a reference of shape {wav.shape} is not sound: give [T] or [C, T]")
    seconds = wav.shape[1] / sample_rate
    if seconds < 0.05:
        raise ValueError(f"the reference lasts {1000 * seconds:.0f} ms: give at least 50 ms")
    if not np.isfinite(wav).all():
        raise ValueError("the reference holds NaN or infinite samples: repair or re-export it")
    if np.abs(wav).max() < 1e-4:
        raise ValueError("the reference is silent (below -80 dB): give a sound that can be heard")
    return wav


def _steps(wav: Wav, sample_rate: int) -> Curve:
    """Mean power in steps of 1 ms [T / step], over all channels."""
    step = round(_STEP * sample_rate)
    whole = wav[:, : wav.shape[1] // step * step].reshape(wav.shape[0], -1, step)
    return np.asarray(np.mean(whole.astype(np.float64) ** 2, axis=(0, 2)))


def _starts(power: Curve, quiet: float) -> list[int]:
    """Steps at which the power of the next 8 ms stands 8 dB above that of the last 24 ms.

    Such a rise counts where it is the steepest within 40 ms on either side, and where what follows
    comes within 20 dB of the loudest moment of all: below that lie echoes and handling noise.
    """
    total = np.cumsum(np.concatenate([np.zeros(25), power, np.zeros(8)]))
    i = np.arange(power.size) + 24
    ahead = (total[i + 8] - total[i]) / 8 + quiet
    behind = (total[i] - total[i - 24]) / 24 + quiet
    rise = ahead / behind
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(rise, 40), 81)
    steepest = rise >= windows.max(axis=1)
    loud = ahead > 0.01 * ahead.max()
    return [int(start) for start in np.flatnonzero(steepest & loud & (rise > 10**0.8))]


def _attack_sample(wav: Wav, start: int, sample_rate: int) -> int:
    """The sample at which the attack found near step `start` reaches -8 dB of its first peak, and
    stands out of what came before."""
    step = round(_STEP * sample_rate)
    first = max(0, (start - 6) * step)
    attack = np.abs(wav[:, first : (start + 16) * step]).max(axis=0)
    before = np.abs(wav[:, max(0, first - 24 * step) : first]).max(initial=0.0)
    threshold = min(max(0.4 * attack.max(), 1.2 * before), 0.7 * attack.max())
    return first + int(np.argmax(attack >= threshold))


def _cut(wav: Wav, onset: int, following: int, quiet: float, sample_rate: int) -> Event:
    """The event from just before `onset` until it has died away or the `following` one begins."""
    lead = round(_PRE_ROLL * sample_rate)
    until = max(onset + 2 * lead, following - lead)
    power = _steps(wav[:, onset:until], sample_rate)
    heard = np.flatnonzero(power > quiet)
    length = (int(heard[-1]) + 1 if heard.size else 1) * round(_STEP * sample_rate)
    end = min(until, onset + max(length, 10 * lead))
    start = max(0, onset - lead)
    samples = _faded(wav[:, start:end], onset - start, 4 * lead)
    return measure_event(samples, onset - start, sample_rate, start=onset / sample_rate)


def measure_event(samples: Wav, onset: int, sample_rate: int, *, start: float = 0.0) -> Event:
    """Measures the level and decay of a cut or computed sound [C, T]."""
    level = event_level(samples, onset, sample_rate)
    curve = centred_rms(samples[:, onset:], sample_rate, 200.0)
    top = int(np.argmax(curve))
    below = np.flatnonzero(curve[top:] < 0.1 * curve[top])
    decay = (below[0] if below.size else curve.size - top) / 200.0
    early = curve[20:60]  # 100 to 300 ms
    is_sustained = early.size >= 20 and bool(np.median(early) > 0.3 * curve[top])
    return Event(samples, onset, level, float(max(decay, 0.005)), is_sustained, start)


def goes_on(event: Event, sample_rate: int) -> bool:
    """Whether it lasts and does not die away, such as rain: nothing in it says when it ends."""
    curve = centred_rms(event.samples[:, event.onset :], sample_rate, 200.0)
    last = curve[-max(1, curve.size // 10) :]
    return curve.size >= LASTING * 200 and float(last.mean()) > FALLEN * float(curve.max())


def event_level(samples: Wav, onset: int, sample_rate: int) -> float:
    """The highest RMS over 32 ms that is centred within 60 ms after the onset."""
    stop = onset + round((ATTACK + WINDOW / 2) * sample_rate)
    return float(centred_rms(samples[:, onset:stop], sample_rate, 500.0).max())


def _faded(wav: Wav, rise: int, fall: int) -> Wav:
    """A copy [C, T] that fades in over `rise` samples and out over `fall`."""
    wav = wav.copy()
    rise, fall = min(rise, wav.shape[1] // 2), min(fall, wav.shape[1] // 2)
    wav[:, :rise] *= np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    wav[:, wav.shape[1] - fall :] *= np.linspace(1, 0, fall, dtype=np.float32)
    return wav


def steady_texture(events: list[Event], sample_rate: int) -> Wav:
    """The steady part of a reference, [C, T], flattened to an RMS of 1, at most about 20 s.

    Sustained events give it, else the decays: from 15 ms after an onset, past the attack, down to
    30 dB below the peak, where the room takes over. Sounds too short for that give all they have.
    """
    steady = [event for event in events if event.is_sustained] or events
    skip = round(0.015 * sample_rate)
    pieces: list[Wav] = []
    for event in steady:
        piece = event.samples[:, event.onset + skip :]
        rms = centred_rms(piece, sample_rate, 200.0) if piece.size else np.zeros(1)
        length = int(np.count_nonzero(rms > 0.03 * event.level)) * sample_rate // 200
        if length > skip and sum(piece.shape[1] for piece in pieces) < 20 * sample_rate:
            pieces.append(piece[:, :length])
    pieces = pieces or [event.samples for event in steady]
    fade = round(0.003 * sample_rate)
    return np.concatenate([_faded(_flat(p, sample_rate), fade, fade) for p in pieces], axis=1)


def _flat(wav: Wav, sample_rate: int) -> Wav:
    """Divides [C, T] by its own RMS, so that a decay becomes a steady sound of RMS 1."""
    rms = centred_rms(wav, sample_rate, 200.0, window=0.02)
    rms = np.maximum(rms, 0.03 * rms.max())
    at = np.arange(wav.shape[1]) * (200.0 / sample_rate)
    return np.asarray(wav / np.interp(at, np.arange(rms.size), rms), np.float32)
