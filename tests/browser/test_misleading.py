"""The page never misleads: what it shows is so, and what a person does is what happens."""

from fractions import Fraction

import pytest
from clips import write_long_clip
from driving import (
    draw,
    generate,
    leave,
    open_drawn,
    open_project,
    saved,
    script,
    start_server,
    stop_server,
    wait_until,
)

from folai.render import random_scene, write_clip

DRAG = script("drag")
PAINTED = script("painted")
WAVE_ONSET = script("wave_onset")
HITS = [(0.6, 0.6), (1.7, 0.4), (3.1, 0.5), (4.2, 0.7)]


@pytest.fixture(scope="session")
def odd_clip(tmp_path_factory):
    """5.1 s: no multiple of any tile."""
    path = tmp_path_factory.mktemp("clips") / "odd.mp4"
    write_clip(random_scene(3, kind="strike", duration=5.1), path, size=(160, 96), exposures=1)
    return path


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory):
    """One that opens no clip of its own."""
    started = start_server(tmp_path_factory.mktemp("empty"))
    yield started
    stop_server(started)


@pytest.fixture
def studio(page, empty_server, odd_clip):
    open_drawn(page, empty_server, odd_clip, HITS)
    page.evaluate("folai.studio.hearEdits = false")
    return page


def test_a_waveform_stands_where_its_sound_is(studio):
    """The last hit, in whatever tile it lies: within a pixel of its first loud sample."""
    generate(studio)
    for start, end in ((0, 5.1), (2.9, 5.1), (3.9, 4.9), (4.17, 4.33)):
        apart = studio.evaluate(WAVE_ONSET, [start, end, 4.1])
        assert abs(apart) <= 1.0, (start, end, apart)


NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    "pictures, fps, at",
    [(10, NTSC, 0.2), (219, NTSC, 6.9), (1531, 25, 59.8)],
    ids=["shorter than a tile", "29.97 pictures a second", "many tiles"],
)
def test_a_waveform_stands_there_in_clips_of_any_length(
    page, empty_server, tmp_path, pictures, fps, at
):
    """Within a pixel at every zoom, from the whole clip to the closest."""
    clip = write_long_clip(tmp_path / "clip.mp4", float(pictures / fps), fps)
    open_drawn(page, empty_server, clip, [(0.1, 0.3), (at, 0.7)])
    page.evaluate("folai.studio.hearEdits = false")
    generate(page)
    duration = page.evaluate("folai.studio.duration")
    assert duration == pytest.approx(float(pictures / fps), abs=0.001)
    after = at - 0.04
    spans = [span for span in (0.15, 1.3, 7.0, 30.1) if span < duration]
    views = [(0.0, duration)] + [
        (max(at - part * span, 0.0), min(at + (1 - part) * span, duration))
        for span in spans
        for part in (0.07, 0.83)
    ]
    for start, end in views:
        apart = page.evaluate(WAVE_ONSET, [start, end, after])
        assert abs(apart) <= 1.0, (start, end, apart)


