"""Measures the library: how fast it is, how well it finds, and what a pool plays.

    python benchmarks/library.py --sfx ../shared/sfx --clips ../shared/clips --work /tmp/library
    python benchmarks/library.py ... queries walk            # these alone

--sfx has recordings and their `index.csv` (file, start_seconds, seconds, label, licence, credit,
origin); they are cut to one file each, in a folder of the label, below --work. --clips has
`clips.csv` and `onsets.csv`. What was cut, indexed and seen is kept in --work for the next time.

    indexing     hours of sound indexed an hour of wall time and of two cores' time
    nothing_new  seconds to add 100 000 files again of which none is new
    searches     95th percentile of searches by words and by sound among 100 000 recordings
    queries      share of the written searches whose first result has a label that was meant
    prompts      share of the written prompts understood as meant; nonsense that was not refused
    by_sound     share of recordings whose nearest of another origin is of the same label group
    learn_guess  learns the layer behind first_guess from training recordings (not by default)
    first_guess  share of contacts whose material is the first, or of the first three, suggestions
    walk         60 steps from 20 recordings: repeats, level error, the same event within 1 s
    pool         Frechet distance over that of noise: a pool against one reference
    kills        50 indexings killed, two at once at the end: what is wrong with the index

Written searches and prompts are those of tests/data, whose README says how they were made.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from folai.library.index import opened_library, writing
from folai.library.search import Searcher

LISTS = Path(__file__).parents[1] / "tests" / "data"
MANY = 100_000  # computed recordings
SEARCHES = 200  # of each kind that are timed
STEPS, RECORDINGS = 60, 20  # of the walk
PENALTY = 300.0  # of the weights of the first guess's last layer

Figures = dict[str, Any]


@dataclass(frozen=True)
class Places:
    """What is measured on, and where work is kept."""

    sfx: Path
    clips: Path
    work: Path

    @property
    def cut(self) -> Path:
        """The recordings, one file each: `group/kind/0001.wav`."""
        return self.work / "sounds"

    @property
    def library(self) -> Path:
        return self.work / "sounds.db"

    def recordings(self) -> list[dict[str, str]]:
        with (self.sfx / "index.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))


# Speed


def indexing(places: Places) -> Figures:
    """Cuts the recordings to files, and indexes all of them into a new library."""
    _cut_recordings(places)
    for path in places.work.glob("sounds.db*"):
        path.unlink()
    result, wall, cores = _timed(_add_command(places.library, places.cut))
    facts = json.loads(result)
    hours = facts["seconds"] / 3600
    return {
        "hours": hours,
        "recordings": facts["new"],
        "events": facts["events"],
        "copies": facts["copies"],
        "passed over": len(facts["problems"]),
        "hours an hour, wall": hours / wall * 3600,
        "hours an hour, two cores' time": hours / (cores / 2) * 3600,
    }


def nothing_new(places: Places) -> Figures:
    """Adds the folder of the computed library again."""
    library, folder = _many_recordings(places)
    runs = [_timed(_add_command(library, folder)) for _ in range(3)]
    assert all(json.loads(run[0])["new"] == 0 for run in runs)
    wall, cores = np.median([run[1:] for run in runs], axis=0)
    return {"files": MANY, "seconds, wall": wall, "seconds, CPU": cores}


def searches(places: Places) -> Figures:
    """Times searches in a process that has searched before."""
    library, _ = _many_recordings(places)
    with opened_library(library) as connection:
        searcher, rng = Searcher(connection), np.random.default_rng(3)
        words = [row["query"] for row in _rows("library_queries.csv")]
        files = [int(number) for number in rng.integers(1, MANY, SEARCHES)]
        first = time.perf_counter()
        searcher.by_words("wood")
        searcher.more_like(1)
        first = time.perf_counter() - first
        asked = [words[i % len(words)] for i in range(SEARCHES)]
        # A word is looked up once for a library: half of the searches are of words seen before.
        return {
            "first search of each kind, s": first,
            "by words, ms": _percentiles(searcher.by_words, asked),
            "by sound, ms": _percentiles(searcher.more_like, files),
        }


def _percentiles(search: Callable[[Any], object], asked: Sequence[Any]) -> Figures:
    walls, cores = [], []
    for one in asked:
        wall, core = time.perf_counter(), time.process_time()
        search(one)
        walls.append(1000 * (time.perf_counter() - wall))
        cores.append(1000 * (time.process_time() - core))
    return {
        "median": np.median(walls),
        "95 %": np.percentile(walls, 95),
        "95 % of CPU": np.percentile(cores, 95),
    }


def _many_recordings(places: Places) -> tuple[Path, Path]:
    """A library of MANY empty files, each with a text of its own and one event."""
    from folai.library.adding import text_id
    from folai.library.naming import Naming
    from folai.library.timbre import SIZE
    from folai.words.table import load_table

    library, folder = places.work / "many.db", places.work / "many"
    if library.exists():
        return library, folder
    rng, known = np.random.default_rng(1), list(load_table().words)[:8000]
    unfinished = library.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with opened_library(unfinished, create=True) as connection, writing(connection):
        for number in range(MANY):
            place = folder / f"{number // 1000:03d}" / f"{number}.wav"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
            words = " ".join(known[i] for i in rng.integers(0, len(known), rng.integers(2, 6)))
            text = text_id(connection, Naming(words, "", "", "", ""))
            connection.execute(
                "INSERT INTO files (id, path, size, changed, content, text, seconds, sample_rate, "
                "channels) VALUES (?, ?, 0, ?, ?, ?, 1.0, 48000, 1)",
                (number + 1, str(place), place.stat().st_mtime_ns, rng.bytes(16), text),
            )
            vector = rng.standard_normal(SIZE)
            vector /= np.linalg.norm(vector)
            connection.execute(
                "INSERT INTO events (file, start, seconds, level, brightness, pitch, tonality, "
                "decay, floor, kind, vector) VALUES (?, 0, 1, 0.1, 900, 200, 0.1, 0.1, 0, ?, ?)",
                (number + 1, "impact", vector.astype(np.float16).tobytes()),
            )
    unfinished.rename(library)
    return library, folder


# Words


def queries(places: Places) -> Figures:
    """Searches the indexed recordings; a label is the folder that a recording lies in."""
    right: dict[str, list[bool]] = {"same": [], "other": []}
    wrong = []
    with opened_library(places.library) as connection:
        searcher = Searcher(connection)
        for row in _rows("library_queries.csv"):
            hits = searcher.by_words(row["query"], count=1)
            label = _label_of(hits[0].path, places) if hits else ""
            right[row["words"]].append(label in row["labels"].split("|"))
            if not right[row["words"]][-1]:
                wrong.append(f"{row['query']} -> {label or 'nothing'}")
    return {
        "all": np.mean(right["same"] + right["other"]),
        "in other words": np.mean(right["other"]),
        "wrong": wrong,
    }


def prompts(places: Places) -> Figures:
    """Whether all that has to be understood is, and nothing else."""
    from folai.diffusion.vocabulary import understand

    right: dict[str, list[bool]] = {"known": [], "new": []}
    for row in _rows("prompts.csv"):
        words, allowed, is_right = set(understand(row["prompt"]).words), set(), True
        for part in row["meaning"].split("+"):
            others = set(part.removesuffix("?").split("|"))
            allowed |= others
            is_right &= part.endswith("?") or not words.isdisjoint(others)
        right[row["words"]].append(is_right and words <= allowed)
    taken = [r["prompt"] for r in _rows("nonsense.csv") if understand(r["prompt"]).words]
    return {
        "all": np.mean(right["known"] + right["new"]),
        "of words not known before": np.mean(right["new"]),
        "nonsense taken": taken,
    }


# Sound


def by_sound(places: Places) -> Figures:
    """The loudest event of each recording against those of all other origins.

    `as shipped` uses the projection that ships, which was learned from these recordings, too.
    `origin not learned` learns it anew for each origin from the others, so that nothing of the
    room that is asked with was heard.
    """
    from folai.library.timbre import learn_projection

    features, labels, origins = _loudest_events(places)
    groups = np.array([label.split("/")[0] for label in labels])
    numbers = [np.unique(names, return_inverse=True)[1] for names in (labels, origins)]
    right: dict[str, list[bool]] = {}
    for origin in np.unique(origins):
        asked, others = origins == origin, origins != origin
        possible = asked & np.isin(groups, groups[others])
        if not possible.any():
            continue
        learned = learn_projection(features[others], *(n[others] for n in numbers))
        for name, vectors in {
            "log-mel alone": (features - features.mean(0)) / (features.std(0) + 1e-6),
            "origin not learned": (features - learned[0]) @ learned[1],
            "as shipped": _shipped(features),
        }.items():
            unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            nearest = (unit[possible] @ unit[others].T).argmax(axis=1)
            right.setdefault(name, []).extend(groups[others][nearest] == groups[possible])
    return {"recordings": len(features)} | {name: np.mean(all_) for name, all_ in right.items()}


def _shipped(features: NDArray[np.float32]) -> NDArray[np.float32]:
    from safetensors.numpy import load_file

    from folai.library import timbre

    tensors = load_file(Path(timbre.__file__).with_name("timbre.safetensors"))
    return np.asarray((features - tensors["mean"].astype(np.float32)) @ tensors["matrix"])


def _loudest_events(places: Places) -> tuple[Any, Any, Any]:
    """(features [N, F], labels [N], origins [N]) of the cut recordings."""
    from folai.library.measure import SAMPLE_RATE
    from folai.library.timbre import features_of
    from folai.media.audio import read_audio, resample

    kept = places.work / "features.npz"
    if not kept.exists():
        features, labels, origins = [], [], []
        with opened_library(places.library) as connection:
            for path, row in _cut_files(places):
                found = connection.execute(
                    "SELECT start, events.seconds FROM events JOIN files ON files.id = file "
                    "WHERE path = ? ORDER BY level DESC LIMIT 1",
                    (str(path.resolve()),),
                ).fetchone()
                if found is None:
                    continue  # passed over, or the copy of another
                wav, rate = read_audio(path)
                first, length = (round(seconds * SAMPLE_RATE) for seconds in found)
                event = resample(wav, rate, SAMPLE_RATE)[0, first : first + length]
                features.append(features_of(event))
                labels.append(row["label"])
                origins.append(row["origin"])
        np.savez(kept, features=np.stack(features), labels=labels, origins=origins)
    with np.load(kept) as file:
        return file["features"], file["labels"], file["origins"]


# The picture


def first_guess(places: Places) -> Figures:
    """Materials of annotated contacts, `shipped`: of the split val; `folds`: by heads learned anew.

    The folds hold out whole recordings, five times, and so have contacts of all of them.
    """
    features, materials, recordings, is_val = _contacts(places)
    from folai.suggest.head import load_head

    head = load_head()
    names = np.array(head.materials)
    known = np.isin(materials, names)
    logits = head.logits(features)
    figures: Figures = {"contacts, val": int((known & is_val).sum())}
    figures["shipped"] = _tops(logits[is_val & known], names, materials[is_val & known])
    figures["shipped, a recording"] = _of_recordings(
        logits, names, materials, recordings, is_val & known
    )
    folds = np.full((len(features), len(names)), -np.inf)
    numbers = np.unique(recordings, return_inverse=True)[1] % 5
    for fold in range(5):
        held = numbers == fold
        folds[held] = _learned(features[~held & known], materials[~held & known], names)(
            features[held]
        )
    figures["folds"] = _tops(folds[known], names, materials[known])
    figures["folds, a recording"] = _of_recordings(folds, names, materials, recordings, known)
    counts = np.array([(materials == name).sum() for name in names])
    figures["most frequent alone"] = counts.max() / counts.sum()
    return figures


def learn_guess(places: Places) -> Figures:
    """Writes `weights/suggest`: learned from training recordings, as sure as it is right elsewhere.

    The penalty, and roots of features, were chosen by folds of the training recordings.
    """
    from safetensors.numpy import save_file

    from folai.checkpoints import sha256_of
    from folai.evaluate.foley.labels import learn
    from folai.suggest.head import WEIGHTS, load_head, rooted

    features, materials, recordings, is_val = _contacts(places)
    names = np.array(load_head().materials)
    used = np.isin(materials, names) & ~is_val
    features, materials, recordings = features[used], materials[used], recordings[used]
    logits = np.zeros((len(features), len(names)))
    numbers = np.unique(recordings, return_inverse=True)[1] % 6
    for fold in range(6):
        held = numbers == fold
        logits[held] = _learned(features[~held], materials[~held], names)(features[held])
    doubts = np.arange(1.0, 12.1, 0.5)
    sure = [_likelihood(logits / doubt, names, materials, recordings) for doubt in doubts]
    doubt = float(doubts[int(np.argmax(sure))])
    found = learn(rooted(features).astype(np.float64), list(materials), penalty=PENALTY)
    assert list(found.names) == list(names)
    tensors = {
        "mean": found.mean, "spread": found.deviation,
        "matrix": found.weights[:-1], "bias": found.weights[-1],
    }  # fmt: skip
    save_file({name: value.astype(np.float16) for name, value in tensors.items()}, WEIGHTS)
    card = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    card["sha256"] = sha256_of(WEIGHTS)
    card["config"]["doubt"] = doubt
    WEIGHTS.with_suffix(".json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return {"contacts": len(features), "doubt": doubt, "likelihoods": sure}


def _likelihood(logits: Any, names: Any, truth: Any, recordings: Any) -> float:
    """The mean log-probability of the contacts' materials by their clips' mean evidence."""
    total = 0.0
    for recording in np.unique(recordings):
        rows = recordings == recording
        evidence = logits[rows].mean(axis=0)
        shares = np.exp(evidence - evidence.max())
        places = [int(np.flatnonzero(names == name)[0]) for name in truth[rows]]
        total += float(np.log(np.maximum(shares[places] / shares.sum(), 1e-6)).sum())
    return total / len(truth)


def _tops(logits: Any, names: Any, truth: Any) -> Figures:
    ranked = names[np.argsort(-logits, axis=1)]
    return {
        "top 1": np.mean(ranked[:, 0] == truth),
        "top 3": np.mean((ranked[:, :3] == truth[:, None]).any(axis=1)),
    }


def _of_recordings(logits: Any, names: Any, truth: Any, recordings: Any, chosen: Any) -> Figures:
    """A clip's mean evidence against the materials of its contacts, each contact counting."""
    spread = np.zeros_like(logits)
    for recording in np.unique(recordings[chosen]):
        rows = chosen & (recordings == recording)
        spread[rows] = logits[rows].mean(axis=0)
    return _tops(spread[chosen], names, truth[chosen])


