"""An evaluation described by a file: generate sounds, measure them, run experiments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from folai.data.listing import Listing, list_clips
from folai.evaluate.experiments.setting import ExperimentOptions
from folai.evaluate.report.sections import Section
from folai.evaluate.run_file import RunConfig
from folai.evaluate.sounds.comparison_sections import sound_sections
from folai.evaluate.sounds.folders import evaluate_sound
from folai.evaluate.sounds.measure import MeasureOptions
from folai.evaluate.sounds.system_scores import SoundOptions, SoundReport
from folai.evaluate.system_sounds import system_sounds
from folai.progress import Progress, Stages

Result = tuple[SoundReport | None, list[Section]]


def run_file(
    config: RunConfig, folder: Path, cache: Path | None = None, progress: Progress | None = None
) -> Result:
    """Generate what is missing, measure, run experiments; returns scores and the sections of the
    report.

    Sounds are written to `folder`/generated, computed results to `cache` (None: `folder`/cache).
    Raises ValueError for unusable clips, weights or recordings.
    """
    from folai.evaluate.experiments.chosen import run_experiments

    cache = cache or folder / "cache"
    # Systems whose sounds are there already are no work, so they have no stage.
    work = {f"play {s.name}": 1.0 for s in config.systems if s.generated is None}
    work |= {"measure": 1.0} if config.systems else {}
    work |= {"experiments": float(len(config.experiments.names))}
    stages = Stages(progress, **work)
    report, sections = None, []
    if config.systems:
        listings = list_clips(config.truth.data, config.truth.split)[: config.truth.limit]
        sounds = [
            system.generated
            or system_sounds(
                system,
                listings,
                folder / "generated" / system.name,
                cache,
                stages.of(f"play {system.name}"),
            )
            for system in config.systems
        ]
        report = _measure(config, listings, sounds, cache, stages.of("measure"))
        sections += sound_sections(report, players=config.measure.players)
    if config.experiments.names:
        fields = asdict(config.experiments)
        names = fields.pop("names")
        options = ExperimentOptions(data=config.truth.data, split=config.truth.split, **fields)
        sections += run_experiments(names, options, cache, stages.of("experiments"))
    return report, sections


def _measure(
    config: RunConfig,
    listings: Sequence[Listing],
    sounds: Sequence[Path],
    cache: Path,
    progress: Progress,
) -> SoundReport:
    measure = config.measure
    options = SoundOptions(
        measure=MeasureOptions(measure.peak_normalised, config.truth.piece),
        embeddings=measure.embeddings,
        workers=measure.workers,
        cache=cache,
    )
    return evaluate_sound(
        config.truth.data,
        sounds,
        options,
        progress,
        names=[system.name for system in config.systems],
        only={Path(listing.name).with_suffix("").as_posix() for listing in listings},
    )
