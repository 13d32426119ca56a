"""How fast the page is, measured in the browser. Figures are printed; the limits asserted are wide,
since the machines that run tests are busy. `make figures` shows them."""

import os
import time

import numpy as np
import pytest
from clips import write_long_clip
from driving import (
    bring,
    draw,
    open_drawn,
    open_project,
    open_studio,
    saved,
    script,
    wait_until,
)

BUSY = 6  # how many times slower than the target a busy machine may be


def report(what: str, figure: float, unit: str, target: float) -> None:
    print(f"\nfigure: {what}: {figure:.4g} {unit} (target {target:g})")


def test_the_page_is_ready_soon(page, server):
    """From the navigation to the envelope in the page, at the second opening as at the first."""
    open_studio(page, server)
    page.goto("about:blank")
    times, fetched = [], "performance.getEntriesByType('resource')"
    for _ in range(5):
        page.goto(server.link)
        page.wait_for_selector("body[data-ready=true]")
        mark = "performance.getEntriesByName('page-ready')[0].startTime / 1000"
        times.append(page.evaluate(mark))
        sent = page.evaluate(f"{fetched}.filter((one) => one.transferSize > 0).length")
        page.goto("about:blank")
    report("server up", server.seconds, "s", 3)
    report("page ready, median of 5", float(np.median(times)), "s", 0.8)
    report("page ready, fastest of 5", min(times), "s", 0.8)
    assert server.seconds < 3 * BUSY
    report("requests of the last opening", sent, "", 20)
    assert min(times) < 0.8 * BUSY
    assert sent < 20  # the page's own files are kept


EDIT = script("edit")


def test_an_edit_is_heard_soon(page, server, tmp_path):
    """From letting go to the sound, 10 s of which are laid anew each time."""
    open_drawn(page, server, write_long_clip(tmp_path / "ten.mp4", 10))
    began = processor_time(server.process.pid)
    times = page.evaluate(EDIT, 10)
    spent = 1000 * (processor_time(server.process.pid) - began) / len(times)
    report("the server's time an edit, 10 s, previews and saving", spent, "ms", 150)
    report("edit to preview sound, 10 s, median of 10", float(np.median(times)), "ms", 150)
    report("edit to preview sound, 10 s, fastest of 10", min(times), "ms", 150)
    assert min(times) < 150 * BUSY


EDITABLE = """[...folai.studio.curve?.values ?? []].slice(0, 600).some((value) => value > 0)
  && !folai.studio.readOnly"""


@pytest.mark.parametrize("seconds, target", [(600, 10), (3600, 15)])
def test_the_first_seconds_of_a_long_clip_are_edited_soon(
    page, server, tmp_path, seconds, target, short_clip
):
    """From choosing the file to a hit that is saved; and a short clip does not wait for it."""
    page.goto(server.link)
    page.wait_for_selector("body[data-ready=true]")
    clip = write_long_clip(tmp_path / f"long {seconds}.mp4", seconds)
    began = time.perf_counter()
    page.set_input_files("#video-file", clip)
    wait_until(page, f"folai.studio.duration > {seconds - 1}", 60)
    wait_until(page, EDITABLE, 20 * BUSY)
    page.evaluate("folai.transport.seek(1)")
    page.keyboard.press("h")
    saved(page)
    took = time.perf_counter() - began
    report(f"{seconds} s clip: first seconds edited and saved", took, "s", target)
    assert took < target * BUSY
    behind = watched(page, server, short_clip)
    page.keyboard.press("Control+.")
    wait_until(page, "[...folai.studio.jobs.values()].every(job => job.state !== 'running')", 30)
    alone = watched(page, server, short_clip)
    report(f"short clip behind {seconds} s, times its own time", behind / alone, "", 2)
    assert behind / alone < 2 * BUSY


