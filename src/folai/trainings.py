"""What the commands `train ...` do.

Each takes what was parsed, and what to tell the log of the run, and answers what to print at its
end; printing is left to `cli`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from folai.evaluations import Outcome
from folai.stable_arguments import training_options

Log = Callable[[str], None]


def train_mapper(parsed: Namespace, log: Log) -> Outcome:
    from folai.checkpoints import MAPPER
    from folai.train.rms_mapper import TrainOptions, train_mapper

    options = TrainOptions(
        data=parsed.data,
        out=parsed.out,
        cache=parsed.cache,
        splits=tuple(parsed.splits),
        others_share=parsed.others_share,
        noisy=parsed.noisy,
        leave_out=tuple(parsed.leave_out),
        simulated=parsed.simulated,
        simulated_share=parsed.simulated_share,
        first_simulated=parsed.first_simulated,
        rendered_minutes=parsed.rendered,
        rendered_share=parsed.share,
        guises=parsed.guises,
        first_guise=parsed.first_guise,
        first_scene=parsed.first_scene,
        steps=parsed.steps,
        batch_size=parsed.batch_size,
        size=parsed.size,
        inputs=parsed.inputs,
        learning_rate=parsed.learning_rate,
        init=MAPPER if parsed.init == Path("shipped") else parsed.init,
        fold=parsed.fold,
        seed=parsed.seed,
        threads=parsed.threads,
    )
    return _trained(train_mapper(options, log), options)


def combine_mappers(parsed: Namespace, log: Log) -> Outcome:
    from folai.checkpoints import average_mappers, join_mappers

    joined = parsed.command == "train join"
    (join_mappers if joined else average_mappers)(parsed.weights, parsed.out)
    what = "joins" if joined else "the mean of"
    text = f"{parsed.out}: {what} {len(parsed.weights)} mappers"
    return Outcome(text, {"output": parsed.out})


def train_autoencoder(parsed: Namespace, log: Log) -> Outcome:
    from folai.train.autoencoder import AutoencoderOptions, train_autoencoder

    options = AutoencoderOptions(
        data=tuple(parsed.data),
        out=parsed.out,
        cache=parsed.cache,
        steps=parsed.steps,
        batch_size=parsed.batch_size,
        seed=parsed.seed,
        threads=parsed.threads,
    )
    return _trained(train_autoencoder(options, log), options)


def train_foley(parsed: Namespace, log: Log) -> Outcome:
    from folai.checkpoints import AUTOENCODER
    from folai.train.foley import TrainOptions, train_foley

    options = TrainOptions(
        data=tuple(parsed.data),
        out=parsed.out,
        cache=parsed.cache,
        autoencoder=parsed.autoencoder or AUTOENCODER,
        steps=parsed.steps,
        batch_seconds=parsed.batch_seconds,
        seed=parsed.seed,
        threads=parsed.threads,
    )
    return _trained(train_foley(options, log), options)


def train_control(parsed: Namespace, log: Log) -> Outcome:
    if parsed.model not in (None, "small"):
        from folai.train.stable_control import StableOptions, train_stable_control

        large = StableOptions(**training_options(parsed))
        return _trained(train_stable_control(large, log), large)
    from folai.checkpoints import AUTOENCODER, FOLEY
    from folai.train.control import TrainOptions, train_control

    options = TrainOptions(
        data=tuple(parsed.data),
        base=parsed.base or FOLEY,
        out=parsed.out,
        cache=parsed.cache,
        autoencoder=parsed.autoencoder or AUTOENCODER,
        steps=parsed.steps or TrainOptions.steps,
        batch_seconds=parsed.batch_seconds,
        seed=parsed.seed,
        threads=parsed.threads,
    )
    return _trained(train_control(options, log), options)


def _trained(weights: Path, options: Any) -> Outcome:
    return Outcome(f"{weights}: trained for {options.steps} steps", {"output": weights})


TRAININGS: dict[str, Callable[[Namespace, Log], Outcome]] = {
    "train mapper": train_mapper,
    "train join": combine_mappers,
    "train average": combine_mappers,
    "train foley": train_foley,
    "train control": train_control,
    "train autoencoder": train_autoencoder,
}
