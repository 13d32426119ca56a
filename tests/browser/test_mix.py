"""The page's mix is the export's, its meters are the project's, and an edit is heard at once."""

import io

import numpy as np
import pytest
import soundfile
from driving import open_drawn, saved, script, wait_until

from folai.metrics.lufs import loudness
from folai.takes.true_peak import true_peak

MIX = script("mix")
SOUNDS = ["wood", "metal", "glass", "drum", "wood", "metal", "glass", "drum"]
CHANNELS = [
    {"pan": -1, "low_db": 6},
    {"pan": -0.5, "mid_db": -12, "mid_hz": 600},
    {"pan": 0.3, "room": "booth", "distance": 1},
    {"pan": 1, "room": "hall", "distance": 4},
    {"high_db": -9, "room": "bathroom", "distance": 1.5, "wet_db": -6},
    {"low_db": -12, "mid_db": 9, "mid_hz": 2500, "high_db": 6, "pan": -0.2},
    {"room": "church", "distance": 8, "pan": 0.6},
    None,
]


@pytest.fixture
def mixed(page, server, short_clip):
    """Eight layers, each with a take and a channel of its own."""
    project = open_drawn(page, server, short_clip, [(0.2, 0.2), (0.7, 0.15)])
    page.evaluate("folai.studio.hearEdits = false")
    page.evaluate(MIX)
    page.evaluate("(channels) => mix.layers(channels)", CHANNELS)
    saved(page)
    api, own = f"{server.address}/api/projects/{project}", {"Origin": server.address}
    for n, sound in enumerate(SOUNDS):
        layer = page.evaluate(f"folai.studio.layers[{n}].id")
        body = {"layer": layer, "sound": {"engine": "preview", "sound": sound, "seed": n}}
        assert page.request.post(f"{api}/generate", data=body, headers=own).status == 202
    wait_until(page, "folai.studio.takes.length === 8", 90)
    saved(page)
    return page, api, own


def exported(page, server, api, own):
    """The mix as the export writes it, [2, N], and its rate."""
    body = {"kind": "wav", "sample_rate": 44100}
    job = page.request.post(f"{api}/exports", data=body, headers=own).json()
    while job["state"] in ("queued", "running"):
        page.wait_for_timeout(50)
        job = page.request.get(f"{server.address}/api/jobs/{job['id']}").json()
    assert job["state"] == "done", job
    content = page.request.get(f"{api}/exports/{job['file']}").body()
    wav, rate = soundfile.read(io.BytesIO(content), always_2d=True)
    return wav.T, rate


def test_page_and_export_are_the_same_mix_and_meters_agree(mixed, server):
    page, api, own = mixed
    wav, rate = exported(page, server, api, own)
    assert wav.shape[0] == 2 and rate == 44100
    played = np.array(page.evaluate("mix.render()"))
    count = min(played.shape[1], wav.shape[1])
    error = played[:, :count] - wav[:, :count]
    decibels = 10 * np.log10(np.square(error).mean() / np.square(wav).mean())
    print(f"page against export, 8 layers with pan, EQ and room: {decibels:.1f} dB")
    assert decibels <= -60
    meters = page.evaluate("mix.meter()")
    padded = np.pad(played, ((0, 0), (0, meters["length"] - played.shape[1])))
    lufs, peak = loudness(padded, rate), 20 * np.log10(true_peak(padded.astype(np.float32)))
    got = meters["integrated"], 20 * np.log10(meters["truePeak"])
    print(f"meters {got[0]:.3f} LUFS, {got[1]:.3f} dB; project {lufs:.3f} LUFS, {peak:.3f} dB")
    assert got[0] == pytest.approx(lufs, abs=0.1) and got[1] == pytest.approx(peak, abs=0.2)
    assert 20 * np.log10(meters["peak"]) == pytest.approx(
        20 * np.log10(np.abs(padded).max()), abs=0.01
    )


def test_channel_and_matched_takes_are_undone_in_order(mixed):
    page, _, _ = mixed
    page.keyboard.press("Alt+Shift+Digit1")
    page.keyboard.press("ArrowRight")
    page.select_option("#mix-room", "hall")
    channel = "folai.studio.layer.channel"
    assert page.evaluate(f"{channel}.room") == "hall"
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Control+z")
    assert page.evaluate(f"{channel}?.room ?? null") is None
    page.keyboard.press("Control+z")
    assert page.evaluate(f"{channel}?.pan") == -1


def test_an_edit_is_heard_as_soon_through_a_channel(page, server, demo_clip):
    open_drawn(page, server, demo_clip)
    page.evaluate("folai.studio.hearEdits = true")
    page.evaluate("folai.studio.select({start: 1, end: 2})")
    plain = edit_to_sound(page)
    page.evaluate(
        """() => {
          const settings = { pan: 0.4, low_db: 6, mid_db: -6, room: "hall", distance: 3 };
          folai.studio.layer.channel = settings;
          folai.studio.emit("channel");
        }"""
    )
    page.wait_for_timeout(1500)
    through = edit_to_sound(page)
    print(f"edit to sound: {plain:.0f} ms plain, {through:.0f} ms with EQ, pan and room")
    assert through < 1.5 * plain + 60  # the figures are of a machine that may be busy


def edit_to_sound(page) -> float:
    """Milliseconds, the median of some edits."""
    measures = "performance.getEntriesByName('edit-to-preview').map((one) => one.duration)"
    page.evaluate("performance.clearMeasures()")
    for n in range(7):
        page.keyboard.press("Alt+ArrowUp" if n % 2 else "Alt+ArrowDown")
        wait_until(page, f"{measures}.length > {n}", 10)
        page.wait_for_timeout(150)
    return float(np.median(page.evaluate(measures)[1:]))
