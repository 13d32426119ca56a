"""The whole job as a sound designer does it, from opening a clip to finding all again."""

import io
import json
import os
import wave
import zipfile
from pathlib import Path

import pytest
from driving import ROOT, open_studio, saved, show_advanced, wait_until
from PIL import Image
from playwright.sync_api import Page

PICTURES = os.environ.get("FOLAI_SCREENSHOTS")  # a folder; unset: none are taken


def snapshot(page: Page, name: str) -> None:
    if PICTURES:
        folder = ROOT / PICTURES
        folder.mkdir(parents=True, exist_ok=True)
        page.wait_for_timeout(2500)  # tiles and thumbnails arrive
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        picture.quantize(256).save(folder / name, optimize=True)


def place(page: Page, time: float, level: float) -> tuple[float, float]:
    """Where on the screen a time and a level of the envelope are."""
    script = """async ([time, level]) => {
      const main = document.querySelector("script[type=module]").src;
      const {levelToY} = await import(main.replace("main.js", "timeline/level.js"));
      const {left, top} = document.getElementById("envelope").getBoundingClientRect();
      const y = levelToY(level, folai.timeline.places.envelope.height);
      return [left + folai.axis.toX(time), top + y];
    }"""
    x, y = page.evaluate(script, [time, level])
    return x, y


def drag(page: Page, *points: tuple[float, float]) -> None:
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=8)
    page.mouse.up()


def level_at(page: Page, time: float) -> float:
    return float(page.evaluate("t => folai.studio.curve.values[Math.round(t * 120)]", time))


def onsets(page: Page) -> list[float]:
    return list(page.evaluate("Array.from(folai.studio.curve.onsets)"))


def generate(page: Page, count: int) -> None:
    """Makes one more take and waits until there are `count`."""
    page.keyboard.press("Control+Enter")
    wait_until(page, f"folai.studio.takes.length >= {count}", 60)
    wait_until(page, "[...folai.studio.jobs.values()].every(job => job.state !== 'running')", 60)


def test_the_whole_job(page, new_server):
    open_studio(page, new_server)
    assert len(onsets(page)) >= 4, "the prediction has the hits of the demo"
    draw_and_undo(page)
    move_a_hit(page)
    edit_a_region(page)
    make_takes(page)
    play(page)
    compare_takes(page)
    add_a_layer(page)
    export_all(page)
    find_all_again(page, new_server)


def draw_and_undo(page: Page) -> None:
    first = page.evaluate("Array.from(folai.studio.curve.values)")
    page.keyboard.press("d")
    drag(page, place(page, 2.4, 0.1), place(page, 2.8, 0.6), place(page, 3.0, 0.05))
    assert level_at(page, 2.8) == pytest.approx(0.6, abs=0.08)
    assert level_at(page, 2.6) == pytest.approx(0.3, abs=0.12)
    page.keyboard.press("Control+z")
    assert page.evaluate("Array.from(folai.studio.curve.values)") == first
    page.keyboard.press("Control+Shift+z")
    assert level_at(page, 2.8) > 0.4
    page.keyboard.press("Control+z")
    page.keyboard.press("v")


def move_a_hit(page: Page) -> None:
    """With the mouse in time and level, and with keys."""
    before = onsets(page)
    script = """async (t) =>
      (await import("/static/envelope/curve.js")).hitLevel(folai.studio.curve, t)"""
    level = page.evaluate(script, before[1])
    to = (before[1] + before[2]) / 2
    drag(page, place(page, before[1], level), place(page, to, 2.5 * level))
    after = onsets(page)
    assert after[1] == pytest.approx(to, abs=0.01)
    assert len(after) == len(before)
    assert page.evaluate(script, after[1]) == pytest.approx(2.5 * level, rel=0.15)
    page.keyboard.press("Alt+ArrowRight")
    assert onsets(page)[1] == pytest.approx(after[1] + 1 / 30, abs=1e-6)
    page.keyboard.press("Delete")
    assert len(onsets(page)) == len(before) - 1
    page.keyboard.press("Control+z")
    assert len(onsets(page)) == len(before)


