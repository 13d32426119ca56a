"""The studio's mapper learns from a part of an envelope that was put right."""

import time

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.studio.project_envelopes import from_json, to_json
from studio_clients import finish, opened


@pytest.fixture(scope="module")
def served(clip, tmp_path_factory):
    """(client, studio, address of the project), once the clip is predicted."""
    with opened(tmp_path_factory.mktemp("projects"), clip) as (client, studio):
        here = f"/api/projects/{studio.opened}"
        for job in client.get(f"{here}/jobs").json()["jobs"]:
            assert finish(client, job)["state"] == "done", job
        yield client, studio, here


def predicted(client, here):
    name = client.get(here).json()["prediction"]
    return from_json(client.get(f"{here}/envelopes/{name}").json())


def left_over(studio):
    return [path.name for path in studio.open(studio.opened).media.glob(".*")]


def test_it_learns_and_predicts_anew(served, scene):
    client, studio, here = served
    before = predicted(client, here)
    right = Envelope.from_hits(scene.onsets, scene.duration, decay=0.05).gain(-20)
    body = {"envelope": to_json(right), "start": 0.0, "end": 2.1}
    reply = client.post(f"{here}/adapt", json=body)
    assert reply.status_code == 202 and reply.json()["kind"] == "adapt"
    again = client.post(f"{here}/adapt", json=body)
    assert again.status_code == 422 and "being done already" in again.json()["error"]
    job = finish(client, reply.json(), 180)
    assert job["state"] == "done", job
    after = predicted(client, here)
    taught, rest = (before.times < 2.08), (before.times > 2.13)
    assert np.allclose(after.values[taught], right.at(after.times)[taught], atol=1e-6)
    assert not np.array_equal(after.values[rest], before.values[rest])
    assert after.onsets[after.onsets < 2.1].tolist() == pytest.approx(
        right.onsets[right.onsets < 2.1].tolist()
    )
    assert left_over(studio) == []


def test_what_cannot_teach_is_said_and_leaves_the_prediction(served):
    client, studio, here = served
    before = client.get(here).json()["prediction"]
    for body, said in (
        ({"envelope": None, "start": 1.0, "end": 1.5}, "give 2 to 180 s"),
        (
            {"envelope": to_json(Envelope(np.zeros(300, np.float32))), "start": 0, "end": 2.4},
            "silent",
        ),
    ):
        job = finish(client, client.post(f"{here}/adapt", json=body).json())
        assert job["state"] == "failed" and said in job["message"]
    assert client.get(here).json()["prediction"] == before and left_over(studio) == []
    for body in ({"start": 0, "end": 2}, {"envelope": "no-such", "start": 0, "end": 2}):
        assert client.post(f"{here}/adapt", json=body).status_code in (400, 404)


def test_learning_is_cancelled_at_once(served):
    client, studio, here = served
    before = client.get(here).json()["prediction"]
    job = client.post(f"{here}/adapt", json={"envelope": None, "start": 0, "end": 2.4}).json()
    until = time.monotonic() + 90
    while client.get(f"/api/jobs/{job['id']}").json()["progress"] < 0.05:
        assert time.monotonic() < until
        time.sleep(0.05)
    client.delete(f"/api/jobs/{job['id']}")
    assert finish(client, job, 10)["state"] == "cancelled"
    assert client.get(here).json()["prediction"] == before and left_over(studio) == []
