"""Instant sound: events of a reference, or of a struck and scraped model, laid along an envelope.

    wav = lay(envelope, reference=hit)         # [C, T], the reference's own channels
    wav = lay(envelope, sound="wood")          # [1, T], see folai.preview.materials.MATERIALS

At each onset one event, its attack on the onset to the sample and its level that of the envelope.
What the envelope asks for beyond the events (scraping, rolling) is filled by granular overlap-add
(Roads, "Microsound", 2001), and one smooth gain then draws the whole to the envelope.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from folai.envelope import Envelope
from folai.envelope.lone_hits import lone_hits
from folai.envelope.rms import WINDOW, centred_rms
from folai.preview.events import ATTACK, Event, cut_events, event_level
from folai.preview.kit import SAMPLE_RATE, Kit, make_kit
from folai.preview.plan import PlannedHit, Score, lone_of, plan_hits, score_of, spans
from folai.progress import Progress, part_of

Wav = NDArray[np.float32]
Curve = NDArray[np.float64]

_CEILING = 0.99  # highest sample of the result
_SETTLED = 0.05  # seconds from the gain of an attack to that of what follows
_DAMPED = 0.08  # seconds in which a sound that rings is damped as the next begins
_GAINS_AT_ONCE = 1 << 18  # samples, to bound the memory


def lay(
    envelope: Envelope,
    *,
    reference: ArrayLike | None = None,
    sound: str | None = None,
    sample_rate: int = SAMPLE_RATE,
    seed: int = 0,
) -> Wav:
    """The soundtrack [C, T] that follows `envelope`, T = round(duration * sample_rate).

    `reference` is sound [T] or [C, T] at `sample_rate`; `sound` names a built-in material instead.
    The envelope's values are RMS re full scale; where that would clip, the whole is scaled down.
    Anything quieter than the envelope's own floor, or 50 dB below its peak, stays silent.

    Raises ValueError without exactly one of the two, for an unknown name, and for a reference that
    is shorter than 50 ms, silent or not finite.
    """
    kit = make_kit(reference=reference, sound=sound, sample_rate=sample_rate, seed=seed)
    return lay_kit(envelope, kit)


def lay_kit(
    envelope: Envelope, kit: Kit, progress: Progress | None = None, *, tails: str = "envelope"
) -> Wav:
    """As `lay` with what `kit` was made of: the same sound, and faster when a kit is kept.

    progress: is told what share is laid, 0 to 1; what it raises stops the work. tails: "natural"
    lets a hit that is alone die away as its event does, "envelope" as the envelope does.
    Settings of single hits are obeyed: `folai.envelope.hits`.
    """
    rng, sample_rate = deepcopy(kit.rng), kit.sample_rate
    heard = envelope.leveled()
    score = score_of(heard, sample_rate, lone_hits(heard) if tails == "natural" else [])
    wav = np.zeros((kit.texture.shape[0], round(envelope.duration * sample_rate)), np.float32)
    if score.target.any() and wav.size:
        plan = plan_hits(envelope, kit, score, rng)
        score = replace(score, lone=lone_of(score.lone, plan, kit))
        _lay_events(wav, kit, plan, sample_rate, part_of(progress, 0, 2))
        _pull(wav, score, lowest=0.001, highest=4.0)
        _lay_grains(wav, kit.texture, score, rng, part_of(progress, 1, 2))
        _pull(wav, score, lowest=0.25, highest=4.0)
        if kit.choose is not None:
            _level_attacks(wav, score)
        wav *= min(1.0, _CEILING / max(float(wav.max()), -float(wav.min()), 1e-9))
    return wav


@dataclass(frozen=True)
class Sketch:
    """The preview's sound of each take, for a model that starts from it instead of from noise."""

    envelope: Envelope
    reference: Wav | None  # [C, T] at `sample_rate`
    sound: str  # a built-in sound, where there is no reference
    sample_rate: int  # Hz

    def __call__(self, seed: int) -> Wav:
        """The sound [C, T] of the take with this seed."""
        sound = self.sound if self._events is None else None
        kit = make_kit(events=self._events, sound=sound, sample_rate=self.sample_rate, seed=seed)
        return lay_kit(self.envelope, kit)

    @cached_property
    def _events(self) -> list[Event] | None:
        """Cut once for all takes."""
        return None if self.reference is None else cut_events(self.reference, self.sample_rate)


# Laying it along the envelope


def _lay_events(
    wav: Wav, kit: Kit, plan: list[PlannedHit], sample_rate: int, progress: Progress
) -> None:
    """Adds one event at each onset to `wav`, [C, T]."""
    for index, hit in enumerate(plan):
        progress(index / len(plan))
        samples, lead = _vary(kit.events[hit.event], hit, sample_rate)
        samples *= hit.peak / max(event_level(samples, lead, sample_rate), 1e-9)
        _add(wav, samples, round(hit.onset * sample_rate) - lead)