def _learned(features: Any, materials: Any, names: Any) -> Callable[[Any], Any]:
    """Logistic regression, as the head that ships; returns log-probabilities but for a constant."""
    from folai.evaluate.foley.labels import learn
    from folai.suggest.head import rooted

    found = learn(rooted(features).astype(np.float64), list(materials), penalty=PENALTY)
    columns = [found.names.index(name) if name in found.names else None for name in names]

    def judge(others: Any) -> Any:
        scaled = (rooted(others) - found.mean) / found.deviation
        scores = scaled @ found.weights[:-1] + found.weights[-1]
        absent = np.full(len(others), -1e3)
        return np.stack([absent if c is None else scores[:, c] for c in columns], axis=1)

    return judge


def _contacts(places: Places) -> tuple[Any, Any, Any, Any]:
    """(features [N, F], materials [N], recordings [N], whether of val [N]) of the Greatest Hits."""
    from folai.media.clip import opened
    from folai.suggest.guess import contact_frames
    from folai.suggest.seeing import features_of

    kept = places.work / "contacts.npz"
    if not kept.exists():
        rows: list[tuple[Any, str, str, bool]] = []
        contacts: dict[str, dict[float, str]] = {}
        for row in _table(places.clips / "onsets.csv"):
            if row["material"] != "None":
                contacts.setdefault(row["path"], {})[float(row["time_seconds"])] = row["material"]
        for clip in _table(places.clips / "clips.csv"):
            times = contacts.get(clip["path"])
            if clip["dataset"] != "greatest_hits" or not times:
                continue
            with opened(places.clips / clip["path"]) as opened_clip:
                for before, frame in contact_frames(opened_clip, list(times)):
                    nearest = min(times, key=lambda one: abs(one - frame.time))
                    seen = features_of(before.image, frame.image)
                    rows.append((seen, times[nearest], clip["path"], clip["split"] == "val"))
        features, materials, recordings, is_val = zip(*rows, strict=True)
        np.savez(kept, a=np.stack(features), b=materials, c=recordings, d=is_val)
    with np.load(kept) as file:
        return file["a"], file["b"], file["c"], file["d"]


