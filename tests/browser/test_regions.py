"""Prompts for parts, loops, and several regions of a take that are made anew at once."""

import json

import numpy as np
import pytest
from driving import (
    LATEST,
    SAMPLES,
    generate,
    open_drawn,
    open_project,
    saved,
    show_advanced,
    wait_until,
)

NOTE = "document.querySelector('#prompt-note').textContent"


@pytest.fixture
def studio(page, server, demo_clip):
    page.project = open_drawn(page, server, demo_clip)
    page.evaluate("folai.studio.hearEdits = false")
    return page


def asked(page, act) -> dict:
    """What is sent to the server for a take."""
    with page.expect_request("**/generate") as sent:
        act()
    return json.loads(sent.value.post_data)


def facts(page) -> str:
    return page.locator("#takes .take .facts").first.text_content()


def test_parts_have_their_own_prompts(studio):
    show_advanced(studio)
    studio.keyboard.press("Alt+Shift+R")
    assert studio.evaluate("document.activeElement.id") == "segments"
    studio.keyboard.type("0-3 hit wood; 2- hit metal")
    studio.keyboard.press("Enter")
    wait_until(studio, f"{NOTE}.includes('follow one another')")
    words = "0-3 hit wood; 0:03- hit metal"
    studio.fill("#segments", words)
    studio.keyboard.press("Tab")
    wait_until(studio, f"!{NOTE}")
    assert studio.input_value("#engine") == ""  # the preview engine takes no words
    assert asked(studio, lambda: generate(studio))["sound"]["segments"] == words
    take = studio.evaluate(LATEST)
    assert take["engine"] == "diffusion" and take["sound"]["segments"] == words
    assert words in facts(studio)
    studio.fill("#segments", "")
    studio.keyboard.press("Tab")
    studio.evaluate("document.activeElement.blur()")
    studio.keyboard.press("Shift+U")  # the take's settings
    assert studio.input_value("#segments") == words
    saved(studio)


def test_a_take_is_asked_to_loop(studio):
    """Its first sample follows its last; without Loop the clip's end cuts the sound off."""
    show_advanced(studio)
    assert not asked(studio, lambda: generate(studio))["sound"].get("loop")
    studio.get_by_label("Loop", exact=True).check()
    assert asked(studio, lambda: generate(studio))["sound"]["loop"] is True
    assert studio.evaluate(f"{LATEST}.sound.loop") is True
    assert facts(studio).endswith("· loop")
    loop = "#takes .take .facts >> nth=1"
    assert not studio.locator(loop).text_content().endswith("· loop")
    saved(studio)


def test_several_regions_are_made_anew_by_keys_alone(studio):
    """Outside of them the take stays as it is, to the sample."""
    press = studio.keyboard.press
    generate(studio)
    before = np.array(studio.evaluate(SAMPLES))
    studio.evaluate("document.activeElement.blur()")
    for first in (1, 3):
        press("Home")
        for _ in range(first):
            press("Shift+ArrowRight")
        press("Escape")
        press("i")
        press("Shift+ArrowRight")
        press("o")
        press("Shift+Enter")
    assert "2 regions to regenerate" in studio.inner_text("#announcement")
    assert studio.inner_text("#regenerate") == "2 regions"
    times = studio.input_value("#regions")
    assert times.replace(".000", "") == "0:01-0:02, 0:03-0:04"
    studio.evaluate("folai.studio.layer.sound.seed = 7")
    sent = asked(studio, lambda: press("Control+Shift+Enter"))
    spans = sent["region"]["spans"]
    assert np.allclose(spans, [[1, 2], [3, 4]], atol=0.03)
    wait_until(studio, f"{LATEST}.region", 60)
    after = np.array(studio.evaluate(SAMPLES))
    time = np.arange(len(after)) / 44100
    inside = np.zeros(len(after), bool)
    beside = np.zeros(len(after), bool)
    for start, end in spans:
        inside |= (time > start) & (time < end)
        beside |= (time > start - 0.06) & (time < end + 0.06)
    changed = np.abs(after - before)
    assert changed[inside].max() > 0.01 and changed[~beside].max() == 0
    assert "1.00\N{EN DASH}2.00, 3.00\N{EN DASH}4.00 s regenerated" in facts(studio)
    press("Shift+Enter")  # the second is still selected: it is taken away
    assert studio.inner_text("#regenerate") == "1 region"
    saved(studio)


def test_regions_are_typed_and_kept(studio, server):
    generate(studio)
    studio.evaluate("document.activeElement.blur()")
    studio.keyboard.press("Alt+Shift+0")
    studio.keyboard.type("3-4.25 0:01-2 1.5-2.5, 5-")
    studio.keyboard.press("Enter")
    assert studio.input_value("#regions") == "0:01-0:02.5, 0:03-0:04.25, 0:05-0:06"
    assert studio.inner_text("#regenerate") == "3 regions"
    for wrong in ("1-2-3", "4-3", "7-8", "soon", "1-x"):
        studio.fill("#regions", wrong)
        studio.keyboard.press("Enter")
        note = studio.inner_text("#regions-note")
        assert wrong in note or "x" in note
        assert studio.get_attribute("#regions", "aria-invalid") == "true"
        wait_until(studio, "document.querySelector('#regenerate').disabled")
    studio.fill("#regions", "2-2.5")
    studio.keyboard.press("Enter")
    assert studio.is_hidden("#regions-note")
    wait_until(studio, "!document.querySelector('#regenerate').disabled")
    sent = asked(studio, lambda: studio.click("#regenerate"))["region"]
    assert (sent["start"], sent["end"], sent["spans"]) == (2, 2.5, None)
    wait_until(studio, f"{LATEST}.region", 60)
    studio.evaluate("folai.saver.ask(true)")
    saved(studio)
    open_project(studio, server, studio.project)
    assert studio.input_value("#regions") == "0:02-0:02.5"
    studio.click("[data-command=clear-regions]")
    assert studio.input_value("#regions") == ""
    assert studio.inner_text("#regenerate") == "Region only"
    saved(studio)
