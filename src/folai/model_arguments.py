"""What the command line takes for training and measuring models."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from folai.evaluation_arguments import add_evaluations
from folai.stable_arguments import add_stable_training


def add_command(commands: Any, name: str, about: str, example: str) -> argparse.ArgumentParser:
    """A parser for the command called `name` in full; its last word is what the user adds."""
    command: argparse.ArgumentParser = commands.add_parser(
        name.split()[-1], help=about, description=about, epilog=f"example: {example}"
    )
    command.set_defaults(command=name)
    command.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    command.add_argument("--quiet", action="store_true", help="print nothing but warnings")
    return command


def _own_cores() -> int:
    """Cores this process may use; more threads than that only wait for one another."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _add_run(command: Any, model: str, *, steps: int, cached: str) -> None:
    """What every training takes; `cached`: what --cache keeps."""
    command.add_argument("--out", type=Path, metavar="DIR", default=Path("runs") / model)
    command.add_argument("--steps", type=int, metavar="N", default=steps)
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--threads", type=int, metavar="N", default=_own_cores())
    command.add_argument("--cache", type=Path, metavar="DIR", help=f"of {cached} (default: in OUT)")


def add_train(commands: Any) -> None:
    trainers = commands.add_parser("train", help="Train a model.").add_subparsers(
        title="models", required=True, metavar="MODEL"
    )
    command = add_command(
        trainers,
        "train mapper",
        "Train the RMS-Mapper on clips with sound; a run that was interrupted is resumed.",
        "folai train mapper --data clips --out runs/mapper",
    )
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of clips with sound")
    command.add_argument(
        "--splits",
        nargs="+",
        metavar="SPLIT",
        default=["train"],
        help="of its clips.csv; offsets of all but the first are looked for further (%(default)s)",
    )
    command.add_argument(
        "--others-share", type=float, metavar="X", default=0.5, help="of recordings, for the others"
    )
    command.add_argument(
        "--noisy", type=float, metavar="X", default=0.3, help="weight of clips rated B (0: none)"
    )
    command.add_argument(
        "--leave-out", nargs="+", metavar="CLIP", default=[], help="clips, as the table names them"
    )
    command.add_argument(
        "--simulated", type=int, metavar="N", default=0, help="scenes in three dimensions besides"
    )
    command.add_argument(
        "--simulated-share", type=float, metavar="X", default=0.3, help="of what is seen"
    )
    command.add_argument(
        "--first-simulated", type=int, metavar="N", default=0, help="seed of the first of them"
    )
    command.add_argument(
        "--rendered", type=float, metavar="MINUTES", default=80.0, help="of drawn clips besides"
    )
    command.add_argument(
        "--batch-size", type=int, metavar="N", default=8, help="windows of 4 s seen in a step"
    )
    command.add_argument(
        "--size", choices=("base", "wide"), help="of the model: 1.0 (default) or 2.6 M parameters"
    )
    command.add_argument("--inputs", choices=("rgb", "flow", "both"), default="both")
    command.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="weights to start from (`shipped`: folai's own) instead of from nothing",
    )
    command.add_argument(
        "--guises", type=int, metavar="N", default=8, help="of each clip, as others would film it"
    )
    command.add_argument(
        "--first-guise", type=int, metavar="N", default=0, help="with --init: go on with others"
    )
    command.add_argument(
        "--first-scene", type=int, metavar="N", default=0, help="the same for drawn clips"
    )
    command.add_argument(
        "--share", type=float, metavar="X", default=0.65, help="of what is seen that is drawn"
    )
    command.add_argument(
        "--learning-rate", type=float, metavar="X", default=1e-3, help="at most (%(default)s)"
    )
    _add_fold(command, "leave the Kth of N parts of the recordings out, for cross-validation")
    _add_run(command, "mapper", steps=8000, cached="what is computed from clips")
    for name, about in (
        ("join", "Put several mappers into one file of weights: their predictions are averaged."),
        ("average", "Average the weights of mappers that were trained on from the same ones."),
    ):
        files = "runs/0/mapper.safetensors runs/1/mapper.safetensors -o both.safetensors"
        command = add_command(trainers, f"train {name}", about, f"folai train {name} {files}")
        command.add_argument("weights", type=Path, nargs="+", metavar="WEIGHTS")
        command.add_argument("-o", dest="out", type=Path, metavar="FILE", required=True)

    _add_train_autoencoder(trainers)
    _add_train_foley(trainers)


def _add_fold(command: argparse.ArgumentParser, about: str) -> None:
    command.add_argument("--fold", type=_fold, metavar="K/N", help=about)


def _fold(text: str) -> Any:
    from folai.train.folds import Fold

    try:
        return Fold.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _add_train_autoencoder(trainers: Any) -> None:
    command = add_command(
        trainers,
        "train autoencoder",
        "Train the autoencoder's decoder on recordings; a run that was interrupted is resumed.",
        "folai train autoencoder --data recordings --out runs/autoencoder",
    )
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="DIR",
        required=True,
        help="folders with an index.csv or a clips.csv, or that hold such folders",
    )
    command.add_argument(
        "--batch-size", type=int, metavar="N", default=8, help="windows of 0.74 s seen in a step"
    )
    _add_run(command, "autoencoder", steps=3000, cached="decoded recordings")


