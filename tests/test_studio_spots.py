"""The example, several clips at once, and jobs that pass one another."""

import threading
import time

import pytest

from folai.render import random_scene, write_clip
from folai.studio.jobs import Jobs
from studio_clients import finish, opened


@pytest.fixture
def studio(tmp_path):
    with opened(tmp_path / "projects") as (client, studio):
        yield client, studio


def test_the_example_sounds_at_once_and_lends_its_sound(studio, tmp_path):
    """It has a prediction and three takes, and is made once; a second clip gets its sound."""
    client, _ = studio
    example = client.post("/api/example").json()
    assert example["prediction"] and [take["name"] for take in example["takes"]] == [
        "Wood",
        "Gravel",
        "Metal",
    ]
    assert client.post("/api/example").json()["id"] == example["id"]
    clip = tmp_path / "blow.mp4"
    write_clip(random_scene(3, kind="strike", duration=1.0), clip, size=(160, 96), exposures=1)
    other = client.post("/api/projects?name=blow.mp4", content=clip.read_bytes()).json()
    sound = {"engine": "preview", "sound": "glass"}
    here = f"/api/projects/{example['id']}"
    edit = example["edit"]
    edit["layers"][0]["sound"] = sound
    saved = client.put(
        f"{here}/edit", json={"revision": example["revision"], "tab": "t", "edit": edit}
    )
    assert saved.status_code == 200, saved.text
    body = {"layer": "layer-1", "projects": [example["id"], other["id"]]}
    assert client.post(f"{here}/spread-sound", json=body).json() == {"layers": 1}
    copied = client.get(f"/api/projects/{other['id']}").json()["edit"]["layers"][0]
    assert copied["sound"] == sound
    for job in client.get(f"/api/projects/{other['id']}/jobs").json()["jobs"]:
        finish(client, job, 120)
    jobs = client.post("/api/generate-all", json={"projects": [example["id"], other["id"]]}).json()
    assert [finish(client, job)["state"] for job in jobs["jobs"]] == ["done", "done"]
    spots = {one["id"]: one for one in client.get("/api/spots").json()["projects"]}
    assert spots[example["id"]]["takes"] == 4 and spots[other["id"]]["takes"] == 1
    assert spots[other["id"]]["predicted"] and spots[other["id"]]["jobs"] == []


def test_a_deleted_take_is_neither_heard_nor_exported(studio):
    client, _ = studio
    example = client.post("/api/example").json()
    edit, takes = example["edit"], [take["id"] for take in example["takes"]]
    deleted = {"name": "x", "gain_db": 0, "mute": False, "solo": False, "deleted": True}
    edit["mix"] = {take: deleted for take in takes}
    here = f"/api/projects/{example['id']}"
    client.put(f"{here}/edit", json={"revision": example["revision"], "tab": "t", "edit": edit})
    refused = client.post(f"{here}/exports", json={"kind": "wav"})
    assert refused.status_code == 422 and "no take is audible" in refused.json()["error"]


def test_a_short_job_passes_a_long_one_which_rests_meanwhile():
    jobs, seen = Jobs(lambda job: None), []
    go_on = threading.Event()
    try:
        long = jobs.add("predict", "hour", lambda job: go_on.wait(10), length=3600.0)
        while long.state == "queued":
            time.sleep(0.005)
        short = jobs.add("predict", "p", lambda job: seen.append(long.held.is_set()), length=5.0)
        until = time.monotonic() + 5
        while not short.is_over or long.held.is_set():
            assert time.monotonic() < until
            time.sleep(0.005)
        assert seen == [True] and not long.is_over
        waiting = [jobs.add("predict", "p", lambda job: None, length=s) for s in (3000, 2500)]
        assert jobs.waiting() == [waiting[1].id, waiting[0].id]
        jobs.move_to_front(waiting[0].id)
        assert jobs.waiting() == [waiting[0].id, waiting[1].id]
    finally:
        go_on.set()
        jobs.close()