def watched(page, server, clip) -> float:
    """Seconds from the upload of a clip to its prediction."""
    began = time.perf_counter()
    project = bring(page, server, clip)
    api = f"{server.address}/api/projects/{project}"
    while page.request.get(api).json()["prediction"] is None:
        assert time.perf_counter() < began + 120
        page.wait_for_timeout(30)
    return time.perf_counter() - began


DRAG = script("drag")


def test_dragging_keeps_up_with_the_screen(page, server, tmp_path):
    """Frames while drawing, moving a hit and scrolling: ten minutes, eight layers.

    A frame is the time between two calls of `requestAnimationFrame`: what the page leaves of the
    60 Hz at which a browser without a screen draws.
    """
    open_drawn(page, server, write_long_clip(tmp_path / "long.mp4", 600, fps=10))
    page.evaluate("folai.studio.hearEdits = false")
    for _ in range(7):
        page.keyboard.press("y")
        page.get_by_role("button", name="Same timing").click()
    assert page.evaluate("folai.studio.layers.length") == 8
    saved(page)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    for tool in ("draw", "hit"):
        page.evaluate(f"folai.studio.tool = '{tool}'")
        began = thread_time(session)
        frames = np.array(page.evaluate(DRAG))
        spent = 1000 * (thread_time(session) - began) / len(frames)
        rate = 1000 / np.mean(frames)
        report(f"main thread's time a frame, {tool}, 10 minutes, 8 layers", spent, "ms", 16.7)
        report(f"frames a second, tool {tool}, 10 minutes, 8 layers", rate, "Hz", 60)
        report(f"longest frame, tool {tool}", float(np.max(frames)), "ms", 33)
        assert rate > 60 / BUSY
    page.evaluate("folai.axis.set(100, 0.01)")
    frames = np.array(page.evaluate(SCROLL))
    report("frames a second, scrolling, 10 minutes, 8 layers", 1000 / np.mean(frames), "Hz", 60)
    assert 1000 / np.mean(frames) > 60 / BUSY


SCROLL = script("scroll")


def test_an_hour_opens_and_is_edited(page, server, tmp_path):
    """Seconds to the first picture of an hour, and what the page takes while it is edited."""
    clip = write_long_clip(tmp_path / "hour.mp4", 3600, fps=10)
    project = draw(page, server, clip)
    began = time.perf_counter()
    open_project(page, server, project)
    wait_until(page, "document.getElementById('video').readyState >= 2", 60)
    report("1 hour: to the first picture", time.perf_counter() - began, "s", 10)
    page.evaluate("folai.studio.hearEdits = false")
    page.evaluate("folai.studio.tool = 'draw'")
    page.evaluate(DRAG)
    page.evaluate(
        """async () => {
          const {scaleRegion} = await import("/static/envelope/regions.js");
          for (let n = 0; n < 20; n++) {
            folai.studio.edit((c) => scaleRegion(c, {start: 0, end: 3600}, n % 2 ? 1 : -1), "all");
            folai.axis.zoom(1.5);
            folai.transport.seek(180 * n);
            await new Promise((d) => setTimeout(d, 100));
          }
        }"""
    )
    memory = page.evaluate("gc(), performance.memory.usedJSHeapSize / 2 ** 20")
    total = page_memory(page)
    report("1 hour: heap of the page after edits", memory, "MB", 500)
    report("1 hour: the page's process, resident", total, "MB", 500)
    assert memory < 500
    assert total < 700


def processor_time(process: int) -> float:
    """Seconds of processor that a process has had."""
    with open(f"/proc/{process}/stat") as file:
        facts = file.read().rsplit(")", 1)[1].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def thread_time(session) -> float:
    """Seconds of processor that the page's main thread has had: what others take does not count."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


def page_memory(page) -> float:
    """Resident MB of the largest renderer process of the browser."""
    session = page.context.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    sizes = [resident(p["id"]) for p in processes if p["type"] == "renderer"]
    return max(sizes, default=0.0)


def resident(process: int) -> float:
    with open(f"/proc/{process}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))
