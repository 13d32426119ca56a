"""Teaches a trained mapper one clip: from a part with a corrected envelope it learns the rest of
the clip, and other clips of the same people and things.

    folai adapt clip.mp4 corrected.json --to 10 -o mine.safetensors
    folai envelope clip.mp4 -o env.json --weights mine.safetensors

Clips differ in what a contact is, how loud it is and how long it rings, and no one model knows them
all. A few seconds of a clip are enough to tell. What is behind the encoder is trained for a few
steps, with the losses and the augmentation of the training (`folai.train.mapper`); the encoder,
which costs the most, sees a few augmented batches once. Batch norms keep the statistics of the
training.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from folai import checkpoints
from folai.data.clips import TRUTH_RATE
from folai.data.dataset import Batch, augmented, draw_batch
from folai.data.examples import Example, lesson_of, part_between
from folai.envelope import FRAME_RATE, Envelope
from folai.mapper.features import MAX_FPS, Pictures, iter_pictures
from folai.mapper.flow import FLOW_SIZE
from folai.mapper.glimpses import Watcher
from folai.media.clip import probe
from folai.media.frames import iter_frames
from folai.models.rms_mapper import RMSMapper
from folai.pipeline import measure_sound
from folai.train import loop
from folai.train.envelope_loss import loss_terms
from folai.writing import check_writable

SHORTEST_LESSON, LONGEST_LESSON = 2.0, 180.0  # seconds of a lesson; it is in memory, 13 MB a minute
_BEYOND = 20.0  # seconds that are read past a lesson: dropped frames show in the long run


@dataclass(frozen=True)
class AdaptOptions:
    """How to learn; the defaults were chosen on held-out recordings. Raises ValueError out of
    range.
    """

    steps: int = 20
    views: int = 6  # augmented batches; each is learned from several times
    learning_rate: float = 1e-3  # at most: up over five steps, then down to 0
    batch_size: int = 3  # windows
    window: int = 120  # steps of the timeline, 4 s
    share: float = 0.7  # of the weights' change that is kept
    seed: int = 0
    threads: int = 1  # more of them gain little, and wait for one another where cores are busy

    def __post_init__(self) -> None:
        loop.check_counts(self, "steps", "views", "batch_size", "window", "threads")
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share:g}; give more than 0, up to 1")

    @property
    def rounds(self) -> int:
        """Views, none of which is left out, and steps."""
        return min(self.views, self.steps) + self.steps


def adapt_mapper(
    video: str | Path,
    corrected: Envelope | str | Path,
    out: str | Path,
    *,
    start: float = 0.0,
    end: float | None = None,
    options: AdaptOptions = AdaptOptions(),
    weights: str | Path | None = None,
    progress: Callable[[float], None] | None = None,
    watcher: Watcher | None = None,
) -> float:
    """Train the mapper on `video` from `start` to `end` seconds (None: to its end), and write the
    trained weights to `out`. Returns the seconds that were learned.

    corrected: an envelope as long as the clip, right in that part, or a file of one; a file with
    sound is measured at peak 1. weights: what to start from; None: those that ship with folai.
    watcher: knows the clip where it was watched before (`folai.mapper.glimpses`).

    Raises ValueError, before any work, as `read_lesson`, and for unusable weights and outputs.
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise ValueError(f"{out}: weights are .safetensors files; give such a name")
    source = checkpoints.MAPPER if weights is None else Path(weights)
    files = [path for path in (video, corrected, source) if isinstance(path, str | Path)]
    for path in (out, out.with_suffix(".json")):
        check_writable(path, inputs=(*files, source.with_suffix(".json")))
    models = checkpoints.load_mapper(source)
    lesson = read_lesson(video, corrected, start, end, watcher)
    learned = lesson.views[0]
    notes = {"adapted": {**asdict(options), "start": start, "end": end}}
    calibration = checkpoints.load_calibration(source)
    checkpoints.save_mapper(taught(models, [lesson], options, progress), out, notes, calibration)
    return float(learned.edges[-1] - learned.edges[0])


