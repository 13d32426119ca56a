"""Sessions that leave the studio, read by libraries that did not write them."""

import io
import re
import zipfile
from fractions import Fraction

import aaf2
import av
import numpy as np
import opentimelineio as otio
import pytest
import rpp
import soundfile
from pycmx import parse_cmx3600
from wavinfo import WavInfoReader

from folai.media.audio import write_wav
from folai.studio.failures import Cancelled
from folai.studio.handover import package
from folai.studio.handover.timing import Times, exact_rate, frame_of, timecode_of
from folai.studio.handover.ucs import category_of, numbered, ucs_name
from folai.studio.jobs import Job
from folai.studio.project import Project
from studio_clients import finish

RATES = {  # as a clip says it: exactly, nominal frames
    23.976023976: (Fraction(24000, 1001), 24),
    24.0: (Fraction(24), 24),
    25.0: (Fraction(25), 25),
    29.97002997: (Fraction(30000, 1001), 30),
    30.0: (Fraction(30), 30),
    50.0: (Fraction(50), 50),
    59.94005994: (Fraction(60000, 1001), 60),
    60.0: (Fraction(60), 60),
}
CLICK = 1.0  # seconds: where each take has a click


def a_project(folder, *, fps=25.0, timecode=None, duration=2.0, stereo=False, name="Show 1"):
    """Two layers with a take each: a click at CLICK seconds, of 0.5 and 0.25."""
    clip = {
        "file": "clip.mov", "media": "clip.mov", "media_type": "video/mp4", "start": 0.0,
        "duration": duration, "fps": fps, "nominal_fps": fps, "num_frames": round(duration * fps),
        "width": 64, "height": 48, "video_codec": "h264", "audio_codec": None,
        "timecode": timecode,
    }  # fmt: skip
    (folder / "media" / "takes").mkdir(parents=True)
    project = Project.make(folder, name, clip, {})
    with project.change() as document:
        first = document["edit"]["layers"][0]
        first.update(name="Feet: left", sound={"prompt": "footsteps on gravel"})
        second = {**first, "id": "two", "name": "Keys", "sound": {"sound": "metal"}, "mute": True}
        document["edit"]["layers"].append(second)
        for number, layer in enumerate(("layer-1", "two")):
            document["takes"].append({"id": f"t{number}", "layer": layer, "name": f"Take {number}"})
    for number, level in enumerate((0.5, 0.25)):
        wav = np.zeros((2 if stereo else 1, round(duration * 48000)), np.float32)
        wav[0, round(CLICK * 48000)] = level
        write_wav(folder / "media" / "takes" / f"t{number}.wav", wav, 48000)
    return project


def handed_over(project, tmp_path, **request):
    """(session, name -> content) of the zip."""
    handover = package.prepare(project, {"sample_rate": 48000, **request})
    path = tmp_path / "session.zip"
    package.write(path, handover, Job("export", "p", lambda job: None))
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return handover.session, {name: archive.read(name) for name in archive.namelist()}


def waves(files):
    return sorted(name for name in files if name.endswith(".wav"))


def saved(files, tmp_path):
    folder = tmp_path / "unpacked"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("drop", [False, True])
def test_timecode_counts_every_frame_once(fps, drop):
    rate, nominal = RATES[fps]
    assert exact_rate(fps) == rate
    if drop and (rate.denominator == 1 or nominal % 30):
        with pytest.raises(ValueError, match="no drop-frame"):
            frame_of("00:00:01;00", rate)
        return
    reference = otio.opentime.RationalTime
    for frame in [0, 1, 1798, 1799, 1800, 1801, 17981, 17982, 35963, 35964, 107891, 107892, 215783]:
        text = timecode_of(frame, rate, drop)
        assert frame_of(text, rate) == frame
        if nominal in (24, 25, 30, 60) and not (nominal == 24 and drop):
            expected = reference(frame, float(rate)).to_timecode(float(rate), drop)
            assert text == expected