# Pools


def walk(places: Places) -> Figures:
    """A walk from 20 recordings of each label of steps that has as many; the worst of them."""
    from folai.envelope import Envelope
    from folai.library.pool import pool_from_files
    from folai.preview.kit import Kit
    from folai.preview.lay import lay_kit
    from folai.preview.plan import spans_of

    def steps(loudest: float) -> Envelope:
        rng, envelope = np.random.default_rng(1), Envelope(np.zeros(36 * 120, np.float32), 120.0)
        for onset in 0.3 + 0.58 * np.arange(STEPS) + rng.normal(0, 0.02, STEPS):
            level = loudest * float(rng.uniform(0.3, 1.0))
            envelope = envelope.add_hit(onset, level=level, decay=0.05)
        return envelope

    def error(envelope: Envelope, kit: Kit) -> float:
        measured = Envelope.from_audio(lay_kit(envelope, kit), rate)
        spans = spans_of(envelope, rate)
        peaks = [measured.values[round(t * 120) :][:8].max() / peak for t, peak, _ in spans]
        return float(np.abs(20 * np.log10(peaks)).mean())

    rate, quiet, loud = 44_100, steps(0.05), steps(0.2)
    found: dict[str, list[float]] = {
        "repeats": [],
        "again in 1 s": [],
        "level error, dB": [],
        "where it would clip": [],  # the whole is scaled down there
    }
    for folder in sorted(places.cut.glob("footstep/*")):
        files = sorted(folder.glob("*.wav"))[:RECORDINGS]
        if len(files) < RECORDINGS:
            continue
        steps_of, spans = pool_from_files(files, rate, prompt="footstep"), spans_of(quiet, rate)
        chosen = np.array(steps_of.choose(spans, seed=0))
        onsets = np.array([span[0] for span in spans])
        soon = [chosen[i] in chosen[(onsets > t) & (onsets - t < 1)] for i, t in enumerate(onsets)]
        found["repeats"].append(int((chosen[1:] == chosen[:-1]).sum()))
        found["again in 1 s"].append(float(np.mean(soon)))
        found["level error, dB"].append(error(quiet, steps_of.kit(0)))
        found["where it would clip"].append(error(loud, steps_of.kit(0)))
    return {
        "walks": len(found["repeats"]),
        **{name: {"mean": np.mean(v), "worst": max(v)} for name, v in found.items()},
    }


