"""Whether a prompted sound is recognised as what the prompt says, by a classifier of true sounds.

Ten classes of material or action. An example is 2.4 s of one thing: single hits and steps are
repeated with uneven gaps and levels, and never mixed from two origins; of longer recordings a part
is taken. Logistic regression on embeddings is fitted to the `train` split. The tasks come from the
split to be scored, each with a true envelope of its own class and the class as the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from folai.data.sounds import SAMPLE_RATE, Sound, pick, pick_window
from folai.envelope import Envelope
from folai.evaluate.foley.tasks import Task, Wav
from folai.evaluate.sounds.embedder import Embedder
from folai.media.audio import peak_normalise

Floats = NDArray[np.float64]

SECONDS = 2.4  # a block of the embedding
GAPS = (0.25, 0.7)  # seconds from the start of one hit to the next, where it is over by then
LEVELS = (0.35, 1.0)  # peaks of hits
EXAMPLES = 48  # of each class, to learn from
TRIALS = 8  # of each class, to be scored
PENALTY = 1.0  # on the squared weights, against a loss summed over the examples

_STRUCK = ("hit/{0}", "scratch/{0}", "impact/{0}")


@dataclass(frozen=True)
class LabelClass:
    """`name` is also the prompt, and what the preview calls it; labels begin with `starts`."""

    name: str
    starts: tuple[str, ...]

    def holds(self, label: str) -> bool:
        return any(label.startswith(start) for start in self.starts)


def _material(name: str, *others: str) -> LabelClass:
    return LabelClass(name, (*(shape.format(name) for shape in _STRUCK), *others))


CLASSES = (
    _material("wood"),
    _material("metal"),
    _material("glass", "break/glass", "scrape/glass"),
    _material("plastic"),
    _material("paper", "paper/"),
    _material("cloth", "cloth/"),
    _material("water", "water/"),
    _material("leaf", "scrape/leaves"),
    _material("rock", "impact/stone", "scrape/gravel", "hit/gravel", "scratch/gravel"),
    LabelClass("footstep", ("footstep/",)),
)


@dataclass(frozen=True, eq=False)
class Classifier:
    """Multinomial logistic regression on standardised embeddings."""

    names: tuple[str, ...]
    mean: Floats  # [D]
    deviation: Floats  # [D]
    weights: Floats  # [D + 1, classes], the last row a bias

    def __call__(self, vectors: Floats) -> list[str]:
        """The name of the class of each vector [N, D]."""
        scores = _with_one((vectors - self.mean) / self.deviation) @ self.weights
        return [self.names[i] for i in scores.argmax(axis=1)]


def learn(vectors: Floats, names: Sequence[str], penalty: float = PENALTY) -> Classifier:
    """Fit on vectors [N, D] with a name each. Raises ValueError for fewer than two classes."""
    from scipy.optimize import minimize

    classes = tuple(sorted(set(names)))
    if len(classes) < 2:
        raise ValueError(f"classes are {classes}: a classifier needs two or more")
    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0) + 1e-3
    x = _with_one((vectors - mean) / deviation)
    y = np.array([[name == other for other in classes] for name in names], np.float64)

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(x.shape[1], -1)
        scores = x @ weights
        scores -= scores.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(scores).sum(axis=1, keepdims=True))
        penalised = np.vstack([weights[:-1], np.zeros((1, len(classes)))])  # the bias is free
        value = float(np.sum((log_total - scores) * y) + penalty / 2 * np.sum(penalised**2))
        gradient = x.T @ (np.exp(scores - log_total) - y) + penalty * penalised
        return value, gradient.ravel()

    start = np.zeros(x.shape[1] * len(classes))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return Classifier(classes, mean, deviation, found.x.reshape(x.shape[1], -1))


def learn_labels(sounds: Sequence[Sound], embedder: Embedder, *, seed: int = 0) -> Classifier:
    """A classifier of the classes that the sounds have examples of."""
    vectors, names = [], []
    for name, wavs in examples(sounds, EXAMPLES, seed).items():
        vectors += [embedder.mean(wav) for wav in wavs]
        names += [name] * len(wavs)
    return learn(np.array(vectors), names)


def label_tasks(
    sounds: Sequence[Sound], classes: Sequence[str], *, trials: int = TRIALS, seed: int = 0
) -> list[Task]:
    """`trials` tasks with a prompt for each of the classes that the sounds have examples of."""
    found = examples(sounds, trials, seed)
    return [
        Task(
            name=f"{kind.name} {index + 1}",
            recording=kind.name,
            start=0.0,
            envelope=Envelope.from_audio(wav, SAMPLE_RATE),
            target=wav,
            reference=None,
            prompt=kind.name,
            sound=kind.name,
            seed=index,
        )
        for kind in CLASSES
        if kind.name in classes
        for index, wav in enumerate(found.get(kind.name, []))
    ]


def agreement(heard: Sequence[str], tasks: Sequence[Task]) -> tuple[float, Mapping[str, float]]:
    """Share of tasks classified as their prompt: the mean over classes, and each class's."""
    shares = {}
    for name in dict.fromkeys(task.recording for task in tasks):
        right = [h == name for h, task in zip(heard, tasks, strict=True) if task.recording == name]
        shares[name] = sum(right) / len(right)
    return sum(shares.values()) / len(shares) if shares else float("nan"), shares


def examples(sounds: Sequence[Sound], count: int, seed: int) -> dict[str, list[Wav]]:
    """`count` examples [T] of each class that occurs, T the samples of `SECONDS`."""
    found = {}
    for index, kind in enumerate(CLASSES):
        members = [sound for sound in sounds if kind.holds(sound.label)]
        rng = np.random.default_rng([seed, index])
        if members:
            found[kind.name] = [
                _sequence(first, members, rng) for first in pick(members, rng, count)
            ]
    return found


def _sequence(first: Sound, members: Sequence[Sound], rng: np.random.Generator) -> Wav:
    """[T]: `first`, and after it others of its label and origin, until `SECONDS` are full."""
    num_samples = round(SECONDS * SAMPLE_RATE)
    if first.seconds >= SECONDS:
        return np.asarray(peak_normalise(pick_window(first, num_samples, rng)[None])[0])
    like = [s for s in members if (s.label, s.origin) == (first.label, first.origin)]
    wav, start, sound = np.zeros(num_samples, np.float32), 0, first
    while start < num_samples - SAMPLE_RATE // 10:
        blow = peak_normalise(sound.wav[None], float(rng.uniform(*LEVELS)))[0]
        blow = blow[: num_samples - start]
        wav[start : start + len(blow)] += blow
        gap = rng.uniform(*GAPS) * SAMPLE_RATE
        start += round(max(gap, 0.8 * len(blow)))
        sound = like[int(rng.integers(len(like)))]
    return np.asarray(peak_normalise(wav[None])[0])


def _with_one(x: Floats) -> Floats:
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)
