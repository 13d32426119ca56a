"""Starts the studio and drives its page, as the tests need it."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
PATIENCE = 20_000  # ms


@dataclass
class Server:
    """A running `folai studio`: its link, its address, and seconds until it was up."""

    link: str
    process: subprocess.Popen[str]
    seconds: float
    projects: Path

    @property
    def address(self) -> str:
        return self.link.split("/?")[0]


def start_server(projects: Path, video: Path | None = None, port: int = 0) -> Server:
    """Starts `folai studio` on a free port, or the one given."""
    command = [sys.executable, "-m", "folai", "studio", "--projects", str(projects), "--json"]
    command += ["--no-browser", "--port", str(port), *([str(video)] if video else [])]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    link = json.loads(process.stdout.readline())["link"]
    return Server(link, process, time.perf_counter() - began, projects)


def stop_server(server: Server) -> None:
    server.process.terminate()
    server.process.wait(10)


def leave(page: Page) -> None:
    """Goes away as a user does, so that the next tab may edit."""
    if not page.is_closed():
        page.goto("about:blank")
        page.wait_for_timeout(300)  # what it sends at last is on its way


def open_studio(page: Page, server: Server, *, editing: bool = True) -> None:
    """Opens the link, waits until the prediction is there and the page may edit it."""
    page.goto(server.link)
    page.wait_for_selector("body[data-ready=true]")
    wait_until(page, "folai.studio.curve && folai.studio.ghost", 90)
    if editing:
        wait_until(page, "!folai.studio.readOnly", 45)  # longer than another's right can last


def script(name: str) -> str:
    """A function of the page's, from `scripts/`."""
    return (Path(__file__).parent / "scripts" / f"{name}.js").read_text()


def wait_until(page: Page, condition: str, seconds: float = PATIENCE / 1000) -> None:
    """Waits until a condition is true; Playwright's own way is refused by the page's policy."""
    until = time.perf_counter() + seconds
    while not page.evaluate(condition):
        assert time.perf_counter() < until, f"not within {seconds} s: {condition}"
        page.wait_for_timeout(30)


def bring(page: Page, server: Server, clip: Path) -> str:
    """Uploads a clip as a new project and returns its id."""
    url = f"{server.address}/api/projects?name={clip.name}"
    data = clip.read_bytes()
    reply = page.request.post(url, data=data, headers={"Origin": server.address})
    assert reply.status == 201, reply.text()
    return str(reply.json()["id"])


def saved(page: Page) -> None:
    """Waits until all is on the disk."""
    wait_until(page, "folai.saver.flush().then(() => folai.saver.state === 'saved')")
