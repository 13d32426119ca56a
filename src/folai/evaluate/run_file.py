"""An evaluation as a file: which clips, which systems, what to measure, which experiments.

    [truth]
    data = "clips"              # relative to the file
    split = "val"
    piece = 10.0                # seconds

    [[system]]
    name = "folai"              # made by folai
    reference = "own"           # the clip's own sound, its room with it (room = 1); or a file
    envelope = "predicted"      # or "true"
    engine = "diffusion"        # this and what follows: options of `folai generate`
    init_strength = 0.6

    [[system]]
    name = "another"
    generated = "outputs/another"   # made by someone else

    [measure]
    embeddings = ["clap=weights/clap"]
    players = 6
    listening = "pairs"

    [experiments]
    names = ["prompts", "control"]  # or "all"
    limit = 4

Paths are relative to the file. What folai makes lies beside the report and is made once: an
interrupted run goes on where it was, and other options, weights or recordings make it anew.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from folai.engines import engine_names, get_engine
from folai.pipeline import GenerateOptions
from folai.takes.options import FinishOptions

OWN, TRUE, PREDICTED = "own", "true", "predicted"
SHARED = ("engine", "prompt", "negative_prompt", "sound", "seed", "weights")
"""Options of a system that are neither an engine's nor the finish's."""

Config = TypeVar("Config")


@dataclass(frozen=True)
class TruthConfig:
    data: Path
    split: str | None = None
    piece: float | None = None
    limit: int | None = None  # clips, from the first


@dataclass(frozen=True)
class SystemConfig:
    """A system that folai plays, or, with `generated`, a folder of sounds from elsewhere.

    options: of `GenerateOptions.of`, the engine's own among them; `weights` are the mapper's.
    """

    name: str
    generated: Path | None = None
    reference: str | Path | None = None  # OWN, or a file
    envelope: str = PREDICTED
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ValueError(f"system name {self.name!r}: give one that can be a folder's name")
        try:
            self._check()
        except ValueError as error:
            raise ValueError(f"system {self.name}: {error}") from error

    def _check(self) -> None:
        if self.envelope not in (TRUE, PREDICTED):
            raise ValueError(f"envelope is {self.envelope!r}; use true or predicted")
        if self.generated is not None and (self.options or self.reference is not None):
            unused = ", ".join([*self.options, *(["reference"] if self.reference else [])])
            raise ValueError(f"its sounds are in a folder, so {unused} has no effect; leave it out")
        if self.envelope == TRUE and "weights" in self.options:
            raise ValueError(
                "weights predict an envelope, and the true one is used; leave them out"
            )
        self.generate_options()

    def generate_options(self, **more: Any) -> GenerateOptions:
        """The options that its sounds are generated with. Raises ValueError for an invalid
        combination.
        """
        played = {name: value for name, value in self.options.items() if name != "weights"}
        if self.reference == OWN:  # what is compared with the recording has its room, too
            played = {"room": 1.0, **played}
        return GenerateOptions.of(**{"reference": self.reference, **played, **more})


@dataclass(frozen=True)
class MeasureConfig:
    embeddings: tuple[str, ...] = ()
    peak_normalised: bool = True
    players: int = 6
    listening: str | None = None
    listening_clips: int = 8
    seed: int = 0
    workers: int | None = None


@dataclass(frozen=True)
class ExperimentConfig:
    names: tuple[str, ...] = ()
    limit: int = 4
    seed: int = 0
    wild: str | None = "test_wild"
    embedding: str | None = None
    weights: Path | None = None  # of the sound model
    mappers: tuple[Path, ...] = ()


@dataclass(frozen=True)
class RunConfig:
    title: str
    truth: TruthConfig
    systems: tuple[SystemConfig, ...]
    measure: MeasureConfig = field(default_factory=MeasureConfig)
    experiments: ExperimentConfig = field(default_factory=ExperimentConfig)


def read_run(path: Path) -> RunConfig:
    """Reads and checks a file. Raises ValueError for another format, an unknown key, or a value out
    of range.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as TOML ({error})") from error
    try:
        _refuse(tables, {"title", "truth", "system", "measure", "experiments"}, "the file")
        experiments = dict(tables.get("experiments", {}))
        if experiments.get("names") == "all":
            from folai.evaluate.experiments.chosen import EXPERIMENTS

            experiments["names"] = list(EXPERIMENTS)
        systems = tuple(_system(table, path.parent) for table in tables.get("system", []))
        names = [system.name for system in systems]
        if len(set(names)) < len(names) or not (names or experiments):
            raise ValueError("give one [[system]] or more, each with a name of its own")
        return RunConfig(
            title=str(tables.get("title", path.stem)),
            truth=_part(TruthConfig, tables.get("truth", {}), path.parent, "[truth]"),
            systems=systems,
            measure=_part(MeasureConfig, tables.get("measure", {}), path.parent, "[measure]"),
            experiments=_part(ExperimentConfig, experiments, path.parent, "[experiments]"),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _system(table: Any, folder: Path) -> SystemConfig:
    """A [[system]]: its own keys, and options of `folai generate`."""
    options = dict.fromkeys(SHARED, str) | _engine_options() | {"weights": Path}
    own = ("name", "generated", "reference", "envelope")
    if not isinstance(table, dict):
        raise ValueError("system is not a table; write [[system]] above its keys")
    _refuse(table, {*own, *options}, "[[system]]")
    if "name" not in table:
        raise ValueError("[[system]] has no name; give one that can be a folder's name")
    values = {name: table[name] for name in own if name in table}
    if "generated" in values:
        values["generated"] = folder / str(values["generated"])
    if values.get("reference") not in (None, OWN):
        values["reference"] = folder / str(values["reference"])
    played = {name: value for name, value in table.items() if name in options}
    for name, value in played.items():
        if options[name] is Path:
            played[name] = folder / str(value)
        elif name == "model" and (folder / str(value)).is_dir():
            played[name] = folder / str(value)  # anything else is a name
    return SystemConfig(**values, options=played)


def _engine_options() -> dict[str, type]:
    """What each option of an engine or of the finish is, by its name."""
    kinds: tuple[Any, ...] = (FinishOptions, *(get_engine(name).Options for name in engine_names()))
    described = (option for kind in kinds for option in fields(kind))
    return {option.name: option.metadata["kind"] for option in described}


def _part(kind: type[Config], table: Any, folder: Path, where: str) -> Config:
    """A table as a dataclass: paths relative to the file, lists as tuples."""
    if not isinstance(table, dict):
        raise ValueError(f"{where} is not a table; write {where} above its keys")
    types = {f.name: str(f.type) for f in fields(kind)}  # type: ignore[arg-type]
    _refuse(table, types, where)
    values: dict[str, Any] = {}
    for name, value in table.items():
        if "Path" in types[name]:
            listed = isinstance(value, list)
            places = tuple(folder / str(v) for v in (value if listed else [value]))
            values[name] = places if listed else places[0]
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _refuse(table: Collection[str], known: Collection[str], where: str) -> None:
    unknown = set(table) - set(known)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(
            f"{where} has the unknown key {names}; it may have {', '.join(sorted(known))}"
        )