def _add_train_foley(trainers: Any) -> None:
    for name, about, steps in (
        ("foley", "Train the sound model on recordings: what things sound like.", 2000),
        ("control", "Train the ControlNet: the sound model follows envelopes.", 1200),
    ):
        base = " --base runs/foley/foley.safetensors" if name == "control" else ""
        command = add_command(
            trainers,
            f"train {name}",
            f"{about} A run that was interrupted is resumed.",
            f"folai train {name} --data recordings clips{base} --out runs/{name}",
        )
        command.add_argument(
            "--data",
            type=Path,
            nargs="+",
            metavar="DIR",
            required=True,
            help="folders of recordings or clips, or of such folders",
        )
        if name == "control":
            command.add_argument("--base", type=Path, metavar="FILE", help="sound model to steer")
        command.add_argument("--autoencoder", type=Path, metavar="FILE", help="other weights of it")
        command.add_argument(
            "--batch-seconds", type=float, metavar="S", default=32.0, help="of sound in a step"
        )
        _add_run(command, name, steps=steps, cached="what is measured")
        if name == "control":
            add_stable_training(command)


def add_evaluate(commands: Any) -> None:
    measures = commands.add_parser("evaluate", help="Measure a model.").add_subparsers(
        title="models", required=True, metavar="MODEL"
    )
    command = add_command(
        measures,
        "evaluate mapper",
        "Compare predicted envelopes and onsets with the sound that clips have.",
        "folai evaluate mapper --data clips --split val",
    )
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of clips with sound")
    command.add_argument("--split", metavar="NAME", help="only this split of DIR/clips.csv")
    _add_fold(command, "only what training with the same --fold has left out")
    command.add_argument(
        "--rendered", type=int, metavar="N", help="N drawn clips with exact contacts instead"
    )
    command.add_argument(
        "--scenes", type=int, metavar="N", help="N simulated scenes of each family instead"
    )
    command.add_argument(
        "--adapt",
        type=float,
        metavar="S",
        help="teach the first S seconds of each clip, and score the rest, before and after",
    )
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
    command.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="of what is computed from clips (default: none kept)",
    )
    _add_evaluate_autoencoder(measures)
    _add_evaluate_foley(measures)
    add_evaluations(measures, add_command)


def _add_evaluate_autoencoder(measures: Any) -> None:
    command = add_command(
        measures,
        "evaluate autoencoder",
        "Compare sounds with what the autoencoder makes of them, and with Opus at 32 kbit/s.",
        "folai evaluate autoencoder --data recordings clips",
    )
    command.add_argument(
        "--data",
        type=Path,
        nargs="+",
        metavar="DIR",
        required=True,
        help="folders of recordings (index.csv) or of clips with sound (clips.csv)",
    )
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of the tables (%(default)s)"
    )
    command.add_argument("--limit", type=int, metavar="N", help="only N sounds, evenly spread")
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
    _add_embedding_and_cache(command)


def _add_evaluate_foley(measures: Any) -> None:
    command = add_command(
        measures,
        "evaluate foley",
        "Let the sound model imitate recordings it has never heard, beside simple systems.",
        "folai evaluate foley --data clips --split val",
    )
    command.add_argument(
        "--data", type=Path, metavar="DIR", required=True, help="folder of clips (clips.csv)"
    )
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of DIR/clips.csv (%(default)s)"
    )
    command.add_argument(
        "--sounds",
        type=Path,
        metavar="DIR",
        help="labelled recordings (index.csv) for the label figure (default: sfx beside --data)",
    )
    command.add_argument("--limit", type=int, metavar="N", help="only N tasks, evenly spread")
    command.add_argument("--seed", type=int, metavar="N", default=0)
    command.add_argument("--baselines", action="store_true", help="without the sound model")
    command.add_argument("--steps", type=int, metavar="N", help="of sampling")
    command.add_argument("--cfg-scale", type=float, metavar="X", help="strength of guidance")
    command.add_argument(
        "--true-only", action="store_true", help="not also with the mapper's envelopes"
    )
    command.add_argument(
        "--speed",
        type=float,
        nargs="+",
        metavar="S",
        default=(),
        help="also time S seconds of sound and measure the memory, such as 10 600",
    )
    command.add_argument(
        "--plot", type=Path, metavar="DIR", help="write spectrograms and the sounds of six clips"
    )
    command.add_argument("--weights", type=Path, metavar="FILE", help="other weights")
    command.add_argument("--mapper", type=Path, metavar="FILE", help="other weights of the mapper")
    _add_embedding_and_cache(command)


def _add_embedding_and_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--embedding",
        choices=("aisfx", "log-mel"),
        help="what likeness is measured with (default: aisfx where it is installed)",
    )
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is decoded (default: a temporary folder)"
    )