def test_timecode_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="frames go from 00 to 24"):
        frame_of("01:00:00:25", Fraction(25))
    with pytest.raises(ValueError, match=r"write 00:01:00;02"):
        frame_of("00:01:00;00", Fraction(30000, 1001))
    with pytest.raises(ValueError, match="HH:MM:SS:FF"):
        frame_of("1:00", Fraction(25))


@pytest.mark.parametrize(
    ("fps", "rate"), [(12.5, 25), (15.0, 30), (10.0, 30), (17.3, 30), (12.0, 24)]
)
def test_other_rates_are_counted_in_one_that_editors_know(fps, rate):
    assert exact_rate(fps) == rate


def test_a_file_that_would_begin_before_midnight_is_refused():
    with pytest.raises(ValueError, match="leaves no room"):
        Times(Fraction(25), False, start=10, num_frames=50, handle=50, pop=0)


def test_ucs_names():
    assert category_of(["Layer 1", "Footsteps on gravel"]) == "FOLYFeet"
    assert category_of(["Cloth"]) == "FOLYClth" and category_of(["x", "metal"]) == "FOLYProp"
    name = ucs_name("FOLYFeet", "a/b_c: Gehör", "A_B", "日本")
    assert name == "FOLYFeet_a b c Gehor_A B_Source" and name.count("_") == 3
    assert numbered(["Feet", "feet", "Keys", "FEET"]) == ["Feet", "feet 2", "Keys", "FEET 3"]


CASES = [  # fps, timecode, handles, 2-pop
    (23.976023976, "01:00:00:00", 2, True),
    (24.0, None, 0, False),
    (25.0, "10:00:00:12", 5, False),
    (29.97002997, "01:00:00;00", 2, True),
    (29.97002997, "01:00:00:00", 3, False),
    (50.0, None, 2, True),
    (59.94005994, "00:10:00;00", 2, True),
    (60.0, "01:00:00:59", 2, False),
]


