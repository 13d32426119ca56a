"""Hits as things, in the page: a hit's own sound, pitch, level and foot; scrubbing; speed."""

import io

import numpy as np
import pytest
import soundfile
from driving import open_drawn, open_project, saved, wait_until

HITS = [(0.2, 0.1), (0.7, 0.1), (1.15, 0.1)]
TONES = [300, 700, 1600, 3600]  # Hz, an event each
OWN = "Array.from(folai.studio.curve.hits ?? [])"


def tones() -> bytes:
    time = np.arange(44100 * 4 // 10) / 44100
    parts = [np.sin(2 * np.pi * hertz * time + 1) * np.exp(-time / 0.05) for hertz in TONES]
    made = io.BytesIO()
    soundfile.write(made, 0.5 * np.concatenate(parts), 44100, format="WAV", subtype="PCM_24")
    return made.getvalue()


@pytest.fixture
def walked(page, server, short_clip):
    """A project with three hits, of a reference with four tones, previewed."""
    project = open_drawn(page, server, short_clip, HITS)
    api, own = f"{server.address}/api/projects/{project}", {"Origin": server.address}
    made = page.request.post(f"{api}/references?name=tones.wav", data=tones(), headers=own)
    assert made.status == 201
    sound = {"engine": "preview", "reference": made.json()["id"], "seed": 2}
    page.evaluate(
        "(sound) => { folai.studio.layer.sound = sound; folai.studio.emit('sound'); "
        "folai.studio.did('sound'); folai.studio.hearEdits = false; }",
        sound,
    )
    page.evaluate("document.getElementById('hit').open = true")
    return page, project, api, own


def choose(page, index: int) -> float:
    """Chooses a hit; its time."""
    page.evaluate(f"folai.studio.select(null, folai.studio.curve.onsets[{index}])")
    return float(page.evaluate("folai.studio.hit"))


def slide(page, name: str, value: float) -> None:
    page.evaluate(
        """([id, value]) => {
          const field = document.getElementById(id);
          field.value = value;
          field.dispatchEvent(new Event("input"));
          field.dispatchEvent(new Event("change"));
        }""",
        [f"hit-{name}", str(value)],
    )


def played(page) -> np.ndarray:
    """The preview as the page plays it, [N] at 44100 Hz."""
    return np.array(
        page.evaluate(
            """folai.mixer.preview.of(folai.studio.layer).piece(0)
               .then((buffer) => Array.from(buffer.getChannelData(0)))"""
        )
    )


def tone_at(wav: np.ndarray, time: float) -> float:
    part = wav[round(time * 44100) :][:4410] * np.hanning(4410)
    return float(np.argmax(np.abs(np.fft.rfft(part, 8 * 44100)))) / 8


def rms_at(wav: np.ndarray, time: float) -> float:
    return float(np.sqrt(np.square(wav[round(time * 44100) :][:2205]).mean()))


def test_a_hit_of_its_own_is_heard_kept_moved_and_undone(walked, server):
    page, project, api, own = walked
    plain = played(page)
    time = choose(page, 1)
    wait_until(page, "document.querySelectorAll('#hit-sound option').length === 5")
    page.select_option("#hit-sound", index=4)  # "4" is the number 3 of the interface
    slide(page, "pitch", -12)
    slide(page, "level_db", 6)
    page.select_option("#hit-foot", "left")
    assert page.evaluate(OWN) == [[time, {"sound": 3, "pitch": -12, "level_db": 6, "foot": "left"}]]
    heard = played(page)
    assert tone_at(heard, time) == pytest.approx(TONES[3] / 2, rel=0.02)
    others = rms_at(heard, 0.2) / rms_at(plain, 0.2)  # the whole may be scaled by its loudness
    louder = rms_at(heard, time) / rms_at(plain, time) / others
    assert 20 * np.log10(louder) == pytest.approx(6, abs=1)

    # moved with the keys, it keeps them; the curve edited elsewhere, too
    page.keyboard.press("Alt+ArrowRight")
    moved = page.evaluate("folai.studio.hit")
    assert moved > time and page.evaluate(OWN)[0][0] == moved
    page.evaluate(
        """import("/static/envelope/regions.js").then((R) => {
          folai.studio.edit((c) => R.scaleRegion(c, {start: 0, end: 0.4}, -3), "elsewhere"); })"""
    )
    assert page.evaluate(OWN)[0][1]["sound"] == 3

    # a take follows it, and its export is the preview
    saved(page)
    heard = played(page)
    layer = page.evaluate("folai.studio.activeId")
    job = page.request.post(f"{api}/generate", data={"layer": layer}, headers=own)
    assert job.status == 202
    wait_until(page, "folai.studio.takes.length === 1", 60)
    body = {"kind": "wav", "sample_rate": 44100}
    job = page.request.post(f"{api}/exports", data=body, headers=own).json()
    while job["state"] in ("queued", "running"):
        page.wait_for_timeout(50)
        job = page.request.get(f"{server.address}/api/jobs/{job['id']}").json()
    wav, _ = soundfile.read(io.BytesIO(page.request.get(f"{api}/exports/{job['file']}").body()))
    count = min(len(wav), len(heard))
    assert np.abs(wav[:count] - heard[:count]).max() < 2 / 32768

    # loaded again, all is there, and undone in order
    saved(page)
    open_project(page, server, project)
    assert page.evaluate(OWN)[0] == [
        moved,
        {"sound": 3, "pitch": -12, "level_db": 6, "foot": "left"},
    ]
    seen = [page.evaluate(OWN)[0][1]]
    while seen[-1] is not None and len(seen) < 10:
        page.keyboard.press("Control+z")
        left = page.evaluate(OWN)
        seen.append(left[0][1] if left else None)
    assert [one for n, one in enumerate(seen) if one not in seen[:n]] == [
        {"sound": 3, "pitch": -12, "level_db": 6, "foot": "left"},
        {"sound": 3, "pitch": -12, "level_db": 6},
        {"sound": 3, "pitch": -12},
        {"sound": 3},
        None,
    ]
    page.keyboard.press("Control+y")
    assert page.evaluate(OWN) == [[time, {"sound": 3}]]


def test_what_becomes_of_settings_when_hits_are_deleted_split_merged_and_copied(walked):
    page, *_ = walked
    first, second = choose(page, 0), choose(page, 1)
    slide(page, "pitch", 5)
    page.keyboard.press("Delete")
    assert page.evaluate(OWN) == []
    page.keyboard.press("Control+z")
    assert page.evaluate(OWN) == [[second, {"pitch": 5}]]
    calls = {
        "split": "folai.studio.edit((c) => H.addHit(c, 0.75, 0.1), 't')",
        "merged": "folai.studio.edit((c) => H.moveHit(c, 1, c.onsets[0]), 't')",
        "plain onto it": "folai.studio.edit((c) => H.moveHit(c, 0, c.onsets[1]), 't')",
        "shifted": "folai.studio.edit((c) => R.shiftRegion(c, {start: 0.5, end: 0.9}, 0.1), 't')",
        "copied": "folai.studio.edit((c) => R.pasteClip(c, "
        "R.copyRegion(c, {start: 0.6, end: 0.8}), 1.0), 't')",
        "predicted": "folai.studio.edit((c) => R.restoreRegion(c, "
        "{values: c.values.map(() => 0), rate: 120, onsets: c.onsets.slice(1, 2)}, "
        "{start: 0.5, end: 0.9}), 't')",
    }
    load = """Promise.all(["hits", "regions"].map((name) => import(`/static/envelope/${name}.js`)))
      .then(([H, R]) => { %s; const own = [...folai.studio.curve.hits]; folai.studio.undo();
        return [own, [...folai.studio.curve.hits]]; })"""
    found = {}
    for name, call in calls.items():
        found[name], after = page.evaluate(load % call)
        assert after == [[second, {"pitch": 5}]], name
    assert found["split"] == [[second, {"pitch": 5}]]
    assert found["merged"] == [[first, {"pitch": 5}]]
    assert found["plain onto it"] == [[second, {"pitch": 5}]]
    assert found["shifted"] == [[second + 0.1, {"pitch": 5}]]
    assert [hit for _, hit in found["copied"]] == [{"pitch": 5}, {"pitch": 5}]
    assert found["copied"][1][0] == pytest.approx(second + 0.4, abs=1e-6)
    assert found["predicted"] == []

    # a layer with the same timing has them, each layer its own
    page.evaluate(
        """import("/static/panel/layers.js").then(({addLayer}) => addLayer(folai.studio, true))"""
    )
    assert page.evaluate(OWN) == [[second, {"pitch": 5}]]
    choose(page, 1)
    slide(page, "pitch", 0)
    assert page.evaluate(OWN) == []
    layers = "[...folai.studio.drawn.values()].map(({curve}) => [...(curve.hits ?? [])].length)"
    assert sorted(page.evaluate(layers)) == [0, 1]
    saved(page)


def test_sounds_are_swapped_heard_and_found_and_all_is_heard_on_the_way(walked):
    """Another one like it; scrubbing and steps; J and L at speed."""
    page, *_ = walked
    time = choose(page, 1)
    wait_until(page, "document.querySelector('#hit-sound option').textContent.includes('(')")
    first = tone_at(played(page), time)
    heard, sounds = [], []
    for _ in range(4):
        depth = page.evaluate("folai.studio.history.depth")
        page.keyboard.press("Shift+I")
        wait_until(page, f"folai.studio.history.depth > {depth}")
        sounds.append(page.evaluate(OWN)[0][1]["sound"])
        heard.append(tone_at(played(page), time))
    nearest = [min(TONES, key=lambda tone: abs(tone - one)) for one in [first, *heard]]
    assert len(set(nearest[:4])) == 4 and nearest[4] == nearest[0]  # each once, then anew
    depth = page.evaluate("folai.studio.history.depth")
    page.keyboard.press("Shift+X")
    wait_until(page, f"folai.studio.history.depth > {depth}")
    assert page.evaluate(OWN)[0][1]["sound"] == (sounds[-1] + 1) % 4
    page.evaluate("performance.clearMarks()")
    page.keyboard.press("r")
    wait_until(page, "performance.getEntriesByName('hit-heard').length === 1")

    played(page)
    page.keyboard.press("Home")
    before = page.evaluate("folai.scrub.count")
    page.keyboard.press("ArrowRight")
    wait_until(page, f"folai.scrub.count > {before}")
    box = page.locator("canvas.ruler").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 8, steps=12)
    wait_until(page, f"folai.scrub.count > {before + 2}")
    page.mouse.up()
    assert page.evaluate("folai.studio.playhead") > 0.2
    for keys, speed in (("ll", 2), ("jj", -2)):
        check_speed(page, keys, speed)


