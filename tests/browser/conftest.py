"""The page in Debian's Chromium, against `folai studio` as a user starts it.

make test-browser                    needs /usr/bin/chromium (apt-get install chromium)
make screenshots                     the same, and writes the README's pictures
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from driving import PATIENCE, Server, leave, start_server, stop_server
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from folai.render import demo_scene, random_scene, write_clip

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",  # continuous integration runs as root
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--enable-precise-memory-info",
    "--js-flags=--expose-gc",
]


@pytest.fixture(scope="session")
def demo_clip(tmp_path_factory) -> Path:
    """Six seconds that folai draws itself: a stick on a box, a ball, feet."""
    path = tmp_path_factory.mktemp("clips") / "demo.mp4"
    write_clip(demo_scene(), path, size=(640, 360), exposures=1)
    return path


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory) -> Path:
    """A second and a half, small: where it does not matter what is in it."""
    path = tmp_path_factory.mktemp("clips") / "short.mp4"
    write_clip(random_scene(3, kind="strike", duration=1.5), path, size=(160, 96), exposures=1)
    return path


@pytest.fixture(scope="session")
def server(demo_clip, tmp_path_factory) -> Iterator[Server]:
    started = start_server(tmp_path_factory.mktemp("projects"), demo_clip)
    yield started
    stop_server(started)


@pytest.fixture
def new_server(demo_clip, tmp_path) -> Iterator[Server]:
    """One whose project nobody has worked on: the shared one keeps the takes that others made."""
    started = start_server(tmp_path, demo_clip)
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
