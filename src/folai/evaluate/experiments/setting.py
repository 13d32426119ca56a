"""What experiments share: recordings cut into tasks, models loaded once, sounds generated once.

Whatever takes long is cached: clips as the mapper reads them, offsets, and every generated sound.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from folai import checkpoints
from folai.data import alignment
from folai.data.alignment import estimate_offsets
from folai.data.cache import cache_key, file_stamp
from folai.data.clips import Clip, load_clips
from folai.data.listing import Listing, list_clips
from folai.data.sounds import Sound, load_sounds
from folai.envelope import Envelope
from folai.evaluate.foley.predicted import part_of
from folai.evaluate.foley.tasks import Task, cut_tasks, labelled_runs
from folai.evaluate.mapper.clip_scores import ClipScore, beside_those, score_clip
from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.embeddings import load_embedder
from folai.evaluate.sounds.measure import MeasureOptions, PieceScore, score_piece
from folai.mapper.predict import predict_envelope
from folai.media.audio import fit_length
from folai.writing import written_whole

if TYPE_CHECKING:
    from folai.diffusion.foley import Foley
    from folai.models.rms_mapper import RMSMapper

Wav = NDArray[np.float32]

VERSION = 1
"""Raise when the sound model would play the same weights and request otherwise: when `diffusion`
or the networks that it runs compute other numbers. Options count by their values."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class ExperimentOptions:
    """The data, models and options of experiments. Raises ValueError for what is out of range."""

    data: Path  # clips with sound
    split: str | None = "val"
    wild: str | None = "test_wild"  # split of unseen kinds of action
    limit: int = 4  # pieces that sound is made for, evenly spread
    seed: int = 0
    weights: Path | None = None  # of the sound model
    mappers: tuple[Path, ...] = ()  # the first is used; `inputs` compares all
    embedding: str | None = None
    sampling: dict[str, Any] = field(default_factory=dict)  # of `Foley.generate`

    def __post_init__(self) -> None:
        if self.limit < 2:
            raise ValueError(f"limit is {self.limit} pieces; give 2 or more")


@dataclass(frozen=True, eq=False)
class Predicted:
    """A clip with its predicted envelope and score."""

    listing: Listing
    clip: Clip
    envelope: Envelope  # on the picture's clock
    offset: float  # seconds by which the clip's sound is late
    score: ClipScore