def pool(places: Places) -> Figures:
    """The tasks of `evaluate foley`: the other pieces of a recording as a pool, or one of them.

    The truth has the noise of its place, and so has what is played of pieces as they were recorded.
    What is made of cleaned ones, as folai does it, lacks it: like is compared with like.
    """
    from folai.data.sounds import SAMPLE_RATE, load_sounds
    from folai.evaluate.foley.systems import baselines
    from folai.evaluate.foley.tasks import Task, cut_tasks
    from folai.evaluate.sounds.embeddings import load_embedder
    from folai.media.audio import fit_length
    from folai.media.rumble import without_rumble
    from folai.metrics import frechet_distance
    from folai.preview.events import cut_events
    from folai.preview.lay import lay, lay_kit
    from folai.preview.pool import Pool, Source
    from folai.takes.noise import without_noise

    def cleaned(wav: Any) -> Any:
        return without_noise(without_rumble(wav[None], SAMPLE_RATE), SAMPLE_RATE)[0]

    tasks = cut_tasks(load_sounds(places.clips, places.work / "cache", "val"))
    events = {
        name: [cut_events(treat(task.target), SAMPLE_RATE) for task in tasks]
        for name, treat in {"as recorded": lambda wav: wav[None], "cleaned": cleaned}.items()
    }

    def fitted(wav: Any, task: Task) -> NDArray[np.float32]:
        return np.asarray(fit_length(wav, len(task.target))[0])

    def from_one(task: Task, name: str) -> NDArray[np.float32]:
        reference = cleaned(task.reference) if name == "cleaned" else task.reference
        return fitted(lay(task.envelope, reference=reference, seed=task.seed), task)

    def from_all(task: Task, name: str) -> NDArray[np.float32]:
        others = [
            (event, Source(other.name))
            for other, cut in zip(tasks, events[name], strict=True)
            if other.recording == task.recording and other is not task
            for event in cut
        ]
        played = Pool(*zip(*others, strict=True), SAMPLE_RATE)  # type: ignore[arg-type]
        return fitted(lay_kit(task.envelope, played.kit(task.seed)), task)

    embedder = load_embedder()
    truth = np.concatenate([embedder.embed(task.target) for task in tasks])

    def distance(play: Callable[[Task], Any]) -> float:
        made = np.concatenate([embedder.embed(play(task)) for task in tasks])
        return frechet_distance(made, truth)

    noise = distance(next(system for system in baselines() if system.name == "noise"))
    shown = {
        f"{what}, {name}": distance(lambda task, p=play, n=name: p(task, n)) / noise
        for name in events
        for what, play in {"one reference": from_one, "pool": from_all}.items()
    }
    return {"pieces": len(tasks), "embedding": embedder.name, **shown}


