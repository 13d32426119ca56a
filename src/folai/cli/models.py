"""`folai models`: which models can be named, and whether they are here."""

from __future__ import annotations

from argparse import Namespace

from folai.cli.output import report
from folai.cli.parsing import Commands, add_command


def add_to(commands: Commands) -> None:
    add_command(
        commands,
        "models",
        "List the models that can be named: size, licence, and whether they are here.",
        "folai models",
        run,
    )


def run(parsed: Namespace) -> None:
    from folai.checkpoints import TRAINED_ON
    from folai.stable.hub import list_models, models_table

    models = list_models()
    lines = [models_table(models), "", "mappers, for --weights:"]
    lines += [f"{name:24} {data}" for name, data in TRAINED_ON.items()]
    report(parsed, "\n".join(lines), models=models, mappers=TRAINED_ON)
