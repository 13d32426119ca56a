"""Work killed at random moments (kill -9), as a power cut would: see `torture.py`.

What must hold each time: a file under its final name is whole, as it was before or as it was to be;
the next start goes on; and every edit whose saving the studio has confirmed is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import numpy as np

from children import Child, command, start, wait_a_moment

if TYPE_CHECKING:
    from folai.studio.project import Project

BEFORE = b"what was there before"
PLAY = ("--sound", "wood", "--envelope", "good.json", "--resample")
Work = Callable[[], int | None]


def kill_all(folder: Path, count: int, seed: int) -> list[str]:
    """Kill each kind of work in turn, `count` times in all: what was lost or half-written."""
    faults = []
    kinds = (_kill_generate, _kill_studio, _kill_adapt, _kill_training)
    shares = (0.4, 0.3, 0.15, 0.15)
    for kind, share in zip(kinds, shares, strict=True):
        (place := folder / kind.__name__).mkdir()
        for name in ("good.mp4", "good.json"):
            (place / name).write_bytes((folder / name).read_bytes())
        faults += kind(place, max(1, round(share * count)), random.Random(seed))
    return faults


def finished(work: Work, folder: Path) -> float:
    """Seconds that the work takes where nobody kills it."""
    began = time.monotonic()
    child = start(work, folder)
    if child.wait() != 0:
        raise AssertionError(f"{folder.name} fails unharmed: {child.lines()}")
    return time.monotonic() - began


def killed(work: Work, folder: Path, usual: float, rng: random.Random) -> Child:
    child = start(work, folder)
    wait_a_moment(child, folder, usual, rng)
    child.send(signal.SIGKILL)
    return child


# What is killed


def _kill_generate(folder: Path, count: int, rng: random.Random) -> list[str]:
    faults = []
    for suffix in (".mp4", ".mkv", ".mov", ".wav"):
        out = folder / f"out{suffix}"
        work = command("generate", "good.mp4", "-o", out.name, *PLAY)
        usual = finished(work, folder)
        whole = len(out.read_bytes())  # Matroska numbers its files at random
        for number in range(-(-count // 4)):
            if number % 2:
                out.write_bytes(BEFORE)
            else:
                out.unlink(missing_ok=True)
            child = killed(work, folder, usual, rng)
            before = BEFORE if number % 2 else None
            found = out.read_bytes() if out.exists() else None
            if found != before and len(found or b"") != whole:
                faults.append(f"generate, kill {number}: half of {out.name}, {child.lines()}")
        finished(work, folder)
    return faults


def _kill_adapt(folder: Path, count: int, rng: random.Random) -> list[str]:
    """Weights are two files: at every moment they are one set, the one before or the new one."""
    from folai.checkpoints import load_light_mapper

    out, faults = folder / "own.safetensors", []

    def work(seed: int) -> Work:
        return command(
            "adapt", "good.mp4", "good.json", "-o", out.name, "--steps", "1", "--seed", str(seed)
        )

    usual = finished(work(0), folder)
    for number in range(count):
        killed(work(number + 1), folder, usual, rng)
        try:
            load_light_mapper(out)
        except ValueError as error:
            faults.append(f"adapt, kill {number}: {error}")
    finished(work(0), folder)
    return faults


def _kill_training(folder: Path, count: int, rng: random.Random) -> list[str]:
    """However often a training is killed, its weights are those of one that never was."""
    from folai.train.mapper import TrainOptions, train_mapper

    def work(out: str) -> Work:
        options = TrainOptions(
            out=Path(out), cache=Path("cache"), rendered_minutes=8 / 60, steps=4, batch_size=1,
            window=24, log_every=1, realign_at=(),
        )  # fmt: skip
        return lambda: train_mapper(options) and None

    finished(work("warm"), folder)  # draws the clips
    usual = finished(work("whole"), folder)
    weights, faults, run = folder / "run" / "mapper.safetensors", [], 0
    whole = (folder / "whole" / "mapper.safetensors").read_bytes()
    for number in range(count):
        weights = folder / f"run{run}" / "mapper.safetensors"
        child = killed(work(weights.parent.name), folder, usual, rng)
        if any("Traceback" in line for line in child.lines()):
            faults.append(f"training, kill {number}: {child.lines()[-1]}")
        if weights.exists():
            run += 1
    for last in range(run + 1):
        finished(work(f"run{last}"), folder)
        if (folder / f"run{last}" / "mapper.safetensors").read_bytes() != whole:
            faults.append(f"training: run {last} ends with other weights")
    return faults


def _kill_studio(folder: Path, count: int, rng: random.Random) -> list[str]:
    """The server alone or with its processes, in turn, while it saves, makes a take, exports."""
    from folai.studio.project import Project

    root, faults, moments = folder / "projects", [], Counter[str]()

    def make() -> None:
        from folai.envelope import Envelope
        from folai.studio.store import Store

        project = Store(root).make_of_file(folder / "good.mp4")
        values = np.full(round(120 * project.duration), 0.1, np.float32)
        with project.change() as document:  # a prediction, so that none is made
            document["prediction"] = project.add_envelope(Envelope(values, 120.0))

    finished(make, folder)
    (place,) = (path.parent for path in root.glob("*/project.json"))
    for number in range(count):
        child = start(lambda: _save_edits(root), folder)
        while not child.is_over() and not _has_come(child, AIMS[number % len(AIMS)]):
            time.sleep(0.001)
        wait_a_moment(child, place, rng.choice((0.1, 0.5, 1.0)), rng)
        if child.is_over():
            faults.append(f"studio ended before kill {number}: {child.lines()[-3:]}")
        elif number % 2:
            os.kill(child.pid, signal.SIGKILL)
        child.send(signal.SIGKILL)
        told = [line.split(maxsplit=1) for line in child.lines()]
        sent, saved, takes, exports, runs = (
            [words[1] for words in told if words[:1] == [kind]]
            for kind in ("sends", "saved", "take", "export", "runs")
        )
        moments["edits" if not runs else runs[-1]] += 1
        project = Project.open(place)
        found = project["edit"]["view"].get("number")
        if not saved or str(found) not in (saved[-1], sent[-1]):
            faults.append(f"studio, kill {number}: {found} is there, {saved[-1:]} was saved")
        here = {take["id"] for take in project["takes"]}
        files = {path.name for path in (project.media / "exports").glob("[!.]*")}
        latest = exports[-50:]  # a project keeps the last hundred
        lost = [one for one in takes if one not in here] + [e for e in latest if e not in files]
        faults += [f"studio, kill {number}: {one} was done and is gone" for one in lost]
        faults += [f"studio, kill {number}: {text}" for text in _contradictions(project, found)]
    print(f"the studio was killed during {dict(moments)}", flush=True)
    finished(lambda: _open_again(root), folder)
    return faults


AIMS = ("saved", "runs generate", "runs export")  # what has begun before a kill


def _has_come(child: Child, what: str) -> bool:
    return any(line.startswith(what) for line in child.lines())


def _open_again(root: Path) -> None:
    """After the last kill: no job claims to run, each take is heard, nothing half-written stays."""
    from studio_clients import opened

    with opened(root) as (client, studio):
        (summary,) = studio.store.summaries()
        project = client.get(f"/api/projects/{summary['id']}").json()
        assert [job for job in project["jobs"] if job["state"] == "running"] == []
        for take in project["takes"]:
            sound = client.get(f"/api/projects/{project['id']}/takes/{take['id']}/audio")
            assert sound.status_code == 200, take["id"]
        media = studio.open(project["id"]).media
        left = [*media.glob("takes/.*"), *media.glob("exports/.*"), *media.glob(".*.part*")]
        assert left == [], left


def _contradictions(project: Project, found: int | None) -> list[str]:
    """What in a project does not fit together: edit and mix, curve, takes, exported files."""
    import soundfile

    texts = []
    (layer,) = project["edit"]["layers"]
    if found is not None and project.envelope(layer["envelope"]).onsets != [found % 1000 / 1000]:
        texts.append(f"the envelope of edit {found} is another")
    if found is not None and layer["gain_db"] != -(found % 20):
        texts.append(f"the mix of edit {found} is another")
    exports = (project.media / "exports").glob("[!.]*.wav")
    sounds = [project.media / "takes" / f"{take['id']}.wav" for take in project["takes"]]
    for path in (*sounds, *exports):
        try:
            seconds = soundfile.info(path).duration
        except (OSError, soundfile.LibsndfileError) as error:
            texts.append(f"{path.name} cannot be read: {error}")
        else:
            if abs(seconds - project.duration) > 0.1:
                texts.append(f"{path.name} lasts {seconds:.2f} s of {project.duration:.2f}")
    return texts


def _save_edits(root: Path) -> None:
    """Edit, mix and save, on and on, as a page does, while takes are made and exported.

    Each edit is told before and after, each job as it runs, and what has come of it.
    """
    from folai.envelope import Envelope
    from folai.studio.project_envelopes import to_json
    from studio_clients import opened

    with opened(root) as (client, studio):
        (summary,) = studio.store.summaries()
        here = f"/api/projects/{summary['id']}"
        project = client.get(here).json()
        revision, edit = project["revision"], project["edit"]
        duration = project["clip"]["duration"]
        orders = {
            "generate": {"layer": "layer-1", "sound": {"engine": "preview", "sound": "wood"}},
            "exports": {"kind": "wav"},
        }
        jobs: dict[str, str] = {}
        for number in range(revision + 1, revision + 5000):
            values = np.full(round(120 * duration), 0.1, np.float32)
            envelope = to_json(Envelope(values, 120.0, np.array([number % 1000 / 1000])))
            name = client.post(f"{here}/envelopes", json=envelope).json()["envelope"]
            edit["layers"][0]["envelope"] = name
            edit["layers"][0]["gain_db"] = -(number % 20)
            edit["view"] = {"number": number}
            body = {"revision": revision, "tab": "page", "edit": edit}
            print("sends", number, flush=True)
            revision = client.put(f"{here}/edit", content=json.dumps(body)).json()["revision"]
            print("saved", number, flush=True)
            for order, what in orders.items():
                if order not in jobs and number % 3 == 0:
                    reply = client.post(f"{here}/{order}", json=what)
                    if reply.status_code < 400:  # else there is no take yet to export
                        jobs[order] = reply.json()["id"]
                elif order in jobs and _tell(client.get(f"/api/jobs/{jobs[order]}").json()):
                    del jobs[order]


def _tell(job: dict[str, Any]) -> bool:
    """Says that a job runs, or what has come of it; whether it is over."""
    if job["state"] == "running":
        print("runs", job["kind"], flush=True)
    for take in job["takes"] if job["state"] == "done" else []:
        print("take", take, flush=True)
    if job["state"] == "done" and job["kind"] == "export":
        print("export", unquote(Path(job["file"]).name), flush=True)
    return job["state"] not in ("queued", "running")
