"""Starts the studio and drives its page, as the tests need it."""

import base64
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

from folai.envelope import Envelope

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


LATEST = "folai.studio.takes.at(-1)"
SAMPLES = f"""folai.mixer.sourceOf({LATEST}).piece(0).then((one) =>
  Array.from(one.getChannelData(0)))"""

# A job is done before the page has fetched what it made, and its last pieces give way to that.
PREDICTED = """(({jobs, project, drawn}) => {
  const states = [...jobs.values()].filter(({kind}) => kind === "predict").map(({state}) => state);
  if (states.some((state) => ["queued", "running"].includes(state))) return false;
  if (project.prediction === null) return !states.includes("done");
  return [...drawn.values()].every(({saved, dirty}) => saved !== null || dirty !== null);
})(folai.studio)"""


def open_studio(page: Page, server: Server, *, editing: bool = True) -> None:
    """Opens the link, waits until the whole prediction is there and the page may edit it."""
    page.goto(server.link)
    page.wait_for_selector("body[data-ready=true]")
    wait_until(page, "folai.studio.curve && folai.studio.ghost", 90)
    wait_until(page, PREDICTED, 90)
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


def draw(
    page: Page, server: Server, clip: Path, hits: list[tuple[float, float]] | None = None
) -> str:
    """A project with an envelope of its own, so that none has to be predicted; its id.

    hits: (time, level); without them one every 0.8 s.
    """
    page.goto(server.link)
    page.wait_for_selector("body[data-ready=true]")
    project = bring(page, server, clip)
    api = f"{server.address}/api/projects/{project}"
    own = {"Origin": server.address}
    for job in page.request.get(f"{api}/jobs").json()["jobs"]:
        page.request.delete(f"{server.address}/api/jobs/{job['id']}", headers=own)
    facts = page.request.get(api).json()
    duration = facts["clip"]["duration"]
    times = np.arange(0.5, duration - 0.5, 0.8)
    hits = hits or [(t, 0.2 + 0.12 * (k % 5)) for k, t in enumerate(times)]
    drawn = Envelope.from_hits(hits, duration)
    values = base64.b64encode(drawn.values.tobytes()).decode()
    envelope = {"frame_rate": 120, "onsets": drawn.onsets.tolist(), "values": values}
    made = page.request.post(f"{api}/envelopes", data=envelope, headers=own)
    assert made.status == 201, made.text()
    edit = facts["edit"]
    edit["layers"][0]["envelope"] = made.json()["envelope"]
    edit["layers"][0]["sound"] = {"engine": "preview", "sound": "wood"}
    state = {"revision": facts["revision"], "tab": "test", "edit": edit}
    saved = page.request.put(f"{api}/edit", data=state, headers=own)
    assert saved.status == 200, saved.text()
    page.request.post(f"{api}/lease?release=test", headers=own)
    return project


def open_drawn(page: Page, server: Server, clip: Path, hits=None) -> str:
    """Opens the project of `draw`; its id."""
    project = draw(page, server, clip, hits)
    open_project(page, server, project)
    return project


def open_project(page: Page, server: Server, project: str) -> None:
    page.goto(f"{server.address}/#{project}")
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    ready = (
        f"folai.studio.project.id === '{project}' && folai.studio.curve && !folai.studio.readOnly"
    )
    wait_until(page, ready, 45)


def show_advanced(page: Page) -> None:
    """Unfolds the settings that are not in front."""
    if page.is_hidden("#seed"):
        page.click("#advanced summary")


def generate(page: Page) -> str:
    """Makes one more take of the active layer; its id."""
    count = page.evaluate("folai.studio.takes.length")
    page.keyboard.press("Control+Enter")
    wait_until(page, f"folai.studio.takes.length > {count}", 60)
    jobs = "[...folai.studio.jobs.values()]"
    wait_until(page, f"{jobs}.every(job => !['running', 'queued'].includes(job.state))", 60)
    return str(page.evaluate("folai.studio.takes.at(-1).id"))
