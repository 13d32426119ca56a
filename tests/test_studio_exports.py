"""What leaves the studio, read by other programs' libraries."""

import io
import struct
import zipfile

import mido
import numpy as np
import opentimelineio as otio
import pytest
import soundfile

from folai import Envelope
from folai.media.audio import read_audio, write_wav
from folai.media.clip import probe
from folai.media.mux import mux
from folai.studio.broadcast_wave import timecode_seconds
from folai.studio.midi import midi_file
from folai.studio.project_envelopes import to_json
from folai.studio.project_sounds import Mix, Patched, Resampled, SoundFile, peak
from folai.studio.wave_files import write_broadcast_wave
from folai.takes.renewing import crossfaded
from studio_clients import finish

RATE = 44100


@pytest.fixture(scope="module")
def served(studio, scene, clip):
    """A project with two layers, a take each: the first 6 dB lower, the second muted."""
    client, _ = studio
    project = client.post("/api/projects?name=clip.mp4", content=clip.read_bytes()).json()
    for job in project["jobs"]:
        client.delete(f"/api/jobs/{job['id']}")
    here = f"/api/projects/{project['id']}"
    exact = Envelope.from_hits(scene.onsets, scene.duration, decay=0.05)
    name = client.post(f"{here}/envelopes", json=to_json(exact)).json()["envelope"]
    layer = {**project["edit"]["layers"][0], "envelope": name, "gain_db": -6}
    second = {**layer, "id": "second", "name": "Cloth", "gain_db": 0, "mute": True}
    edit = {**project["edit"], "layers": [layer, second]}
    body = {"revision": 0, "tab": "tab", "edit": edit}
    assert client.put(f"{here}/edit", json=body).status_code == 200
    takes = []
    for given in ("layer-1", "second"):
        body = {"layer": given, "sound": {"engine": "preview", "sound": "metal"}}
        takes += finish(client, client.post(f"{here}/generate", json=body).json())["takes"]
    return client, here, takes, exact


def exported(served, **given):
    client, here, _, _ = served
    job = finish(client, client.post(f"{here}/exports", json=given).json())
    assert job["state"] == "done", job
    reply = client.get(f"{here}/exports/{job['file']}")
    assert reply.headers["content-disposition"].startswith("attachment")
    return job["file"], reply.content


def take_wav(served, index=0):
    client, here, takes, _ = served
    content = client.get(f"{here}/takes/{takes[index]}/audio").content
    return soundfile.read(io.BytesIO(content), always_2d=True)[0].T


def bext(content):
    """(description, samples since midnight) of a Broadcast Wave file, by its chunks."""
    assert content[:4] == b"RIFF" and content[8:12] == b"WAVE"
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8
    place = 12
    while place < len(content):
        name, size = content[place : place + 4], struct.unpack_from("<I", content, place + 4)[0]
        if name == b"bext":
            body = content[place + 8 : place + 8 + size]
            return body[:256].rstrip(b"\0").decode(), struct.unpack_from("<Q", body, 338)[0]
        place += 8 + size + size % 2
    raise AssertionError("no bext chunk")


def test_the_mix_as_broadcast_wave(served):
    name, content = exported(served, kind="wav", timecode="01:00:00:12", sample_rate=44100)
    assert name == "clip.wav"
    assert bext(content) == ("clip", round((3600 + 12 / 30) * 44100))
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        assert file.subtype == "PCM_24" and file.samplerate == 44100
        wav = file.read(always_2d=True).T
    assert np.abs(wav - 10 ** (-6 / 20) * take_wav(served)).max() < 1e-5
    _, other = exported(served, kind="wav", sample_rate=48000)
    wav, rate = soundfile.read(io.BytesIO(other))
    assert rate == 48000 and bext(other)[1] == 0
    assert len(wav) == pytest.approx(2.5 * 48000, abs=2)


