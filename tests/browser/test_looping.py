"""What loops is played again and again without a seam: after its last sample comes its first."""

import base64

import numpy as np
import pytest
from driving import SAMPLES, generate, open_drawn, saved, script, show_advanced, wait_until

RATE = 44100
RECORD = script("record")
PRESSED = "document.querySelector('[data-command=loop]').ariaPressed === 'true'"


@pytest.fixture
def studio(page, server, short_clip):
    """A clip of 1.5 s with a take that is a loop."""
    open_drawn(page, server, short_clip, [(0.3, 0.4), (0.9, 0.3), (1.4, 0.5)])
    page.evaluate("folai.studio.hearEdits = false")
    show_advanced(page)
    page.get_by_label("Loop", exact=True).check()
    generate(page)
    page.evaluate("document.activeElement.blur()")
    return page


def recorded(page, seconds: float) -> tuple[np.ndarray, float]:
    """What is heard, and where in the clip its end is."""
    data, position = page.evaluate(RECORD, seconds)
    return np.frombuffer(base64.b64decode(data), "<f4"), position


def off(heard: np.ndarray, period: np.ndarray) -> float:
    """How far what is heard is from a period again and again, at most, beside its peak.

    Where they lie upon one another is found by correlation; the first moment may be of before.
    """
    heard = heard[np.flatnonzero(heard)[0] :]
    many = np.tile(period, len(heard) // len(period) + 3)
    spectrum = np.fft.rfft(many) * np.conj(np.fft.rfft(heard, len(many)))
    shift = int(np.fft.irfft(spectrum, len(many))[: len(period)].argmax())
    whole = slice(round(0.1 * RATE), len(heard) - 256)
    difference = heard[whole] - many[shift : shift + len(heard)][whole]
    return float(np.abs(difference).max() / np.abs(period).max())


def test_a_take_that_loops_goes_round_without_a_seam(studio):
    assert studio.evaluate(PRESSED)  # as the take was made
    take = np.array(studio.evaluate(SAMPLES))
    heard, position = recorded(studio, 2.6 * len(take) / RATE)
    assert 0 <= position < len(take) / RATE and len(heard) > 2.4 * len(take)
    assert off(heard, take) < 1e-4
    assert off(heard, take[:-2]) > 0.01  # the measure finds two samples that are missing
    assert studio.evaluate("folai.transport.playing")
    wait_until(studio, "video.paused === false && video.currentTime < 1")
    studio.keyboard.press("Shift+L")  # once more, to its end
    assert not studio.evaluate(PRESSED)
    assert studio.inner_text("#announcement") == "Plays once"
    wait_until(studio, "!folai.transport.playing")
    saved(studio)


def test_the_next_take_says_whether_it_goes_round(studio):
    studio.get_by_label("Loop", exact=True).uncheck()
    generate(studio)
    studio.evaluate("document.activeElement.blur()")
    wait_until(studio, f"!({PRESSED})")
    studio.keyboard.press("1")
    wait_until(studio, PRESSED)
    assert studio.inner_text("#announcement").endswith("a loop")
    studio.keyboard.press("2")
    wait_until(studio, f"!({PRESSED})")
    studio.keyboard.press("Space")
    wait_until(studio, "folai.transport.playing")
    wait_until(studio, "!folai.transport.playing")
    saved(studio)


def test_a_region_goes_round_and_can_be_changed_meanwhile(studio):
    take = np.array(studio.evaluate(SAMPLES))
    studio.evaluate("folai.studio.select({start: 0.2, end: 0.5})")
    heard, _ = recorded(studio, 1.2)
    assert off(heard, take[round(0.2 * RATE) : round(0.5 * RATE)]) < 1e-4
    studio.evaluate("folai.studio.select({start: 0.85, end: 1.2})")
    wait_until(studio, "folai.player.round.from > 0.8")
    studio.wait_for_timeout(200)
    heard, position = recorded(studio, 1.2)
    assert 0.8 < position < 1.2
    assert off(heard, take[round(0.85 * RATE) : round(1.2 * RATE)]) < 1e-4
    studio.keyboard.press("Escape")
    wait_until(studio, "folai.player.round.from === 0")
    studio.keyboard.press("k")
    saved(studio)