def _vary(event: Event, hit: PlannedHit, sample_rate: int) -> tuple[Wav, int]:
    """The event as a new take, [C, T], and the sample of its onset: other pitch, other colour.

    Both in the spectrum: a shelf that tilts from 500 Hz to 8 kHz, and band-limited resampling by an
    inverse transform of other length.
    """
    from scipy.fft import irfft, rfft  # here: SciPy takes as long to load as a laying

    padded, length = _fast_lengths(event.samples.shape[1], hit.stretch)
    spectrum = rfft(event.samples, padded)
    hertz = np.arange(spectrum.shape[1]) * (sample_rate / padded)
    octaves = np.log2(np.maximum(hertz, 1) / 500)
    spectrum *= (10 ** (hit.tilt_db / 20 * np.clip(octaves / 4, 0, 1))).astype(np.float32)
    samples = irfft(spectrum, length) * np.float32(length / padded)
    length_out = round(event.samples.shape[1] * length / padded)
    return np.asarray(samples[:, :length_out], np.float32), round(event.onset * length / padded)


def _fast_lengths(num_samples: int, stretch: float) -> tuple[int, int]:
    """Two lengths of transforms, the first at least `num_samples`, of which the ratio is `stretch`.

    Both have no prime factor above 7: a transform of any length takes up to ten times as long.
    """
    fast = _smooth_numbers()
    first = fast[np.searchsorted(fast, max(16, num_samples)) :][:16]
    second = fast[np.searchsorted(fast, first * stretch)]
    best = int(np.argmin(np.abs(second / first - stretch)))
    return int(first[best]), int(second[best])


@cache
def _smooth_numbers(limit: int = 1 << 32) -> NDArray[np.int64]:
    """Every whole number below `limit` without a prime factor above 7, sorted."""
    numbers = np.ones(1, np.int64)
    for prime in (2, 3, 5, 7):
        powers = prime ** np.arange(int(np.log(limit) / np.log(prime)) + 1, dtype=np.int64)
        numbers = np.outer(numbers, powers).ravel()
        numbers = numbers[numbers < limit]
    return np.sort(numbers)


def _add(wav: Wav, samples: Wav, start: int) -> None:
    """Adds `samples` [C, n] to `wav` [C, T] from sample `start`; what lies outside is dropped."""
    first, stop = max(0, start), min(wav.shape[1], start + samples.shape[1])
    if first < stop:
        wav[:, first:stop] += samples[:, first - start : stop - start]