@pytest.mark.parametrize(("fps", "timecode", "handles", "two_pop"), CASES)
def test_every_reader_finds_the_same_places(tmp_path, fps, timecode, handles, two_pop):
    """Frames and samples computed here from the numbers that were asked for, by fractions."""
    rate, nominal = RATES[fps]
    project = a_project(tmp_path / "p", fps=fps, timecode=timecode)
    _, files = handed_over(project, tmp_path, handles=handles, two_pop=two_pop, creator="ABC")
    folder = saved(files, tmp_path)
    timecode = timecode or "01:00:00:00"
    start = frame_of(timecode, rate)
    clip_frames, before = round(2.0 * rate), 2 * nominal * two_pop
    first_frame = start - before - handles * nominal

    def sample(frame):
        return round(frame * 48000 / rate)

    first = sample(first_frame)
    length = sample(start + clip_frames + handles * nominal) - first
    skipped, used = (
        sample(start - before) - first,
        sample(start + clip_frames) - sample(start - before),
    )
    session_code = timecode_of(start - before, rate, ";" in timecode)
    end_code = timecode_of(start + clip_frames, rate, ";" in timecode)
    names = waves(files)
    assert names == ["FOLYFeet_Feet left_ABC_Show 1.wav", "FOLYProp_Keys_ABC_Show 1.wav"]

    for name, layer, level in zip(names, ("Feet: left", "Keys"), (0.5, 0.25), strict=True):
        with soundfile.SoundFile(folder / name) as file:
            assert (file.subtype, file.samplerate, file.channels) == ("PCM_24", 48000, 1)
            wav = file.read()
        assert len(wav) == length
        click = sample(start) - first + round(CLICK * 48000)
        assert wav[click] == pytest.approx(level, abs=1e-4)
        wav[click] = 0
        pop = np.flatnonzero(wav)
        if two_pop:
            begin, end = sample(start - before) - first, sample(start - before + 1) - first
            assert begin <= pop[0] <= begin + 1 and end - 2 <= pop[-1] < end
            assert np.abs(wav).max() == pytest.approx(0.1, rel=0.01)
        else:
            assert len(pop) == 0
        info = WavInfoReader(str(folder / name))
        assert info.bext.time_reference == first and info.bext.originator == "folai"
        assert [track.name for track in info.ixml.track_list] == [layer]
        assert (info.ixml.scene, info.ixml.project) == ("Show 1", "Show 1")
        assert info.ixml.take in ("Take 0", "Take 1")
        speed = info.ixml.parsed.find("SPEED")
        assert speed.findtext("TIMECODE_RATE") == f"{rate.numerator}/{rate.denominator}"
        assert speed.findtext("TIMECODE_FLAG") == ("DF" if ";" in timecode else "NDF")
        assert int(speed.findtext("TIMESTAMP_SAMPLES_SINCE_MIDNIGHT_LO")) == first
        with av.open(str(folder / name)) as container:  # FFmpeg
            assert int(container.metadata["time_reference"]) == first

    check_aaf(folder / "Show 1.aaf", names, rate, nominal, ";" in timecode, start - before,
              (length, skipped, used))  # fmt: skip

    with open(folder / "Show 1.edl") as file:
        edl = parse_cmx3600(file)
    assert edl.title == "Show 1"
    edits = [edit for event in edl.events for edit in event.edits]
    assert [edit.clip_name for edit in edits] == ["clip.mov", *names]
    for edit in edits[1:]:
        codes = (edit.source_in, edit.source_out, edit.record_in, edit.record_out)
        assert codes == (session_code, end_code) * 2
    assert (edits[0].record_in, edits[0].record_out) == (
        timecode_of(start, rate, ";" in timecode), end_code,
    )  # fmt: skip
    text = (folder / "Show 1.edl").read_text()
    assert ("FCM: DROP FRAME" in text) == (";" in timecode)

    timeline = otio.adapters.read_from_file(str(folder / "Show 1.otio"))
    assert timeline.global_start_time == otio.opentime.RationalTime(start - before, float(rate))
    picture = timeline.video_tracks()[0].find_clips()[0]
    assert picture.range_in_parent().start_time.value == before
    assert picture.source_range.duration.value == clip_frames
    sounds = [track.find_clips()[0] for track in timeline.audio_tracks()]
    assert [clip.media_reference.target_url for clip in sounds] == names
    for clip in sounds:
        available, source = clip.media_reference.available_range, clip.source_range
        assert (available.start_time.value, available.duration.value) == (first, length)
        assert (source.start_time.value, source.duration.value) == (first + skipped, used)

    reaper = rpp.loads((folder / "Show 1.rpp").read_text())
    offset = float(reaper.find("PROJOFFS")[1])
    assert offset == pytest.approx(float((start - before) / rate), abs=1e-8)
    mode = reaper.find("TIMEMODE")
    assert int(mode[4]) == nominal
    assert int(mode[5]) == (1 if ";" in timecode else 2 * (rate.denominator != 1))
    tracks = reaper.findall("TRACK")
    assert [track.find("NAME")[1] for track in tracks] == ["Picture", "Feet: left", "Keys"]
    assert [track.find("MUTESOLO")[1] for track in tracks] == ["0", "0", "1"]
    item = tracks[0].find("ITEM")
    assert float(item.find("POSITION")[1]) == pytest.approx(float(before / rate), abs=1e-9)
    for track, name in zip(tracks[1:], names, strict=True):
        item = track.find("ITEM")
        assert round(float(item.find("SOFFS")[1]) * 48000) == skipped
        assert round(float(item.find("LENGTH")[1]) * 48000) == used
        assert item.find("SOURCE").find("FILE")[1] == name


