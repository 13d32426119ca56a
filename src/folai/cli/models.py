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
    from folai.stable.hub import list_models, models_table

    models = list_models()
    report(parsed, models_table(models), models=models)
