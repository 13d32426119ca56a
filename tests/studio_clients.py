"""What the studio's tests share: an application with a clip opened, and a client that is let in."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.testclient import TestClient

from folai.studio.guard import Session, allowed_hosts
from folai.studio.server import make_app
from folai.studio.studio import Studio

TOKEN = "t" * 43
SESSION = Session(TOKEN)


@contextmanager
def opened(root: Path, clip: Path | None = None) -> Iterator[tuple[TestClient, Studio]]:
    """A client with a session, and the studio behind it; `clip` is opened as by the command."""
    studio = Studio(root)
    if clip is not None:
        studio.open_file(clip)
    app = make_app(studio, SESSION, allowed_hosts("127.0.0.1"))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        client.cookies.set(SESSION.cookie_name, SESSION.cookie)
        yield client, studio


def finish(client, job, seconds=240.0):
    """The job once it is over."""
    until = time.monotonic() + seconds
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < until, f"{job['kind']} takes too long"
        time.sleep(0.02)
        job = client.get(f"/api/jobs/{job['id']}").json()
    return job