class Setting:
    """Loads models and data when they are first used. `tell` is told what share of an experiment is
    done.
    """

    def __init__(
        self, options: ExperimentOptions, cache: Path, tell: Callable[[float], None] | None = None
    ) -> None:
        self.options, self.cache = options, cache
        self.tell = tell or (lambda share: None)
        self._truths: dict[str, NDArray[np.float64]] = {}
        cache.mkdir(parents=True, exist_ok=True)

    def each(self, items: Sequence[Item]) -> Iterator[Item]:
        for number, item in enumerate(items, start=1):
            yield item
            self.tell(number / len(items))

    @cached_property
    def sounds(self) -> list[Sound]:
        """Of the split, whole recordings and their labelled parts."""
        return load_sounds(self.options.data, self.cache, self.options.split)

    @cached_property
    def tasks(self) -> list[Task]:
        return cut_tasks(self.sounds, seed=self.options.seed, limit=self.options.limit)

    @cached_property
    def embedder(self) -> Embedder:
        return load_embedder(self.options.embedding)

    @cached_property
    def foley(self) -> Foley:
        from folai.diffusion.foley_files import load_foley

        return load_foley(self.options.weights or checkpoints.FOLEY)

    @cached_property
    def models(self) -> list[RMSMapper]:
        paths = self.options.mappers
        return checkpoints.load_mapper(paths[0] if paths else checkpoints.MAPPER)

    # Envelopes

    @cached_property
    def predicted(self) -> list[Predicted]:
        """The clips of the split as the mapper sees them."""
        return self.predict(self.options.split)

    def predict(
        self, split: str | None, models: Sequence[RMSMapper] | None = None
    ) -> list[Predicted]:
        listings = list_clips(self.options.data, split)
        offsets = self.offsets(listings)
        found = []
        for listing in self.each(listings):
            for clip in _readable(listing, self.cache):
                envelope = predict_envelope([clip.pictures], models or self.models)
                score = score_clip(clip, envelope, offsets[clip.name])
                found.append(Predicted(listing, clip, envelope, offsets[clip.name], score))
        return found

    def offsets(self, listings: Sequence[Listing]) -> dict[str, float]:
        """Seconds by which clips' sounds are late, as `data.alignment` estimates them."""
        data = self.options.data
        clips = [*listings, *beside_those(data, listings)]
        stamps = [(clip.name, file_stamp(clip.path)) for clip in clips if clip.path.is_file()]
        stored = self.cache / f"offsets-{cache_key(alignment.VERSION, stamps)}.json"
        if stored.is_file():
            return dict(json.loads(stored.read_text()))
        found = estimate_offsets(clip for each in clips for clip in _readable(each, self.cache))
        with written_whole(stored) as partial:
            partial.write_text(json.dumps(found))
        return found

    def predicted_part(self, task: Task) -> Envelope:
        """The predicted envelope of a task, on the clock of its sound."""
        for found in self.predicted:
            if found.clip.name == task.recording:
                return part_of(found.envelope, task, found.offset)
        raise ValueError(f"{task.recording}: no envelope, since its pictures cannot be read")

    # Sounds

    def labels(self, task: Task) -> list[str]:
        """What is heard in the task's piece, such as `hit/wood`, most of the time first."""
        (whole,) = [s for s in self.sounds if not s.label and s.name == task.recording]
        heard: dict[str, float] = {}
        for start, stop, label in labelled_runs(whole, self.sounds):
            shared = min(stop, task.start + task.duration) - max(start, task.start)
            if shared > 0:
                heard[label] = heard.get(label, 0.0) + shared
        return sorted(heard, key=lambda label: -heard[label])

    def play(
        self,
        task: Task,
        envelope: Envelope | None = None,
        *,
        reference: Wav | None = None,
        prompt: str | None = None,
        **sampling: Any,
    ) -> Wav:
        """The sound model's take [T] for a task, as long as its target, from the cache if it is
        there.

        envelope: None: the task's own. `envelope_lock` is 0 by default here, so that the model is
        measured and not the lock.
        """
        options: dict[str, Any] = {"envelope_lock": 0.0, **self.options.sampling, **sampling}
        control = envelope or task.envelope
        arrays = [_array_key(array) for array in (control.values, control.onsets, reference)]
        request = (len(task.target), task.seed, prompt, options, control.frame_rate, *arrays)
        stored = self.cache / f"played-{cache_key(VERSION, self._weights_key, *request)}.npy"
        if stored.is_file():
            return np.asarray(np.load(stored), np.float32)
        takes = self.foley.generate(
            control,
            duration=task.duration,
            reference=None if reference is None else reference[None],
            prompt=prompt,
            seed=task.seed,
            **options,
        )
        wav = np.asarray(fit_length(np.asarray(takes)[0], len(task.target))[0])
        with written_whole(stored) as partial:
            np.save(partial, wav)
        return wav

    @cached_property
    def _weights_key(self) -> str:
        """The hashes of the weights that the sound model plays with."""
        path = self.options.weights or checkpoints.FOLEY
        cards = (path, path.with_name(checkpoints.CONTROL.name), checkpoints.AUTOENCODER)
        return "".join(card.with_suffix(".json").read_text() for card in cards)

    def score(self, wav: Wav, task: Task) -> PieceScore:
        """Against the true sound of the task."""
        return score_piece(wav, task.target, task.name, math.nan, MeasureOptions())

    def truth(self, task: Task) -> NDArray[np.float64]:
        """The embedding [N, D] of a task's true sound."""
        if task.name not in self._truths:
            self._truths[task.name] = self.embedder.embed(task.target)
        return self._truths[task.name]


def _array_key(array: NDArray[Any] | None) -> str | None:
    if array is None:
        return None
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def short_name(task: Task) -> str:
    return Path(task.name).name


def mean(values: Sequence[float]) -> float:
    """Of those that are not NaN; NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _readable(listing: Listing, cache: Path) -> Iterator[Clip]:
    """The clip; nothing where it cannot be read or is silent."""
    try:
        (clip,) = load_clips([listing], cache)
    except (ValueError, FileNotFoundError):
        return
    if clip.rms.any():
        yield clip