RECORD = """async () => {
  const {player} = folai;
  const context = player.context;
  await context.resume();
  const node = context.createScriptProcessor(4096, 1, 1);
  const parts = [];
  node.onaudioprocess = ({inputBuffer}) => parts.push(...inputBuffer.getChannelData(0));
  player.out.connect(node);
  node.connect(context.destination);
  window.recorded = () => { player.out.disconnect(node); node.disconnect(); return parts; };
}"""


def check_speed(page, keys: str, speed: int) -> None:
    """As a tape: twice as fast an octave up, backwards each hit from its end."""
    wav = played(page)
    page.evaluate(RECORD)
    page.keyboard.press("End" if speed < 0 else "Home")
    press = "new KeyboardEvent('keydown', {key, code: `Key${key.toUpperCase()}`})"
    page.evaluate(f"(keys) => {{ for (const key of keys) dispatchEvent({press}); }}", keys)
    assert page.evaluate("folai.transport.speed") == speed
    wait_until(page, "folai.transport.speed === 0", 20)
    page.wait_for_timeout(400)
    heard = np.array(page.evaluate("recorded()"))
    # the loudest stretch of the recording has the tone of the loudest of the clip, times the speed
    expected = np.abs(np.fft.rfft(wav[:: -1 if speed < 0 else 1]))
    hertz = np.fft.rfftfreq(len(wav), 1 / 44100) * abs(speed)
    got = np.abs(np.fft.rfft(heard))
    got_hertz = np.fft.rfftfreq(len(heard), 1 / 44100)
    loudest = hertz[np.argmax(expected)]
    assert got_hertz[np.argmax(got)] == pytest.approx(loudest, rel=0.03)
    power = np.convolve(heard**2, np.ones(441) / 441, "same")
    peaks = np.flatnonzero(power > 0.3 * power.max())
    gaps = np.diff(np.concatenate([[0], peaks]))
    starts = peaks[gaps[: len(peaks)] > 0.1 * 44100] / 44100
    wanted = np.array([0.5, 0.45] if speed > 0 else [0.45, 0.5]) / abs(speed)
    assert np.diff(starts) == pytest.approx(wanted, abs=0.06)