def edit_a_region(page: Page) -> None:
    """Marked with Shift and a drag; softer, copied, pasted, and back to the prediction."""
    page.keyboard.press("Escape")
    (left, y), (right, _) = place(page, 0.4, 0.9), place(page, 1.2, 0.9)
    page.keyboard.down("Shift")
    drag(page, (left, y), (right, y))
    page.keyboard.up("Shift")
    region = page.evaluate("folai.studio.region")
    assert region["start"] == pytest.approx(0.4, abs=0.02)
    loud = level_at(page, onsets(page)[0])
    page.keyboard.press("Alt+ArrowDown")
    assert level_at(page, onsets(page)[0]) == pytest.approx(loud * 10 ** (-1 / 20), rel=1e-3)
    later = 4.9 - region["start"]
    copied = [t + later for t in onsets(page) if region["start"] <= t < region["end"]]
    assert copied
    page.keyboard.press("Control+c")
    page.evaluate("folai.transport.seek(4.9)")
    page.keyboard.press("Control+v")
    pasted = [t for t in onsets(page) if 4.9 <= t < region["end"] + later]
    assert pasted == pytest.approx(copied, abs=0.01), "they take the place of what was there"
    page.keyboard.press("g")
    page.keyboard.press("Escape")
    saved(page)


def make_takes(page: Page) -> None:
    """Two of the preview engine, one of the diffusion model that is cancelled, one that is not."""
    page.keyboard.press("Alt+b")
    page.select_option("#material", "wood")
    generate(page, 1)
    show_advanced(page)
    page.fill("#seed", "3")
    page.keyboard.press("Tab")
    page.select_option("#material", "metal")
    generate(page, 2)
    page.select_option("#material", "")
    page.fill("#prompt", "")
    page.type("#prompt", "footst")
    page.keyboard.press("Enter")
    assert page.input_value("#prompt") == "footsteps " or page.input_value("#prompt").startswith(
        "footstep"
    )
    page.type("#prompt", "on gravel")
    page.fill("#num_steps", "100")
    page.keyboard.press("Tab")
    cancel_one(page)
    takes = page.evaluate("folai.studio.takes.map(take => [take.name, take.engine])")
    assert len(takes) == 2, takes
    page.fill("#num_steps", "4")
    page.keyboard.press("Tab")
    generate(page, 3)
    assert page.evaluate("folai.studio.takes[2].engine") == "diffusion"
    page.click("#advanced summary")  # folded, the takes are seen
    page.evaluate("document.activeElement.blur()")
    page.evaluate("folai.studio.select({start: 2.55, end: 3.6}), folai.transport.seek(3.1)")
    snapshot(page, "studio.png")
    page.keyboard.press("Escape")


def cancel_one(page: Page) -> None:
    """Begins a job, and cancels it while it runs; those before it have ended."""
    jobs = "[...folai.studio.jobs.values()]"
    wait_until(page, f"{jobs}.every(j => !['queued', 'running'].includes(j.state))", 60)
    known = page.evaluate(f"{jobs}.map(j => j.id)")
    this = f"{jobs}.find(j => !{known}.includes(j.id))"
    page.keyboard.press("Control+Enter")
    wait_until(page, f"{this}?.state === 'running'", 60)
    page.click("[data-command=cancel]")
    wait_until(page, f"{this}.state === 'cancelled'", 30)


def play(page: Page) -> None:
    """The playhead stands on the picture that is shown, playing and stepping."""
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("folai.studio.playhead") == pytest.approx(2 / 30, abs=1e-4)
    wait_until(page, "!video.seeking && video.currentTime > 2 / 30")
    shown = page.evaluate("document.getElementById('video').currentTime - 2 / 30")
    assert 0 < shown < 1 / 30
    page.keyboard.press("Space")
    wait_until(page, "folai.studio.playhead > 1.2")
    apart = page.evaluate("Math.abs(folai.player.position - folai.studio.playhead)")
    assert apart < 0.25, "sound and picture go together"
    page.keyboard.press("k")
    at = page.evaluate("folai.studio.playhead")
    page.keyboard.press("j")
    wait_until(page, f"folai.studio.playhead < {at} - 0.1")
    page.keyboard.press("k")


