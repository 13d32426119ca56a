"""Stems and sessions hold what is heard: added up, they are the mix, channel and all."""

import io
import zipfile

import numpy as np
import pytest
import rpp
import soundfile

from folai.media.audio import write_wav
from folai.studio.exporting import _sound_writer
from folai.studio.handover import package
from folai.studio.jobs import Job
from folai.studio.mixing import mix_of
from folai.studio.project import Project
from folai.studio.project_sounds import Resampled

RATE, DURATION = 48000, 2.0
CHANNELS = [
    {"pan": -0.6, "low_db": 6, "mid_db": -9, "mid_hz": 700, "high_db": 3},
    {"pan": 0.4, "room": "hall", "distance": 5, "wet_db": 3},
    {"high_db": -12},
    None,
]
LAST_BIT = 2**-23


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Four layers of 44.1 kHz, the last of them muted."""
    folder = tmp_path_factory.mktemp("project") / "p"
    clip = {
        "file": "clip.mov", "media": "clip.mov", "media_type": "video/mp4", "start": 0.0,
        "duration": DURATION, "fps": 25.0, "nominal_fps": 25.0, "num_frames": 50, "width": 64,
        "height": 48, "video_codec": "h264", "audio_codec": None, "timecode": None,
    }  # fmt: skip
    (folder / "media" / "takes").mkdir(parents=True)
    project, rng = Project.make(folder, "Show", clip, {}), np.random.default_rng(0)
    with project.change() as document:
        plain, layers = document["edit"]["layers"][0], []
        for n, channel in enumerate(CHANNELS):
            name = {"id": f"l{n}", "name": f"Layer {n}", "gain_db": -n, "mute": n == 3}
            layers.append({**plain, **name, "channel": channel})
            document["takes"].append({"id": f"t{n}", "layer": f"l{n}", "name": "Take"})
            wav = 0.05 * rng.standard_normal((1 + n % 2, round(DURATION * 44100)))
            write_wav(folder / "media" / "takes" / f"t{n}.wav", wav.astype(np.float32), 44100)
        document["edit"]["layers"] = layers
        document["edit"]["mix"] = {"t1": {"name": "Take", "gain_db": 2.0}}
    return project


def heard(project) -> np.ndarray:
    """The mix, [2, N]: the page plays the same (tests/browser/test_mix.py)."""
    mix = Resampled(mix_of(project, project.document), RATE)
    return mix.read(0, mix.num_samples)


def written(project, kind, folder, **request):
    """(name -> sound [2, N], the archive's other files, the job)."""
    job = Job("export", "p", lambda job: None)
    request = {"sample_rate": RATE, "start": 0.0, "timecode": None, "kind": kind, **request}
    path = folder / f"{kind}.zip"
    if kind == "session":
        package.write(path, package.prepare(project, request), job)
    else:
        _sound_writer(kind, project, project.document, request)[0](path, job)
    sounds, others = {}, {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".wav"):
                wav = soundfile.read(io.BytesIO(content), always_2d=True)[0].T
                sounds[name] = np.repeat(wav, 2 // len(wav), axis=0)
            else:
                others[name] = content
    return sounds, others, job


def test_stems_of_layers_that_are_heard_add_up_to_the_mix(project, tmp_path):
    stems, _, _ = written(project, "stems", tmp_path)
    assert list(stems) == [f"{n + 1} Layer {n}.wav" for n in range(4)]
    muted = stems.pop("4 Layer 3.wav")
    assert np.abs(muted).max() > 0.05  # there, too
    assert np.abs(sum(stems.values()) - heard(project)).max() < 4 * LAST_BIT


@pytest.mark.parametrize("channels", ["mono", "stereo"])
def test_a_session_plays_the_mix(project, tmp_path, channels):
    """Its tracks as REAPER plays them: with the pan and mute that the project file says."""
    formats = ["rpp", "otio", "edl"] + (["aaf"] if channels == "mono" else [])
    request = {"channels": channels, "formats": formats, "handles": 1}
    sounds, others, _ = written(project, "session", tmp_path, **request)
    tracks = rpp.loads(others["Show.rpp"].decode()).findall("TRACK")
    played, files = np.zeros((2, round(DURATION * RATE))), []
    for track in tracks:
        item = track.find("ITEM")
        file = item.find("SOURCE").FILE[0] if hasattr(item.find("SOURCE"), "FILE") else None
        file = file or next(line[1] for line in item.find("SOURCE").children if line[0] == "FILE")
        if not file.endswith(".wav"):
            continue
        lines = {line[0]: line[1:] for line in track.children if isinstance(line, list)}
        pan, mute = float(lines["VOLPAN"][1]), int(lines["MUTESOLO"][0])
        starts = {line[0]: line[1:] for line in item.children if isinstance(line, list)}
        first = round(float(starts["SOFFS"][0]) * RATE)
        part = sounds[file][:, first : first + played.shape[1]]
        files.append(file)
        if not mute:
            played += part * np.array([[pan <= 0], [pan >= 0]])
    assert sorted(files) == sorted(sounds)
    assert len(files) == (7 if channels == "mono" else 4)  # three layers are stereo
    assert np.abs(played - heard(project)).max() < 4 * LAST_BIT
    for name in files:  # the timeline and the list name the same files
        assert name in others["Show.otio"].decode() and name in others["Show.edl"].decode()


def test_stems_that_would_clip_are_quieter_alike(project, tmp_path):
    usual, _, job = written(project, "stems", tmp_path)
    assert job.message == ""
    with project.change() as document:
        document["edit"]["layers"][2]["gain_db"] += 24
    try:
        loud, _, job = written(project, "stems", tmp_path)
    finally:
        with project.change() as document:
            document["edit"]["layers"][2]["gain_db"] -= 24
    gains = [np.abs(loud[name]).max() / np.abs(usual[name]).max() for name in usual]
    assert max(np.abs(wav).max() for wav in loud.values()) == pytest.approx(0.99, abs=1e-4)
    assert gains[2] / gains[0] == pytest.approx(10 ** (24 / 20), rel=1e-3)
    assert gains[1] == pytest.approx(gains[0], rel=1e-3) and gains[0] < 1
    assert job.message.startswith(f"all stems {-20 * np.log10(gains[0]):.1f} dB quieter")
