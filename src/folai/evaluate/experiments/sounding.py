"""Experiments on the sound model: envelopes, prompts, control, robustness."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds
from folai.envelope import Envelope
from folai.evaluate.experiments.setting import Setting, Wav
from folai.evaluate.experiments.spoilt_envelopes import SPOILT
from folai.evaluate.experiments.ways import chart_over, make_section, run
from folai.evaluate.foley.tasks import Task
from folai.evaluate.report import charts
from folai.evaluate.report.sections import Chart, Section

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)  # of control


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


def _other_recordings(setting: Setting) -> dict[str, Wav]:
    """For each label, the longest part of a recording of the training split that has it."""
    found: dict[str, Sound] = {}
    for sound in load_sounds(setting.options.data, setting.cache, "train"):
        known = found.get(sound.label)
        if sound.label and sound.seconds >= 1 and (known is None or known.seconds < sound.seconds):
            found[sound.label] = sound
    return {label: sound.wav[: 10 * SAMPLE_RATE] for label, sound in found.items()}
