"""Any video-to-sound system, from folders of files: generated sounds against true ones.

    report = evaluate_sound(truth, [first, second], SoundOptions())
    print(report_text(report))  # of `sections`

Pairs are those of one name. Every pair is measured by itself in worker processes (`measure`), every
system as a set by each embedding (`sets`). The figures are those of `metrics`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path

from folai.data.workers import cores, spread
from folai.evaluate.sounds.embedder import Embedder
from folai.evaluate.sounds.embeddings import load_embedder
from folai.evaluate.sounds.measure import PairScore, measure
from folai.evaluate.sounds.pairs import Pairing, pair_folders, system_names
from folai.evaluate.sounds.sets import SetScore, embed_pairs, of_log_mel, score_set
from folai.evaluate.sounds.system_scores import SoundOptions, SoundReport, SystemScore
from folai.progress import Progress, Steps

INLINE = 12  # pairs that are measured sooner here than it takes to start workers
AT_ONCE = 4  # pairs sent to a worker together


def evaluate_sound(
    truth: Path,
    generated: Sequence[Path],
    options: SoundOptions | None = None,
    progress: Progress | None = None,
    *,
    names: Sequence[str] | None = None,
    only: Collection[str] | None = None,
) -> SoundReport:
    """Measure every folder of generated sounds against the true ones; `only`: the names to compare.

    A file that cannot be read is listed in `errors`, and the others are measured. Many pairs are
    measured in new processes, which import the main module: a script must call this under `if
    __name__ == "__main__"`. Raises ValueError for unusable folders or embeddings, and if no pair
    can be measured.
    """
    options = options or SoundOptions()
    if not generated:
        raise ValueError("no generated folder; give at least one")
    named = list(names) if names is not None else system_names(generated)
    pairings = [
        pair_folders(truth, folder, name, only)
        for folder, name in zip(generated, named, strict=True)
    ]
    embedders = [load_embedder(name) for name in options.embeddings]
    if not embedders:
        embedders = [e for e in [load_embedder()] if e.name != "log-mel"]
    embedders = [e for e in embedders if e.name != "log-mel"]
    if options.cache is not None:
        options.cache.mkdir(parents=True, exist_ok=True)
    pairs = sum(len(pairing.pairs) for pairing in pairings)
    steps = Steps(progress, max(1, pairs * (1 + len(embedders))))
    measured = _measure_all(pairings, options, steps)
    systems = tuple(
        SystemScore(pairing, scores, _sets(pairing, scores, embedders, options, steps))
        for pairing, scores in zip(pairings, measured, strict=True)
    )
    steps.finish()
    for system in systems:
        if not system.pieces:
            raise ValueError(
                f"{system.name}: no pair can be measured; {min(system.errors.values())}"
            )
    return SoundReport(truth, options, systems)


def _measure_all(
    pairings: Sequence[Pairing], options: SoundOptions, steps: Steps
) -> list[tuple[PairScore, ...]]:
    """In the order of the pairs, whichever worker was first."""
    pairs = [pair for pairing in pairings for pair in pairing.pairs]
    run = partial(measure, options=options.measure, cache=options.cache)
    workers = 1 if len(pairs) <= INLINE else options.workers or cores()
    scores = []
    for score in spread(run, pairs, workers, at_once=AT_ONCE):
        scores.append(score)
        steps.step()
    each = iter(scores)
    return [tuple(next(each) for _ in pairing.pairs) for pairing in pairings]


def _sets(
    pairing: Pairing,
    scores: Sequence[PairScore],
    embedders: Sequence[Embedder],
    options: SoundOptions,
    steps: Steps,
) -> tuple[SetScore, ...]:
    readable = [p for p, s in zip(pairing.pairs, scores, strict=True) if s.error is None]
    if not readable:
        return ()
    found = [score_set("log-mel", of_log_mel(scores, options.pictures))]
    for embedder in embedders:
        clips = embed_pairs(
            embedder,
            readable,
            options.measure.piece,
            options.cache,
            prompts=options.prompts,
            pictures=options.pictures,
            step=steps.step,
        )
        found.append(score_set(embedder.name, clips))
    return tuple(found)
