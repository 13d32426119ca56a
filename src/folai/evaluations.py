"""What the commands `evaluate ...` and `data prepare` do.

Each takes what was parsed and tells what to print; printing is left to `cli`.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from folai.tables import read_table

if TYPE_CHECKING:
    from folai.evaluate.adapted import AdaptedReport
    from folai.evaluate.mapper import MapperReport
    from folai.evaluate.rendered import RenderedReport
    from folai.evaluate.simulated import SimulatedReport

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Outcome:
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    failed: bool = False  # something could not be read; the rest was done


def evaluate_sound(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.listening import sound_test
    from folai.evaluate.measure import MeasureOptions
    from folai.evaluate.report.files import PAGE, check_folder, write_report
    from folai.evaluate.sound import SoundOptions, evaluate_sound
    from folai.evaluate.sound_sections import sound_sections

    options = SoundOptions(
        measure=MeasureOptions(not parsed.levels_as_they_are, parsed.piece),
        embeddings=tuple(parsed.embedding or ()),
        prompts=read_prompts(parsed.prompts) if parsed.prompts else {},
        pictures=parsed.pictures,
        workers=parsed.workers,
        cache=parsed.cache,
    )
    if parsed.out is not None:
        check_folder(parsed.out)
    report = evaluate_sound(parsed.truth, parsed.generated, options, progress)
    lines = [report.text()]
    if parsed.out is not None:
        sections = sound_sections(report, players=parsed.players)
        test = None
        if parsed.listening:
            test = sound_test(
                report, kind=parsed.listening, count=parsed.listening_clips, seed=parsed.seed
            )
        about = f"{len(report.systems[0].pairing.pairs)} clips of {parsed.truth}"
        write_report(parsed.out, "Sound against truth", about, sections, test)
        lines.append(f"{parsed.out / PAGE}")
    return Outcome("\n\n".join(lines), report.to_dict(), report.failed)


def evaluate_listening(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.listening import evaluate_listening

    report = evaluate_listening(parsed.results)
    return Outcome(report.table(), report.to_dict())


def run_config(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.listening import sound_test
    from folai.evaluate.report.files import PAGE, check_folder, write_report
    from folai.evaluate.reporting import jsonable
    from folai.evaluate.run import read_config, run_config

    config = read_config(parsed.config)
    out = parsed.out or Path(parsed.config.stem)
    check_folder(out)
    report, sections = run_config(config, out, parsed.cache, progress)
    told, test = config.measure, None
    if report is not None and told.listening:
        test = sound_test(report, kind=told.listening, count=told.listening_clips, seed=told.seed)
    about = f"{config.truth.data}, {config.truth.split or 'all clips'}"
    write_report(out, config.title, about, sections, test)
    text = "\n\n".join([*(section.text() for section in sections), f"{out / PAGE}"])
    facts = {section.key: section.facts for section in sections if section.facts}
    return Outcome(text, jsonable(facts), report is not None and report.failed)


def run_experiments(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.experiments.run import EXPERIMENTS, run_experiments
    from folai.evaluate.experiments.setting import ExperimentOptions
    from folai.evaluate.report.files import PAGE, check_folder, write_report
    from folai.evaluate.reporting import jsonable

    options = ExperimentOptions(
        data=parsed.data,
        split=parsed.split,
        wild=parsed.wild,
        limit=parsed.limit,
        seed=parsed.seed,
        weights=parsed.weights,
        mappers=tuple(parsed.mapper or ()),
        embedding=parsed.embedding,
        sampling=_sampling(parsed),
    )
    if parsed.out is not None:
        check_folder(parsed.out)
    names = list(EXPERIMENTS) if parsed.names == ["all"] else parsed.names
    sections = run_experiments(names, options, parsed.cache, progress)
    lines = [section.text() for section in sections]
    if parsed.out is not None:
        about = f"{parsed.data}, {parsed.split}; pieces that sound was made for: {parsed.limit}"
        write_report(parsed.out, "Experiments", about, sections)
        lines.append(f"{parsed.out / PAGE}")
    facts = {section.key: section.facts for section in sections}
    return Outcome("\n\n".join(lines), jsonable(facts))


def evaluate_mapper(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.adapted import evaluate_adapted
    from folai.evaluate.mapper import evaluate_mapper
    from folai.evaluate.rendered import evaluate_rendered

    given = [parsed.data, parsed.rendered, parsed.scenes]
    if sum(value is not None for value in given) != 1:
        asked = "give --data DIR for real clips, or --rendered N for rendered ones"
        raise ValueError(f"{asked}, or --scenes N for simulated ones")
    if parsed.adapt is not None and parsed.data is None:
        raise ValueError("--adapt learns from real clips; give --data DIR")
    real = (parsed.data, parsed.split, parsed.weights)
    kept: dict[str, Any] = {"fold": parsed.fold, "cache": parsed.cache}
    report: MapperReport | RenderedReport | SimulatedReport | AdaptedReport
    if parsed.scenes is not None:
        from folai.evaluate.simulated import evaluate_simulated

        report = evaluate_simulated(parsed.scenes, parsed.weights, progress, cache=parsed.cache)
    elif parsed.data is None:
        report = evaluate_rendered(parsed.rendered, parsed.weights, progress)
    elif parsed.adapt is not None:
        report = evaluate_adapted(*real, parsed.adapt, progress, **kept)
    else:
        report = evaluate_mapper(*real, progress, **kept)
    return Outcome(report.table(), report.to_dict())


def evaluate_foley(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.foley import FoleyOptions, evaluate_foley

    options = FoleyOptions(
        data=parsed.data,
        split=parsed.split,
        sounds=parsed.sounds,
        weights=parsed.weights,
        mapper=parsed.mapper,
        generator=not parsed.baselines,
        predicted=not parsed.true_only,
        limit=parsed.limit,
        seed=parsed.seed,
        embedding=parsed.embedding,
        sampling=_sampling(parsed),
        durations=tuple(parsed.speed),
        plot=parsed.plot,
        cache=parsed.cache,
    )
    report = evaluate_foley(options, progress=progress)
    return Outcome(report.table(), report.to_dict())


def evaluate_autoencoder(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.evaluate.autoencoder import evaluate_autoencoder

    report = evaluate_autoencoder(
        parsed.data,
        parsed.split,
        parsed.weights,
        progress,
        limit=parsed.limit,
        embedding=parsed.embedding,
        cache=parsed.cache,
    )
    return Outcome(report.table(), report.to_dict())


def prepare_data(parsed: Namespace, progress: Progress | None) -> Outcome:
    from folai.datasets.prepare import PrepareOptions, prepare

    options = PrepareOptions(
        kind=parsed.kind,
        source=parsed.source,
        out=parsed.out,
        splits=parsed.splits,
        piece=parsed.piece,
        height=parsed.height,
        shards=parsed.shards,
        workers=parsed.workers,
    )
    report = prepare(options, progress)
    return Outcome(report.table(), report.to_dict(), bool(report.broken))


def _sampling(parsed: Namespace) -> dict[str, Any]:
    """What was said of sampling, as `Foley.generate` takes it."""
    said = {"num_steps": parsed.steps, "cfg_scale": parsed.cfg_scale}
    return {name: value for name, value in said.items() if value is not None}


def read_prompts(path: Path) -> dict[str, str]:
    """Prompts by clip from a CSV file with the columns name and prompt.

    Raises ValueError where a column is missing.
    """
    rows = read_table(path, ("name", "prompt"))
    return {row["name"]: row["prompt"] for row in rows if row["prompt"]}


EVALUATIONS: dict[str, Callable[[Namespace, Progress | None], Outcome]] = {
    "evaluate sound": evaluate_sound,
    "evaluate run": run_config,
    "evaluate experiment": run_experiments,
    "evaluate listening": evaluate_listening,
    "evaluate mapper": evaluate_mapper,
    "evaluate foley": evaluate_foley,
    "evaluate autoencoder": evaluate_autoencoder,
    "data prepare": prepare_data,
}