def check_aaf(path, names, rate, nominal, drop, frame, samples):
    """One composition; its clips lead by master and source mobs to mono files, by links."""
    length, skipped, used = samples
    with aaf2.open(str(path)) as file:
        compositions = list(file.content.compositionmobs())
        assert len(compositions) == 1
        assert [mob.usage for mob in compositions] == ["Usage_TopLevel"]
        assert list(file.content.essencedata) == []  # nothing is embedded
        timecodes, sounds = [], []
        for slot in compositions[0].slots:
            (timecodes if slot.segment.media_kind == "Timecode" else sounds).append(slot)
        (slot,) = timecodes
        assert Fraction(str(slot.edit_rate)) == rate
        assert (slot.segment.start, slot.segment.fps, slot.segment.drop) == (frame, nominal, drop)
        found = []
        for slot in sounds:
            assert slot.edit_rate == 48000 and slot.segment.length == used
            (clip,) = slot.segment.components
            assert (clip.start, clip.length) == (skipped, used)
            master = clip.mob
            assert type(master).__name__ == "MasterMob"
            inner = master.slot_at(clip.slot_id).segment
            assert (inner.start, inner.length) == (0, length)
            descriptor = inner.mob.descriptor
            assert descriptor["Length"].value == length and descriptor["SampleRate"].value == 48000
            form = bytes(descriptor["Summary"].value)
            assert form[8:16] == b"WAVEfmt " and form[22:24] == b"\x01\x00"  # mono
            (locator,) = descriptor["Locator"].value
            found.append(locator["URLString"].value.replace("%20", " "))
        assert found == names


def test_stereo_is_broken_out_to_a_file_for_each_side(tmp_path):
    project = a_project(tmp_path / "p", stereo=True)
    session, files = handed_over(project, tmp_path, formats=["aaf", "rpp"])
    left, right = waves(files)[:2]
    assert (left, right) == (
        "FOLYFeet_Feet left_folai_Show 1.L.wav", "FOLYFeet_Feet left_folai_Show 1.R.wav",
    )  # fmt: skip
    peaks = [np.abs(soundfile.read(io.BytesIO(files[name]))[0]).max() for name in (left, right)]
    assert peaks == pytest.approx([0.5, 0.0], abs=1e-4)
    assert [track.pan for track in session.tracks] == [-1, 1, -1, 1]
    _, files = handed_over(project, tmp_path, formats=["rpp"], channels="stereo")
    assert len(waves(files)) == 2
    assert soundfile.info(io.BytesIO(files[waves(files)[0]])).channels == 2
    names = [track.name for track in WavInfoReader(_kept(files, tmp_path)).ixml.track_list]
    assert names == ["Feet: left L", "Feet: left R"]
    with pytest.raises(ValueError, match="AAF links mono files"):
        package.prepare(project, {"sample_rate": 48000, "channels": "stereo"})


def _kept(files, tmp_path):
    path = tmp_path / "one.wav"
    path.write_bytes(files[waves(files)[0]])
    return str(path)


def test_what_would_clip_makes_all_quieter_and_says_so(tmp_path):
    project = a_project(tmp_path / "p")
    with project.change() as document:
        document["edit"]["layers"][0]["gain_db"] = 12.0
    handover = package.prepare(project, {"sample_rate": 48000, "formats": ["edl"]})
    job = Job("export", "p", lambda job: None)
    package.write(tmp_path / "s.zip", handover, job)
    with zipfile.ZipFile(tmp_path / "s.zip") as archive:
        peaks = [np.abs(soundfile.read(io.BytesIO(archive.read(name)))[0]).max()
                 for name in waves(archive.namelist())]  # fmt: skip
    assert peaks[0] == pytest.approx(0.99, abs=1e-3)
    assert peaks[0] / peaks[1] == pytest.approx(10 ** (12 / 20) * 2, rel=1e-3)
    assert re.fullmatch(r"all tracks 6\.\d dB quieter, so that none clips", job.message)