# Trouble


def kills(places: Places, count: int = 50) -> Figures:
    """Kills the command at moments spread evenly over the whole of its work.

    Each time it begins anew, and in turn is killed with its workers or alone; every tenth is begun
    again and let end, two at once.
    """
    folder, whole = _some_sounds(places), places.work / "whole.db"
    _remove(whole)
    _, usual, _ = _timed(_add_command(whole, folder))
    files, rng, library = _stored(whole), random.Random(4), places.work / "killed.db"
    stored, wrong, left, ended = [], [], 0, 0
    for number in range(count):
        _remove(library)
        command = _add_command(library, folder)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        try:
            process.wait(usual * (number + rng.random()) / count)
            ended += 1
        except subprocess.TimeoutExpired:
            (os.killpg if number % 2 else os.kill)(process.pid, signal.SIGKILL)
            process.wait()
        stored.append(_stored(library))
        wrong += _faults(library) if stored[-1] else []
        if number % 10 == 9:
            left += _left_over()
            both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
            wrong += [f"exit code {c}" for c in (process.wait() for process in both) if c]
            wrong += _faults(library)
            if _stored(library) != files:
                wrong.append(f"{_stored(library)} of {files} files")
    return {
        "kills": count,
        "files": files,
        "seconds of the whole": usual,
        "ended before their kill": ended,
        "files stored at each kill": stored,
        "processes left over": left,
        "wrong": wrong,
    }