def compare_takes(page: Page) -> None:
    """A and B are switched while playing, and the sound goes on without a gap."""
    page.evaluate("folai.studio.slots = {a: folai.studio.takes[0].id, b: folai.studio.takes[1].id}")
    page.evaluate("folai.studio.emit('takes')")
    page.keyboard.press("1")
    page.keyboard.press("Home")
    page.keyboard.press("Space")
    wait_until(page, "folai.player.position > 0.3")
    page.evaluate(
        """() => { window.clocks = []; window.timer = setInterval(() =>
             window.clocks.push([folai.player.context.currentTime, folai.player.position]), 5); }"""
    )
    for _ in range(6):
        page.keyboard.press("x")
        page.wait_for_timeout(120)
    page.keyboard.press("Shift+m")
    page.keyboard.press("Shift+m")
    clocks = page.evaluate("clearInterval(window.timer), window.clocks")
    assert all(position is not None for _, position in clocks), "it never stopped"
    passed = clocks[-1][0] - clocks[0][0]
    assert clocks[-1][1] - clocks[0][1] == pytest.approx(passed, abs=0.1)
    page.keyboard.press("k")


def add_a_layer(page: Page) -> None:
    page.keyboard.press("y")
    page.get_by_role("button", name="Empty").click()
    assert page.evaluate("folai.studio.layers.length") == 2
    page.select_option("#material", "wood")
    page.evaluate("folai.transport.seek(1)")
    page.keyboard.press("h")
    assert onsets(page) == pytest.approx([1.0], abs=1e-6)
    generate(page, 4)
    page.keyboard.press("Alt+k")
    page.fill("#ask-input", "Feet on wood")
    page.keyboard.press("Enter")
    wait_until(page, "!document.querySelector('dialog[open]')")
    page.evaluate("folai.studio.activate(folai.studio.layers[0].id)")
    saved(page)


def export_all(page: Page) -> None:
    """Each kind is made and downloaded; what is in it is looked at."""
    made = {
        kind: export(page, kind)
        for kind in ("video", "wav", "stems", "otio", "json", "csv", "midi")
    }
    assert made["video"][4:8] == b"ftyp"
    with wave.open(io.BytesIO(made["wav"])) as sound:
        assert (sound.getsampwidth(), sound.getframerate()) == (3, 48000)
        assert sound.getnframes() == pytest.approx(6 * 48000, rel=0.01)
    assert b"bext" in made["wav"][:4096]
    assert len(zipfile.ZipFile(io.BytesIO(made["stems"])).namelist()) >= 2
    names = zipfile.ZipFile(io.BytesIO(made["otio"])).namelist()
    assert sum(name.endswith(".otio") for name in names) == 1
    assert json.loads(made["json"])["onsets"] == pytest.approx(onsets(page))
    assert made["csv"].startswith(b"time,rms,onset")
    assert made["midi"].startswith(b"MThd")


def export(page: Page, kind: str) -> bytes:
    page.keyboard.press("Control+e")
    page.check(f"#export-form input[value={kind}]")
    page.click("#export-go")
    page.wait_for_selector("#export-link:not([hidden])", timeout=60_000)
    with page.expect_download() as download:
        page.click("#export-link")
    data = Path(download.value.path()).read_bytes()
    page.click("#export-form [data-close]")
    return data


def find_all_again(page: Page, server) -> None:
    state = """() => { const {studio} = folai; return {
      layers: studio.layers, takes: studio.takes.map(t => t.id), presets: studio.presets,
      mix: studio.mix, onsets: Array.from(studio.curve.onsets),
      values: Array.from(studio.curve.values), slots: studio.slots, heard: studio.heard,
      active: studio.activeId}; }"""
    saved(page)
    before = page.evaluate(state)
    page.reload()
    page.wait_for_selector("body[data-ready=true]")
    wait_until(page, "folai.studio.curve && folai.studio.ghost", 90)
    assert page.evaluate(state) == before
    wait_until(page, "document.querySelectorAll('#takes .row').length === 3")


LATE_REPLY = """async () => {
  const {refresh} = await import("/static/net/opening.js");
  const {studio} = folai, ask = window.fetch;
  const job = {id: "late", project: studio.project.id, kind: "generate", state: "done"};
  studio.jobs.set("late", job);
  window.fetch = async (...given) => {
    if (given[0] !== `/api/projects/${studio.project.id}`) return ask(...given);
    const told = await (await ask(...given)).json();
    told.jobs.push({...job, state: "running"}, {...job, id: "other", state: "running"});
    return Response.json(told);
  };
  try { await refresh(studio, false); } finally { window.fetch = ask; }
  return ["late", "other"].map(id => studio.jobs.get(id).state);
}"""


def test_a_late_reply_does_not_bring_a_finished_job_back(page, new_server):
    """News of a job's end may overtake the reply that still calls it running."""
    open_studio(page, new_server)
    assert page.evaluate(LATE_REPLY) == ["done", "running"]
