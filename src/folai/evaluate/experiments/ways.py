"""Ways of making the same sounds, each scored against the truth: the rows of an experiment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from folai.data.sounds import SAMPLE_RATE
from folai.evaluate.experiments.setting import Setting, Wav, mean, short_name
from folai.evaluate.foley.tasks import Task
from folai.evaluate.report import charts
from folai.evaluate.report.sections import Chart, Gallery, Player, Section, Table, cells
from folai.evaluate.sounds.measure import PieceScore
from folai.evaluate.sounds.sets import Embedded, SetScore, score_set
from folai.media.audio import peak_normalise, resample
from folai.metrics import RMS_RATE, rms_curve

SHOWN = 3  # tasks in the page
COLUMNS = ("pieces", "corr", "best", "lag/ms", "skill", "F1 50", "cosine", "FAD")
EXPLAINED = (
    "against the true sound: corr: correlation of envelopes at lag 0; best, lag: at the best lag; "
    "skill: 1 - E-L1 / that of silence; F1: onsets within 50 ms; cosine, FAD: by embedding {}, few "
    "pieces, so only rows of this table compare"
)

Play = Callable[[Task], Wav | None]


@dataclass(frozen=True, eq=False)
class Way:
    """One way of generating the sounds of the tasks, with their scores."""

    name: str
    sounds: dict[str, Wav]  # by task
    scores: list[PieceScore]
    together: SetScore | None  # by embedding; None where all are silent

    def figures(self) -> dict[str, float]:
        named = ("correlation", "best", "lag", "skill_16k", "f1_50")
        found = {name: mean([getattr(score, name) for score in self.scores]) for name in named}
        if self.together is None:
            return found | {"cosine": float("nan"), "frechet": float("nan")}
        return found | {"cosine": self.together.cosine, "frechet": self.together.frechet}

    def row(self) -> tuple[str, ...]:
        figures = self.figures()
        lag = 1000 * figures["lag"]
        first = cells([figures["correlation"], figures["best"]])
        rest = cells([figures["skill_16k"], figures["f1_50"], figures["cosine"]])
        fad = cells([figures["frechet"]], "{:.1f}")
        return (self.name, str(len(self.scores)), *first, *cells([lag], "{:+.1f}"), *rest, *fad)


def run(setting: Setting, plays: Mapping[str, Play]) -> list[Way]:
    """Generates and scores the sound of every task in every way. A way that returns None for a task
    is not scored on it.
    """
    sounds: dict[str, dict[str, Wav]] = {name: {} for name in plays}
    jobs = [(name, task) for task in setting.tasks for name in plays]
    for name, task in setting.each(jobs):
        wav = plays[name](task)
        if wav is not None:
            sounds[name][task.name] = wav
    return [judge(setting, name, wavs) for name, wavs in sounds.items()]


def judge(setting: Setting, name: str, sounds: dict[str, Wav]) -> Way:
    """Score the sounds of tasks, by their names, against the truth."""
    tasks = [task for task in setting.tasks if task.name in sounds]
    clips = [
        Embedded(setting.embedder.embed(sounds[task.name]), setting.truth(task))
        for task in tasks
        if sounds[task.name].any()
    ]
    return Way(
        name,
        sounds,
        [setting.score(sounds[task.name], task) for task in tasks],
        score_set(setting.embedder.name, clips) if clips else None,
    )


def make_section(
    setting: Setting,
    ways: Sequence[Way],
    *,
    key: str,
    title: str,
    question: str,
    findings: tuple[str, ...],
    extra: tuple[Chart, ...] = (),
    shown: Sequence[Way] | None = None,
) -> Section:
    rows = tuple(way.row() for way in ways)
    table = Table(("", *COLUMNS), rows, EXPLAINED.format(setting.embedder.name))
    facts = [
        {"name": way.name, **way.figures(), "pieces": [asdict(s) for s in way.scores]}
        for way in ways
    ]
    return Section(
        key=key,
        title=title,
        question=question,
        parts=(table, *extra, *galleries(setting.tasks, shown or ways)),
        findings=findings,
        facts={"embedding": setting.embedder.name, "ways": facts},
    )


def chart_over(
    values: Sequence[float],
    ways: Sequence[Way],
    columns: Mapping[str, str],
    *,
    x_name: str,
    log_x: bool = False,
) -> Chart:
    """Figures of ways that differ in one option; columns: {name in the legend: figure}."""
    figures = [way.figures() for way in ways]
    curves = {name: (values, [f[figure] for f in figures]) for name, figure in columns.items()}
    svg = charts.lines(curves, x_name=x_name, y_name="against the truth", log_x=log_x)
    return Chart(svg, "Mean over the pieces")


def galleries(tasks: Sequence[Task], ways: Sequence[Way]) -> list[Gallery]:
    """Some tasks to listen to: the truth and the sound of each way."""
    chosen = np.linspace(0, len(tasks) - 1, min(SHOWN, len(tasks))).round().astype(int)
    return [
        Gallery(short_name(task), players({"truth": task.target} | sounds))
        for task in (tasks[i] for i in chosen)
        for sounds in [{way.name: way.sounds[task.name] for way in ways if task.name in way.sounds}]
    ]


def players(sounds: Mapping[str, Wav]) -> tuple[Player, ...]:
    """One player per sound. The first sound is the truth, whose envelope is drawn behind the
    others'.
    """
    curves = {}
    for name, wav in sounds.items():
        loud = peak_normalise(wav[None])
        curves[name] = rms_curve(resample(loud, SAMPLE_RATE, 16000)[0])
    true = next(iter(curves.values()))
    shown = []
    for number, (name, wav) in enumerate(sounds.items()):
        other = {name: curves[name]} if number else {}
        chart = charts.envelopes(true, other, RMS_RATE)
        shown.append(Player(name, 0.9 * peak_normalise(wav), SAMPLE_RATE, chart))
    return tuple(shown)