def _some_sounds(places: Places, count: int = 160) -> Path:
    """A folder of links to recordings of steps: work of some seconds."""
    _cut_recordings(places)
    folder = places.work / "some"
    folder.mkdir(exist_ok=True)
    for path in sorted((places.cut / "footstep").rglob("*.wav"))[:count]:
        link = folder / f"{path.parent.name} {path.name}"
        if not link.exists():
            os.link(path, link)
    return folder


def _remove(library: Path) -> None:
    for path in library.parent.glob(f"{library.name}*"):
        path.unlink()


def _faults(library: Path) -> list[str]:
    """What is wrong with an index: damage, events twice, recordings without theirs."""
    with opened_library(library) as connection:
        integrity = connection.execute("PRAGMA integrity_check").fetchone()[0]
        twice = connection.execute(
            "SELECT count(*) - count(DISTINCT file || ' ' || start || ' ' || seconds) FROM events"
        ).fetchone()[0]
        without = connection.execute(
            "SELECT count(*) FROM files WHERE problem IS NULL AND same_as IS NULL "
            "AND id NOT IN (SELECT file FROM events)"
        ).fetchone()[0]
        paths = connection.execute("SELECT count(*) - count(DISTINCT path) FROM files").fetchone()[
            0
        ]
    faults = {"events twice": twice, "without events": without, "files twice": paths}
    damage = [] if integrity == "ok" else [str(integrity)]
    return damage + [f"{number} {name}" for name, number in faults.items() if number]


