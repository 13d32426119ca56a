"""Every control has a name and a key, text can be read, and keys alone are enough."""

from pathlib import Path

import pytest
from driving import open_studio, script, show_advanced, wait_until

CONTROLS = script("controls")

CONTRAST = script("contrast")


@pytest.fixture
def studio(page, server):
    """The page with a take, a layer more and a region, so that all controls are there."""
    open_studio(page, server)
    page.evaluate("folai.studio.select({start: 1, end: 2})")
    if page.evaluate("folai.studio.takesOf(folai.studio.activeId).length") == 0:
        page.keyboard.press("Control+Enter")
        wait_until(page, "folai.studio.takesOf(folai.studio.activeId).length > 0", 60)
    return page


def test_every_control_has_a_name_and_a_key(studio):
    controls = studio.evaluate(CONTROLS)
    assert len(controls) > 60
    assert [one["what"] for one in controls if not one["name"]] == []
    # In a list, keys act on the chosen row; in other rows, on the row once it is chosen.
    keyless = [one["what"] for one in controls if not one["keys"] and one["row"] != "false"]
    assert [what for what in keyless if 'id="envelope"' not in what] == []
    named = [one for one in controls if one["keys"] and not one["canvas"]]
    assert [one["what"] for one in named if "(" not in one["title"]] == []


def test_no_key_is_given_twice(studio):
    studio.keyboard.press("?")
    keys = studio.locator("#key-list kbd").all_inner_texts()
    assert len(keys) > 70
    assert [key for key in set(keys) if keys.count(key) > 1] == []
    studio.keyboard.press("Escape")


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_text_can_be_read(studio, theme):
    """Contrast of 4.5 or more (WCAG AA), computed from what is on the page."""
    folded = "document.querySelectorAll('details:not([open])')"
    studio.evaluate(f"window.folded = [...{folded}]; folded.forEach((part) => (part.open = true))")
    if studio.evaluate("document.documentElement.dataset.theme") != theme:
        studio.keyboard.press("Shift+D")
    studio.wait_for_timeout(800)  # buttons fade
    ratios = studio.evaluate(CONTRAST)
    studio.evaluate("folded.forEach((part) => (part.open = false))")
    assert len(ratios) > 60
    assert [one for one in ratios if one[0] < 4.5] == []


@pytest.mark.parametrize("width", [1280, 1024, 768])
def test_the_page_fits(studio, width):
    studio.set_viewport_size({"width": width, "height": 720})
    studio.wait_for_timeout(200)
    assert studio.evaluate("document.documentElement.scrollWidth") <= width
    for selector in ("#play", "[data-command=generate]", "#envelope", "#takes .row"):
        studio.locator(selector).first.scroll_into_view_if_needed()
        box = studio.locator(selector).first.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= width


def test_keys_alone_are_enough(studio):
    """A hit is added, moved and made louder, the curve is drawn, a region smoothed, and undone."""
    press = studio.keyboard.press
    onsets = "Array.from(folai.studio.curve.onsets)"
    studio.evaluate("folai.studio.hearEdits = false")
    press("Escape")
    before, depth = studio.evaluate(onsets), studio.evaluate("folai.studio.history.depth")
    for key in ("End", "Shift+ArrowLeft", "ArrowLeft", "h"):
        press(key)
    assert len(studio.evaluate(onsets)) == len(before) + 1
    assert "Hit" in studio.inner_text("#announcement")
    for key in ("Alt+ArrowLeft", "Alt+ArrowUp", "Escape", "Alt+ArrowUp"):
        press(key)
    for key in ("i", "Shift+ArrowRight", "o", "s", "Control+c", "Home", "Control+v", "m", "g"):
        press(key)
    assert studio.evaluate("folai.studio.history.depth") >= depth + 7
    for _ in range(studio.evaluate("folai.studio.history.depth") - depth):
        press("Control+z")
    assert studio.evaluate(onsets) == before


def test_tab_reaches_the_envelope_and_the_takes(studio):
    reached = set()
    for _ in range(150):
        studio.keyboard.press("Tab")
        reached.add(
            studio.evaluate(
                "document.activeElement.id || document.activeElement.dataset.command || ''"
            )
        )
    assert {"envelope", "generate", "prompt", "play"} <= reached


AXE = "({violations}) => violations.map(({id, nodes}) => [id, nodes.map((node) => node.html)])"
DIALOGS = {"page": "", "clips": "Control+o", "export": "Control+e", "keys": "?"}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing(studio, theme):
    """The rules of axe-core, best practices too, over the page and each of its dialogs."""
    module = pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python")
    source = (Path(module.__path__[0]) / "axe.min.js").read_text()
    studio.evaluate(source)
    show_advanced(studio)
    if studio.evaluate("document.documentElement.dataset.theme") != theme:
        studio.keyboard.press("Shift+D")
        studio.wait_for_timeout(800)  # buttons fade
    found = {}
    for name, key in DIALOGS.items():
        if key:
            studio.evaluate("document.activeElement.blur()")
            studio.keyboard.press(key)
            studio.wait_for_selector("dialog[open]")
        found[name] = studio.evaluate(f"axe.run().then({AXE})")
        studio.keyboard.press("Escape")
    assert {name: faults for name, faults in found.items() if faults} == {}
