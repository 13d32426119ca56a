"""The page in Debian's Chromium, against `folai studio` as a user starts it.

make test-browser                    needs /usr/bin/chromium (apt-get install chromium)
make screenshots                     the same, and writes the README's pictures
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from folai.render import demo_scene, write_clip

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",  # continuous integration runs as root
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
]
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


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory) -> Path:
    """Six seconds that folai draws itself: a stick on a box, a ball, feet."""
    path = tmp_path_factory.mktemp("clips") / "demo.mp4"
    write_clip(demo_scene(), path, size=(640, 360), exposures=1)
    return path


@pytest.fixture(scope="session")
def server(demo_clip, tmp_path_factory) -> Iterator[Server]:
    started = start_server(tmp_path_factory.mktemp("projects"), demo_clip)
    yield started
    stop_server(started)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def context(browser) -> Iterator[BrowserContext]:
    made = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    made.set_default_timeout(PATIENCE)
    made.grant_permissions(["microphone"])
    yield made
    made.close()


@pytest.fixture
def page(context) -> Iterator[Page]:
    """A page whose scripts may not fail."""
    made = context.new_page()
    errors: list[str] = []
    made.on("pageerror", lambda error: errors.append(str(error)))
    yield made
    leave(made)
    assert errors == []


def leave(page: Page) -> None:
    """Goes away as a user does, so that the next tab may edit."""
    if not page.is_closed():
        page.goto("about:blank")


def open_studio(page: Page, server: Server, project: str = "") -> None:
    """Opens the link, waits until the page is ready and the prediction is there."""
    page.goto(server.link)
    if project:
        page.goto(f"{server.address}/#{project}")
        page.reload()
    page.wait_for_selector("body[data-ready=true]")
    wait_until(page, "folai.studio.curve && folai.studio.ghost")


def wait_until(page: Page, script: str, seconds: float = PATIENCE / 1000) -> None:
    """Waits until a script is true; Playwright's own way is refused by the page's policy."""
    until = time.perf_counter() + seconds
    while not page.evaluate(script):
        assert time.perf_counter() < until, f"not within {seconds} s: {script}"
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