def test_a_cancelled_session_leaves_nothing(tmp_path, monkeypatch):
    project = a_project(tmp_path / "p", duration=30.0)
    handover = package.prepare(project, {"sample_rate": 48000})
    monkeypatch.setattr("folai.studio.jobs.REPORT_INTERVAL", 0.0)
    told = []

    def report(job):
        told.append(job.progress)
        if job.progress > 0.3:
            job.cancelled.set()

    job = Job("export", "p", lambda job: None, report=report)
    with pytest.raises(Cancelled):
        package.write(tmp_path / "s.zip", handover, job)
    assert told == sorted(told) and 0.3 < told[-1] < 0.8
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_full_disk_is_seen_before_the_work(tmp_path, monkeypatch):
    project = a_project(tmp_path / "p")
    monkeypatch.setattr(package.shutil, "disk_usage", lambda _: type("U", (), {"free": 1000}))
    with pytest.raises(ValueError, match="free some space"):
        package.prepare(project, {"sample_rate": 48000})


def test_the_timecode_is_what_is_given_or_the_projects_or_the_clips(tmp_path):
    project = a_project(tmp_path / "p", timecode="02:00:00:00")

    def begins(**request):
        times = package.prepare(project, {"sample_rate": 48000, **request}).session.times
        return times.timecode(times.start)

    assert begins() == "02:00:00:00"
    with project.change() as document:
        document["edit"]["timecode"] = "03:00:00:00"
    assert begins() == "03:00:00:00"
    assert begins(timecode="04:00:00:00") == "04:00:00:00"


def test_without_a_take_there_is_nothing_to_hand_over(tmp_path):
    project = a_project(tmp_path / "p")
    with project.change() as document:
        document["takes"] = []
    with pytest.raises(ValueError, match="no layer has a take"):
        package.prepare(project, {"sample_rate": 48000})


def test_by_the_studio(studio, clip):
    """Asked for as the page does, with names for categories, creator and source."""
    client, _ = studio
    project = client.post("/api/projects?name=clip.mp4", content=clip.read_bytes()).json()
    for job in project["jobs"]:
        client.delete(f"/api/jobs/{job['id']}")
    here = f"/api/projects/{project['id']}"
    body = {"kind": "session", "handles": 2}
    assert client.post(f"{here}/exports", json=body).status_code == 422  # no take yet
    envelope = {"frame_rate": 120, "onsets": [0.5], "values": _bump()}
    name = client.post(f"{here}/envelopes", json=envelope).json()["envelope"]
    sound = {"engine": "preview", "sound": "wood"}
    body = {"layer": "layer-1", "envelope": name, "sound": sound}
    finish(client, client.post(f"{here}/generate", json=body).json())
    body = {
        "kind": "session", "timecode": "10:00:00:00", "handles": 2.5, "two_pop": True,
        "creator": "XY", "source": "Ep 101", "scene": "12A", "categories": {"layer-1": "WOODImpt"},
    }  # fmt: skip
    job = finish(client, client.post(f"{here}/exports", json=body).json())
    assert job["state"] == "done" and job["file"] == "clip session.zip", job
    content = client.get(f"{here}/exports/{job['file']}").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert sorted(archive.namelist()) == [
            "WOODImpt_Layer 1_XY_Ep 101.wav",
            "clip.aaf", "clip.edl", "clip.otio", "clip.rpp",
        ]  # fmt: skip
    for wrong, message in (
        ({"handles": 99}, "handles"),
        ({"categories": {"layer-1": "no such"}}, "categories"),
        ({"formats": ["xml"]}, "formats"),
        ({"timecode": "00:00:00:00", "two_pop": True}, "leaves no room"),
        ({"timecode": "01:00:00;00"}, "no drop-frame"),
    ):
        reply = client.post(f"{here}/exports", json={"kind": "session", **wrong})
        assert reply.status_code in (400, 422) and message in reply.json()["error"], reply.json()


def _bump():
    import base64

    values = np.zeros(300, "<f4")
    values[60:70] = 0.5
    return base64.b64encode(values.tobytes()).decode()
