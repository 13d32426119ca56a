"""The experiments by name, and a function that runs some of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from folai.evaluate.experiments.denoising import steps
from folai.evaluate.experiments.distances import distances
from folai.evaluate.experiments.looking import inputs
from folai.evaluate.experiments.prediction import prediction, unseen
from folai.evaluate.experiments.setting import ExperimentOptions, Setting
from folai.evaluate.experiments.sounding import control, envelopes, prompts, robustness
from folai.evaluate.report.sections import Section
from folai.progress import Progress
from folai.reporting import folder_or_temporary

EXPERIMENTS: dict[str, Callable[[Setting], Section]] = {
    "prediction": prediction,
    "envelopes": envelopes,
    "prompts": prompts,
    "control": control,
    "inputs": inputs,
    "robustness": robustness,
    "steps": steps,
    "distances": distances,
    "unseen": unseen,
}


def run_experiments(
    names: Sequence[str],
    options: ExperimentOptions,
    cache: Path | None = None,
    progress: Progress | None = None,
) -> list[Section]:
    """A section per experiment, in the order of `names`. Raises ValueError for an unknown name."""
    unknown = [name for name in names if name not in EXPERIMENTS]
    if unknown or not names:
        known = ", ".join(EXPERIMENTS)
        raise ValueError(f"experiments are {', '.join(unknown) or 'none'}; use some of {known}")
    sections: list[Section] = []

    def tell(share: float) -> None:
        if progress is not None:
            progress((len(sections) + share) / len(names))

    with folder_or_temporary(cache) as folder:
        setting = Setting(options, folder, tell)
        for name in names:
            sections.append(EXPERIMENTS[name](setting))
            tell(0.0)
    return sections
