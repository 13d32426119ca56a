"""Performing: taps become hits, a voice becomes the curve, and the clip's own sound is a guide."""

import base64

import numpy as np
import pytest
from driving import bring, open_drawn, open_project, script, wait_until

from folai.envelope import Envelope
from folai.media.audio import read_audio
from folai.media.mux import mux

PERSON = script("perform")
RHYTHM = [1.0, 1.31, 1.55, 2.12, 2.4, 2.77, 3.33, 3.6, 4.05, 4.5]
ONSETS = "Array.from(folai.studio.curve.onsets)"


@pytest.fixture
def studio(page, server, demo_clip):
    open_drawn(page, server, demo_clip, [(0.4, 0.3), (5.5, 0.3)])
    page.evaluate("folai.studio.hearEdits = false")
    page.evaluate(PERSON)
    return page


@pytest.mark.parametrize("late", [0.02, 0.12])
def test_taps_are_hits_where_the_picture_was(studio, late):
    """A device that answers late is measured by clicks, and its latency is taken out."""
    studio.evaluate(f"person.answer({late})")
    assert studio.evaluate("Number(document.getElementById('latency-keys').value)") == (
        pytest.approx(1000 * late, abs=25)
    )
    studio.evaluate("folai.studio.select({start: 0.8, end: 4.8})")
    depth = studio.evaluate("folai.studio.history.depth")
    studio.keyboard.press("u")
    studio.evaluate(f"person.tap({RHYTHM}, {late})")
    wait_until(studio, f"folai.studio.history.depth > {depth}", 20)
    performed = np.array(studio.evaluate(ONSETS))[1:-1]
    errors = np.abs(performed - RHYTHM)
    print(f"taps, {1000 * late:.0f} ms late: off by {1000 * errors.max():.1f} ms at most")
    assert len(performed) == len(RHYTHM) and errors.max() < 0.01
    assert studio.evaluate("folai.studio.history.depth") == depth + 1
    studio.keyboard.press("Control+z")
    assert studio.evaluate(ONSETS) == [0.4, 5.5]


def voice(duration: float, rate: int) -> np.ndarray:
    """A computed "voice": syllables of a buzz with two formants, in breath."""
    time = np.arange(round(duration * rate)) / rate
    level = np.zeros_like(time)
    for start, length, loud in (
        (0.9, 0.2, 0.5),
        (1.5, 0.5, 0.9),
        (2.6, 0.15, 0.7),
        (3.2, 0.8, 0.4),
    ):
        inside = np.clip((time - start) / length, 0, 1)
        level += loud * np.sin(np.pi * inside) ** 0.7
    buzz = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 20))
    formants = 0.3 + np.sin(2 * np.pi * 700 * time) ** 2
    breath = np.random.default_rng(0).normal(0, 0.002, time.size)
    return (0.3 * level * buzz * formants + breath).astype(np.float32)


def test_a_voice_is_the_curve(studio):
    rate = studio.evaluate("folai.player.context.sampleRate")
    wav = voice(6.0, rate)
    data = base64.b64encode(wav.tobytes()).decode()
    bytes_of = "Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)).buffer"
    studio.evaluate(
        f"(data) => {{ window.mic = person.microphone(new Float32Array({bytes_of}), 0.09); }}", data
    )
    studio.evaluate("mic.answer()")
    measured = studio.evaluate("Number(document.getElementById('latency-microphone').value)")
    studio.evaluate("folai.studio.select({start: 0.7, end: 4.3})")
    depth = studio.evaluate("folai.studio.history.depth")
    studio.keyboard.press("c")
    studio.evaluate("mic.speak()")
    wait_until(studio, f"folai.studio.history.depth > {depth}", 30)
    drawn = np.array(studio.evaluate("Array.from(folai.studio.curve.values)"))
    true = Envelope.from_audio(wav, rate).values
    inside = slice(round(0.75 * 120), round(4.25 * 120))
    likeness = np.corrcoef(drawn[inside], true[inside])[0, 1]
    print(f"voice: correlation {likeness:.3f}, latency measured {measured:.0f} ms for 90")
    assert likeness >= 0.95
    assert studio.evaluate("folai.studio.history.depth") == depth + 1
    studio.keyboard.press("Control+z")
    assert studio.evaluate(ONSETS) == [0.4, 5.5]


def test_a_microphone_refused_or_silent_changes_nothing(studio):
    values = "Array.from(folai.studio.curve.values)"
    before = studio.evaluate(values)
    studio.evaluate(
        """() => {
          navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error("refused"));
        }"""
    )
    studio.keyboard.press("c")
    studio.get_by_text("The microphone is not available").wait_for()
    studio.evaluate("person.microphone(new Float32Array(100), 0)")
    studio.evaluate("folai.studio.select({start: 1, end: 1.5})")
    studio.keyboard.press("c")
    studio.get_by_text("The microphone gave no sound").wait_for()
    assert studio.evaluate(values) == before


def test_midi_pads_tap_as_hard_as_they_are_hit_and_may_go(studio):
    studio.evaluate(
        """() => {
          const pad = { name: "Pads", state: "connected", type: "input" };
          window.midi = { inputs: new Map([["1", pad]]), pad };
          Object.defineProperty(navigator, "requestMIDIAccess", { value: async () => midi });
          folai.studio.select({ start: 0.8, end: 3 });
        }"""
    )
    studio.keyboard.press("u")
    wait_until(studio, "folai.player.position > 1")
    for velocity in (127, 32):
        studio.evaluate(f"midi.pad.onmidimessage({{data: [0x99, 38, {velocity}], timeStamp: 0}})")
        studio.wait_for_timeout(400)
    studio.evaluate("midi.pad.state = 'disconnected'; midi.onstatechange({port: midi.pad})")
    studio.get_by_text("Pads has gone").wait_for()
    wait_until(studio, "folai.studio.curve.onsets.length === 4", 20)
    values, onsets = (
        np.array(studio.evaluate(f"Array.from(folai.studio.curve.{name})"))
        for name in ("values", "onsets")
    )
    loud, soft = (values[round(t * 120) : round(t * 120) + 7].max() for t in onsets[1:3])
    assert soft / loud == pytest.approx(32 / 127, rel=0.1)


def test_the_clips_own_sound_is_heard_drawn_and_taken_over(page, server, demo_clip, tmp_path):
    rate = 44100
    wav = voice(6.0, rate)
    mux(demo_clip, wav[None], rate, tmp_path / "spoken.mp4")
    page.goto(server.link)
    page.wait_for_selector("body[data-ready=true]")
    project = bring(page, server, tmp_path / "spoken.mp4")
    open_project(page, server, project)
    page.keyboard.press("a")
    page.keyboard.press("Alt+Shift+g")
    wait_until(page, "document.querySelector('canvas.guide').getBoundingClientRect().height > 20")
    wait_until(page, "folai.guide.wanted().size === 1", 40)
    page.keyboard.press("Alt+Shift+e")
    wait_until(page, 'folai.studio.history.undoLabel === "the clip\'s own level"', 20)
    drawn = np.array(page.evaluate("Array.from(folai.studio.curve.values)"))
    true = Envelope.from_audio(read_audio(tmp_path / "spoken.mp4")[0], rate).values
    assert np.corrcoef(drawn[:700], true[:700])[0, 1] > 0.999
    page.keyboard.press("Alt+Shift+g")
