"""`folai evaluate sound | run | experiment | listening`: any system's sounds against the truth."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path

from folai.cli.output import Outcome, progress_bar, report_outcome
from folai.cli.parsing import (
    Commands,
    add_command,
    add_sampling,
    add_seed,
    fields_from,
    sampling_from,
)
from folai.tables import read_table


def add_to(measures: Commands) -> None:
    _add_sound(measures)
    _add_run(measures)
    _add_experiment(measures)
    _add_listening(measures)


# Folders of sounds


def _add_sound(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate sound",
        "Compare the sounds of any systems, in folders, with the true ones of the same names.",
        "folai evaluate sound --truth clips --generated ours --generated theirs -o report",
        evaluate_sound,
    )
    command.add_argument(
        "--truth", type=Path, metavar="DIR", required=True, help="true sounds, or clips with sound"
    )
    command.add_argument(
        "--generated",
        type=Path,
        metavar="DIR",
        action="append",
        required=True,
        help="sounds of a system; give it again for each system",
    )
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="for report.html and report.json"
    )
    command.add_argument(
        "--piece", type=float, metavar="S", help="cut clips into pieces of S seconds; papers: 10"
    )
    command.add_argument(
        "--levels-as-they-are",
        action="store_true",
        help="do not scale each sound to peak 1 for E-L1 and skill",
    )
    command.add_argument(
        "--prompts", type=Path, metavar="CSV", help="name,prompt of clips, for CLAP"
    )
    command.add_argument(
        "--pictures", type=Path, metavar="DIR", help="vectors NAME.npy of the pictures, for FAVD"
    )
    _add_measuring(command)
    command.add_argument(
        "--players",
        type=int,
        metavar="N",
        default=6,
        help="clips to hear in the page (default: %(default)s)",
    )
    command.add_argument(
        "--listening", choices=("pairs", "mushra"), help="put a listening test into the page"
    )
    command.add_argument(
        "--listening-clips",
        type=int,
        metavar="N",
        default=8,
        help="clips of the test (default: %(default)s)",
    )
    add_seed(command, "vary the test's order")


def _add_measuring(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--embedding",
        action="append",
        metavar="NAME[=PATH]",
        help="aisfx, clap=FOLDER, ms-clap=FILE or panns=FILE; give it again for more (default: "
        "aisfx where it is installed; log-mel statistics are always there)",
    )
    command.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    command.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder of what was measured, by what is in the files (default: nothing is kept)",
    )


def evaluate_sound(parsed: Namespace) -> int:
    from folai.evaluate.report.report_files import PAGE, check_folder, write_report
    from folai.evaluate.sounds.comparison_sections import report_text, sound_sections
    from folai.evaluate.sounds.folders import evaluate_sound
    from folai.evaluate.sounds.listening import sound_test
    from folai.evaluate.sounds.measure import MeasureOptions
    from folai.evaluate.sounds.system_scores import SoundOptions

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
    with progress_bar(parsed) as progress:
        result = evaluate_sound(parsed.truth, parsed.generated, options, progress)
    lines = [report_text(result)]
    if parsed.out is not None:
        sections = sound_sections(result, players=parsed.players)
        test = None
        if parsed.listening:
            test = sound_test(
                result, kind=parsed.listening, count=parsed.listening_clips, seed=parsed.seed
            )
        about = f"{len(result.systems[0].pairing.pairs)} clips of {parsed.truth}"
        write_report(parsed.out, "Sound against truth", about, sections, test)
        lines.append(f"{parsed.out / PAGE}")
    return report_outcome(parsed, Outcome("\n\n".join(lines), result.to_dict(), result.failed))


def read_prompts(path: Path) -> dict[str, str]:
    """Prompts by clip from a CSV file with the columns name and prompt.

    Raises ValueError where a column is missing.
    """
    rows = read_table(path, ("name", "prompt"))
    return {row["name"]: row["prompt"] for row in rows if row["prompt"]}


# A file that says what to make and measure


def _add_run(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate run",
        "Make the sounds that a file asks for, measure them, run its experiments: one report.",
        "folai evaluate run val.toml -o report",
        run_config,
    )
    command.add_argument("config", type=Path, metavar="CONFIG", help="a .toml file")
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="for the report (default: CONFIG's name)"
    )
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is computed (default: DIR/cache)"
    )


def run_config(parsed: Namespace) -> int:
    from folai.evaluate.report.report_files import PAGE, check_folder, write_report
    from folai.evaluate.run_file import read_run
    from folai.evaluate.sounds.listening import sound_test
    from folai.evaluate.whole_run import run_file
    from folai.reporting import jsonable

    config = read_run(parsed.config)
    out = parsed.out or Path(parsed.config.stem)
    check_folder(out)
    with progress_bar(parsed) as progress:
        result, sections = run_file(config, out, parsed.cache, progress)
    measure, test = config.measure, None
    if result is not None and measure.listening:
        test = sound_test(
            result, kind=measure.listening, count=measure.listening_clips, seed=measure.seed
        )
    about = f"{config.truth.data}, {config.truth.split or 'all clips'}"
    write_report(out, config.title, about, sections, test)
    text = "\n\n".join([*(section.text() for section in sections), f"{out / PAGE}"])
    facts = {section.key: section.facts for section in sections if section.facts}
    failed = result is not None and result.failed
    return report_outcome(parsed, Outcome(text, jsonable(facts), failed))


# Experiments


def _add_experiment(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate experiment",
        "Answer a question that the paper leaves open: prediction, envelopes, prompts, control, "
        "inputs, robustness, steps, distances, unseen, or all.",
        "folai evaluate experiment control --data clips -o report",
        run_experiments,
    )
    command.add_argument("names", nargs="+", metavar="NAME", help="experiments, or all")
    command.add_argument("--data", type=Path, metavar="DIR", required=True, help="folder of clips")
    command.add_argument(
        "--split", metavar="NAME", default="val", help="of DIR/clips.csv (default: %(default)s)"
    )
    command.add_argument(
        "--wild",
        metavar="NAME",
        default="test_wild",
        help="split of unseen kinds of action (default: %(default)s)",
    )
    command.add_argument(
        "--limit",
        type=int,
        metavar="N",
        default=4,
        help="pieces to make sound for (default: %(default)s)",
    )
    add_seed(command, "of the noise")
    add_sampling(command)
    command.add_argument("--weights", type=Path, metavar="FILE", help="weights of the sound model")
    command.add_argument(
        "--mapper",
        type=Path,
        metavar="FILE",
        action="append",
        help="weights of the mapper; further ones are compared by `inputs`",
    )
    command.add_argument("--embedding", metavar="NAME[=PATH]", help="as of evaluate sound")
    command.add_argument(
        "--cache", type=Path, metavar="DIR", help="of what is computed (default: nothing is kept)"
    )
    command.add_argument(
        "-o", dest="out", type=Path, metavar="DIR", help="for report.html and report.json"
    )


def run_experiments(parsed: Namespace) -> int:
    from folai.evaluate.experiments.chosen import EXPERIMENTS, run_experiments
    from folai.evaluate.experiments.setting import ExperimentOptions
    from folai.evaluate.report.report_files import PAGE, check_folder, write_report
    from folai.reporting import jsonable

    options = ExperimentOptions(
        **fields_from(parsed, ExperimentOptions),
        mappers=tuple(parsed.mapper or ()),
        sampling=sampling_from(parsed),
    )
    if parsed.out is not None:
        check_folder(parsed.out)
    names = list(EXPERIMENTS) if parsed.names == ["all"] else parsed.names
    with progress_bar(parsed) as progress:
        sections = run_experiments(names, options, parsed.cache, progress)
    lines = [section.text() for section in sections]
    if parsed.out is not None:
        about = f"{parsed.data}, {parsed.split}; pieces that sound was made for: {parsed.limit}"
        write_report(parsed.out, "Experiments", about, sections)
        lines.append(f"{parsed.out / PAGE}")
    facts = {section.key: section.facts for section in sections}
    return report_outcome(parsed, Outcome("\n\n".join(lines), jsonable(facts)))


# Listening tests


def _add_listening(measures: Commands) -> None:
    command = add_command(
        measures,
        "evaluate listening",
        "Say what the answers to a listening test mean.",
        "folai evaluate listening results.json",
        evaluate_listening,
    )
    command.add_argument("results", type=Path, nargs="+", metavar="FILE", help="saved by the page")


def evaluate_listening(parsed: Namespace) -> int:
    from folai.evaluate.sounds.listening_answers import evaluate_listening

    result = evaluate_listening(parsed.results)
    return report_outcome(parsed, Outcome(result.table(), result.to_dict()))
