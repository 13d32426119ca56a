"""Trains RMS-Mapper. Read top to bottom: options, loop, model, data.

    folai train mapper --data clips --rendered 80 --out runs/mapper
    folai train mapper --data clips --splits train train_wild --simulated 200 --init shipped

Recorded clips teach what real hits look like, rendered ones exactly when the contact is. Two in
three windows are rendered. A recording's offset between sound and picture is first estimated from
the clip alone. Twice during training it is moved to where the model hears it, which the rendered
clips keep in time (`realign`). An interrupted run is resumed by the same command; `torchrun -m
folai train mapper ...` spreads it over processes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from folai.checkpoints import load_mapper, save_mapper, sha256_of
from folai.data.alignment import annotated_span, estimate_offsets, refine_onsets
from folai.data.clips import TRUTH_RATE, Clip, load_clips
from folai.data.dataset import Batch, augmented, draw_batch
from folai.data.examples import EVERYWHERE, Example, usual_speeds, without_floor
from folai.data.folds import Fold
from folai.data.listing import Listing, list_clips
from folai.data.other_cameras import load_guises
from folai.data.rendered_clips import SCENES, load_rendered, num_scenes
from folai.data.shards import local_folder
from folai.data.simulated_scenes import FIRST_SCORED, load_simulated, places
from folai.envelope.rms import find_onsets
from folai.mapper.features import Pictures
from folai.models import bfloat16
from folai.models.mapper_config import SIZES, Inputs
from folai.models.rms_mapper import RMSMapper
from folai.train import loop
from folai.train.envelope_loss import LABEL_SIGMA, loss_terms
from folai.train.realign import realign
from folai.train.torchrun import Processes, join_batch_norms, processes

Curve = NDArray[np.float32]
Onsets = NDArray[np.float64]  # seconds

SCATTER = 0.06  # seconds by which clips from anywhere are out of time, standard deviation
WARM_UP = 100  # steps over which the learning rate rises
AVERAGED = 0.998  # share of the averaged weights that stays in a step


@dataclass(frozen=True)
class TrainOptions:
    data: Path | None = None  # folder of recorded clips; its `train` split where it has splits
    out: Path = Path("runs/mapper")
    splits: tuple[str, ...] = ("train",)  # clips of all but the first have offsets of any size
    others_share: float = 0.5  # of the recorded windows, for the splits after the first
    noisy: float = 0.3  # weight of a clip whose sound is rated B, beside one of A; 0: left out
    leave_out: tuple[str, ...] = ()  # paths of clips, as the table has them
    rendered_minutes: float = 80.0
    rendered_share: float = 0.65  # of each batch
    simulated: int = 0  # scenes in three dimensions (`folai.scenes`)
    simulated_share: float = 0.3  # of each batch, where there are any
    first_simulated: int = 0  # seed of the first of them
    steps: int = 8000
    batch_size: int = 8
    window: int = 120  # steps of the timeline, 4 s
    guises: int = 8  # of each recording, beside the recording itself
    first_guise: int = 0  # number of the first of them, in the first split: to go on, count on
    first_scene: int = 0  # seed of the first rendered clip, likewise
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_sigma: float = LABEL_SIGMA  # bins; width of the Gaussian label smoothing
    shape_weight: float = 1.0  # of the correlation term
    size: str | None = None  # of the model, one of SIZES; None: that of `init`, or base
    inputs: Inputs = "both"
    init: Path | None = None  # weights to start from, the first model of them; None: at random
    fold: Fold | None = None  # leaves some recordings out, for cross-validation
    seed: int = 0
    threads: int = 1
    cache: Path | None = None  # where what was computed from the clips is kept
    log_every: int = 100
    realign_at: tuple[float, ...] = (0.3, 0.6)  # shares of the run at which offsets are moved

    def __post_init__(self) -> None:
        loop.check_counts(self, "steps", "batch_size", "window", "threads", "log_every")
        if self.size not in (None, *SIZES):
            raise ValueError(f"size is {self.size!r}; allowed: {', '.join(SIZES)}")
        if self.size is not None and self.init is not None:
            raise ValueError(f"{self.init}: the weights decide the size; leave size out")
        sizes = ("rendered_minutes", "guises", "first_guise", "first_scene")
        for name in (*sizes, "noisy", "simulated", "first_simulated"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; give 0 or more")
        if not self.splits:
            raise ValueError("splits is empty; give train, say")
        if self.first_simulated + self.simulated > FIRST_SCORED:
            raise ValueError(
                f"first_simulated: scenes from {FIRST_SCORED} on are kept for scoring; give less"
            )
        if self.first_scene + num_scenes(self.rendered_minutes) > SCENES:
            raise ValueError(
                f"first_scene: scenes from {SCENES} on are kept for scoring; give less"
            )


def train_mapper(options: TrainOptions, log: Callable[[str], None] = print) -> Path:
    """Trains, and returns the weights file.

    Raises ValueError if there is nothing to train on, or if `init` names weights that are not there
    or of other inputs.
    """
    with loop.own_process_state(options.threads), processes() as group:
        weights = _train(options, log if group.is_first else lambda text: None, group)
        group.barrier()  # nobody returns before the weights are written
        return weights


def _train(options: TrainOptions, log: Callable[[str], None], group: Processes) -> Path:
    device = loop.best_device()
    torch.manual_seed(options.seed)
    model = first_model(options).to(device)
    config, init = model.config, options.init and sha256_of(options.init)
    with group.first_alone():
        examples = load_examples(options, log)
    options.out.mkdir(parents=True, exist_ok=True)

    average = copy.deepcopy(model).eval()  # of the weights over the last few hundred steps
    optimiser = torch.optim.AdamW(
        model.parameters(), options.learning_rate, weight_decay=options.weight_decay
    )
    parts: loop.Parts = {"model": model, "average": average, "optimiser": optimiser}
    state = loop.resume_run(options.out / "last.pt", parts)
    first = state["step"]
    group.align(model)
    group.align(average)
    if group.count > 1:
        join_batch_norms(model)
    _put_back(examples, state.get("offsets", {}))
    if options.init is not None and not first:
        realign(examples, average, log)  # it knows already what a contact looks like
    log(f"{loop.size_of(model.parameters())} on {device}")
    log(loop.heading("bins", "onset", "shape"))

    total = options.batch_size * group.count
    feed = _feed(examples, options, total, config.upsample, first)
    meter: loop.Meter[list[float]] = loop.Meter()
    realign_at = {round(share * options.steps) for share in options.realign_at}
    for step in range(first + 1, options.steps + 1):
        if step in realign_at:
            realign(examples, average, log)
            feed.close()
            feed = _feed(examples, options, total, config.upsample, step - 1)
        loop.set_rate(optimiser, options.learning_rate * loop.cosine(step, options.steps, WARM_UP))
        batch = augmented(next(feed).to(device), np.random.default_rng([options.seed, step, 1]))
        model.train()
        loop.seed_step(options.seed, step, group.rank)  # each process drops out its own
        with bfloat16.mixed(device):
            own = group.rows(total)
            bins, onset = model(batch.cells[own], batch.spans[own])
        bins, onset = (group.gather(x.float(), total) for x in (bins, onset))
        terms = loss_terms(bins, onset, batch, config, options.label_sigma)
        loss = terms[0] + terms[1] + options.shape_weight * terms[2]
        loop.descend(loss, optimiser, model, group=group)
        loop.average_in(_tensors(average), _tensors(model), step, AVERAGED)
        meter.add([term.item() for term in terms])
        if step % options.log_every == 0 or step == options.steps:
            log(loop.line(step, np.mean(meter.rows, axis=0), meter.seconds))
            offsets = {e.name: e.offset for e in examples if not e.exact}
            if group.is_first:
                loop.save_run(options.out / "last.pt", step, parts, offsets=offsets)
            meter.restart()
    weights = options.out / "mapper.safetensors"
    notes = loop.notes_of(options, "data", "out", "cache", "init")  # the machine's own paths
    notes |= {"init": init, "trained_steps": options.steps}
    if group.is_first:
        save_mapper([average.cpu()], weights, notes)
    return weights


def _tensors(model: RMSMapper) -> Iterator[Tensor]:
    """Weights, and the running statistics of batch norms."""
    return iter(model.state_dict().values())


def _put_back(examples: list[Example], offsets: dict[str, float]) -> None:
    """Restores the offsets that an interrupted run had moved."""
    for index, example in enumerate(examples):
        examples[index] = replace(example, offset=offsets.get(example.name, example.offset))


def first_model(options: TrainOptions) -> RMSMapper:
    """What training starts from: a new model, or one of the weights of an earlier run."""
    if options.init is None:
        return RMSMapper(replace(SIZES[options.size or "base"], inputs=options.inputs))
    model = load_mapper(options.init)[0]
    if model.config.inputs != options.inputs:
        fault = f"{options.init}: its inputs are {model.config.inputs}, not {options.inputs}"
        raise ValueError(f"{fault}; train with the same")
    return model


# Data


def load_examples(options: TrainOptions, log: Callable[[str], None]) -> list[Example]:
    """Recorded, rendered and simulated clips, weighted so that each kind has its share."""
    cache = options.cache or options.out / "cache"
    data = None if options.data is None else local_folder(options.data, cache)
    recorded = [] if data is None else _recorded(options, data, cache, log)
    rendered = [
        _exact(clip.name, clip.views, clip.rms, clip.onsets)
        for clip in load_rendered(options.rendered_minutes, cache, log, first=options.first_scene)
    ]
    simulated = _simulated(options, data, cache, log)
    if not recorded and not rendered and not simulated:
        raise ValueError("nothing to train on: give --data DIR, or --rendered above 0")
    log(f"{len(recorded)} recorded clips, {len(rendered)} rendered, {len(simulated)} simulated")
    shares = [
        options.rendered_share if rendered else 0.0,
        options.simulated_share if simulated else 0.0,
    ]
    rest = 1.0 - sum(shares)
    if recorded and not rest > 0:
        raise ValueError(
            f"shares of rendered and simulated clips are {shares[0]:g} and {shares[1]:g}; "
            "give less than 1 together"
        )
    if not recorded:
        shares = [share / sum(shares) for share in shares]
    return (
        [replace(example, weight=rest * example.weight) for example in recorded]
        + _weighted(rendered, shares[0])
        + _weighted(simulated, shares[1])
    )


def _exact(name: str, views: list[Pictures], rms: Curve, onsets: Onsets) -> Example:
    """A clip that was made: its contacts are known, and it has no offset."""
    speeds = usual_speeds(views)
    return Example(name, tuple(views), speeds, rms, onsets, offset=0.0, exact=True)


def _simulated(
    options: TrainOptions, data: Path | None, cache: Path, log: Callable[[str], None]
) -> list[Example]:
    """Scenes, which show pictures of the clips in `data`, too."""
    if not options.simulated:
        return []
    listings = [] if data is None else list(chain(*_listings(options, data)))
    seeds = range(options.first_simulated, options.first_simulated + options.simulated)
    clips = load_simulated(seeds, cache, log=log, pictures=places(listings))
    return [_exact(clip.name, clip.views, clip.rms, clip.onsets) for clip in clips]


def _listings(options: TrainOptions, data: Path) -> list[list[Listing]]:
    """The clips of each split, without those that are left out by name."""
    has_table = (data / "clips.csv").is_file()
    splits = options.splits if has_table else (None,)
    return [
        [listing for listing in list_clips(data, split) if listing.name not in options.leave_out]
        for split in splits
    ]


def _recorded(
    options: TrainOptions, data: Path, cache: Path, log: Callable[[str], None]
) -> list[Example]:
    """Clips of the splits, with weights that add up to 1."""
    splits = _listings(options, data)
    others = options.others_share if len(splits) > 1 else 0.0
    examples = []
    for index, listings in enumerate(splits):
        if options.fold is not None and index == 0:
            listings, left_out = options.fold.apart(listings)
            log(f"{len(left_out)} clips are left out")
        if not options.noisy:
            listings = [listing for listing in listings if listing.sync != "B"]
        clips = list(load_clips(listings, cache))
        offsets = estimate_offsets(clips, None if index == 0 else SCATTER)
        first = options.first_guise if index == 0 else 0
        guises = range(first, first + options.guises)
        of_split = [
            _of_recording(options, listing, clip, offsets[clip.name], cache, guises)
            for listing, clip in zip(listings, clips, strict=True)
        ]
        share = 1.0 - others if index == 0 else others / (len(splits) - 1)
        examples += _weighted(of_split, share)
    return examples


def _of_recording(
    options: TrainOptions,
    listing: Listing,
    clip: Clip,
    offset: float,
    cache: Path,
    guises: range,
) -> Example:
    rms, onsets, span = without_floor(clip.rms), None, EVERYWHERE
    if clip.annotated is not None:
        onsets = refine_onsets(clip.annotated, clip.rms)
        span = annotated_span(onsets)
    elif listing.sync == "A":  # the sound is plainly of contacts: its own onsets are theirs
        onsets = find_onsets(rms, TRUTH_RATE)
    views = [clip.pictures, *load_guises(listing, clip.pictures, guises, cache)]
    weight = options.noisy if listing.sync == "B" else 1.0
    return Example(clip.name, tuple(views), usual_speeds(views), rms, onsets, offset, span, weight)


def _weighted(examples: list[Example], share: float) -> list[Example]:
    """Sets weights that sum to `share`: longer clips are drawn more often, but less than in
    proportion.
    """
    masses = [example.weight * example.views[0].duration ** 0.75 for example in examples]
    total = sum(masses)
    return [replace(e, weight=share * m / total) for e, m in zip(examples, masses, strict=True)]


def _feed(
    examples: list[Example], options: TrainOptions, total: int, upsample: int, first: int
) -> Generator[Batch, None, None]:
    """Batches of the steps after `first`, from the clips with the offsets that they have now."""
    draw = partial(draw_batch, list(examples), total, options.window, upsample)
    return loop.feed(draw, options.seed, first)