def test_settings_of_all_hits_in_a_region(walked):
    """One edit, one step of undo; what they do not share is said."""
    page, *_ = walked
    choose(page, 0)
    slide(page, "pitch", 3)
    page.evaluate("folai.studio.select({start: 0.1, end: 0.9})")
    assert page.text_content("#hit-of").startswith("2 hits")
    assert page.text_content("#hit-pitch-text") == "various"
    slide(page, "level_db", -6)
    page.select_option("#hit-foot", "right")
    times = page.evaluate("[...folai.studio.curve.onsets]")
    own = {"level_db": -6, "foot": "right"}
    assert page.evaluate(OWN) == [[times[0], {"pitch": 3, **own}], [times[1], own]]
    assert page.evaluate("folai.studio.history.undoLabel") == "foot of 2 hits"
    page.keyboard.press("Alt+Shift+x")
    assert page.evaluate(OWN) == []
    for _ in range(2):
        page.keyboard.press("Control+z")
    level = {"level_db": -6}
    assert page.evaluate(OWN) == [[times[0], {"pitch": 3, **level}], [times[1], level]]


def test_the_lane_shows_how_loud_a_hit_is_by_its_own_setting(walked):
    """A cap above the curve where it is louder, below where it is softer."""
    page, *_ = walked
    places = """(async (time) => {
      const main = document.querySelector("script[type=module]").src;
      const {levelToY} = await import(main.replace("main.js", "timeline/level.js"));
      const {hitLevel} = await import(main.replace("main.js", "envelope/curve.js"));
      const level = hitLevel(folai.studio.curve, time);
      const canvas = document.getElementById("envelope"), ratio = devicePixelRatio;
      const context = canvas.getContext("2d"), x = Math.round((folai.axis.toX(time) + 4) * ratio);
      const height = folai.timeline.places.envelope.height;
      return [-6, 6].map((db) => {
        const y = Math.round(levelToY(level * 10 ** (db / 20), height) * ratio);
        return [...context.getImageData(x, y - 2, 1, 5).data].join();
      });
    })"""
    time = choose(page, 1)
    page.evaluate("folai.studio.select(null)")
    page.wait_for_timeout(100)
    softer, louder = page.evaluate(places, time)
    choose(page, 1)
    slide(page, "level_db", 6)
    page.evaluate("folai.studio.select(null)")
    page.wait_for_timeout(100)
    now = page.evaluate(places, time)
    assert now[1] != louder and now[0] == softer
