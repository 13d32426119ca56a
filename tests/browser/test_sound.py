"""References, presets, regions made anew, and the pointers: pen, wheel, fingers."""

import base64

import numpy as np
import pytest
from driving import open_studio, saved, script, show_advanced, wait_until

from folai.media.audio import write_wav

DROP = script("drop")
PEN = script("pen")
MAIN = "document.querySelector('script[type=module]').src"
TOP = f"import({MAIN}.replace('main.js', 'timeline/level.js')).then(({{scale}}) => scale.top)"


@pytest.fixture
def studio(page, server):
    open_studio(page, server)
    page.evaluate("folai.studio.hearEdits = false")
    return page


@pytest.fixture
def blow(tmp_path):
    path = tmp_path / "blow.wav"
    time = np.arange(22050) / 44100
    noise = np.random.default_rng(0).uniform(-1, 1, time.size)
    write_wav(path, (0.8 * np.exp(-time / 0.03) * noise).astype(np.float32)[None], 44100)
    return path


def reference(page) -> str:
    """The name of the active layer's reference."""
    chosen = "folai.studio.references.find((o) => o.id === folai.studio.layer.sound.reference)"
    return str(page.evaluate(f"{chosen}?.name ?? ''"))


def test_a_reference_is_dropped_chosen_and_recorded(studio, blow):
    data = base64.b64encode(blow.read_bytes()).decode()
    studio.evaluate(DROP, [".panel", ["first.wav", "dropped.wav"], data])
    wait_until(studio, "folai.studio.references.length === 2")
    assert reference(studio).startswith("dropped")
    studio.set_input_files("#reference-file", blow)
    wait_until(studio, "folai.studio.references.length > 2")
    assert reference(studio).startswith("blow")
    studio.keyboard.press("Alt+m")
    wait_until(studio, "document.querySelector('[data-command=record]').ariaPressed === 'true'")
    studio.wait_for_timeout(1500)  # the browser's false microphone beeps once a second
    studio.keyboard.press("Alt+m")
    wait_until(studio, "folai.studio.references.length > 3")
    assert reference(studio).startswith("Recording")
    while reference(studio):
        studio.keyboard.press("Alt+x")
        studio.keyboard.press("Enter")
        studio.wait_for_timeout(200)
    saved(studio)


def test_a_preset_is_kept_with_the_project(studio):
    show_advanced(studio)
    studio.fill("#seed", "41")
    studio.keyboard.press("Tab")
    studio.keyboard.press("Alt+k")
    studio.fill("#ask-input", "My sound")
    studio.keyboard.press("Enter")
    studio.fill("#seed", "7")
    studio.keyboard.press("Tab")
    saved(studio)
    studio.reload()
    studio.wait_for_selector("body[data-ready=true]")
    assert studio.input_value("#seed") == "7"
    studio.select_option("#preset", "My sound")
    assert studio.input_value("#seed") == "41"
    saved(studio)


def test_a_region_is_made_anew(studio):
    """The rest of the take stays as it is, to the sample."""
    count = studio.evaluate("folai.studio.takes.length")
    studio.keyboard.press("Control+Enter")
    wait_until(studio, f"folai.studio.takes.length > {count}", 60)
    studio.evaluate("folai.studio.select({start: 1, end: 2.2})")
    show_advanced(studio)
    studio.fill("#seed", "99")
    studio.keyboard.press("Tab")
    studio.click("[data-command=regenerate]")
    wait_until(studio, f"folai.studio.takes.length > {count + 1}", 60)
    difference = studio.evaluate(
        """async () => {
          const [a, b] = await Promise.all(folai.studio.takes.slice(-2).map((take) =>
            folai.mixer.sourceOf(take).piece(0)));
          const [x, y] = [a.getChannelData(0), b.getChannelData(0)];
          let [inside, outside] = [0, 0];
          for (let i = 0; i < x.length; i++) {
            const t = i / 44100;
            if (t > 1 && t < 2.2) inside = Math.max(inside, Math.abs(x[i] - y[i]));
            else if (t < 0.9 || t > 2.3) outside = Math.max(outside, Math.abs(x[i] - y[i]));
          }
          return [inside, outside];
        }"""
    )
    assert difference[0] > 0.001
    assert difference[1] == 0


def test_a_pen_draws_as_hard_as_it_presses(studio):
    """Lightly the curve is bent half way, firmly it is drawn; the other end rubs out."""
    studio.keyboard.press("d")
    value = "folai.studio.curve.values[Math.round(4.4 * 120)]"
    before = studio.evaluate(value)
    top = studio.evaluate(TOP)
    for pressure, share in ((0.25, 0.5), (0.5, 1.0)):
        studio.evaluate(
            PEN, {"from": 4.2, "to": 4.6, "level": top, "pressure": pressure, "buttons": 1}
        )
        assert studio.evaluate(value) == pytest.approx(before + share * (top - before), rel=0.05)
        studio.keyboard.press("Control+z")
    studio.evaluate(PEN, {"from": 4.2, "to": 4.6, "level": top, "pressure": 0.5, "buttons": 32})
    assert studio.evaluate(value) == 0
    studio.keyboard.press("Control+z")
    assert studio.evaluate(value) == before


def test_the_wheel_zooms_where_it_points_and_scrolls_with_shift(studio):
    box = studio.locator("#envelope").bounding_box()
    x = 300
    studio.mouse.move(box["x"] + x, box["y"] + 30)
    time = studio.evaluate(f"folai.axis.toTime({x})")
    for _ in range(7):
        studio.mouse.wheel(0, -120)
    wait_until(
        studio, "folai.axis.perPixel < 0.25 * folai.studio.duration / folai.axis.width * 1.2"
    )
    assert studio.evaluate(f"folai.axis.toTime({x})") == pytest.approx(time, abs=1e-6)
    start = studio.evaluate("folai.axis.start")
    studio.keyboard.down("Shift")
    studio.mouse.wheel(0, 100)
    studio.keyboard.up("Shift")
    wait_until(studio, f"folai.axis.start > {start}")
    studio.keyboard.press("f")
    assert studio.evaluate("folai.axis.start") == 0


def test_dragging_the_ruler_takes_the_picture_along(studio):
    box = studio.locator("#envelope").bounding_box()
    y = studio.locator("canvas.ruler").bounding_box()["y"] + 8
    studio.mouse.move(box["x"] + 50, y)
    studio.mouse.down()
    studio.mouse.move(box["x"] + 500, y, steps=6)
    studio.mouse.up()
    playhead = studio.evaluate("folai.studio.playhead")
    assert playhead == pytest.approx(studio.evaluate("folai.axis.toTime(500)"), abs=0.05)
    wait_until(studio, f"!video.seeking && video.currentTime >= {playhead}")
    assert studio.evaluate("video.currentTime") < playhead + 1 / 30
