"""Training examples of the sound model: a target, and a reference that sounds like it.

Recordings give windows of their own, whole or of the parts in which one thing sounds. Single events
of one label and origin are laid in rhythms or at random, at varying levels; the reference is made
of other events of the same origin. Colour, pitch and room are then changed in target and reference
alike, so that the model learns to copy them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from folai.data.material import MODELLED, SAMPLES, Material
from folai.data.part_changes import changed_alike, noise_levels
from folai.data.rhythms import Rhythm
from folai.data.sound_parts import Floats, Part, filled
from folai.diffusion.conditioning import LEVEL
from folai.diffusion.vocabulary import ALL, MAX_WORDS, numbers_of, words_of_label
from folai.models.autoencoder import Autoencoder

LENGTHS = (2.0, 3.0, 4.0, 6.0)  # seconds of a target
REFERENCES = (44, 88, 172, 300, 432)  # latent frames of a reference
BESIDE = 30  # latent frames of a recording from which a reference can be taken
LONG = 3.0  # seconds from which a recording is used as it is, not as an event
SHARES = {"clips": 0.22, "parts": 0.2, "events": 0.32, "long": 0.1, "modelled": 0.16}
CONDITIONS = {(True, False): 0.28, (True, True): 0.22, (False, True): 0.4, (False, False): 0.1}
"""(reference, words): share of examples that have them."""
SPOKEN_SHARE = 0.75  # of the known words, at least one: a prompt is rarely complete


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
        return self._each(lambda tensor: tensor.to(device))

    def part(self, rows: slice | Tensor) -> Batch:
        """Some of its examples: a slice, or their numbers."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Batch:
        return Batch(
            change(self.latents),
            change(self.reference),
            change(self.is_given),
            change(self.words),
            change(self.envelope),
            self.duration,
        )


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
        self.noise = noise_levels(autoencoder)
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

    def draw(self, seconds: float, rng: Generator) -> Batch:
        """A batch of about `seconds` of targets, all of one length."""
        duration = float(rng.choice(LENGTHS))
        frames = 2 * round(duration * self.rate / 2)
        reference_frames = int(rng.choice(REFERENCES))
        count = max(1, round(seconds / duration))
        return self.batch(count, frames, reference_frames, rng)

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

        Only an example with a reference (`shown`) is given another colour, pitch and room: words
        alone should keep their meaning.
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
            target, reference = changed_alike(target, reference, self.noise, rng)
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
        return target, filled(self._cut(clip, first, last - first), reference_frames), words

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
        gaps = Rhythm(rng)
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
    """Gain in dB that brings an event's loudest moment to an RMS of LEVEL."""
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
