"""`folai studio` as a process: what it prints, many clients at once, killed and started again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from studio_clients import finish


class Running:
    """The command, and a client with a session."""

    def __init__(self, root: Path, *given: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "folai", "studio", *given, "--projects", str(root)]
        self.process = subprocess.Popen(
            [*command, "--no-browser", "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        self.link = re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)[0]
        self.address = self.link.split("?")[0].rstrip("/")
        self.client = self.make_client()

    def make_client(self):
        client = httpx.Client(base_url=self.address, timeout=60)
        assert client.get(self.link).status_code == 200
        return client

    def end(self, how=signal.SIGTERM):
        self.client.close()
        self.process.send_signal(how)
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def running(clip, tmp_path_factory):
    server = Running(tmp_path_factory.mktemp("served"), str(clip))
    yield server
    server.end()


def test_the_link_opens_the_clip_and_it_is_predicted(running, clip):
    status = running.client.get("/api/status").json()
    project = running.client.get(f"/api/projects/{status['open']}").json()
    assert project["clip"]["file"] == clip.name
    (job,) = project["jobs"]
    assert finish(running.client, job)["state"] == "done"


def test_events_are_told_as_they_happen(running):
    project = running.client.get("/api/status").json()["open"]
    here = f"/api/projects/{project}"
    told: list[tuple[str, dict]] = []
    listening, enough = threading.Event(), threading.Event()

    def listen():
        with (
            closing(running.make_client()) as client,
            client.stream("GET", "/api/events") as stream,
        ):
            kind = ""
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    told.append((kind, json.loads(line[6:])))
                    listening.set()
                    states = [facts["state"] for what, facts in told if what == "job"]
                    if "done" in states:
                        enough.set()
                        return

    thread = threading.Thread(target=listen)
    thread.start()
    assert listening.wait(20)
    edit = running.client.get(here).json()["edit"]
    saved = {"revision": 0, "tab": "one", "edit": edit}
    assert running.client.put(f"{here}/edit", json=saved).status_code == 200
    job = running.client.post(f"{here}/exports", json={"kind": "midi"}).json()
    assert enough.wait(20)
    thread.join()
    assert told[0][0] == "status"
    assert {"project": project, "revision": 1, "tab": "one", "what": "edit"} in [
        facts for kind, facts in told if kind == "project"
    ]
    assert {facts["id"] for kind, facts in told if kind == "job"} == {job["id"]}


def events_of(client):
    """(kind, facts) of each event, as a browser's EventSource would give them."""
    with client.stream("GET", "/api/events") as stream:
        kind = ""
        for line in stream.iter_lines():
            if line.startswith("event: "):
                kind = line[7:]
            elif line.startswith("data: "):
                yield kind, json.loads(line[6:])


def test_fifty_clients_at_once(running):
    """Each saves, draws, listens and looks: only one of each revision's savers may succeed."""
    project = running.client.get("/api/status").json()["open"]
    here = f"/api/projects/{project}"
    first = running.client.get(here).json()
    prediction = f"{here}/envelopes/{first['prediction']}"
    start = threading.Barrier(50)

    def work(number: int) -> list[int]:
        with closing(running.make_client()) as client:
            start.wait()
            project = client.get(here).json()
            body = {"revision": project["revision"], "tab": "one", "edit": project["edit"]}
            body["edit"]["view"] = {"saver": number}
            replies = [
                client.put(f"{here}/edit", json=body),
                client.get(f"{here}/strip?start=0&end=2.5&count={1 + number % 4}"),
                client.post(f"{prediction}/edits", json={"edits": [{"op": "gain", "db": 1}]}),
                client.get(f"{here}/video", headers={"range": f"bytes={number}-{number + 99}"}),
                client.get("/api/projects"),
            ]
            if number % 10 == 0:
                replies.append(client.post(f"{here}/preview", json={"end": 1.0}))
        return [reply.status_code for reply in replies]

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(work, range(50)))
    saved = sum(one[0] == 200 for one in statuses)
    last = running.client.get(here).json()
    assert last["revision"] == first["revision"] + saved and saved >= 1
    assert {one[0] for one in statuses} <= {200, 409}
    assert {one[1] for one in statuses} <= {200, 503}
    assert {status for one in statuses for status in one[2:]} <= {200, 201, 206}


def test_killed_and_started_again_all_is_there(clip, tmp_path):
    server = Running(tmp_path, str(clip))
    project = server.client.get("/api/status").json()["open"]
    here = f"/api/projects/{project}"
    edit = server.client.get(here).json()["edit"]
    values = "AACAPwAAgD8AAIA/AACAPw=="  # four frames of 1.0
    revision = 0
    stop = time.monotonic() + 1.0
    while time.monotonic() < stop:
        edit["view"] = {"revision": revision + 1, "values": values}
        body = {"revision": revision, "tab": "one", "edit": edit}
        revision = server.client.put(f"{here}/edit", json=body).json()["revision"]
    cookie = server.client.cookies
    server.end(signal.SIGKILL)
    port = int(server.address.rsplit(":", 1)[1])
    again = Running(tmp_path, port=port)
    try:
        assert again.link == server.link
        page = httpx.Client(base_url=again.address, cookies=cookie)  # the page is still open
        found = page.get(here).json()
        assert found["revision"] == revision
        assert found["edit"]["view"] == {"revision": revision, "values": values}
    finally:
        again.end()


def test_a_clip_that_will_not_do_is_told_before_anything_is_served(tmp_path, hit, capsys):
    from folai.cli import main

    assert main(["studio", str(hit), "--projects", str(tmp_path), "--no-browser"]) == 2
    assert "has no video" in capsys.readouterr().err
    assert main(["studio", str(tmp_path / "no.mp4"), "--projects", str(tmp_path)]) == 2
    assert "no.mp4" in capsys.readouterr().err
