"""Training examples of the sound model: what should sound, and another part of the same to go by.

Recordings give windows of their own, whole or of the parts in which one thing sounds. Single events
of one label and origin are laid in rhythms or at random, at levels that vary, with the reference
made of others of them. Colour, pitch and room are then changed in target and reference alike, so
that what they have in common is worth copying.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor

from folai.data.material import MODELLED, SAMPLES, Material
from folai.diffusion.conditioning import LEVEL
from folai.diffusion.vocabulary import ALL, MAX_WORDS, numbers_of, words_of_label
from folai.models.autoencoder import Autoencoder

Floats = NDArray[np.float32]

LENGTHS = (2.0, 3.0, 4.0, 6.0)  # seconds of a target
REFERENCES = (44, 88, 172, 300, 432)  # latent frames of a reference
BESIDE = 30  # latent frames of a recording from which a reference can be taken
LONG = 3.0  # seconds from which a recording is used as it is, not as an event
SHARES = {"clips": 0.22, "parts": 0.2, "events": 0.32, "long": 0.1, "modelled": 0.16}
CONDITIONS = {(True, False): 0.28, (True, True): 0.22, (False, True): 0.4, (False, False): 0.1}
"""(reference, words): share of examples that have them."""
SPOKEN_SHARE = 0.75  # of the known words, at least one: a prompt is rarely complete
RECOLOURED, MOVED, ROOMED = 0.7, 0.5, 0.5  # shares that get another colour, pitch, room


@dataclass(frozen=True)
class Batch:
    """latents, reference: [B, C, T]. is_given: [B] of references. words: [B, K] numbers.
    envelope: [B, SAMPLES * T], RMS over LEVEL. duration: seconds."""

    latents: Tensor
    reference: Tensor
    is_given: Tensor
    words: Tensor
    envelope: Tensor
    duration: float

    def to(self, device: torch.device) -> Batch:
        return Batch(
            self.latents.to(device),
            self.reference.to(device),
            self.is_given.to(device),
            self.words.to(device),
            self.envelope.to(device),
            self.duration,
        )


@dataclass
class Part:
    """Some seconds of sound in the making: power [C, F] above silence, curve [SAMPLES * F]."""

    power: Floats
    curve: Floats

    @classmethod
    def silent(cls, channels: int, num_frames: int) -> Part:
        return cls(
            np.zeros((channels, num_frames), np.float32), np.zeros(SAMPLES * num_frames, np.float32)
        )

    def add(self, levels: NDArray[np.float16], curve: Floats, at: int, gain_db: float) -> None:
        """Adds levels [C, f] from frame `at`; what lies outside is dropped."""
        first, stop = max(0, at), min(self.power.shape[1], at + levels.shape[1])
        if first >= stop:
            return
        gain = np.float32(10 ** (gain_db / 10))
        cut = slice(first - at, stop - at)
        self.power[:, first:stop] += gain * power_of(levels[:, cut])
        self.curve[SAMPLES * first : SAMPLES * stop] += (
            gain * curve[SAMPLES * cut.start : SAMPLES * cut.stop]
        )

    def filtered(self, gains: Floats) -> Part:
        """Bands [C] amplified by `gains`, the curve by what that does to the whole."""
        power = self.power * gains[:, None]
        change = (power.sum(0) + 1e-9) / (self.power.sum(0) + 1e-9)
        frames = np.arange(len(self.curve)) / SAMPLES
        return Part(power, self.curve * np.interp(frames, np.arange(len(change)), change))

    def at_level(self, level: float) -> Part:
        """The highest RMS brought to `level`."""
        gain = np.float32(level**2 / max(float(self.curve.max()), 1e-12))
        return Part(self.power * gain, self.curve * gain)


class Sequences:
    """Makes batches from material. The same generator makes the same batches."""

    def __init__(self, material: Sequence[Material], autoencoder: Autoencoder) -> None:
        self.rate = autoencoder.config.frame_rate
        self.floor = 10 ** (autoencoder.config.floor_db / 10)
        self.mean = autoencoder.band_mean.cpu().numpy()
        self.std = autoencoder.band_std.cpu().numpy()
        self.channels = autoencoder.latent_channels
        long = LONG * self.rate
        self.clips = [m for m in material if m.label == "" and m.num_frames > 1.5 * self.rate]
        recorded = [m for m in material if m.label and not m.origin.startswith(MODELLED)]
        self.long = _by_label(m for m in recorded if m.num_frames >= long)
        joined = (part for clip in self.clips for part in _joined_parts(clip))
        self.parts = _by_label(part for part in joined if part.num_frames > 1.5 * self.rate)
        self.pools = _pools([m for m in recorded if m.num_frames < 1.5 * long])
        self.modelled = _pools([m for m in material if m.origin.startswith(MODELLED)])
        self.noise = _noise_levels(autoencoder)
        kinds = {
            "clips": self.clips,
            "parts": self.parts,
            "events": self.pools,
            "long": self.long,
            "modelled": self.modelled,
        }
        shares = np.array([SHARES[kind] if kinds[kind] else 0.0 for kind in kinds])
        if not shares.any():
            raise ValueError("nothing to train on: no sound is long enough or has a label")
        self.kinds, self.shares = tuple(kinds), shares / shares.sum()

    def batches(self, seconds: float, rng: Generator) -> Iterator[Batch]:
        """Without end; each holds about `seconds` of targets, all of one length."""
        while True:
            duration = float(rng.choice(LENGTHS))
            frames = 2 * round(duration * self.rate / 2)
            reference_frames = int(rng.choice(REFERENCES))
            count = max(1, round(seconds / duration))
            yield self.batch(count, frames, reference_frames, rng)

    def batch(self, count: int, frames: int, reference_frames: int, rng: Generator) -> Batch:
        latents, references, is_given, words, envelopes = [], [], [], [], []
        for _ in range(count):
            drawn = rng.choice(len(CONDITIONS), p=list(CONDITIONS.values()))
            has_reference, has_words = list(CONDITIONS)[drawn]
            target, reference, known = self.example(
                frames, reference_frames, rng, shown=has_reference
            )
            latents.append(self._latents(target))
            references.append(self._latents(reference))
            envelopes.append(np.sqrt(target.curve) / LEVEL)
            is_given.append(has_reference or (has_words and not known))
            words.append(numbers_of(_some_of(known, rng)[:MAX_WORDS] if has_words else (), ALL))
        return Batch(
            torch.from_numpy(np.stack(latents)),
            torch.from_numpy(np.stack(references)),
            torch.tensor(is_given),
            torch.tensor(words),
            torch.from_numpy(np.stack(envelopes).astype(np.float32)),
            frames / self.rate,
        )

    def example(
        self, frames: int, reference_frames: int, rng: Generator, *, shown: bool = True
    ) -> tuple[Part, Part, tuple[str, ...]]:
        """(target, reference, words), both at the level of training.

        Only what has a reference to show it (`shown`) is given another colour, pitch and room:
        words alone should mean what they mean.
        """
        kind = rng.choice(self.kinds, p=self.shares)
        if kind == "clips":
            weights = np.array([min(m.num_frames, 40 * self.rate) for m in self.clips])
            clip = self.clips[rng.choice(len(self.clips), p=weights / weights.sum())]
            target, reference, words = self._windows(clip, frames, reference_frames, rng)
        elif kind in ("long", "parts"):
            labels = self.long if kind == "long" else self.parts
            like = labels[rng.choice(list(labels))]
            clip = like[rng.integers(len(like))]
            target, reference, words = self._windows(clip, frames, reference_frames, rng)
        else:
            pools = self.pools if kind == "events" else self.modelled
            counts = np.sqrt([sum(map(len, pools[label])) for label in pools])
            label = rng.choice(list(pools), p=counts / counts.sum())
            pool = pools[label][rng.integers(len(pools[label]))]
            target, reference = self._laid(pool, frames, reference_frames, rng)
            words = words_of_label(str(label))
        if shown:
            target, reference = self._changed(target, reference, rng)
        quieter = rng.uniform(0, 15) if rng.random() < 0.3 else 0.0
        return target.at_level(LEVEL * 10 ** (-quieter / 20)), reference.at_level(LEVEL), words

    def _latents(self, part: Part) -> Floats:
        levels = 10 * np.log10(part.power + self.floor)
        return np.asarray((levels - self.mean) / self.std, np.float32)

    # Targets and references

    def _windows(
        self, clip: Material, frames: int, reference_frames: int, rng: Generator
    ) -> tuple[Part, Part, tuple[str, ...]]:
        """Two windows of one recording, apart where it is long enough."""
        start = _loud_place(clip, 0, clip.num_frames, frames, rng)
        target, stop = self._cut(clip, start, frames), start + frames
        words = words_of_label(clip.label) if clip.label else _sounding(clip, start, stop)
        sides = [(a, b) for a, b in ((0, start), (stop, clip.num_frames)) if b - a >= BESIDE]
        first, last = sides[rng.integers(len(sides))] if sides else (0, clip.num_frames)
        places = [_loud_place(clip, first, last, reference_frames, rng) for _ in range(4)]
        shared = [len({*_sounding(clip, at, at + reference_frames)} & {*words}) for at in places]
        place = places[int(np.argmax(shared))]  # of one that strikes many things, the same thing
        first, last = max(first, place), min(last, place + reference_frames)
        return target, _filled(self._cut(clip, first, last - first), reference_frames), words

    def _cut(self, clip: Material, start: int, frames: int) -> Part:
        part = Part.silent(self.channels, frames)
        part.add(clip.levels, clip.power, -start, 0.0)
        return part

    def _laid(
        self, pool: list[Material], frames: int, reference_frames: int, rng: Generator
    ) -> tuple[Part, Part]:
        """Events of a pool in a rhythm, and others of them (or the same) one after another."""
        order = [pool[i] for i in rng.permutation(len(pool))]
        count = min(len(pool), 1 + int(rng.geometric(0.35)))
        wanted, others = order[:count], order[count : 2 * count]
        if not others or rng.random() < 0.5:
            others = wanted
        gaps = _Rhythm(rng)
        target = Part.silent(self.channels, frames)
        for at in gaps.onsets(frames / self.rate):
            event = wanted[rng.integers(len(wanted))]
            gain = float(np.clip(rng.normal(0, gaps.spread_db), -18, 6)) + _evening(event)
            target.add(event.levels, event.power, round(at * self.rate), gain)
        reference, at_frame = Part.silent(self.channels, reference_frames), 0
        while at_frame < reference_frames:
            event = others[rng.integers(len(others))]
            gain = _evening(event) + float(np.clip(rng.normal(0, 3), -9, 6))
            reference.add(event.levels, event.power, at_frame, gain)
            at_frame += event.num_frames + int(rng.integers(0, 20))
        if target.curve.max() <= 0:  # all events lay outside
            target.add(wanted[0].levels, wanted[0].power, 0, 0.0)
        return target, reference

    # What is changed in both alike

    def _changed(self, target: Part, reference: Part, rng: Generator) -> tuple[Part, Part]:
        bands = np.arange(self.channels)
        if rng.random() < RECOLOURED:
            knots = np.linspace(0, self.channels - 1, 7)
            tilt = rng.normal(0, 4) * np.linspace(-1, 1, 7)
            gains_db = np.interp(bands, knots, rng.normal(0, 4, 7) + tilt)
            gains = (10 ** (gains_db / 10)).astype(np.float32)
            target, reference = target.filtered(gains), reference.filtered(gains)
        if rng.random() < MOVED:
            source = np.clip(bands - int(rng.integers(-5, 6)), 0, self.channels - 1)
            target = Part(target.power[source], target.curve)
            reference = Part(reference.power[source], reference.curve)
        if rng.random() < ROOMED:
            colour = np.interp(bands, np.linspace(0, 95, 5), rng.normal(0, 4, 5))
            colour = colour - rng.uniform(0, 25) * bands / self.channels
            below_db = rng.uniform(35, 70)
            target, reference = (
                self._in_room(part.at_level(LEVEL), colour, below_db, rng)
                for part in (target, reference)
            )
        return target, reference

    def _in_room(self, part: Part, colour: NDArray[Any], below_db: float, rng: Generator) -> Part:
        """Stationary noise of this colour [C], dB, added `below_db` under LEVEL."""
        frames = part.power.shape[1]
        start = int(rng.integers(self.noise.shape[1] - frames))
        noise = 10 ** ((self.noise[:, start : start + frames] + colour[:, None]) / 10)
        wanted = LEVEL**2 * 10 ** (-below_db / 10)
        # The bands' powers are those of windowed sines: two for each unit of mean square.
        noise *= wanted * 2 / noise.sum(0).mean()
        return Part((part.power + noise).astype(np.float32), part.curve + np.float32(wanted))


class _Rhythm:
    """When events come: evenly as steps do, at random, or in bursts."""

    def __init__(self, rng: Generator) -> None:
        self.rng = rng
        self.kind = rng.choice(("even", "random", "bursts"), p=(0.45, 0.4, 0.15))
        self.interval = float(np.exp(rng.uniform(np.log(0.18), np.log(1.5))))
        self.spread_db = float(rng.uniform(0.5, 6))

    def onsets(self, seconds: float) -> list[float]:
        """Times from just before 0 on."""
        rng = self.rng
        times: list[float] = []
        time = float(rng.uniform(-0.2, min(0.8, self.interval)))
        while time < seconds - 0.05 and len(times) < 40:
            times.append(time)
            if self.kind == "even":
                gap = self.interval * max(0.3, rng.normal(1, 0.06))
            elif self.kind == "random":
                gap = 0.08 + rng.exponential(self.interval)
            else:
                gap = rng.uniform(0.06, 0.14) if rng.random() < 0.6 else 0.3 + self.interval
            time += float(gap)
        return times


def power_of(levels: NDArray[np.float16]) -> Floats:
    """dB [C, F] -> power, 0 for silence (-90 dB)."""
    power = np.exp(levels.astype(np.float32) * np.float32(np.log(10) / 10)) - np.float32(1e-9)
    return np.asarray(np.maximum(power, 0))


def _pools(material: Sequence[Material]) -> dict[str, list[list[Material]]]:
    """label -> its material, apart by origin."""
    found: dict[str, dict[str, list[Material]]] = defaultdict(lambda: defaultdict(list))
    for item in material:
        if item.power.max(initial=0.0) > 1e-8:
            found[item.label][item.origin].append(item)
    return {label: list(origins.values()) for label, origins in found.items()}


def _by_label(material: Iterable[Material]) -> dict[str, list[Material]]:
    found: dict[str, list[Material]] = defaultdict(list)
    for item in material:
        found[item.label].append(item)
    return dict(found)


def _joined_parts(clip: Material) -> Iterator[Material]:
    """For each label of a clip, all parts in which nothing else sounds, one after another."""
    for label in dict.fromkeys(label for _, _, label in clip.parts):
        spans = [(first, last) for first, last, other in clip.parts if other == label]
        levels = np.concatenate([clip.levels[:, a:b] for a, b in spans], axis=1)
        power = np.concatenate([clip.power[SAMPLES * a : SAMPLES * b] for a, b in spans])
        yield Material(f"{clip.name} {label}", label, clip.name, levels, power)


def _some_of(words: tuple[str, ...], rng: Generator) -> tuple[str, ...]:
    """Some of the words, at least one where there are any."""
    some = tuple(word for word in words if rng.random() < SPOKEN_SHARE)
    return some or (words[int(rng.integers(len(words)))],) if words else ()


def _evening(event: Material) -> float:
    """dB that bring an event's loudest moment to an RMS of 0.2 or, if that is too much, nearer."""
    return -10 * float(np.log10(max(float(event.power.max()), 1e-6) / LEVEL**2))


