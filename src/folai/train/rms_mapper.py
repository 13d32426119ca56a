"""Trains RMS-Mapper. Read top to bottom: data, model, loss, loop.

    folai train mapper --data clips --rendered 80 --out runs/mapper
    folai train mapper --data clips --splits train train_wild --simulated 200 --init shipped

Recorded clips teach what real hits look like, rendered ones where exactly the contact is. Two in
three windows are rendered. A recording's offset between sound and picture is first estimated from
the clip alone and then, twice during training, moved to where the model, which the rendered clips
hold to the true time, hears it. Stop the run whenever you like: the same command goes on from its
files.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from folai.checkpoints import load_mapper, save_mapper, sha256_of
from folai.evaluate.metrics import RMS_RATE, EnvelopeCorrelation, envelope_correlation
from folai.features import Pictures
from folai.mapper import (
    decode_bins,
    frame_times,
    motion_strength,
    predict_frames,
    usual_speed,
)
from folai.models.rms_mapper import SIZES, Inputs, MapperConfig, RMSMapper
from folai.rms import find_onsets, from_bins
from folai.train.alignment import annotated_span, estimate_offsets, refine_onsets
from folai.train.dataset import EVERYWHERE, Batch, Example, augmented, batches, truth_at
from folai.train.feed import prefetched
from folai.train.folds import Fold
from folai.train.precompute import (
    SCENES,
    TRUTH_RATE,
    Clip,
    Listing,
    list_clips,
    load_clips,
    load_guises,
    load_rendered,
    num_scenes,
)
from folai.train.simulated import FIRST_SCORED, load_simulated
from folai.writing import written_whole

_SCATTER = 0.06  # seconds by which clips from anywhere are out of time, standard deviation


@dataclass(frozen=True)
class TrainOptions:
    data: Path | None = None  # folder of recorded clips; its `train` split where it has splits
    out: Path = Path("runs/mapper")
    splits: tuple[str, ...] = (
        "train",
    )  # of it; clips of all but the first have offsets of any size
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
    label_sigma: float = 1.5  # bins; width of the Gaussian label smoothing
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
        for name in ("steps", "batch_size", "window", "threads"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give 1 or more")
        if self.size not in (None, *SIZES):
            raise ValueError(f"size is {self.size!r}; allowed: {', '.join(SIZES)}")
        if self.size is not None and self.init is not None:
            raise ValueError(f"{self.init}: weights have their own size; give none")
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

    Raises ValueError if there is nothing to train on, or nothing to start from where it was asked.
    """
    torch.set_num_threads(options.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    model = first_model(options).to(device)
    config, notes = model.config, _plain(options)
    examples = load_examples(options, log)
    options.out.mkdir(parents=True, exist_ok=True)

    average = copy.deepcopy(model).eval()  # of the weights over the last few hundred steps
    optimiser = torch.optim.AdamW(
        model.parameters(), options.learning_rate, weight_decay=options.weight_decay
    )
    state = options.out / "last.pt"
    first = _resume(state, model, average, optimiser, examples) if state.is_file() else 0
    if options.init is not None and not first:
        realign(examples, average, log)  # it knows already what a contact looks like
    log(f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters on {device}")
    log(f"{'step':>6} {'bins':>7} {'onset':>7} {'shape':>7} {'s/step':>7}")

    feed = prefetched(_feed(examples, options, config, first))
    losses, began = [], time.monotonic()
    realign_at = {round(share * options.steps) for share in options.realign_at}
    for step in range(first + 1, options.steps + 1):
        if step in realign_at:
            realign(examples, average, log)
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * schedule(step, options.steps)
        batch = augmented(next(feed).to(device), np.random.default_rng([options.seed, step, 1]))
        model.train()
        with torch.autocast(device.type, torch.bfloat16):
            bins, onset = model(batch.cells, batch.spans)
        terms = loss_terms(bins.float(), onset.float(), batch, options, config)
        loss = terms[0] + terms[1] + options.shape_weight * terms[2]
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        _average(average, model, step)
        losses.append([term.item() for term in terms])
        if step % options.log_every == 0 or step == options.steps:
            row = "".join(f" {value:7.3f}" for value in np.mean(losses, axis=0))
            log(f"{step:6d}{row} {(time.monotonic() - began) / len(losses):7.2f}")
            _save(state, step, model, average, optimiser, examples)
            losses, began = [], time.monotonic()
    weights = options.out / "mapper.safetensors"
    save_mapper([average.cpu()], weights, {**notes, "trained_steps": options.steps})
    return weights


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
    """Recorded and rendered clips, weighted so that `rendered_share` of a batch is rendered."""
    cache = options.cache or options.out / "cache"
    recorded = [] if options.data is None else _recorded(options, options.data, cache, log)
    rendered = [
        Example(name, tuple(views), usual_speeds(views), rms, onsets, 0.0, exact=True)
        for name, views, rms, onsets in load_rendered(
            options.rendered_minutes, cache, log, first=options.first_scene
        )
    ]
    seeds = range(options.first_simulated, options.first_simulated + options.simulated)
    simulated = [
        Example(c.name, tuple(c.views), usual_speeds(c.views), c.rms, c.onsets, 0.0, exact=True)
        for c in load_simulated(seeds, cache, log=log)
    ]
    if not recorded and not rendered and not simulated:
        raise ValueError("nothing to train on: give --data DIR, or --rendered above 0")
    log(f"{len(recorded)} recorded clips, {len(rendered)} rendered, {len(simulated)} simulated")
    shares = [
        options.rendered_share if rendered else 0.0,
        options.simulated_share if simulated else 0.0,
    ]
    rest = 1.0 - sum(shares)
    if recorded and not rest > 0:
        raise ValueError(f"shares of drawn and simulated clips are {shares}; leave some for data")
    if not recorded:
        shares = [share / sum(shares) for share in shares]
    return (
        [replace(example, weight=rest * example.weight) for example in recorded]
        + _weighted(rendered, shares[0])
        + _weighted(simulated, shares[1])
    )


def _recorded(
    options: TrainOptions, data: Path, cache: Path, log: Callable[[str], None]
) -> list[Example]:
    """Clips of the splits, with weights that add up to 1."""
    table = (data / "clips.csv").is_file()
    others = options.others_share if len(options.splits) > 1 else 0.0
    groups = []
    for index, split in enumerate(options.splits):
        listings = list_clips(data, split if table else None)
        listings = [one for one in listings if one.name not in options.leave_out]
        if options.fold is not None and index == 0:
            listings, left_out = options.fold.apart(listings)
            log(f"{len(left_out)} clips are left out")
        if not options.noisy:
            listings = [one for one in listings if one.sync != "B"]
        clips = list(load_clips(listings, cache))
        offsets = estimate_offsets(clips, None if index == 0 else _SCATTER)
        first = options.first_guise if index == 0 else 0
        numbers = range(first, first + options.guises)
        examples = [
            _example(options, listing, clip, offsets[clip.name], cache, numbers)
            for listing, clip in zip(listings, clips, strict=True)
        ]
        share = 1.0 - others if index == 0 else others / (len(options.splits) - 1)
        groups.append(_weighted(examples, share))
        if not table:
            break
    return [example for group in groups for example in group]


def _example(
    options: TrainOptions,
    listing: Listing,
    clip: Clip,
    offset: float,
    cache: Path,
    numbers: range,
) -> Example:
    rms = without_floor(clip.rms)
    if clip.annotated is not None:
        onsets: NDArray[np.float64] | None = refine_onsets(clip.annotated, clip.rms)
    else:  # where the sound is plainly of contacts, its own onsets are theirs
        onsets = find_onsets(rms, TRUTH_RATE) if listing.sync == "A" else None
    span = annotated_span(onsets) if clip.annotated is not None else EVERYWHERE
    views = (clip.pictures, *load_guises(listing, clip.pictures, numbers, cache))
    weight = options.noisy if listing.sync == "B" else 1.0
    speeds = usual_speeds(list(views))
    return Example(clip.name, views, speeds, rms, onsets, offset, span, weight)


def without_floor(rms: NDArray[np.float32]) -> NDArray[np.float32]:
    """RMS [N] less the steady noise of its recording, which no picture tells.

    The floor is what 8 % of the time is below, and a little more; powers subtract.
    """
    floor = 1.15 * np.percentile(rms, 8)
    return np.asarray(np.sqrt(np.maximum(rms**2 - floor**2, 0.0)), np.float32)


def usual_speeds(views: list[Pictures]) -> tuple[float, ...]:
    """The unit of the flow of each (`folai.mapper.usual_speed`)."""
    return tuple(usual_speed(motion_strength(view)) for view in views)


def _weighted(examples: list[Example], share: float) -> list[Example]:
    """`share` of what is drawn: longer clips more often, but less than in proportion."""
    masses = [example.weight * example.views[0].duration ** 0.75 for example in examples]
    total = sum(masses)
    return [replace(e, weight=share * m / total) for e, m in zip(examples, masses, strict=True)]


def realign(examples: list[Example], model: RMSMapper, log: Callable[[str], None]) -> None:
    """Moves each recording's offset half the way to where the model's envelope fits it best.

    Half, because the model has by now also learned some of the old offsets. Recordings that the
    model does not follow stay as they are. Excerpts are too short for an answer of their own: they
    all move by half of what most of them ask for, since whoever cut them cut them alike.
    """
    recorded = [index for index, example in enumerate(examples) if not example.exact]
    fits = {index: _fit(examples[index], model) for index in recorded}
    lags = {i: fit.lag for i, fit in fits.items() if fit.best > 0.4 and abs(fit.lag) < 0.09}
    excerpts = [index for index in recorded if _is_excerpt(examples[index])]
    asked = [lags.pop(index) for index in excerpts if index in lags]
    if len(asked) >= 3:
        lags |= dict.fromkeys(excerpts, float(np.median(asked)))
    for index, lag in lags.items():
        examples[index] = replace(examples[index], offset=examples[index].offset - 0.5 * lag)
    if lags:
        median = 1e3 * np.median(np.abs(list(lags.values())))
        log(f"       {len(lags)} offsets moved; median lag was {median:.0f} ms")


def _fit(example: Example, model: RMSMapper) -> EnvelopeCorrelation:
    """How the model's envelope agrees with the truth as it is aligned now."""
    pictures = example.views[0]
    bins, _ = predict_frames(pictures, [model], example.speeds[0])
    upsample = model.config.upsample
    times = frame_times(pictures.edges, upsample)
    grid = np.arange(0.0, times[-1], 1 / RMS_RATE)
    predicted = np.interp(grid, times, decode_bins(bins, model.config.mu))
    return envelope_correlation(predicted, truth_at(example, grid)[0], RMS_RATE)


def _is_excerpt(example: Example) -> bool:
    return example.views[0].duration < 7.0


def _feed(
    examples: list[Example], options: TrainOptions, config: MapperConfig, first: int
) -> Iterator[Batch]:
    rng = np.random.default_rng([options.seed, first])
    return batches(examples, options.batch_size, options.window, config.upsample, rng)


# Loss


def loss_terms(
    bins: Tensor, onset: Tensor, batch: Batch, options: TrainOptions, config: MapperConfig
) -> tuple[Tensor, Tensor, Tensor]:
    """(cross-entropy over bins, binary cross-entropy of onsets, 1 - correlation of envelopes)."""
    valid = batch.valid / batch.valid.sum()
    target = soft_bins(batch.rms, options.label_sigma, config)
    cross_entropy = -((target * bins.log_softmax(-1)).sum(-1) * valid).sum()
    seldom = onset.new_tensor(3.0)  # onsets take a small share of the time
    entropy = F.binary_cross_entropy_with_logits(
        onset, batch.onset, reduction="none", pos_weight=seldom
    )
    levels = torch.from_numpy(from_bins(np.arange(config.num_bins), config.num_bins, config.mu))
    roots = levels.sqrt().to(bins)
    predicted = _blurred((bins.softmax(-1) * roots).sum(-1) * batch.valid)
    true = _blurred(batch.rms.sqrt() * batch.valid)
    predicted, true = (x - x.mean(1, keepdim=True) for x in (predicted, true))
    # The constant keeps windows in which next to nothing sounds from shouting.
    norm = predicted.norm(dim=1) * true.norm(dim=1) + 0.3
    shape = (1 - (predicted * true).sum(1) / norm).mean()
    onsets = (entropy * batch.known).sum() / batch.known.sum().clamp(min=1.0)
    return cross_entropy, onsets, shape


def soft_bins(rms: Tensor, sigma: float, config: MapperConfig) -> Tensor:
    """Gaussian label smoothing about the continuous bin position: [B, T] -> [B, T, bins]."""
    position = torch.log1p(config.mu * rms.clamp(0, 1)) / math.log1p(config.mu)
    index = torch.arange(config.num_bins, device=rms.device)
    distance = index - (config.num_bins - 1) * position.unsqueeze(-1)
    return torch.softmax(-0.5 * (distance / sigma) ** 2, dim=-1)


def _blurred(x: Tensor, sigma: float = 3.84) -> Tensor:
    """Gaussian over time, in envelope frames; the default is the metric's 4 frames at 125 Hz."""
    reach = math.ceil(3 * sigma)
    taps = torch.arange(-reach, reach + 1, device=x.device)
    kernel = torch.softmax(-0.5 * (taps / sigma) ** 2, dim=0).view(1, 1, -1)
    return F.conv1d(x.unsqueeze(1), kernel, padding=reach).squeeze(1)


# The run


def schedule(step: int, steps: int) -> float:
    """Share of the learning rate: up over 100 steps, then down a half cosine to 3 %."""
    return min(1.0, step / 100) * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _average(average: RMSMapper, model: RMSMapper, step: int) -> None:
    decay = min(0.998, step / (step + 10))
    with torch.no_grad():
        for mean, now in zip(
            average.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)


def _save(
    path: Path,
    step: int,
    model: RMSMapper,
    average: RMSMapper,
    optimiser: torch.optim.Optimizer,
    examples: list[Example],
) -> None:
    state = {
        "step": step,
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimiser": optimiser.state_dict(),
        "offsets": {e.name: e.offset for e in examples if not e.exact},
    }
    with written_whole(path) as temporary:
        torch.save(state, temporary)


def _resume(
    path: Path,
    model: RMSMapper,
    average: RMSMapper,
    optimiser: torch.optim.Optimizer,
    examples: list[Example],
) -> int:
    """Puts everything back as `_save` found it; the step that was reached."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    for index, example in enumerate(examples):
        offset = state["offsets"].get(example.name, example.offset)
        examples[index] = replace(example, offset=offset)
    return int(state["step"])


def _plain(options: TrainOptions) -> dict[str, Any]:
    """The options as JSON can hold them, without the machine's own paths."""
    kept = {k: v for k, v in asdict(options).items() if k not in ("data", "out", "cache", "init")}
    kept["init"] = options.init and sha256_of(options.init)
    return json.loads(json.dumps(kept))  # type: ignore[no-any-return]
