"""`folai train ...`: the trainings, and mappers put together."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from folai.cli.full_size import TITLE, add_dtype_and_offline
from folai.cli.output import Outcome, progress_bar, report_outcome
from folai.cli.parsing import (
    Commands,
    add_command,
    add_fold,
    add_group,
    add_seed,
    add_weights,
    fields_from,
)
from folai.data.workers import cores
from folai.stable3.options import is_stable3


def add_to(commands: Commands) -> None:
    trainers = add_group(commands, "train", "Train a model.", "models")
    _add_mapper(trainers)
    _add_combinations(trainers)
    _add_calibrate(trainers)
    _add_autoencoder(trainers)
    _add_foley(trainers)
    _add_control(trainers)
    _add_loudness(trainers)
    _add_leaps(trainers)


def _add_run(command: Any, model: str, *, steps: int | None, cached: str) -> None:
    """What every training takes; `cached`: what --cache keeps."""
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("runs") / model,
        help="folder of the run (default: %(default)s)",
    )
    command.add_argument(
        "--steps",
        type=int,
        metavar="N",
        default=steps,
        help=f"in all (default: {steps or '1200; at full size 15000, 10000'})",
    )
    add_seed(command, "vary the training")
    command.add_argument(
        "--threads",
        type=int,
        metavar="N",
        default=cores(),
        help="threads of PyTorch (default: one a core)",
    )
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help=f"folder of {cached} (default: in OUT)"
    )


def _log(parsed: Namespace) -> Any:
    """Where the log of a training goes."""
    return _ignore if parsed.quiet or parsed.json else print


def _ignore(text: str) -> None:
    """Print nothing."""


def _outcome(weights: Path, options: Any) -> Outcome:
    return Outcome(f"{weights}: trained for {options.steps} steps", {"output": weights})


# The mapper


def _add_mapper(trainers: Commands) -> None:
    command = add_command(
        trainers,
        "train mapper",
        "Train the RMS-Mapper on clips with sound; a run that was interrupted is resumed.",
        "folai train mapper --data clips --out runs/mapper",
        train_mapper,
    )
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of clips with sound")
    _add_mapper_splits(command)
    command.add_argument(
        "--rendered",
        dest="rendered_minutes",
        type=float,
        metavar="MINUTES",
        default=80.0,
        help="minutes of drawn clips to add (default: %(default)s)",
    )
    command.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        default=8,
        help="windows of 4 s in a step (default: %(default)s)",
    )
    command.add_argument(
        "--size",
        choices=("base", "wide"),
        help="size of the model: 1.0 (base, the default) or 2.6 M (wide) parameters",
    )
    command.add_argument(
        "--inputs",
        choices=("rgb", "flow", "both"),
        default="both",
        help="what the model sees (default: %(default)s)",
    )
    _add_mapper_material(command)
    command.add_argument(
        "--learning-rate",
        type=float,
        metavar="X",
        default=1e-3,
        help="highest learning rate (default: %(default)s)",
    )
    add_fold(command, "leave the Kth of N parts of the recordings out, for cross-validation")
    _add_run(command, "mapper", steps=8000, cached="what is computed from clips")


def _add_mapper_splits(command: argparse.ArgumentParser) -> None:
    """Which clips are learned from, and simulated scenes beside them."""
    command.add_argument(
        "--splits",
        nargs="+",
        action=_Several,
        metavar="SPLIT",
        help="splits of DIR/clips.csv; offsets of all but the first are searched further "
        "(default: train)",
    )
    command.add_argument(
        "--others-share",
        type=float,
        metavar="X",
        default=0.5,
        help="share of the splits after the first among recordings (default: %(default)s)",
    )
    command.add_argument(
        "--noisy",
        type=float,
        metavar="X",
        default=0.3,
        help="weight of clips whose sync is rated B; 0 leaves them out (default: %(default)s)",
    )
    command.add_argument(
        "--leave-out", nargs="+", action=_Several, metavar="CLIP", help="paths in the table"
    )
    command.add_argument(
        "--simulated",
        type=int,
        metavar="N",
        default=0,
        help="simulated scenes in three dimensions to add (default: %(default)s)",
    )
    command.add_argument(
        "--simulated-share",
        type=float,
        metavar="X",
        default=0.3,
        help="share of simulated scenes in a batch, 0 to 1 (default: %(default)s)",
    )
    command.add_argument(
        "--first-simulated",
        type=int,
        metavar="N",
        default=0,
        help="number of the first simulated scene",
    )


def _add_mapper_material(command: argparse.ArgumentParser) -> None:
    """What the training begins from, and goes on with."""
    command.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="weights to start from (`shipped`: folai's own) instead of random ones",
    )
    command.add_argument(
        "--guises",
        type=int,
        metavar="N",
        default=8,
        help="variants of each clip, as other cameras would film it (default: %(default)s)",
    )
    command.add_argument(
        "--first-guise",
        type=int,
        metavar="N",
        default=0,
        help="number of the first variant; with --init: go on with others",
    )
    command.add_argument(
        "--first-scene",
        type=int,
        metavar="N",
        default=0,
        help="number of the first drawn clip; with --init: go on with others",
    )
    command.add_argument(
        "--share",
        dest="rendered_share",
        type=float,
        metavar="X",
        default=0.65,
        help="share of drawn clips in a batch, 0 to 1 (default: %(default)s)",
    )


def train_mapper(parsed: Namespace) -> int:
    from folai.checkpoints import MAPPER
    from folai.train.mapper import TrainOptions, train_mapper

    options = TrainOptions(**fields_from(parsed, TrainOptions))
    if options.init == Path("shipped"):
        options = TrainOptions(**{**vars(options), "init": MAPPER})
    return report_outcome(parsed, _outcome(train_mapper(options, _log(parsed)), options))


def _add_combinations(trainers: Commands) -> None:
    for name, about in (
        ("join", "Put several mappers into one file of weights: their predictions are averaged."),
        ("average", "Average the weights of mappers that were trained on from the same ones."),
    ):
        files = "runs/0/mapper.safetensors runs/1/mapper.safetensors -o both.safetensors"
        example = f"folai train {name} {files}"
        command = add_command(trainers, f"train {name}", about, example, combine_mappers)
        command.add_argument(
            "weights", type=Path, nargs="+", metavar="WEIGHTS", help="files of mappers"
        )
        command.add_argument(
            "-o", dest="out", type=Path, metavar="FILE", required=True, help="the result"
        )


def combine_mappers(parsed: Namespace) -> int:
    from folai.checkpoints import average_mappers, join_mappers

    joined = parsed.command == "train join"
    (join_mappers if joined else average_mappers)(parsed.weights, parsed.out)
    what = "joins" if joined else "the mean of"
    text = f"{parsed.out}: {what} {len(parsed.weights)} mappers"
    return report_outcome(parsed, Outcome(text, {"output": parsed.out}))


# The sound model


def _add_data(command: Any, what: str, *, required: bool = True) -> None:
    command.add_argument(
        "--data", type=Path, nargs="+", action=_Several, metavar="DIR", required=required, help=what
    )


class _Several(argparse.Action):
    """Several values, as the tuple that options hold."""

    def __call__(
        self, parser: object, parsed: Namespace, values: Any, option: str | None = None
    ) -> None:
        setattr(parsed, self.dest, tuple(values))


def _add_calibrate(trainers: Commands) -> None:
    command = add_command(
        trainers,
        "train calibrate",
        "Fit how sure a mapper says it is to clips with sound that it has not learned from; only "
        "the .json beside the weights changes.",
        "folai train calibrate --data clips --split val_wild val -o calibrated.safetensors",
        train_calibrate,
    )
    command.add_argument(
        "--data", type=Path, metavar="DIR", required=True, help="folder of clips with sound"
    )
    command.add_argument(
        "--split",
        dest="splits",
        nargs="+",
        metavar="NAME",
        required=True,
        help="splits of DIR/clips.csv; each counts alike",
    )
    add_weights(command)
    command.add_argument(
        "-o",
        dest="out",
        type=Path,
        metavar="WEIGHTS",
        required=True,
        help=".safetensors to write; those of --weights themselves will do",
    )
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="folder of what is computed from clips"
    )


def train_calibrate(parsed: Namespace) -> int:
    from folai.evaluate.mapper.calibration import calibrate

    with progress_bar(parsed) as progress:
        report = calibrate(
            parsed.data, parsed.splits, parsed.weights, parsed.out, progress, cache=parsed.cache
        )
    facts = {"output": parsed.out, **report.to_dict()}
    return report_outcome(parsed, Outcome(f"{parsed.out}: calibrated\n{report.table()}", facts))


def _add_autoencoder(trainers: Commands) -> None:
    command = add_command(
        trainers,
        "train autoencoder",
        "Train the autoencoder's decoder on recordings; a run that was interrupted is resumed.",
        "folai train autoencoder --data recordings --out runs/autoencoder",
        train_autoencoder,
    )
    _add_data(command, "folders with an index.csv or a clips.csv, or that hold such folders")
    command.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        default=8,
        help="windows of 0.74 s in a step (default: %(default)s)",
    )
    command.add_argument(
        "--init", type=Path, metavar="FILE", help="weights to train on; their latents stay the same"
    )
    _add_run(command, "autoencoder", steps=3000, cached="decoded recordings")


def train_autoencoder(parsed: Namespace) -> int:
    from folai.train.sound_decoder import AutoencoderOptions, train_autoencoder

    options = AutoencoderOptions(**fields_from(parsed, AutoencoderOptions))
    return report_outcome(parsed, _outcome(train_autoencoder(options, _log(parsed)), options))


def _add_sound_model(
    trainers: Commands,
    name: str,
    about: str,
    example: str,
    steps: int | None,
    run: Any,
    *,
    required: bool = True,
) -> argparse.ArgumentParser:
    about = f"{about} A run that was interrupted is resumed."
    command = add_command(trainers, f"train {name}", about, example, run)
    what = "folders of recordings or clips, or of such folders"
    _add_data(command, what, required=required)
    command.add_argument(
        "--autoencoder", type=Path, metavar="FILE", help="weights of the autoencoder"
    )
    command.add_argument(
        "--batch-seconds",
        type=float,
        metavar="S",
        help="seconds of sound in a step (default: 32)",
    )
    _add_run(command, name, steps=steps, cached="what is measured")
    return command


def _add_foley(trainers: Commands) -> None:
    command = _add_sound_model(
        trainers,
        "foley",
        "Train the sound model on recordings: what things sound like.",
        "folai train foley --data recordings clips --out runs/foley",
        2000,
        train_foley,
        required=False,
    )
    command.set_defaults(steps=None)  # `TrainOptions` and `LoraOptions` have their own
    group = command.add_argument_group(
        "to teach a trained model your own recordings, in 200 steps unless --steps says otherwise"
    )
    group.add_argument("--init", metavar="FILE", help="the model to begin with: shipped, or a file")
    group.add_argument("--library", metavar="WORDS", help="what to learn: words to search it for")
    group.add_argument("--library-file", type=Path, metavar="FILE", help="the library")
    group.add_argument("--rank", type=int, metavar="N", help="of the addition (default: 8)")


def train_foley(parsed: Namespace) -> int:
    if parsed.init is not None:
        return _train_lora(parsed)
    for name in ("library", "library_file", "rank"):
        if getattr(parsed, name) is not None:
            flag = name.replace("_", "-")
            raise ValueError(f"--{flag} is for teaching a trained model; add --init shipped")
    if parsed.data is None:
        raise ValueError("nothing to train on: give --data DIR, or --init shipped --library WORDS")
    from folai.train.denoiser import TrainOptions, train_foley

    options = TrainOptions(**fields_from(parsed, TrainOptions))
    return report_outcome(parsed, _outcome(train_foley(options, _log(parsed)), options))


def _train_lora(parsed: Namespace) -> int:
    from folai.checkpoints import FOLEY
    from folai.train.small_lora import LoraOptions, train_lora

    for name in ("data", "autoencoder"):
        if getattr(parsed, name) is not None:
            raise ValueError(f"--{name} is for a training from the beginning; leave it or --init")
    values = fields_from(parsed, LoraOptions)
    values["init"] = FOLEY if parsed.init == "shipped" else Path(parsed.init)
    options = LoraOptions(**values)
    return report_outcome(parsed, _outcome(train_lora(options, _log(parsed)), options))


def _add_control(trainers: Commands) -> None:
    files = "--base runs/foley/foley.safetensors --out runs/control"
    command = _add_sound_model(
        trainers,
        "control",
        "Train the ControlNet: the sound model follows envelopes.",
        f"folai train control --data recordings clips {files}",
        None,
        train_control,
        required=False,
    )
    command.add_argument("--base", type=Path, metavar="FILE", help="sound model to steer")
    group = command.add_argument_group(TITLE)
    group.add_argument(
        "--model",
        metavar="NAME",
        help="train for stable-audio-open-1.0 or a stable-audio-3 model, or a folder of it",
    )
    group.add_argument("--lora-rank", type=int, metavar="N", help="a LoRA instead, such as 16")
    for name, kind, what in (
        ("windows", int, "how many are encoded (4000)"),
        ("seconds", float, "length of a window (10)"),
        ("batch-size", int, "windows a process sees at once (12; Stable Audio 3: 16)"),
        ("accumulate", int, "batches before a step (4; Stable Audio 3: 1)"),
        ("learning-rate", float, "learning rate (1e-4)"),
        ("depth-factor", float, "share of the base's blocks that is copied (0.2)"),
    ):
        group.add_argument(f"--{name}", type=kind, metavar="X", help=what)
    group.add_argument("--clap", type=Path, metavar="DIR", help="CLAP from this folder")
    group.add_argument(
        "--no-clap", action="store_true", default=None, help="train without references"
    )
    add_dtype_and_offline(group)
    group = command.add_argument_group("for Stable Audio 3 alone (see docs/full_size.md)")
    group.add_argument(
        "--light",
        action="store_true",
        default=None,
        help="one linear layer and a LoRA (16) instead of a ControlNet",
    )
    group.add_argument(
        "--library", metavar="WORDS", help="learn from recordings that words find in the library"
    )
    group.add_argument("--library-file", type=Path, metavar="FILE", help="the library")
    group.add_argument(
        "--no-prompts",
        dest="prompts",
        action="store_false",
        default=None,
        help="labels of recordings are not heard as prompts; no text model is needed",
    )


def _add_leaps(trainers: Commands) -> None:
    command = _add_sound_model(
        trainers,
        "leaps",
        "Train the sound model and its ControlNet on, together, and then to take few large steps, "
        "each in one evaluation.",
        "folai train leaps --data recordings clips --base runs/foley/foley.safetensors "
        "--control runs/control/control.safetensors",
        4000,
        train_leaps,
    )
    command.add_argument("--base", type=Path, metavar="FILE", help="sound model to begin with")
    command.add_argument(
        "--control", type=Path, metavar="FILE", help="its ControlNet (default: beside the base)"
    )
    command.add_argument(
        "--small-steps",
        type=int,
        metavar="N",
        help="steps before large ones are learned (default: half of them)",
    )


def train_leaps(parsed: Namespace) -> int:
    from folai.train.leaps import TrainOptions, train_leaps

    options = TrainOptions(**fields_from(parsed, TrainOptions))
    return report_outcome(parsed, _outcome(train_leaps(options, _log(parsed)), options))


FULL_SIZE_ONLY = (
    "lora_rank", "windows", "seconds", "batch_size", "accumulate", "depth_factor", "clap",
    "no_clap", "dtype", "offline",
)  # fmt: skip
STABLE3_ONLY = ("light", "library", "library_file", "prompts")
SMALL_ONLY = ("base", "autoencoder", "batch_seconds")


def train_control(parsed: Namespace) -> int:
    if parsed.data is None and parsed.library is None:
        raise ValueError("nothing to train on: give --data DIR")
    if parsed.model not in (None, "small"):
        _refuse(parsed, SMALL_ONLY, "is of the small model; leave it out, or --model")
        if is_stable3(parsed.model):
            _refuse(parsed, ("clap", "no_clap"), "is of stable-audio-open-1.0; leave it out")
            return _train_stable3(parsed)
        _refuse(parsed, STABLE3_ONLY, "is of Stable Audio 3; name such a --model")
        return _train_full_size(parsed)
    _refuse(parsed, FULL_SIZE_ONLY, "is of a model at full size; name one with --model")
    _refuse(parsed, STABLE3_ONLY, "is of Stable Audio 3; name such a --model")
    from folai.train.small_control import TrainOptions, train_control

    options = TrainOptions(**fields_from(parsed, TrainOptions))
    return report_outcome(parsed, _outcome(train_control(options, _log(parsed)), options))


def _refuse(parsed: Namespace, names: tuple[str, ...], why: str) -> None:
    """What cannot take effect is an error."""
    for name in names:
        if getattr(parsed, name) is not None:
            flag = "no-prompts" if name == "prompts" else name.replace("_", "-")
            raise ValueError(f"--{flag} {why}")


def _train_full_size(parsed: Namespace) -> int:
    from folai.train.full_size_control import train_stable_control
    from folai.train.full_size_options import StableOptions

    fields = fields_from(parsed, StableOptions)
    if parsed.no_clap:
        fields["clap"] = None
    options = StableOptions(**fields)
    return report_outcome(parsed, _outcome(train_stable_control(options, _log(parsed)), options))


def _train_stable3(parsed: Namespace) -> int:
    from folai.train.stable3_control import train_stable3_control
    from folai.train.stable3_options import Stable3TrainOptions

    options = Stable3TrainOptions(**fields_from(parsed, Stable3TrainOptions))
    return report_outcome(parsed, _outcome(train_stable3_control(options, _log(parsed)), options))


# Guidance by loudness


def _add_loudness(trainers: Commands) -> None:
    command = add_command(
        trainers,
        "loudness",
        "Train the reader of loudness by which an envelope guides Stable Audio 3.",
        "folai train loudness --model stable-audio-3-small-sfx --data recordings",
        _loudness,
    )
    command.add_argument(
        "--data", type=Path, nargs="+", metavar="DIR", required=True, help="folders of recordings"
    )
    command.add_argument(
        "--model",
        metavar="NAME",
        default="stable-audio-3-small-sfx",
        help="a name of `folai models`, or a folder of its weights (default: %(default)s)",
    )
    command.add_argument(
        "--windows",
        type=int,
        metavar="N",
        default=600,
        help="pieces of recordings to learn from (default: %(default)s)",
    )
    command.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        default=Path("runs/loudness"),
        help="folder of the run (default: %(default)s)",
    )
    command.add_argument(
        "--steps", type=int, metavar="N", default=1500, help="in all (default: %(default)s)"
    )
    add_seed(command, "vary the training")
    command.add_argument("--offline", action="store_true", help="never ask the network")


def _loudness(parsed: Namespace) -> None:
    from folai.train.full_size_loudness import LoudnessOptions, train_stable3_loudness

    options = LoudnessOptions(
        data=tuple(parsed.data),
        model=parsed.model,
        out=parsed.out,
        steps=parsed.steps,
        windows=parsed.windows,
        seed=parsed.seed,
        offline=parsed.offline,
    )
    report_outcome(parsed, _outcome(train_stable3_loudness(options, _log(parsed)), options))
