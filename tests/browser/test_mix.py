"""The page's mix is the export's, its meters are the project's, and an edit is heard at once."""

import base64
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
    check_meter(page, played, rate, "master")
    peaks = []
    for n, channel in enumerate(CHANNELS):  # and every layer has the same meter behind its channel
        layer = np.array(page.evaluate(f"mix.render(folai.studio.layers[{n}].id)"))
        peaks.append(check_meter(page, layer, rate, f"layer {n + 1}, {channel}"))
    live = live_meters(page)
    layers = page.evaluate("folai.studio.layers.map(({id}) => id)")
    assert set(live) == {*layers, "master"}
    for layer, peak in zip(layers, peaks, strict=True):
        assert 20 * np.log10(live[layer]["truePeak"]) == pytest.approx(peak, abs=0.2), layer


def check_meter(page, played, rate, name) -> float:
    """Against the project's own loudness and true peak of the same sound; the latter, dB."""
    meters = page.evaluate("mix.meter()")
    padded = np.pad(played, ((0, 0), (0, meters["length"] - played.shape[1])))
    lufs, peak = loudness(padded, rate), 20 * np.log10(true_peak(padded.astype(np.float32)))
    got = meters["integrated"], 20 * np.log10(meters["truePeak"])
    print(f"{name}: meter {got[0]:.3f} LUFS, {got[1]:.3f} dB; project {lufs:.3f}, {peak:.3f}")
    assert got[0] == pytest.approx(lufs, abs=0.1) and got[1] == pytest.approx(peak, abs=0.2)
    assert 20 * np.log10(meters["peak"]) == pytest.approx(
        20 * np.log10(np.abs(padded).max()), abs=0.01
    )
    return float(peak)


def live_meters(page) -> dict:
    """What the meters beside the channel say after the clip was played once."""
    page.evaluate("document.getElementById('mix').open = true")
    page.evaluate("folai.studio.heard = 'takes'; folai.mixer.update()")
    page.evaluate(
        "Promise.all(folai.studio.takes.map((one) => folai.mixer.sourceOf(one).piece(0)))"
    )
    wait_until(page, "document.querySelectorAll('#meters output').length === 9")
    page.keyboard.press("Home")
    page.evaluate("folai.transport.play()")
    wait_until(page, "folai.transport.speed === 0 && folai.studio.playhead > 1", 30)
    page.wait_for_timeout(800)
    assert page.inner_text("#meters").count("LUFS") == 9
    return page.evaluate("Object.fromEntries([...folai.meters.reads])")


def test_takes_are_matched_to_the_one_that_is_heard(page, server, short_clip):
    """Three takes of other loudness: each ends as loud as the heard one, in one step of undo."""
    project = open_drawn(page, server, short_clip, [(0.2, 0.2), (0.7, 0.15)])
    api, own = f"{server.address}/api/projects/{project}", {"Origin": server.address}
    layer = page.evaluate("folai.studio.activeId")
    saved_id = page.evaluate("folai.studio.layer.envelope")
    for n, level in enumerate((1.0, 0.4, 0.15)):
        sent = page.request.get(f"{api}/envelopes/{saved_id}").json()
        values = np.frombuffer(base64.b64decode(sent["values"]), "<f4") * np.float32(level)
        sent = {**sent, "values": base64.b64encode(values.tobytes()).decode()}
        sound = {"engine": "preview", "sound": SOUNDS[n], "seed": n}
        body = {"layer": layer, "envelope": sent, "sound": sound}
        assert page.request.post(f"{api}/generate", data=body, headers=own).status == 202
    wait_until(page, "folai.studio.takes.length === 3", 60)
    takes = page.evaluate("folai.studio.takes.map(({id}) => id)")
    page.evaluate(
        """(take) => {
          folai.studio.layer.take = take;
          folai.studio.strip(take).gain_db = -3;
          folai.studio.did("level");
        }""",
        takes[1],
    )
    before = [heard_loudness(page, api, take) for take in takes]
    assert np.ptp(before) > 3
    depth = page.evaluate("folai.studio.history.depth")
    page.keyboard.press("Alt+Shift+KeyW")
    wait_until(page, f"folai.studio.history.depth === {depth + 1}")
    after = [heard_loudness(page, api, take) for take in takes]
    assert after == pytest.approx([before[1]] * 3, abs=0.1)
    page.keyboard.press("Control+z")
    assert [heard_loudness(page, api, take) for take in takes] == pytest.approx(before)


def heard_loudness(page, api, take) -> float:
    """LUFS of a take at its level, measured here from its file."""
    wav, rate = soundfile.read(io.BytesIO(page.request.get(f"{api}/takes/{take}/audio").body()))
    gain = page.evaluate(f"folai.studio.strip('{take}').gain_db")
    return loudness(np.atleast_2d(wav.T), rate) + gain


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