@pytest.mark.parametrize("scale", [1, 1.25])
def test_what_a_drag_paints_is_what_a_whole_painting_shows(browser, empty_server, odd_clip, scale):
    """Only the columns that change are painted: drawing, moving hits, settings of a hit, undo."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, device_scale_factor=scale)
    open_drawn(page, empty_server, odd_clip, HITS)
    steps = [
        *(f"folai.studio.tool = '{tool}'; return ({DRAG})()" for tool in ("draw", "hit", "select")),
        "folai.studio.undo()",
        "folai.studio.select(null, folai.studio.curve.onsets[1])",
        "folai.studio.select({start: 1, end: 2}, null); folai.studio.redo()",
    ]
    for zoom in (1, 0.3, 0.05):
        page.evaluate(f"folai.axis.set(0.55, folai.studio.duration / folai.axis.width * {zoom})")
        for step in steps:
            page.evaluate(f"async () => {{ {step} }}")
            after, other = page.evaluate(PAINTED)
            # The edge of a part is smoothed a little otherwise; what is left behind is far away.
            assert after[0] < 80 and after[1] < 0.1, (zoom, step)
            assert other[0] > 200 and other[1] > 0.5
    leave(page)
    page.close()


def test_what_was_typed_for_one_clip_is_not_used_for_the_next(studio, empty_server, short_clip):
    studio.keyboard.press("Control+e")
    studio.check("#export-form input[value=wav]")
    studio.fill("#timecode", "10:00:00:00")
    studio.keyboard.press("Escape")
    open_project(studio, empty_server, draw(studio, empty_server, short_clip))
    studio.keyboard.press("Control+e")
    assert studio.input_value("#timecode") == ""
    assert studio.locator("#export-form input[value=video]").is_checked()


def test_keys_do_what_they_say_wherever_a_click_was(studio):
    """Space plays after a click on a button or a slider; Shift with an arrow is a second."""
    for place in ("[data-command=tool-draw]", ".row.layer input[type=range]", "#snap-mode"):
        studio.click(place)
        studio.keyboard.press("ArrowDown" if "range" in place else "Shift")
        studio.keyboard.press("Space")
        wait_until(studio, "folai.transport.playing")
        studio.keyboard.press("Space")
        wait_until(studio, "!folai.transport.playing")
    assert studio.evaluate("folai.studio.tool") == "draw"
    studio.evaluate("document.activeElement.blur(), folai.transport.seek(2)")
    studio.keyboard.press("Shift+ArrowRight")
    assert studio.evaluate("folai.studio.playhead") == pytest.approx(3, abs=0.02)
    studio.keyboard.press("Shift+ArrowLeft")
    assert studio.evaluate("folai.studio.playhead") == pytest.approx(2, abs=0.02)


def test_the_last_picture_asked_for_is_shown_whenever_seeks_end(studio):
    """Also where one ends, and the next begins before the page has heard of it."""
    shown = studio.evaluate(
        """async () => {
          const main = document.querySelector("script[type=module]").src;
          const {Screen} = await import(main.replace("main.js", "picture/screen.js"));
          const video = Object.assign(new EventTarget(), {seeking: false, at: 0});
          Object.defineProperty(video, "currentTime", {
            get: () => video.at, set: (time) => { video.at = time; video.seeking = true; }});
          const screen = new Screen({frames: [0, 1, 2, 3]}, video, {});
          screen.ready = true;
          screen.show(0), screen.show(1);
          video.seeking = false;
          screen.show(2);
          video.dispatchEvent(new Event("seeked"));
          video.seeking = false;
          video.dispatchEvent(new Event("seeked"));
          return video.at;
        }"""
    )
    assert 2 <= shown < 3


STATE = """(() => {
  const {layers, mix, presets, curve, takes} = folai.studio;
  const strips = Object.values(mix).map((s) => [s.gain_db, s.mute, !!s.deleted]);
  return JSON.stringify([layers.map(({envelope, ...rest}) => rest), strips, presets,
    [...curve.onsets], takes.map((t) => t.id)]);
})()"""


def test_all_that_a_person_changes_is_undone_in_order_also_after_a_reload(studio):
    generate(studio)
    first, states = studio.evaluate(STATE), []
    changes = [
        lambda: studio.locator(".row.layer input[type=range]").fill("-6"),
        lambda: studio.keyboard.press("w"),
        lambda: studio.keyboard.press("h"),
        lambda: studio.locator(".row.take input[type=range]").fill("3"),
        lambda: (studio.keyboard.press("y"), studio.get_by_text("Same timing").click()),
        lambda: studio.keyboard.press("Shift+y"),
        lambda: studio.keyboard.press("Shift+Delete"),
    ]
    studio.evaluate("folai.transport.seek(2.5)")
    for change in changes:
        studio.evaluate("document.activeElement.blur()")
        before = studio.evaluate("folai.studio.history.depth")
        change()
        wait_until(studio, f"folai.studio.history.depth > {before}")
        states.append(studio.evaluate(STATE))
    saved(studio)
    studio.reload()
    studio.wait_for_selector("body[data-ready=true]")
    wait_until(studio, "folai.studio.curve && !folai.studio.readOnly", 45)
    assert studio.evaluate(STATE) == states[-1]
    for state in [*reversed(states[:-1]), first]:
        studio.keyboard.press("Control+z")
        assert studio.evaluate(STATE) == state
    for state in states:
        studio.keyboard.press("Control+Shift+z")
        assert studio.evaluate(STATE) == state


def test_undo_outlives_a_view_that_was_saved_without_a_word(studio, empty_server):
    """As by a page that went away; a state that another has saved is not undone."""
    studio.keyboard.press("h")
    saved(studio)
    project = studio.evaluate("folai.studio.project.id")
    own = {"Origin": empty_server.address}
    link = f"{empty_server.address}/api/projects/{project}"
    for gain, steps in ((None, 1), (-3, 0)):
        leave(studio)
        state = studio.request.get(link).json()
        edit = state["edit"]
        edit["view"]["heard"] = "preview"
        if gain is not None:
            edit["layers"][0]["gain_db"] = gain
        sent = {"revision": state["revision"], "tab": "another", "edit": edit}
        reply = studio.request.put(f"{link}/edit", data=sent, headers=own)
        assert reply.ok, reply.text()
        studio.request.post(f"{link}/lease?release=another", headers=own)
        open_project(studio, empty_server, project)
        assert studio.evaluate("folai.studio.history.depth") == steps


def test_a_new_layer_takes_whatever_is_filled_in(studio):
    """Same timing or empty; a prompt, then a built-in sound, and none is refused."""
    studio.keyboard.press("y")
    studio.get_by_role("button", name="Same timing").click()
    assert studio.evaluate("[...folai.studio.curve.onsets].length") == len(HITS)
    studio.fill("#prompt", "footsteps on gravel")
    studio.keyboard.press("Tab")
    wait_until(studio, "document.querySelector('#engine').options[0].text.includes('diffusion')")
    studio.evaluate("document.querySelector('.advanced')?.setAttribute('open', '')")
    studio.select_option("#material", "metal")
    wait_until(studio, "document.querySelector('#engine').options[0].text.includes('preview')")
    assert studio.input_value("#prompt") == "" and studio.is_hidden("#prompt-note")
    studio.fill("#prompt", "xyzzy")
    studio.keyboard.press("Tab")
    studio.wait_for_selector("#prompt-note:not([hidden])")
    assert len(studio.inner_text("#prompt-note")) < 100
    studio.evaluate("document.activeElement.blur()")
    studio.keyboard.press("Control+z")
    assert studio.input_value("#prompt") == "" and studio.input_value("#material") == "metal"


def test_a_take_of_an_older_curve_says_so(studio):
    generate(studio)
    assert studio.locator(".of-older-curve").count() == 0
    assert studio.inner_text("#wave-head") == studio.evaluate(
        "folai.studio.strip(folai.studio.takes.at(-1).id).name"
    )
    studio.evaluate("folai.transport.seek(2.5)")
    studio.keyboard.press("h")
    assert studio.locator(".of-older-curve").count() == 1
    saved(studio)
    assert studio.locator(".of-older-curve").count() == 1
    studio.keyboard.press("Control+z")
    saved(studio)
    assert studio.locator(".of-older-curve").count() == 0


def test_a_clip_that_cannot_be_opened_leaves_the_one_before(studio):
    """It is edited, told of news and held on to as before."""
    failed = studio.evaluate("folai.session.open('nothing').then(() => '', (e) => e.message)")
    assert "nothing" in failed
    generate(studio)
    lease = "folai.session.lease.ask().then(() => folai.studio.readOnly)"
    assert studio.evaluate(lease) is False


def test_a_notch_of_the_wheel_zooms_by_a_quarter(studio):
    box = studio.locator("#envelope").bounding_box()
    studio.mouse.move(box["x"] + 200, box["y"] + 30)
    before = studio.evaluate("folai.axis.perPixel")
    studio.mouse.wheel(0, -300)
    wait_until(studio, f"folai.axis.perPixel < {before}")
    assert before / studio.evaluate("folai.axis.perPixel") == pytest.approx(1.25, abs=0.01)


@pytest.mark.parametrize("size", [(1280, 720), (820, 1180), (390, 844)])
def test_the_page_can_be_used_at(studio, size):
    """Nothing overflows, and Generate is seen without scrolling on all but a telephone."""
    studio.set_viewport_size({"width": size[0], "height": size[1]})
    studio.wait_for_timeout(150)
    assert studio.evaluate("document.documentElement.scrollWidth") <= size[0]
    box = studio.locator("[data-command=generate]").bounding_box()
    if size[0] > 400:
        assert box["y"] + box["height"] <= size[1]
    for selector in ("#play", "[data-command=generate]", "#envelope", "[data-command=export]"):
        studio.locator(selector).first.scroll_into_view_if_needed()
        box = studio.locator(selector).first.bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], selector


def test_a_studio_that_is_killed_says_what_was_lost(page, odd_clip, tmp_path):
    """One message, not two that contradict each other; no job at 0 %; no shift of the page."""
    projects = tmp_path / "projects"
    server = start_server(projects)
    port = int(server.address.rsplit(":", 1)[1])
    try:
        open_drawn(page, server, odd_clip, HITS)
        page.evaluate("folai.studio.layer.sound = {prompt: 'footsteps', num_steps: 400}")
        top = page.locator("#play").bounding_box()
        page.keyboard.press("Control+Enter")
        wait_until(page, "[...folai.studio.jobs.values()].some(j => j.kind === 'generate')")
        server.process.kill()
        server.process.wait()
        page.keyboard.press("h")
        page.wait_for_selector("#messages .message")
        page.wait_for_selector("text=Not saved")
        assert page.locator("#messages .message").count() == 1
        assert page.locator("#play").bounding_box() == top
        server = start_server(projects, port=port)
        page.wait_for_selector("text=was lost", timeout=45_000)
        assert page.is_hidden("#job") or "Generating" not in page.inner_text("#job")
        wait_until(page, "folai.saver.state === 'saved'", 40)
        wait_until(page, "document.querySelectorAll('#messages .message').length === 1")
        leave(page)
    finally:
        stop_server(server)


STUCK = """async () => {
  const {refresh} = await import("/static/net/opening.js");
  const {studio} = folai, ask = window.fetch;
  const {id} = studio.project;
  const job = {id: "stuck", project: id, kind: "generate", progress: 0.99, message: ""};
  studio.jobs.set("stuck", {...job, state: "running"});
  studio.emit("jobs");
  const shown = !document.getElementById("job").hidden;
  window.fetch = async (...given) => {
    if (given[0] !== `/api/projects/${studio.project.id}`) return ask(...given);
    const told = await (await ask(...given)).json();
    told.jobs.push({...job, state: "done"});
    return Response.json(told);
  };
  try { await folai.news.catchUp(); } finally { window.fetch = ask; }
  return [shown, !document.getElementById("job").hidden];
}"""


def test_a_finished_job_is_not_shown_at_99_percent(studio):
    """Also where its end is learned from the project, before the news of it comes."""
    assert studio.evaluate(STUCK) == [True, False]


NEWS_TWICE = """async () => {
  const {studio, news} = folai, ask = window.fetch;
  let asked = 0;
  studio.readOnly = true;
  window.fetch = async (...given) => {
    if (given[0] !== `/api/projects/${studio.project.id}`) return ask(...given);
    const number = ++asked;
    const told = await (await ask(...given)).json();
    told.edit.markers = [{time: 0, text: `${number}`}];
    await new Promise((done) => setTimeout(done, 100 * number));
    return Response.json(told);
  };
  await Promise.all([news.catchUp("edit"), news.catchUp("edit")]);
  window.fetch = ask;
  studio.readOnly = false;
  return studio.markers[0].text;
}"""


def test_of_two_changes_at_once_the_later_is_shown(studio):
    """In a tab that only reads, while another edits quickly."""
    assert studio.evaluate(NEWS_TWICE) == "2"


def test_a_message_can_be_answered_while_a_dialog_is_open(studio):
    """It lies over the dialog, and its button takes the click."""
    studio.keyboard.press("Control+e")
    studio.evaluate("folai.messages.show('test', 'Something failed.')")
    studio.get_by_role("button", name="Dismiss").click()
    assert studio.locator("#messages .message").count() == 0
    studio.evaluate("folai.messages.show('test', 'Something failed.')")
    studio.keyboard.press("Escape")
    studio.get_by_role("button", name="Dismiss").click()
    assert studio.locator("#messages .message").count() == 0


INSIDE = """() => [...document.querySelectorAll(".panel :is(button, select, input, progress)")]
  .filter((one) => one.offsetParent && !one.closest(".rows"))
  .filter((one) => one.getBoundingClientRect().right > innerWidth)
  .map((one) => one.outerHTML)"""


RUN_OVER = """() => [...document.querySelectorAll(".panel > section")]
  .filter((section) => section.scrollHeight > section.clientHeight + 1)
  .map((section) => section.className)"""


@pytest.mark.parametrize("size", [(1280, 720), (820, 1180), (390, 844)])
def test_the_panel_holds_its_controls_while_a_take_is_made(studio, size):
    studio.set_viewport_size({"width": size[0], "height": size[1]})
    studio.evaluate(
        """() => {
          const job = {id: "at work", kind: "generate", state: "running", progress: 0.5, left: 9};
          folai.studio.jobs.set(job.id, {...job, project: folai.studio.project.id, message: ""});
          folai.studio.emit("jobs");
        }"""
    )
    assert studio.inner_text("#job-text") == "Generating 50 % · 9 s left"
    assert studio.locator("[data-command=cancel]").is_visible()
    assert studio.evaluate(INSIDE) == []
    assert studio.evaluate(RUN_OVER) == [], "no section runs into the next"


TILES = """async () => {
  const { Tiles } = await import("/static/timeline/tiles.js");
  const never = (signal) => new Promise((_, fail) => signal.addEventListener("abort", fail));
  return new Promise((done) => {
    const draw = (key, fetch) => {
      tiles.begin();
      const tile = tiles.get(key, fetch);
      tiles.end();
      return tile;
    };
    const tiles = new Tiles(4, () => {
      const tile = draw("new", async () => "new");
      if (tile) done(tile);
    }, 1);
    draw("old", never);
    draw("new", async () => "new");
  });
}"""


def test_a_tile_that_waited_for_the_place_of_another_comes(studio):
    """The old one is given up; nothing else would ask for the new one again."""
    assert studio.evaluate(TILES) == "new"
