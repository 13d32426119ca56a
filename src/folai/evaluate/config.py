"""An evaluation as a file: which clips, which systems, what to measure, which experiments.

    [truth]
    data = "clips"              # relative to the file
    split = "val"
    piece = 10.0                # seconds

    [[system]]
    name = "folai"              # made by folai, with options of `folai generate`
    engine = "diffusion"
    reference = "own"           # the clip's own sound; or a file; left out: none
    envelope = "predicted"      # or "true"

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

What folai makes lies beside the report and is made once: an interrupted run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from folai.data.listing import Listing, list_clips
from folai.evaluate.experiments.setting import ExperimentOptions
from folai.evaluate.report.sections import Section
from folai.evaluate.sounds.folders import evaluate_sound
from folai.evaluate.sounds.measure import MeasureOptions
from folai.evaluate.sounds.sections import sound_sections
from folai.evaluate.sounds.system_scores import SoundOptions, SoundReport
from folai.progress import Progress, Steps
from folai.writing import written_whole

if TYPE_CHECKING:
    from folai.envelope import Envelope

OWN, TRUE, PREDICTED = "own", "true", "predicted"
Kind = TypeVar("Kind")


@dataclass(frozen=True)
class TruthConfig:
    data: Path
    split: str | None = None
    piece: float | None = None
    limit: int | None = None  # clips, from the first


@dataclass(frozen=True)
class SystemConfig:
    """One that folai plays, or, with `generated`, a folder that another filled."""

    name: str
    generated: Path | None = None
    engine: str | None = None
    reference: str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    sound: str | None = None
    envelope: str = PREDICTED
    seed: int = 0
    num_steps: int | None = None
    cfg_scale: float | None = None
    control_scale: float | None = None
    envelope_lock: float | None = None
    likeness: float | None = None
    weights: Path | None = None
    foley_weights: Path | None = None

    def __post_init__(self) -> None:
        if self.envelope not in (TRUE, PREDICTED):
            raise ValueError(
                f"system {self.name}: envelope is {self.envelope!r}; use true or predicted"
            )
        if not self.name or "/" in self.name or self.name.startswith("."):
            raise ValueError(f"system name {self.name!r}: give one that can be a folder's name")


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


def read_config(path: Path) -> RunConfig:
    """Raises ValueError for what is no such file, an unknown key, or what is out of range."""
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as TOML ({error})") from error
    try:
        known = {"title", "truth", "system", "measure", "experiments"}
        _refuse(set(told) - known, known, "the file")
        experiments = dict(told.get("experiments", {}))
        if experiments.get("names") == "all":
            from folai.evaluate.experiments.chosen import EXPERIMENTS

            experiments["names"] = list(EXPERIMENTS)
        systems = tuple(_part(SystemConfig, s, path, "[[system]]") for s in told.get("system", []))
        names = [system.name for system in systems]
        if len(set(names)) < len(names) or not (names or experiments):
            raise ValueError("give one [[system]] or more, each with a name of its own")
        return RunConfig(
            title=str(told.get("title", path.stem)),
            truth=_part(TruthConfig, told.get("truth", {}), path, "[truth]"),
            systems=systems,
            measure=_part(MeasureConfig, told.get("measure", {}), path, "[measure]"),
            experiments=_part(ExperimentConfig, experiments, path, "[experiments]"),
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def run_config(
    config: RunConfig, folder: Path, cache: Path | None = None, progress: Progress | None = None
) -> tuple[SoundReport | None, list[Section]]:
    """Make what is missing, measure, experiment: the sections of the report.

    What is made goes to `folder`/generated, what is computed to `cache` (None: `folder`/cache).
    """
    from folai.evaluate.experiments.chosen import run_experiments

    cache = cache or folder / "cache"
    count = len(config.experiments.names)
    shares = _Shares(progress, len(config.systems) + bool(config.systems) + count)
    report, sections = None, []
    if config.systems:
        listings = list_clips(config.truth.data, config.truth.split)[: config.truth.limit]
        made = [
            system.generated or _generate(system, listings, folder, cache, shares.next())
            for system in config.systems
        ]
        report = _measure(config, listings, made, cache, shares)
        sections += sound_sections(report, players=config.measure.players)
    if count:
        given = asdict(config.experiments)
        names = given.pop("names")
        options = ExperimentOptions(data=config.truth.data, split=config.truth.split, **given)
        sections += run_experiments(names, options, cache, shares.next(count))
    return report, sections


class _Shares:
    """Progress over parts of a whole."""

    def __init__(self, progress: Progress | None, parts: int) -> None:
        self._progress, self._parts, self._begun = progress, max(parts, 1), 0

    def next(self, parts: int = 1) -> Progress:
        begun, self._begun = self._begun, self._begun + parts
        return lambda share: self._tell((begun + share * parts) / self._parts)

    def _tell(self, share: float) -> None:
        if self._progress is not None:
            self._progress(min(1.0, share))


def _measure(
    config: RunConfig,
    listings: Sequence[Listing],
    made: Sequence[Path],
    cache: Path,
    shares: _Shares,
) -> SoundReport:
    told = config.measure
    options = SoundOptions(
        measure=MeasureOptions(told.peak_normalised, config.truth.piece),
        embeddings=told.embeddings,
        workers=told.workers,
        cache=cache,
    )
    return evaluate_sound(
        config.truth.data,
        made,
        options,
        shares.next(),
        names=[system.name for system in config.systems],
        only={Path(listing.name).with_suffix("").as_posix() for listing in listings},
    )


def _generate(
    system: SystemConfig,
    listings: Sequence[Listing],
    folder: Path,
    cache: Path,
    progress: Progress,
) -> Path:
    """The sounds of a system for all clips, as WAV files by the clips' names; those there stay."""
    place = folder / "generated" / system.name
    told = Steps(progress, len(listings))
    key = json.dumps(asdict(system), default=str, sort_keys=True)
    for listing in listings:
        wav = place / Path(listing.name).with_suffix(".wav")
        stamp = wav.with_suffix(".json")
        status = listing.path.stat()
        current = json.dumps([key, status.st_size, status.st_mtime_ns, _weights_stamp(system)])
        if not (wav.is_file() and stamp.is_file() and stamp.read_text() == current):
            wav.parent.mkdir(parents=True, exist_ok=True)
            _make(system, listing.path, wav, cache)
            with written_whole(stamp) as partial:
                partial.write_text(current)
        told.step()
    return place


