"""Experiments that let the sound model play: envelopes, prompts, control, robustness."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from folai.data.sounds import Sound, load_sounds
from folai.envelope import Envelope
from folai.evaluate.experiments.setting import SAMPLE_RATE, Setting, Wav, mean, short_name
from folai.evaluate.foley.tasks import Task
from folai.evaluate.report import charts
from folai.evaluate.report.sections import Chart, Gallery, Player, Section, Table, cells
from folai.evaluate.sounds.measure import PieceScore
from folai.evaluate.sounds.sets import SetScore, score_set
from folai.metrics import RMS_RATE, rms_curve

SHOWN = 3  # tasks in the page
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # of control
COLUMNS = ("pieces", "corr", "best", "lag/ms", "skill", "F1 50", "cosine", "FAD")
EXPLAINED = (
    "against the true sound: corr: correlation of envelopes at lag 0; best, lag: at the best lag; "
    "skill: 1 - E-L1 / that of silence; F1: onsets within 50 ms; cosine, FAD: by embedding {}, few "
    "pieces, so only rows of this table compare"
)

Play = Callable[[Task], Wav | None]


@dataclass(frozen=True, eq=False)
class Way:
    """One way of making the sounds, and how they were."""

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


def envelopes(setting: Setting) -> Section:
    """True against predicted envelope."""
    ways = run(
        setting,
        {
            "true envelope": lambda task: setting.play(task, reference=task.reference),
            "predicted envelope": lambda task: setting.play(
                task, setting.predicted_part(task), reference=task.reference
            ),
        },
    )
    true, predicted = (way.figures()["correlation"] for way in ways)
    return make_section(
        setting,
        ways,
        key="envelopes",
        title="True against predicted envelope",
        question="How much of the error is the mapper's, how much the sound model's?",
        findings=(
            f"With the true envelope the sound's own follows the truth at {true:.2f}, with the "
            f"predicted one at {predicted:.2f}: the difference is the mapper's.",
        ),
    )


def prompts(setting: Setting) -> Section:
    """Kinds of prompt: own sound, another part, another recording, text, none."""
    others = _other_recordings(setting)

    def of_label(task: Task, make: Callable[[str], Any]) -> Any:
        labels = setting.labels(task)
        return make(labels[0]) if labels else None

    def other(task: Task) -> Wav | None:
        reference = of_label(task, others.get)
        return None if reference is None else setting.play(task, reference=reference)

    def text(task: Task) -> Wav | None:
        prompt = of_label(task, lambda label: label.replace("/", " ").replace("-", " "))
        return None if prompt is None else setting.play(task, prompt=prompt)

    ways = run(
        setting,
        {
            "own sound": lambda task: setting.play(task, reference=task.target),
            "another part of the recording": lambda t: setting.play(t, reference=t.reference),
            "another recording of the material": other,
            "text": text,
            "none": lambda task: setting.play(task),
        },
    )
    whole = [way for way in ways if len(way.scores) == len(setting.tasks)]  # others had fewer
    best = max(whole, key=lambda way: way.figures()["cosine"])
    return make_section(
        setting,
        ways,
        key="prompts",
        title="Kinds of prompt",
        question="Papers prompt with the target's own sound. What is left without that help?",
        findings=(
            f"Nearest to the truth by embedding, of those that every piece has: {best.name}. The "
            "row of the target's own sound is what papers report; a user has one of the others.",
        ),
    )


def control(setting: Setting) -> Section:
    """With and without ControlNet, and over `control_scale`."""

    def at(scale: float, task: Task) -> Wav:
        return setting.play(task, reference=task.reference, control_scale=scale)

    ways = run(setting, {f"control_scale {scale:g}": partial(at, scale) for scale in SCALES})
    columns = {"correlation": "correlation", "cosine": "cosine", "F1": "f1_50"}
    chart = chart_over(SCALES, ways, columns, x_name="control_scale")
    at_full_scale = ways[SCALES.index(1.0)]
    without, with_it = (way.figures()["correlation"] for way in (ways[0], at_full_scale))
    return make_section(
        setting,
        ways,
        key="control",
        title="With and without ControlNet, and how strongly",
        question="Is it the ControlNet that makes sound follow, and what does it cost?",
        findings=(
            f"Correlation with the true envelope: {without:.2f} without control, {with_it:.2f} "
            "with it.",
        ),
        extra=(chart,),
        shown=(ways[0], at_full_scale, ways[-1]),
    )


def robustness(setting: Setting) -> Section:
    """The envelope blurred, shifted, scaled, hits dropped and added, against the sound's error."""

    def spoilt(spoil: Callable[[Envelope, np.random.Generator], Envelope], task: Task) -> Wav:
        envelope = spoil(task.envelope, np.random.default_rng(task.seed))
        return setting.play(task, envelope, reference=task.reference)

    plays = {"as it is": lambda task: setting.play(task, reference=task.reference)}
    ways = run(setting, plays | {name: partial(spoilt, fn) for name, fn in SPOILT.items()})
    clean = ways[0].figures()["correlation"]
    rows = [(w.name, w.figures()["correlation"], float("nan"), float("nan")) for w in ways]
    worst = min(ways[1:], key=lambda way: way.figures()["correlation"])
    return make_section(
        setting,
        ways,
        key="robustness",
        title="Robustness",
        question="How does the sound suffer when the envelope is blurred, late, uneven, or wrong?",
        findings=(
            f"Correlation with the truth {clean:.2f} untouched; worst is {worst.name}: "
            f"{worst.figures()['correlation']:.2f}.",
        ),
        extra=(Chart(charts.intervals(rows), "Correlation with the true envelope at lag 0"),),
        shown=(ways[0], worst),
    )


