"""A map of sounds by their embedding: whether similar sounds are near one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE, Sound, load_sounds
from folai.evaluate.experiments.setting import Setting
from folai.evaluate.report import charts
from folai.evaluate.report.sections import Chart, Section, Table, cells
from folai.metrics import cosine

LABELS, EACH = 14, 6  # labels in the map, and sounds of each
LONGEST_EMBEDDED = 4.0  # seconds of a sound that are embedded

Floats = NDArray[np.float64]


def distances(setting: Setting) -> Section:
    """Distances between sounds of one thing and of others, as a matrix and as a map."""
    sounds = _chosen(setting)
    vectors = []
    for sound in setting.each(sounds):
        vectors.append(setting.embedder.mean(sound.wav[: round(LONGEST_EMBEDDED * SAMPLE_RATE)]))
    apart = 1 - cosine(np.array(vectors)[:, None], np.array(vectors)[None])
    labels = [sound.label for sound in sounds]
    names = list(dict.fromkeys(labels))
    between = _between(apart, labels, names)
    means = _kinds(apart, sounds)
    rows = tuple((name, *cells([value])) for name, value in means.items())
    return Section(
        key="distances",
        title="A map of sounds",
        question="Does the embedding put similar sounds together, so that its distances can be "
        "believed?",
        parts=(
            Table(("1 - cosine", "mean"), rows, f"{len(sounds)} sounds, {setting.embedder.name}"),
            Chart(charts.heat(between, names, names), "Mean distance between sounds of two labels"),
            Chart(
                charts.scatter(flattened(apart), labels, [s.name for s in sounds]),
                "Each sound, placed so that distances are kept as well as two dimensions can",
            ),
        ),
        findings=(_finding(means),),
        facts={"embedding": setting.embedder.name, "means": means, "labels": names}
        | {"between": between.tolist()},
    )


def flattened(apart: Floats) -> Floats:
    """Places [N, 2] whose distances approximate `apart` [N, N], by classical scaling."""
    count = len(apart)
    centre = np.eye(count) - 1 / count
    values, vectors = np.linalg.eigh(-centre @ apart**2 @ centre / 2)
    places = vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 0))
    signs = np.sign(places[np.abs(places).argmax(axis=0), [0, 1]])  # eigenvectors have no sign
    return np.asarray(places * np.where(signs == 0, 1, signs))


def _chosen(setting: Setting) -> list[Sound]:
    """Some labelled parts of each of the commonest labels, of all splits, recordings in turn."""
    every = load_sounds(setting.options.data, setting.cache, None)
    labelled = [sound for sound in every if sound.label and sound.seconds >= 0.5]
    counted = Counter(sound.label for sound in labelled)
    common = [label for label, count in counted.most_common(LABELS) if count >= 2]
    if len(common) < 2:
        raise ValueError(
            f"{setting.options.data}: no two kinds of sound with two examples; a map needs an "
            "onsets.csv with material and action"
        )
    rng = np.random.default_rng(setting.options.seed)
    found = []
    for label in sorted(common):
        own = [sound for sound in labelled if sound.label == label]
        order = rng.permutation(len(own))[:EACH]
        found += [own[i] for i in sorted(order)]
    return found


def _between(apart: Floats, labels: Sequence[str], names: Sequence[str]) -> Floats:
    """Mean distances [L, L] of sounds of two labels; a sound to itself does not count."""
    other = ~np.eye(len(apart), dtype=bool)
    members = [np.array([label == name for label in labels]) for name in names]
    return np.array(
        [[apart[np.outer(a, b) & other].mean() for b in members] for a in members], np.float64
    )


def _kinds(apart: Floats, sounds: Sequence[Sound]) -> dict[str, float]:
    recording = np.array([sound.name.rpartition("@")[0] for sound in sounds])
    label = np.array([sound.label for sound in sounds])
    other = ~np.eye(len(sounds), dtype=bool)
    same_recording = (recording[:, None] == recording) & other
    same_label = (label[:, None] == label) & other
    groups = {
        "same recording, same label": same_recording & same_label,
        "other recording, same label": ~same_recording & same_label & other,
        "same recording, other label": same_recording & ~same_label,
        "other recording, other label": ~same_recording & ~same_label & other,
    }
    return {name: float(apart[mask].mean()) for name, mask in groups.items() if mask.any()}


def _finding(means: dict[str, float]) -> str:
    near = means.get("other recording, same label")
    far = means.get("other recording, other label")
    if near is None or far is None:
        return "Too few recordings to tell the label from the recording."
    return (
        f"In other recordings, sounds of the same label are {near:.3f} apart, of other labels "
        f"{far:.3f}: what is heard counts {'more' if near < far else 'no more'} than the room."
    )
