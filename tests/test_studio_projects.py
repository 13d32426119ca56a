"""Projects on the disk: whole at any moment, whoever is killed and however full the disk is."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from folai import Envelope
from folai.studio import project, project_envelopes
from folai.studio.failures import Conflict, Missing
from folai.studio.project import Project
from folai.studio.store import Store
from studio_clients import opened

CLIP = {
    "file": "a.mp4",
    "media": "clip.mp4",
    "media_type": "video/mp4",
    "start": 0.0,
    "duration": 2.0,
    "fps": 30.0,
    "num_frames": 60,
    "width": 64,
    "height": 48,
    "video_codec": "h264",
    "audio_codec": None,
    "timecode": None,
}


def make_project(root, name="one"):
    folder = root / name
    folder.mkdir(parents=True)
    return Project.make(folder, "One", dict(CLIP), {})


def test_what_is_saved_is_read_again(tmp_path):
    made = make_project(tmp_path)
    edit = made["edit"]
    edit["layers"][0]["envelope"] = made.add_envelope(Envelope(np.full(240, 0.5)))
    edit["presets"] = [{"name": "Näher", "sound": {"prompt": "wood", "seed": 3}}]
    assert made.save_edit(0, "tab", edit) == 1
    read = Project.open(tmp_path / "one")
    assert read["edit"] == edit and read["revision"] == 1
    assert read.envelope(edit["layers"][0]["envelope"]) == Envelope(np.full(240, 0.5))
    with pytest.raises(Missing):
        read.envelope("../../secret")


def test_a_lease_ends_by_itself(tmp_path, monkeypatch):
    made = make_project(tmp_path)
    made.save_edit(0, "first", made["edit"])
    with pytest.raises(Conflict, match="another tab"):
        made.save_edit(1, "second", made["edit"])
    now = time.monotonic()
    monkeypatch.setattr(project.time, "monotonic", lambda: now + project.LEASE + 1)
    assert made.save_edit(1, "second", made["edit"]) == 2


def test_a_project_is_of_the_format_that_it_needs(tmp_path):
    """One of before hits had settings opens; it becomes a newer one with the first that has."""
    made = make_project(tmp_path)
    made.add_envelope(Envelope.from_hits([0.2], 1.0))
    assert made["version"] == 1
    opened = Project.open(made.folder)
    name = opened.add_envelope(Envelope.from_hits([0.2], 1.0).set_hit(0.2, pitch=3))
    again = Project.open(made.folder)
    assert again["version"] == 2 and again.envelope(name).hits[0].pitch == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 3}, "made by a newer folai.*update folai"),
        ({"format": "other"}, "json is not folai's"),
        ({"edit": None}, "lacks edit"),
    ],
)
def test_projects_that_cannot_be_opened(tmp_path, change, message):
    path = make_project(tmp_path).folder / "project.json"
    document = {**json.loads(path.read_text()), **change}
    text = json.dumps({key: value for key, value in document.items() if value is not None})
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        Project.open(path.parent)
    with opened(tmp_path) as (client, _):
        (listed,) = client.get("/api/projects").json()["projects"]
        assert listed["id"] == "one"
        reply = client.get("/api/projects/one")
        assert reply.status_code == 422 and "one" in reply.json()["error"]
    assert path.read_text() == text


def test_a_damaged_project_is_named(tmp_path):
    path = make_project(tmp_path).folder / "project.json"
    path.write_text(path.read_text()[:-40])
    with pytest.raises(ValueError, match=r"one: project\.json cannot be read"):
        Project.open(path.parent)


def test_a_full_disk_changes_nothing_and_is_told(tmp_path, monkeypatch):
    make_project(tmp_path)
    with opened(tmp_path) as (client, _):
        edit = client.get("/api/projects/one").json()["edit"]
        kept = (tmp_path / "one" / "project.json").read_bytes()

        def full(*_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(project_envelopes.os, "fsync", full)
        body = {"revision": 0, "tab": "tab", "edit": {**edit, "view": {"zoom": 2}}}
        refused = client.put("/api/projects/one/edit", json=body)
        assert refused.status_code == 507 and "free some space" in refused.json()["error"]
        assert (tmp_path / "one" / "project.json").read_bytes() == kept
        assert client.get("/api/projects/one").json()["revision"] == 0
        monkeypatch.undo()
        assert client.put("/api/projects/one/edit", json=body).json() == {"revision": 1}
    assert [path.name for path in (tmp_path / "one").iterdir() if path.suffix == ".part"] == []


def test_one_studio_has_the_folder(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ValueError, match="another studio has these projects open"):
        Store(tmp_path)
    store.close()
    Store(tmp_path).close()


SAVER = """
import sys
from pathlib import Path
import numpy as np
from folai import Envelope
from folai.studio.project import Project
project = Project.open(Path(sys.argv[1]))
while True:
    edit, revision = project["edit"], project["revision"]
    edit["layers"][0]["envelope"] = project.add_envelope(Envelope(np.full(240, revision / 1e6)))
    edit["view"] = {"revision": revision + 1, "much": "x" * 30000}
    project.save_edit(revision, "tab", edit)
    print(revision + 1, flush=True)
"""


def test_killed_while_saving_nothing_saved_is_lost(tmp_path):
    folder = make_project(tmp_path).folder
    rng = np.random.default_rng(0)
    for _ in range(4):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert saver.stdout is not None
        first = int(saver.stdout.readline())
        time.sleep(rng.uniform(0.01, 0.15))
        saver.send_signal(signal.SIGKILL)
        said = [first, *(int(line) for line in saver.stdout.read().split("\n") if line)]
        saver.wait()
        read = Project.open(folder)
        assert read["revision"] in (said[-1], said[-1] + 1)  # the last may not have been told
        assert read["edit"]["view"]["revision"] == read["revision"]
        kept = read.envelope(read["edit"]["layers"][0]["envelope"])
        assert kept.values[0] == np.float32((read["revision"] - 1) / 1e6)
    for place in (folder, *(folder / "media" / name for name in ("envelopes", "takes"))):
        place.mkdir(exist_ok=True)
        (place / ".0123456789abcdef.part.npz").write_bytes(b"half")
    read.drop_unused()
    assert [path for path in folder.rglob(".*") if path.is_file()] == []