def read_lesson(
    video: str | Path,
    corrected: Envelope | str | Path,
    start: float = 0.0,
    end: float | None = None,
    watcher: Watcher | None = None,
) -> Example:
    """The part of `video` from `start` to `end` seconds (None: to its end) with its envelope, as an
    example.

    Raises ValueError for a part that lies outside the clip, lasts less than SHORTEST_LESSON or
    more than LONGEST_LESSON, or is silent, for an envelope that is not as long as the clip, and for
    a bad clip.
    """
    duration = probe(video).duration
    corrected = _envelope(corrected, duration)
    end = duration if end is None else end
    if not 0 <= start < end <= duration + 1 / corrected.frame_rate:
        raise ValueError(
            f"{video}: lasts {duration:.2f} s; {start:g} to {end:g} s is not within it"
        )
    if not SHORTEST_LESSON <= end - start <= LONGEST_LESSON:
        fix = f"give {SHORTEST_LESSON:g} to {LONGEST_LESSON:g} s to learn from"
        raise ValueError(f"{start:g} to {end:g} s are {end - start:g} s; {fix}")
    fine = corrected.resample(TRUTH_RATE)
    if not fine.values[(fine.times >= start) & (fine.times <= end)].any():
        raise ValueError(f"from {start:g} to {end:g} s the envelope is silent: nothing to learn")
    known = watcher if watcher is not None and watcher.whole else None
    frames = takewhile(
        lambda frame: frame.time < end + _BEYOND,
        iter(()) if known else iter_frames(video, height=FLOW_SIZE[1], max_fps=MAX_FPS),
    )
    parts = [part_between(block, start, end) for block in iter_pictures(frames, watch=known)]
    pictures = Pictures.join([part for part in parts if part.num_steps])
    marked = bool(((corrected.onsets >= start) & (corrected.onsets <= end)).any())
    return lesson_of(str(video), pictures, fine.values, corrected.onsets if marked else None)


def _envelope(corrected: Envelope | str | Path, duration: float) -> Envelope:
    """The corrected envelope, as long as the clip."""
    if isinstance(corrected, Envelope):
        corrected.require_match(None, duration)
        return corrected
    if Path(corrected).suffix.lower() in (".json", ".csv"):
        return Envelope.load(corrected, duration=duration)
    measured = measure_sound(corrected)
    if measured.duration < duration - 1.0:
        lasts = f"its sound lasts {measured.duration:.2f} s, the clip {duration:.2f} s"
        raise ValueError(f"{corrected}: {lasts}; give sound as long as the clip")
    return measured.resample(FRAME_RATE, duration)


def taught(
    models: Sequence[RMSMapper],
    lessons: Sequence[Example],
    options: AdaptOptions = AdaptOptions(),
    progress: Callable[[float], None] | None = None,
) -> list[RMSMapper]:
    """Copies of the models that have learned the lessons, in eval mode.

    The weights end between those before and after training, which keeps nearly all of what was
    learned and loses less of the rest (Wortsman et al., arXiv 2109.01903).

    progress: is told what share is done; what it raises stops the work.
    """
    learned = [copy.deepcopy(model) for model in models]
    with loop.own_process_state(options.threads, devices=[]):  # on the CPU alone
        torch.default_generator.manual_seed(options.seed)  # of dropout
        for number, model in enumerate(learned):
            for step in _steps_of_learning(model, lessons, options):
                if progress is not None:
                    progress((number + step / options.rounds) / len(models))
    for before, after in zip(models, learned, strict=True):
        _draw_back(after, before, 1 - options.share)
    return learned


def _draw_back(model: RMSMapper, before: RMSMapper, share: float) -> None:
    """Moves the weights of a model by `share` of the way back to those before."""
    with torch.no_grad():
        for now, was in zip(model.parameters(), before.parameters(), strict=True):
            now.lerp_(was, share)


def _steps_of_learning(
    model: RMSMapper, lessons: Sequence[Example], options: AdaptOptions
) -> Iterator[int]:
    """Trains the model and yields the number of each round; after the last it is in eval mode."""
    behind = [part for name, part in model.eval().named_children() if name != "encoder"]
    for part in (inner for one in behind for inner in one.modules()):
        if isinstance(part, nn.Dropout):
            part.train()
    learning = [weight for part in behind for weight in part.parameters()]
    optimiser = torch.optim.AdamW(learning, options.learning_rate, weight_decay=0.0)
    views = []
    for view in _views_of(model, lessons, options):
        views.append(view)
        yield len(views)
    for step in range(1, options.steps + 1):
        loop.set_rate(optimiser, options.learning_rate * schedule(step, options.steps))
        features, batch = views[step % len(views)]
        bins, onset = model.decode(features, batch.spans)
        loss = torch.stack(loss_terms(bins, onset, batch, model.config)).sum()
        loop.descend(loss, optimiser, model)
        yield len(views) + step
    model.eval()


def _views_of(
    model: RMSMapper, lessons: Sequence[Example], options: AdaptOptions
) -> Iterator[tuple[Tensor, Batch]]:
    """Augmented windows of the lessons, with what the encoder sees in them [B, T, D]."""
    rng = np.random.default_rng(options.seed)
    longest = max(lesson.views[0].num_steps for lesson in lessons)
    window = min(options.window, longest)
    shape = (options.batch_size, window, model.config.upsample)
    for _ in range(options.rounds - options.steps):
        batch = augmented(draw_batch(list(lessons), *shape, rng), rng)
        with torch.no_grad():
            yield model.encoder(batch.cells), batch


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over five steps, then linearly down towards 0."""
    return min(1.0, step / 5) * (1 - (step - 1) / steps)