def _place(available: int, wanted: int, rng: Generator) -> int:
    """Where a window begins; before the beginning where there is less than is wanted."""
    spare = available - wanted
    return int(rng.integers(spare + 1)) if spare >= 0 else -int(rng.integers(-spare + 1))


def _loud_place(clip: Material, first: int, stop: int, wanted: int, rng: Generator) -> int:
    """Where a window begins between two frames, at best one in which something sounds."""
    places = [first + _place(stop - first, wanted, rng) for _ in range(4)]
    loudest = [
        clip.power[SAMPLES * max(first, at) : SAMPLES * min(stop, at + wanted)].max()
        for at in places
    ]
    heard = np.flatnonzero(np.array(loudest) > 0.03 * clip.power.max())
    return places[heard[0] if len(heard) else int(np.argmax(loudest))]


def _filled(part: Part, frames: int) -> Part:
    """Repeated until it is as long."""
    times = -(-frames // max(1, part.power.shape[1]))
    power, curve = np.tile(part.power, (1, times)), np.tile(part.curve, times)
    return Part(power[:, :frames], curve[: SAMPLES * frames])


def _sounding(clip: Material, start: int, stop: int) -> tuple[str, ...]:
    """Words of what is known to sound in these frames, if that fills half of them."""
    words: list[str] = []
    covered = 0
    for first, last, label in clip.parts:
        shared = min(last, stop) - max(first, start)
        if shared > 0:
            covered += shared
            words.extend(words_of_label(label))
    return tuple(dict.fromkeys(words)) if 2 * covered > stop - start else ()


def _noise_levels(autoencoder: Autoencoder) -> Floats:
    """How white noise fluctuates in the bands, dB about each band's mean: [C, F] of 20 s."""
    generator = torch.Generator().manual_seed(0)
    num_samples = 20 * autoencoder.config.sample_rate
    with torch.inference_mode():
        wav = 0.1 * torch.randn(1, 1, num_samples, generator=generator)
        levels = autoencoder.levels(wav, chunk=2048)[0, :, 4:-4].numpy()
    return np.asarray(levels - levels.mean(axis=1, keepdims=True), np.float32)