def _uneven(db: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    """Each hit louder or softer by up to `db`."""
    for start, end in pairwise([*envelope.onsets.tolist(), envelope.duration]):
        if end - start > 0.01:
            envelope = envelope.scale_region(start, end, float(rng.uniform(-db, db)))
    return envelope


def _dropped(share: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    onsets = envelope.onsets
    for index in rng.permutation(len(onsets))[: round(share * len(onsets))]:
        near = envelope.onsets[np.abs(envelope.onsets - onsets[index]) < 0.03]
        if near.size:  # it may have gone with a neighbour
            envelope = envelope.remove_hit(float(onsets[index]))
    return envelope


def _added(share: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    peak = float(envelope.values.max())
    for _ in range(max(1, round(share * len(envelope.onsets)))):
        time = float(rng.uniform(0.0, max(envelope.duration - 0.2, 0.01)))
        envelope = envelope.add_hit(time, peak * float(rng.uniform(0.3, 1.0)))
    return envelope


def _blurred(seconds: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    return envelope.smooth(seconds)


def _late(seconds: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    return envelope.shift(seconds)


def _scaled(db: float, envelope: Envelope, rng: np.random.Generator) -> Envelope:
    return envelope.gain(db)


SPOILT: Mapping[str, Callable[[Envelope, np.random.Generator], Envelope]] = {
    **{f"blurred {1000 * s:.0f} ms": partial(_blurred, s) for s in (0.01, 0.03, 0.1)},
    **{f"late {1000 * s:.0f} ms": partial(_late, s) for s in (0.02, 0.05, 0.1)},
    **{f"scaled {db:+.0f} dB": partial(_scaled, db) for db in (-12.0, 6.0)},
    **{f"hits uneven by {db:.0f} dB": partial(_uneven, db) for db in (3.0, 6.0, 12.0)},
    **{f"{100 * x:.0f} % of hits dropped": partial(_dropped, x) for x in (0.25, 0.5)},
    **{f"{100 * x:.0f} % of hits added": partial(_added, x) for x in (0.25, 0.5, 1.0)},
}


def run(setting: Setting, plays: Mapping[str, Play]) -> list[Way]:
    """Every way of making sound on every task, scored; tasks that a way has nothing for are left
    out of it."""
    sounds: dict[str, dict[str, Wav]] = {name: {} for name in plays}
    jobs = [(name, task) for task in setting.tasks for name in plays]
    for name, task in setting.each(jobs):
        wav = plays[name](task)
        if wav is not None:
            sounds[name][task.name] = wav
    return [judge(setting, name, wavs) for name, wavs in sounds.items()]


def judge(setting: Setting, name: str, sounds: dict[str, Wav]) -> Way:
    """Score the sounds of tasks, by their names, against the truth."""
    from folai.evaluate.sounds.sets import Embedded

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
    """Some tasks: the truth and what each way made of it, to hear."""
    chosen = np.linspace(0, len(tasks) - 1, min(SHOWN, len(tasks))).round().astype(int)
    return [
        Gallery(short_name(task), players({"truth": task.target} | sounds))
        for task in (tasks[i] for i in chosen)
        for sounds in [{way.name: way.sounds[task.name] for way in ways if task.name in way.sounds}]
    ]


def players(sounds: Mapping[str, Wav]) -> tuple[Player, ...]:
    """A player for each; the first is the truth, whose envelope stands behind the others'."""
    from folai.media.audio import peak_normalise, resample

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


def _other_recordings(setting: Setting) -> dict[str, Wav]:
    """For each label, the longest part of a recording of the training split that has it."""
    found: dict[str, Sound] = {}
    for sound in load_sounds(setting.options.data, setting.cache, "train"):
        known = found.get(sound.label)
        if sound.label and sound.seconds >= 1 and (known is None or known.seconds < sound.seconds):
            found[sound.label] = sound
    return {label: sound.wav[: 10 * SAMPLE_RATE] for label, sound in found.items()}