def _make(system: SystemConfig, video: Path, wav: Path, cache: Path) -> None:
    from folai.pipeline import GenerateOptions, generate

    envelope = _envelope(system, video, cache)
    reference = video if system.reference == OWN else system.reference
    given = {f.name: getattr(system, f.name) for f in fields(SystemConfig)}
    passed = (
        "engine", "prompt", "negative_prompt", "sound", "seed", "num_steps", "cfg_scale",
        "control_scale", "envelope_lock", "likeness", "foley_weights",
    )  # fmt: skip
    options = {name: given[name] for name in passed if given[name] is not None}
    generate(video, wav, GenerateOptions.of(reference=reference, envelope=envelope, **options))


def _envelope(system: SystemConfig, video: Path, cache: Path) -> Envelope:
    """What a system is to follow; a prediction is made once for all systems."""
    from folai.envelope import Envelope
    from folai.pipeline import measure_envelope, predict_envelope

    if system.envelope == TRUE:
        return measure_envelope(video)
    status = video.stat()
    told = f"{video.resolve()} {status.st_size} {status.st_mtime_ns} {_weights_stamp(system)[0]}"
    stored = cache / f"envelope-{hashlib.sha256(told.encode()).hexdigest()[:20]}.json"
    if not stored.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        predict_envelope(video, weights=system.weights).save(stored)
    return Envelope.load(stored)


def _weights_stamp(system: SystemConfig) -> list[str]:
    """The hashes of the weights that a system plays with: other weights, other sounds."""
    from folai import checkpoints

    foley = system.foley_weights or checkpoints.FOLEY
    mapper = system.weights or checkpoints.MAPPER
    cards = (mapper, foley, foley.with_name(checkpoints.CONTROL.name), checkpoints.AUTOENCODER)
    told = [path.with_suffix(".json") for path in cards]
    return [str(json.loads(card.read_text())["sha256"]) for card in told if card.is_file()]


def _part(kind: type[Kind], told: Any, path: Path, where: str) -> Kind:
    """A table as a dataclass: paths relative to the file, lists as tuples."""
    if not isinstance(told, dict):
        raise ValueError(f"{where} is no table")
    known = {f.name: str(f.type) for f in fields(kind)}  # type: ignore[arg-type]
    _refuse(set(told) - known.keys(), known.keys(), where)
    given: dict[str, Any] = {}
    for name, value in told.items():
        if "Path" in known[name]:
            listed = isinstance(value, list)
            places = tuple(path.parent / str(v) for v in (value if listed else [value]))
            given[name] = places if listed else places[0]
        else:
            given[name] = tuple(value) if isinstance(value, list) else value
    if kind is SystemConfig and given.get("reference") not in (None, OWN):
        given["reference"] = str(path.parent / given["reference"])
    try:
        return kind(**given)
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


def _refuse(unknown: set[str], known: Any, where: str) -> None:
    if unknown:
        names = ", ".join(sorted(unknown))
        raise ValueError(
            f"{where} has the unknown key {names}; it may have {', '.join(sorted(known))}"
        )