def _stored(library: Path) -> int:
    if not library.exists():
        return 0
    try:
        with opened_library(library) as connection:
            return int(connection.execute("SELECT count(*) FROM files").fetchone()[0])
    except ValueError:
        return 0  # killed before there were tables


def _left_over() -> int:
    """Processes of killed commands that still run after two seconds."""
    time.sleep(2)
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True)
    lines = [line.split(None, 1) for line in listed.stdout.splitlines()[1:]]
    return sum(1 for parent, args in lines if parent == "1" and "spawn_main" in args)


# What they share


def _cut_recordings(places: Places) -> None:
    from folai.media.audio import read_audio, write_wav

    if (places.cut / "sounds.csv").exists():
        return
    whole: tuple[str, Any, int] = ("", None, 0)
    rows = []
    for path, row in _cut_files(places):
        if whole[0] != row["file"]:
            whole = (row["file"], *read_audio(places.sfx / row["file"]))
        _, wav, rate = whole
        first = round(float(row["start_seconds"]) * rate)
        part = wav[:, first : first + round(float(row["seconds"]) * rate)]
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(path, part, rate, subtype="PCM_16")
        rows.append((path.relative_to(places.cut).as_posix(), row["licence"], row["credit"]))
    with (places.cut / "sounds.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("file", "licence", "credit"), *rows])


def _cut_files(places: Places) -> Iterator[tuple[Path, dict[str, str]]]:
    for number, row in enumerate(places.recordings()):
        yield places.cut / row["label"] / f"{number:04d}.wav", row


def _label_of(path: str, places: Places) -> str:
    return Path(path).relative_to(places.cut.resolve()).parent.as_posix()


def _add_command(library: Path, folder: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "folai", "library", "add", str(folder)),
        *("--library", str(library), "--workers", "2", "--json"),
    ]


def _timed(command: list[str]) -> tuple[str, float, float]:
    """(what it prints, seconds of wall time, seconds of CPU time with all its processes)."""
    before, wall = _cpu_of_children(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout, time.perf_counter() - wall, _cpu_of_children() - before


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _rows(name: str) -> list[dict[str, str]]:
    return _table(LISTS / name)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


MEASURES: dict[str, Callable[[Places], Figures]] = {
    measure.__name__: measure
    for measure in (
        *(indexing, nothing_new, searches, queries, prompts),
        *(by_sound, first_guess, learn_guess, walk, pool, kills),
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("measures", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    parser.add_argument("--sfx", type=Path, required=True, help="labelled recordings")
    parser.add_argument("--clips", type=Path, required=True, help="clips with annotated contacts")
    parser.add_argument("--work", type=Path, required=True, help="folder for what is kept")
    parsed = parser.parse_args()
    if unknown := set(parsed.measures) - set(MEASURES):
        parser.error(f"no measure {', '.join(sorted(unknown))}; use {', '.join(MEASURES)}")
    parsed.work.mkdir(parents=True, exist_ok=True)
    if shutil.which("ps") is None:
        parser.error("needs the command ps")
    places = Places(parsed.sfx, parsed.clips, parsed.work)
    for name in parsed.measures or [name for name in MEASURES if name != "learn_guess"]:
        figures = MEASURES[name](places)
        print(json.dumps({name: figures}, indent=1, default=lambda x: round(float(x), 4)))


if __name__ == "__main__":
    main()