def _pull(wav: Wav, score: Score, *, lowest: float, highest: float) -> None:
    """Scales `wav` [C, T] toward the target RMS, smoothly and within the two limits."""
    measured = centred_rms(wav, score.sample_rate, score.rate)
    gain = np.clip(score.target / np.maximum(measured, 1e-9), lowest, highest)
    gain = np.convolve(np.pad(gain, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    _scale(wav, _let_ring(_hold(np.where(score.target > 0, gain, 0.0), score), score), score)


def _level_attacks(wav: Wav, score: Score) -> None:
    """Brings the loudest moment of each attack to what is asked for; what follows stays.

    `_pull` gives an attack the gain of what comes after it. Where a recording dies away faster than
    is asked for, that raises the attack, too.
    """
    measured = centred_rms(wav, score.sample_rate, score.rate)
    gain = np.ones(measured.size)
    fade = max(2, round(_SETTLED * score.rate))
    for (onset, peak, _), following in zip(
        spans(score), [*(span[0] for span in spans(score)[1:]), np.inf], strict=True
    ):
        first = max(0, math.ceil(onset * score.rate - 0.5))
        stop = max(first + 2, round(min(following - WINDOW / 2, onset + ATTACK) * score.rate))
        ratio = peak / max(float(measured[first:stop].max(initial=0.0)), 1e-9)
        ratio = min(max(ratio, 0.25), 4.0)
        gain[first:stop] = ratio
        after = gain[stop : stop + fade]
        after[:] = np.linspace(ratio, 1, fade)[: after.size]
    _scale(wav, gain, score)


def _scale(wav: Wav, gain: Curve, score: Score) -> None:
    """Multiplies `wav` [C, T] by a gain for each frame."""
    frames = np.arange(gain.size)
    for first in range(0, wav.shape[1], 1 << 18):  # some seconds at a time, to bound the memory
        part = wav[:, first : first + (1 << 18)]
        at = (first + np.arange(part.shape[1])) * (score.rate / score.sample_rate)
        part *= np.interp(at, frames, gain).astype(np.float32)


def _hold(curve: Curve, score: Score) -> Curve:
    """Leaves attacks whole: [T] with its values near each onset replaced by those further away.

    A centred window rises before the sound does. What plays until the onset keeps the value from
    before the window touched it, and the attack takes the value where the window has left it.
    """
    source = np.arange(curve.size)
    for onset in score.onsets * score.rate:
        reach = WINDOW / 2 * score.rate
        first, middle, last = np.ceil([onset - reach, onset - 0.5, onset + reach]).astype(int)
        source[max(first, 0) : max(middle, 0)] = max(first - 1, 0)
        source[max(middle, 0) : last] = min(last, curve.size - 1)
    return curve[source]


def _let_ring(gain: Curve, score: Score) -> Curve:
    """The gain [T] with which a lone hit begins stays while it rings, then fades to the rest."""
    gain = gain.copy()
    fade = max(2, round(_DAMPED * score.rate))
    for hit in score.lone:
        first, last = round(hit.onset * score.rate) + 1, int(hit.stop * score.rate)
        held = gain[min(first, gain.size - 1)]
        after = gain[last : last + fade].copy()
        gain[first:last] = held
        share = np.linspace(1, 0, fade)[: after.size]
        gain[last : last + fade] = held * share + after * (1 - share)
    return gain


def _missing(wav: Wav, score: Score) -> Curve:
    """RMS [frames] that is asked for but not there yet, where that lasts longer than 60 ms.

    An opening (the lowest within 60 ms, then the highest of those) takes out what is briefer: the
    small misfits of attacks, which grains would smear.
    """
    measured = centred_rms(wav, score.sample_rate, score.rate).astype(np.float64)
    power = np.maximum(score.target**2 - measured**2, 0.0)
    width = max(3, round(0.06 * score.rate)) | 1
    lasting = _sliding(_sliding(power, width).min(axis=1), width).max(axis=1)
    level = _hold(_scraping(score) * np.sqrt(np.minimum(lasting, power)), score)
    for hit in score.lone:  # what is quieter than the curve there is the sound's own decay
        level[round(hit.onset * score.rate) : int(hit.stop * score.rate)] = 0
    return level


def _scraping(score: Score) -> Curve:
    """How far each frame may be filled by grains, 0 to 1, [frames].

    The tail of a hit, 14 to 24 dB below the loudest moment of the last 0.4 s, fades to 0: there it
    is the room that rings on, and nothing scrapes.
    """
    history = np.pad(score.target, (round(0.4 * score.rate), 0))
    recent = np.lib.stride_tricks.sliding_window_view(
        history, history.size - score.target.size + 1
    ).max(axis=1)
    below_db = 20 * np.log10(np.maximum(score.target, 1e-9) / np.maximum(recent, 1e-9))
    return np.asarray(np.clip((below_db + 24) / 10, 0, 1))


def _sliding(curve: Curve, width: int) -> Curve:
    """The `width` (odd) values around each one, [T, width]."""
    padded = np.pad(curve, width // 2, mode="edge")
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, width))


def _lay_grains(wav: Wav, texture: Wav, score: Score, rng: Generator, progress: Progress) -> None:
    """Adds grains of 40 to 120 ms from `texture` [C, t] to `wav` [C, T] where it is too quiet.

    Four Hann windows overlap. Grains from different places add in power, and a squared Hann window
    has a mean of 3/8: the sum is divided by sqrt(4 * 3/8).
    """
    level = _missing(wav, score)
    start, heard, gain = -round(0.12 * score.sample_rate), 0, np.zeros(0, np.float32)
    while start < wav.shape[1]:
        progress(max(0, start) / wav.shape[1])
        seconds = rng.uniform(0.04, 0.12)
        length = min(round(seconds * score.sample_rate), texture.shape[1])
        source = int(rng.integers(0, texture.shape[1] - length + 1))
        first, last = (int(at * score.rate / score.sample_rate) for at in (start, start + length))
        if level[max(first, 0) : last + 2].any():
            if not gain.size or start + length > heard + gain.size:
                heard, gain = start, _gains(level, score, start, length + _GAINS_AT_ONCE)
            window = _hann(length) * gain[start - heard :][:length]
            _add(wav, texture[:, source : source + length] * window, start)
        start += max(length // 4, 1)


def _gains(level: Curve, score: Score, start: int, count: int) -> Wav:
    """The gain [count] of grains at each sample from `start` on, for a level [frames]."""
    at = (start + np.arange(count)) * (score.rate / score.sample_rate)
    gains = np.interp(at, np.arange(level.size), level) / np.sqrt(1.5)
    return np.asarray(gains, np.float32)


def _hann(length: int) -> Wav:
    """A Hann window [length], read from a long one: cosines take three times as long."""
    places = np.arange(length) * ((_HANN.size - 1) / max(length - 1, 1))
    return _HANN[places.astype(np.intp)]


_HANN = np.hanning(1 << 15).astype(np.float32)