def test_the_finished_clip(served, clip, tmp_path):
    """As near to what is wanted as the codec comes that is given just that; FLAC is exact."""
    for container, given in ((".mp4", None), (".mkv", ".mkv")):
        name, content = exported(served, kind="video", container=given)
        assert name == f"clip.foley{container}"
        path = tmp_path / name
        path.write_bytes(content)
        wav, rate = read_audio(path)
        whole = Resampled(FileLike(10 ** (-6 / 20) * take_wav(served)), rate)
        wanted = whole.read(0, round(2.5 * rate))
        mux(clip, wanted, rate, tmp_path / f"coded{container}")
        coded, _ = read_audio(tmp_path / f"coded{container}")
        wanted, wav, coded = (sound[:, : 2 * rate] for sound in (wanted, wav, coded))
        assert (wav - wanted).std() < 1.05 * (coded - wanted).std() + 1e-3 * wanted.std()
    client, here, _, _ = served
    refused = client.post(f"{here}/exports", json={"kind": "video", "container": ".webm"})
    assert refused.status_code == 422 and "cannot hold h264" in refused.json()["error"]


def test_stems_hold_every_layer(served):
    _, content = exported(served, kind="stems", timecode="00:00:01:00")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["1 Layer 1.wav", "2 Cloth.wav"]
        stem = archive.read("2 Cloth.wav")
    assert bext(stem) == ("Cloth", 48000)
    assert np.abs(soundfile.read(io.BytesIO(stem))[0]).max() > 0.05


def test_the_timeline_opens_in_opentimelineio(served):
    _, content = exported(served, kind="otio", timecode="10:00:00:00")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        timeline = otio.adapters.read_from_string(archive.read("clip.otio").decode(), "otio_json")
        names = set(archive.namelist())
    assert timeline.global_start_time == otio.opentime.RationalTime(36000 * 30, 30)
    (video,) = timeline.video_tracks()
    sounds = timeline.audio_tracks()
    assert video[0].media_reference.target_url == "clip.mp4"
    assert video[0].duration() == otio.opentime.RationalTime(75, 30)
    assert [track.name for track in sounds] == ["Layer 1", "Cloth"]
    assert {track[0].media_reference.target_url for track in sounds} <= names
    for track in sounds:
        assert track[0].duration().to_seconds() == pytest.approx(2.5, abs=1e-3)


def test_the_envelope_as_json_csv_and_midi(served, tmp_path):
    exact = served[3]
    for kind in ("json", "csv"):
        name, content = exported(served, kind=kind, layer="second")
        assert name.startswith("clip Cloth") and name.endswith(f".{kind}")
        (tmp_path / name).write_bytes(content)
        assert Envelope.load(tmp_path / name) == exact
    name, content = exported(served, kind="midi")
    notes, _ = played(content)
    assert [time for time, _ in notes] == pytest.approx(exact.onsets, abs=1e-3)
    assert all(1 <= velocity <= 127 for _, velocity in notes)


def played(content):
    """(time, velocity) of the notes and (time, value) of the controller, by mido."""
    notes, controls, now = [], [], 0.0
    for message in mido.MidiFile(file=io.BytesIO(content)):
        now += message.time
        if message.type == "note_on":
            notes.append((now, message.velocity))
        elif message.type == "control_change":
            controls.append((now, message.value))
    return notes, controls


def test_louder_hits_are_faster_and_the_controller_follows():
    envelope = Envelope.from_hits([(0.25, 0.8), (1.0, 0.1), (1.05, 0.2)], 2.0)
    notes, controls = played(midi_file(envelope, "feet"))
    assert [round(time, 3) for time, _ in notes] == [0.25, 1.0, 1.05]
    assert notes[0][1] == 127 and notes[0][1] > notes[2][1] > notes[1][1]
    times, values = np.array(controls).T
    held = values[np.searchsorted(times, envelope.times + 1e-3, side="right") - 1]
    assert np.corrcoef(held, np.log1p(127 * envelope.values))[0, 1] > 0.99


