"""Times, rotation and bad input of clips; pictures copied and sound in place after mux."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from folai.media.audio import read_audio, write_wav
from folai.media.clip import probe
from folai.media.containers import OUTPUTS
from folai.media.encode import write_pictures
from folai.media.frames import frames_between, iter_frames
from folai.media.mux import check_output, mux

SIZE = (64, 48)  # width, height
RATE = 44100  # Hz
CARRIED = [(suffix, codec) for suffix, (_, codecs) in OUTPUTS.items() for codec in codecs]
FILM = [i / 30 for i in range(30)]


def write_clip(
    path: Path,
    times: list[float],
    *,
    codec: str = "libx264",
    b_frames: int = 0,
    rotation: int = 0,
    sound: NDArray[np.float32] | None = None,
) -> Path:
    """A dark clip with a white corner (top left) whose pictures appear at `times` (seconds)."""
    tick = Fraction(1, 30 if path.suffix == ".avi" else 60000)  # AVI counts in frames
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = tick
        stream.codec_context.max_b_frames = b_frames
        stream.codec_context.gop_size = 10
        if rotation:
            stream.set_display_rotation(rotation)
        if sound is not None:
            track = container.add_stream("aac", rate=RATE)
            track.codec_context.layout = "mono"
        for index, time in enumerate(times):
            image = np.full((SIZE[1], SIZE[0], 3), 4 * index % 100, np.uint8)
            image[: SIZE[1] // 3, : SIZE[0] // 3] = 255
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return path


def clicks(at: list[float], duration: float, sample_rate: int = RATE) -> NDArray[np.float32]:
    """Clicks of 2 ms that start at the times `at`: [1, T]."""
    wav = np.zeros((1, round(duration * sample_rate)), np.float32)
    click = np.hanning(round(0.002 * sample_rate)) * 0.7
    for time in at:
        begin = round(time * sample_rate)
        wav[0, begin : begin + len(click)] = click
    return wav


def delay(put: NDArray[np.float32], got: NDArray[np.float32], time: float) -> float:
    """How much later (seconds) the sound around `time` is in `got`, up to 30 ms either way."""
    reach = round(0.03 * RATE)
    begin, end = max(0, round((time - 0.02) * RATE)), round((time + 0.02) * RATE)
    template = np.pad(put[0], (0, reach))[begin:end]
    around = np.pad(got[0], (reach, 2 * reach))[begin : end + 2 * reach]
    return float(np.correlate(around, template, "valid").argmax() - reach) / RATE


def times_of(path: Path, **options: float) -> list[float]:
    return [frame.time for frame in iter_frames(path, **options)]


def packets_of(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        return [(float(p.pts * p.time_base), bytes(p)) for p in packets]


# ---- reading


@pytest.mark.parametrize("fps", [Fraction(24000, 1001), 24, 25, Fraction(30000, 1001), 30, 60, 120])
@pytest.mark.parametrize("b_frames", [0, 2])
def test_times_are_exact(tmp_path, fps, b_frames):
    times = [float(i / Fraction(fps)) for i in range(24)]
    clip = write_clip(tmp_path / "clip.mp4", times, b_frames=b_frames)
    assert times_of(clip) == pytest.approx(times, abs=1e-5)
    assert probe(clip).fps == pytest.approx(float(fps), rel=0.15)  # the last one lasts 1 / 30 s


def test_variable_frame_rate_keeps_each_time(tmp_path):
    times = list(np.cumsum([0.0, 0.02, 0.1, 0.033, 0.5, 0.01, 0.01, 0.2]))
    assert times_of(write_clip(tmp_path / "clip.mp4", times)) == pytest.approx(times, abs=1e-4)


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts", "clip.avi"])
def test_the_clock_starts_at_the_first_picture(tmp_path, name):
    codec = "mpeg4" if name.endswith("avi") else "libx264"
    late = 0.0 if name.endswith("avi") else 1.5  # AVI always starts at 0
    clip = write_clip(tmp_path / name, [t + late for t in FILM], codec=codec, b_frames=2)
    assert times_of(clip) == pytest.approx(FILM, abs=1e-3)
    info = probe(clip)
    assert info.duration == pytest.approx(1.0, abs=0.04)
    assert name.endswith(("ts", "avi")) or info.start == pytest.approx(late, abs=1e-3)


@pytest.mark.parametrize(
    ("rotation", "corner"), [(0, (0, 0)), (90, (-1, 0)), (180, (-1, -1)), (-90, (0, -1))]
)
def test_pictures_stand_upright(tmp_path, rotation, corner):
    clip = write_clip(tmp_path / "clip.mp4", FILM[:3], rotation=rotation)
    info = probe(clip)
    assert (info.width, info.height) == (SIZE if rotation % 180 == 0 else SIZE[::-1])
    image = next(iter_frames(clip, height=24)).image
    assert image.dtype == np.uint8 and image.flags["C_CONTIGUOUS"]
    assert image.shape == (24, 32 if rotation % 180 == 0 else 18, 3)
    assert image[corner].min() > 200
    assert image[-1 - corner[0] if corner[0] else -1, corner[1]].max() < 120 or rotation == 180


def test_max_fps_leaves_out_every_second_picture(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [i / 60 for i in range(30)])
    assert times_of(clip, max_fps=30) == pytest.approx([i / 30 for i in range(15)], abs=1e-5)
    assert len(times_of(clip, max_fps=60)) == 30


def test_a_part_begins_with_the_picture_on_view(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", [i / 10 for i in range(20)])
    part = list(frames_between(clip, 0.55, 0.95))
    assert [f.time for f in part] == pytest.approx([0.0, 0.05, 0.15, 0.25, 0.35])
    whole = list(iter_frames(clip))
    for shown, expected in zip(part, whole[5:10], strict=True):
        assert np.array_equal(shown.image, expected.image)
    assert [f.time for f in frames_between(clip, 1.95, 3.0)] == [0.0]


def test_written_pictures_come_back_at_their_times(tmp_path):
    times = [0.0, 0.04, 0.1, 0.101, 0.3]
    grey = [np.full((49, 65, 3), 40 * i + 20, np.uint8) for i in range(5)]
    out = tmp_path / "clip.mp4"
    assert write_pictures(out, zip(times, grey, strict=True), crf=18) == 5
    shown = list(iter_frames(out))
    assert [f.time for f in shown] == pytest.approx(times, abs=1e-5)
    for frame, image in zip(shown, grey, strict=True):
        assert frame.image.shape == (48, 64, 3)
        assert abs(float(frame.image.mean()) - image[0, 0, 0]) < 4
    assert write_pictures(tmp_path / "none.mp4", [], crf=18) == 0
    assert not (tmp_path / "none.mp4").exists()


# ---- bad input


def test_unreadable_files_are_named_with_a_way_out(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("this is not a film\n" * 100)
    write_wav(tmp_path / "sound.wav", clicks([0.1], 0.5), RATE)
    bad = {"missing.mp4": "does not exist", ".": "directory", "empty.mp4": "empty"}
    bad |= {"text.mp4": "not a readable video", "sound.wav": "only sound"}
    for name, reason in bad.items():
        for read in (probe, lambda path: list(iter_frames(path))):
            with pytest.raises(ValueError, match=reason) as caught:
                read(tmp_path / name)
            message = str(caught.value)
            assert str(tmp_path / name) in message and "\n" not in message


def test_one_picture_is_not_a_clip(tmp_path):
    frames = iter_frames(write_clip(tmp_path / "clip.mp4", [0.0]))
    assert next(frames).time == 0.0
    with pytest.raises(ValueError, match="only one picture"):
        next(frames)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_clip_cut_short_is_used_as_far_as_it_goes(tmp_path, suffix):
    clip = write_clip(tmp_path / "clip.mp4", [i / 30 for i in range(90)])
    whole = tmp_path / f"whole{suffix}"
    rng = np.random.default_rng(0)
    mux(clip, rng.uniform(-0.5, 0.5, (1, 3 * RATE)).astype(np.float32), RATE, whole)
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.warns(UserWarning, match=r"cut short: the first .* of 3\.0\d s"):
        used = times_of(cut)
    assert 10 < len(used) < 90
    assert times_of(whole) == pytest.approx([i / 30 for i in range(90)], abs=1e-3)


# ---- writing


@pytest.mark.parametrize(("suffix", "codec"), CARRIED)
@pytest.mark.parametrize("late", [0.0, 0.7])
def test_sound_lands_where_it_was_put(tmp_path, suffix, codec, late):
    video = "libvpx-vp9" if suffix == ".webm" else "libx264"
    source_suffix = ".webm" if suffix == ".webm" else ".mp4"
    times = [late + i / 10 for i in range(20)]
    clip = write_clip(tmp_path / f"clip{source_suffix}", times, codec=video, b_frames=2)
    at = [0.0, 0.02, 0.8, 1.9]
    put = clicks(at, 2.0)
    out = tmp_path / f"out{suffix}"
    mux(clip, put, RATE, out, codec=codec)
    got, _ = read_audio(out, sample_rate=RATE)
    assert max(abs(delay(put, got, time)) for time in at) < 0.001
    assert got.shape[1] / RATE == pytest.approx(probe(clip).duration, abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("source", ["clip.mp4", "clip.mkv"])
def test_pictures_are_copied_as_they_are(tmp_path, suffix, source):
    times = [0.5 + t for t in [0.0, 0.05, 0.1, 0.3, 0.35, 0.4, 0.45, 0.8, 0.9, 1.0]]
    clip = write_clip(tmp_path / source, times, b_frames=2, rotation=90)
    before = clip.read_bytes()
    out = tmp_path / f"out{suffix}"
    mux(clip, clicks([0.1], 1.0), RATE, out)
    old, new = packets_of(clip), packets_of(out)
    assert [data for _, data in new] == [data for _, data in old]
    assert [t for t, _ in new] == pytest.approx([t - 0.5 for t, _ in old], abs=6e-4)
    assert times_of(out) == pytest.approx(times_of(clip), abs=6e-4)
    assert probe(out).rotation == 90 and probe(out).start == 0.0
    assert clip.read_bytes() == before


@pytest.mark.parametrize("duration", [0.4, 3.0])
def test_the_sound_lasts_as_long_as_the_pictures(tmp_path, duration):
    clip = write_clip(tmp_path / "clip.mp4", FILM)
    for suffix in (".wav", ".mkv"):
        mux(clip, clicks([0.1], duration), RATE, tmp_path / f"out{suffix}")
        assert read_audio(tmp_path / f"out{suffix}")[0].shape[1] == RATE


def test_sound_in_the_clip_is_replaced_or_mixed(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", FILM, sound=clicks([0.6], 1.0))
    ours = clicks([0.2], 1.0)
    mux(clip, ours, RATE, tmp_path / "replaced.mkv")
    mux(clip, np.vstack([ours, ours]), RATE, tmp_path / "mixed.wav", mix_db=-6.0)
    replaced, _ = read_audio(tmp_path / "replaced.mkv")
    mixed, _ = read_audio(tmp_path / "mixed.wav")
    late = round(0.5 * RATE)
    assert np.abs(replaced[:, late:]).max() < 1e-3
    assert mixed.shape[0] == 2 and mixed[:, :late].max() == pytest.approx(0.7, abs=0.05)
    assert mixed[:, late:].max() == pytest.approx(0.35, abs=0.05)
    assert abs(delay(clicks([0.6], 1.0), mixed, 0.6)) < 0.001


def test_a_rate_the_codec_lacks_and_loud_sound(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", FILM)
    for suffix in (".mp4", ".mkv"):
        mux(clip, 3.0 * clicks([0.5], 1.0, 32123), 32123, tmp_path / f"out{suffix}")
        got, _ = read_audio(tmp_path / f"out{suffix}", sample_rate=RATE)
        assert abs(delay(clicks([0.5], 1.0), got, 0.5)) < 0.001
        assert got.min() > -0.6  # clipped, not wrapped round


def test_outputs_that_cannot_be_are_refused_early(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", FILM[:3])
    os.symlink(clip, tmp_path / "link.mp4")
    refused = {"clip.mp4": "is the input", "link.mp4": "is the input", "out.xyz": "unknown suffix"}
    refused |= {"none/out.mp4": "does not exist", "out.webm": "cannot hold h264.*mkv"}
    before = clip.read_bytes()
    for name, reason in refused.items():
        for write in (
            lambda out: check_output(out, source=clip),
            lambda out: mux(clip, clicks([0.0], 0.1), RATE, out),
        ):
            with pytest.raises(ValueError, match=reason) as caught:
                write(tmp_path / name)
            assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="use aac"):
        check_output(tmp_path / "out.mp4", source=clip, codec="flac")
    with pytest.raises(ValueError, match="does not exist"):
        check_output(tmp_path / "out.mp4", source=tmp_path / "missing.mp4")
    check_output(tmp_path / "out.mkv", source=clip, codec="opus")
    assert clip.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["clip.mp4", "link.mp4"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_write_permission_is_refused(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", FILM[:3])
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(ValueError, match="not writable"):
        check_output(locked / "out.mp4", source=clip)


def test_nothing_half_written_stays(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", FILM)
    out = tmp_path / "out.mkv"
    out.write_text("precious")

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("folai.media.output._encoded", fail)
    with pytest.raises(ValueError, match=r"out\.mkv: cannot be written \(No space left"):
        mux(clip, clicks([0.0], 1.0), RATE, out)
    assert out.read_text() == "precious"
    assert sorted(os.listdir(tmp_path)) == ["clip.mp4", "out.mkv"]


@pytest.mark.parametrize(
    "wav", [np.zeros(10), np.zeros((1, 0)), np.zeros((3, 10)), np.full((1, 10), np.nan)]
)
def test_sound_of_the_wrong_form_is_refused(tmp_path, wav):
    clip = write_clip(tmp_path / "clip.mp4", FILM[:3])
    with pytest.raises(ValueError, match="sound"):
        mux(clip, wav, RATE, tmp_path / "out.mp4")
