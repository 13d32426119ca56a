"""Ringing things ring: modes of a struck thing, set ringing by the attacks of a take.

A sound model whose latents are levels of bands cannot say where in a band a tone is. A thing that
rings is therefore heard twice: its attack is the model's, and from there on its modes sound, each
a sine that dies away on its own (van den Doel & Pai, Presence 1998). The modes are found in a
recording of the thing; phase and balance of each ringing come from the attack that excites it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.lone_hits import LoneHit, lone_hits
from folai.envelope.rms import FRAME_RATE, centred_rms
from folai.metrics.tonality import FALL, LOWEST, partials
from folai.preview.events import BLOW, Event

Wav = NDArray[np.float32]
Floats = NDArray[np.float64]

MOST = 24  # modes
SHORTEST = 0.08  # seconds to the next onset from which a hit is heard to ring
WHILE = (0.03, 0.25)  # seconds after the onset in which what rings is told from what does not
RINGS_SHARE, RINGS_FOR = 0.4, 0.09  # of the energy there; seconds to fall 20 dB: else it is no bell
EXCITING = 0.025  # seconds of an attack that excite
BALANCE = 2.0  # times that one attack raises or lowers a mode at most
TAKEN_OVER = (0.010, 0.045)  # seconds after the onset in which the modes take over
LEFT = 0.5  # power of the share of energy that does not ring: what is left of the take beside it
DAMPED = 0.08  # seconds in which a ringing ends when the next sound comes
SILENT_DB = 70.0  # below its beginning, at which a mode is no longer computed


@dataclass(frozen=True, eq=False)
class Modes:
    """The modes of one thing, `gains` re the highest RMS over 32 ms of a blow."""

    frequencies: Floats  # [K] Hz
    decays: Floats  # [K] nepers/s
    gains: Floats  # [K]
    share: float  # of the energy that rings, 0 to 1


def find_modes(events: list[Event], sample_rate: int) -> Modes | None:
    """Those of the event that rings most; None where nothing rings."""
    struck = sorted(events, key=lambda event: -event.level)
    found = [modes for event in struck[:3] if (modes := _modes_of(event, sample_rate)) is not None]
    return max(found, key=lambda modes: modes.share, default=None)


def _modes_of(event: Event, sample_rate: int) -> Modes | None:
    wav = event.samples[:, event.onset :].mean(axis=0).astype(np.float64)
    if centred_rms(wav, sample_rate).argmax() > BLOW * FRAME_RATE:
        return None  # rubbed: it does not ring on
    wav = np.pad(wav, (0, round(WHILE[1] * sample_rate)))  # for spectra of what is short
    found = [p for p in partials(wav, sample_rate, MOST) if np.isfinite(p.decay) and p.decay > 0.02]
    if not found:
        return None
    strongest = [partial.decay for partial in found[:8]]
    frequencies = np.array([partial.frequency for partial in found])
    share = _share(wav, sample_rate, frequencies)
    if share < RINGS_SHARE or np.median(strongest) < RINGS_FOR:
        return None
    decays = np.array([np.log(10) * FALL / 20 / partial.decay for partial in found])
    gains = np.array([partial.amplitude for partial in found]) / event.level
    return Modes(frequencies, decays, gains, share)


def _share(wav: Floats, sample_rate: int, frequencies: Floats) -> float:
    """How much of the energy of [T], while it rings, lies within 20 Hz of these frequencies."""
    part = wav[round(WHILE[0] * sample_rate) : round(WHILE[1] * sample_rate)]
    if part.size < round(0.03 * sample_rate):
        return 0.0
    power = np.abs(np.fft.rfft(part * np.hanning(part.size))) ** 2
    hertz = np.fft.rfftfreq(part.size, 1 / sample_rate)
    width = max(20.0, 3 * sample_rate / part.size)
    near = (np.abs(hertz[:, None] - frequencies) < width).any(axis=1)
    power[hertz < LOWEST] = 0.0  # rumble is heard beside the tones, not in their place
    return float(power[near].sum() / max(power.sum(), 1e-20))


def ring(wav: Wav, sample_rate: int, envelope: Envelope, modes: Modes) -> Wav:
    """[C, T] with the modes ringing after each hit, until the next sound."""
    wav = wav.copy()
    for hit in lone_hits(envelope, SHORTEST):
        first = max(0, round(hit.onset * sample_rate))
        if first < wav.shape[1]:
            _ring_from(wav, first, hit, sample_rate, modes)
    return wav


def _ring_from(wav: Wav, first: int, hit: LoneHit, sample_rate: int, modes: Modes) -> None:
    """Sets the modes ringing at sample `first`, in place; what was there sinks to what does not."""
    attack = wav[:, first : first + round(EXCITING * sample_rate)].mean(axis=0).astype(np.float64)
    level = float(centred_rms(wav[:, first : first + sample_rate // 10], sample_rate, 500.0).max())
    if attack.size < 16 or level < 1e-5:
        return
    lasting = SILENT_DB / 20 * np.log(10) / float(modes.decays.min())
    seconds = min(lasting, hit.stop - hit.onset + DAMPED)
    stop = min(wav.shape[1], first + round(seconds * sample_rate))
    t = np.arange(stop - first) / sample_rate
    gains, phases = _excited(attack, sample_rate, modes)
    tones = level * _tones(modes, gains, phases, stop - first, sample_rate)
    begin, over = TAKEN_OVER
    damping = np.clip((hit.stop + DAMPED - hit.onset - t) / DAMPED, 0, 1)
    left = max(0.0, 1 - modes.share) ** LEFT
    sinking = 1 - (1 - left) * _ease((t - begin) / (over - begin)) * damping
    tones *= np.minimum(t / 0.002, 1) * damping
    wav[:, first:stop] = wav[:, first:stop] * sinking.astype(np.float32) + tones.astype(np.float32)


def _excited(attack: Floats, sample_rate: int, modes: Modes) -> tuple[Floats, Floats]:
    """(gains [K], phases [K]) of the modes, as an attack [T] sets them ringing.

    The balance of a recording is kept but for what makes one blow differ from the next: how much
    more of a mode's frequency is in the attack than of its neighbours'.
    """
    faded = attack * np.cos(np.linspace(0, np.pi / 2, attack.size))
    t = np.arange(attack.size) / sample_rate
    near = modes.frequencies[:, None] * np.linspace(0.85, 1.15, 13)  # [K, 13]
    turning = np.exp(-2j * np.pi * near[..., None] * t)  # [K, 13, T]
    answers = turning @ faded
    here, around = answers[:, 6], np.sqrt(np.mean(np.abs(answers) ** 2, axis=1))
    balance = np.clip(np.abs(here) / np.maximum(around, 1e-12), 1 / BALANCE, BALANCE)
    return modes.gains * balance, np.angle(here)


def _tones(
    modes: Modes, gains: Floats, phases: Floats, num_samples: int, sample_rate: int
) -> Floats:
    """sum_k gains_k exp(-decays_k t) cos(2 pi frequencies_k t + phases_k), [T].

    As `folai.preview.impacts` has it: a factor of the block and one of the place in it.
    """
    block = 512
    rate = (2j * np.pi * modes.frequencies - modes.decays) / sample_rate
    starts = np.exp(rate * block * np.arange(-(-num_samples // block))[:, None])
    starts = starts * (gains * np.exp(1j * phases))
    within = np.exp(rate[:, None] * np.arange(block))
    tones = (starts.astype(np.complex64) @ within.astype(np.complex64)).real
    return np.asarray(tones.reshape(-1)[:num_samples], np.float64)


def _ease(share: Floats) -> Floats:
    """0 to 1 as a raised cosine over [0, 1]."""
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1)))