@pytest.mark.parametrize(
    ("timecode", "fps", "seconds"),
    [
        (None, 25, 0.0),
        ("01:00:00:00", 25, 3600.0),
        ("00:00:01:12", 24, 1.5),
        ("01:00:00:00", 30000 / 1001, 3603.6),
        ("01:00:00;00", 30000 / 1001, 3599.9964),
        ("00:01:00;02", 30000 / 1001, 1800 * 1001 / 30000),
    ],
)
def test_timecodes(timecode, fps, seconds):
    assert timecode_seconds(timecode, fps) == pytest.approx(seconds, abs=1e-6)


def test_timecodes_that_do_not_exist():
    for wrong in ("1:00:00:00", "25:00:00:00", "00:00:00:30", "x"):
        with pytest.raises(ValueError, match="timecode"):
            timecode_seconds(wrong, 30)


class FileLike:
    """An array as a Sound."""

    def __init__(self, wav, sample_rate=RATE):
        self.wav, self.sample_rate = wav.astype(np.float32), sample_rate
        self.channels, self.num_samples = wav.shape

    def read(self, first, count):
        padded = np.pad(self.wav, ((0, 0), (max(0, -first), max(0, first + count))))
        return padded[:, max(0, first) :][:, :count]


def test_parts_of_a_resampled_sound_are_those_of_the_whole():
    wav = np.random.default_rng(0).normal(0, 0.1, (2, 30000))
    for rate in (48000, 44100, 96000, 22050):
        sound = Resampled(FileLike(wav), rate)
        whole = sound.read(0, sound.num_samples)
        for first, count in ((0, 100), (1, 999), (4801, 5000), (sound.num_samples - 50, 100)):
            part = sound.read(first, count)
            assert part.shape == (2, count)
            kept = whole[:, first : first + count]
            assert np.abs(part[:, : kept.shape[1]] - kept).max() < 1e-6


def test_a_mix_that_would_clip_is_turned_down(tmp_path):
    loud = np.full((1, 1000), 0.8, np.float32)
    write_wav(tmp_path / "loud.wav", loud, RATE)
    parts = [(SoundFile(tmp_path / "loud.wav"), 1.0), (FileLike(loud.repeat(2, 0)), 1.0)]
    mix = Mix.of(parts, 1000 / RATE, RATE)
    assert mix.channels == 2 and peak(mix) == pytest.approx(1.6, abs=1e-3)
    write_broadcast_wave(tmp_path / "mix.wav", mix, start=0, description="é")
    wav, _ = soundfile.read(tmp_path / "mix.wav")
    assert np.abs(wav).max() == pytest.approx(0.99, abs=1e-4)


def test_a_cross_fade_keeps_the_power_of_what_differs():
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 0.1, (1, 40000)), rng.normal(0, 0.1, (1, 20000))
    wav = Patched(FileLike(old), 10000, crossfaded(old[:, 10000:30000], new, 4000, 0))
    whole = wav.read(0, 40000)
    assert np.array_equal(whole[:, :10000], old[:, :10000].astype(np.float32))
    assert np.allclose(whole[:, 14000:30000], new[:, 4000:], atol=1e-7)
    levels = [whole[0, first : first + 2000].std() for first in range(10000, 14000, 2000)]
    assert levels == pytest.approx([0.1, 0.1], rel=0.06)
    assert np.array_equal(wav.read(9000, 5000), whole[:, 9000:14000])


def test_a_video_begins_at_the_timecode_that_was_typed(served, tmp_path):
    for container in (".mp4", ".mov", ".mkv"):
        given = {"kind": "video", "container": container, "timecode": "10:00:00:00"}
        name, content = exported(served, **given)
        path = tmp_path / f"{container[1:]}{container}"
        path.write_bytes(content)
        assert probe(path).timecode == "10:00:00:00", name
