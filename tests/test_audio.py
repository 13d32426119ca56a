"""Sound read on the video clock, whatever the stream's start and holes; WAV files."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from folai.media.audio import fit_length, mix, peak_normalise, read_audio, resample, write_wav
from folai.media.channels import to_mono

RATE = 48000  # Hz


def tone(duration: float, sample_rate: int = RATE, hertz: float = 440.0) -> NDArray[np.float32]:
    time = np.arange(round(duration * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None]


def write_media(
    path: Path,
    pieces: list[tuple[float, NDArray[np.float32]]],
    *,
    codec: str = "flac",
    video_start: float | None = 0.0,
) -> Path:
    """A file whose sound `pieces` start at given container times; pictures from `video_start`."""
    with av.open(str(path), "w") as container:
        track = container.add_stream(codec, rate=RATE)
        track.codec_context.layout = "mono"
        if video_start is not None:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            for index in range(10):
                picture = av.VideoFrame(32, 32, "yuv420p")
                picture.pts = round(video_start * 25) + index
                picture.time_base = Fraction(1, 25)
                container.mux(stream.encode(picture))
            container.mux(stream.encode(None))
        for start, wav in pieces:
            for begin in range(0, wav.shape[1], 480):
                block = np.ascontiguousarray(wav[:, begin : begin + 480])
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.time_base = RATE, Fraction(1, RATE)
                frame.pts = round(start * RATE) + begin
                container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def test_sound_before_the_first_picture_is_cut(tmp_path):
    path = write_media(tmp_path / "a.mkv", [(0.0, tone(1.0))], codec="pcm_s16le", video_start=0.4)
    wav, rate = read_audio(path)
    assert rate == RATE and wav.dtype == np.float32
    assert wav.shape == (1, round(0.6 * RATE))
    np.testing.assert_allclose(wav[0], tone(1.0)[0, round(0.4 * RATE) :], atol=1e-3)


def test_sound_that_starts_late_follows_silence(tmp_path):
    path = write_media(tmp_path / "a.mkv", [(0.32, tone(0.5))], codec="pcm_s16le")
    wav, _ = read_audio(path)
    silent = round(0.32 * RATE)
    assert not wav[:, :silent].any()
    np.testing.assert_allclose(wav[:, silent:], tone(0.5), atol=1e-3)


def test_a_hole_in_the_stream_is_silent(tmp_path):
    pieces = [(0.0, tone(0.3)), (0.5, tone(0.2))]
    wav, _ = read_audio(write_media(tmp_path / "a.mkv", pieces, codec="pcm_s16le"))
    assert wav.shape == (1, round(0.7 * RATE))
    assert not wav[:, round(0.3 * RATE) : round(0.5 * RATE)].any()
    np.testing.assert_allclose(wav[:, round(0.5 * RATE) :], tone(0.2), atol=1e-3)


def test_without_video_the_first_sample_is_time_zero(tmp_path):
    path = write_media(tmp_path / "a.mka", [(0.7, tone(0.5))], video_start=None)
    assert read_audio(path)[0].shape == (1, round(0.5 * RATE))


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_every_sample_format_has_the_same_scale(tmp_path, subtype):
    stereo = np.vstack([tone(0.2), -0.5 * tone(0.2)])
    soundfile.write(tmp_path / "a.wav", stereo.T, RATE, subtype=subtype)
    wav, _ = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(wav, stereo, atol=0.02 if subtype == "PCM_U8" else 1e-4)


def test_read_resampled_and_mono(tmp_path):
    write_wav(tmp_path / "a.wav", np.vstack([tone(0.5), tone(0.5)]), RATE)
    wav, rate = read_audio(tmp_path / "a.wav", sample_rate=16000, mono=True)
    assert rate == 16000 and wav.shape == (1, 8000)
    np.testing.assert_allclose(wav[0, 100:-100], tone(0.5, 16000)[0, 100:-100], atol=2e-3)


@pytest.mark.parametrize("to_rate", [8000, 16000, 44100, 96000])
def test_resampling_keeps_the_time_of_a_click(to_rate):
    wav = np.zeros((2, RATE), np.float32)
    wav[:, RATE // 4] = 1.0
    resampled = resample(wav, RATE, to_rate)
    assert resampled.shape == (2, to_rate) and resampled.dtype == np.float32
    assert resampled[0].argmax() == to_rate // 4
    assert wav.sum() == 2.0


def test_levels_and_lengths():
    stereo = np.array([[1.0, 0.0, -0.5], [0.0, 0.0, 0.5]], np.float32)
    np.testing.assert_array_equal(to_mono(stereo), [[0.5, 0.0, 0.0]])
    assert np.abs(peak_normalise(stereo, 0.25)).max() == 0.25
    assert not peak_normalise(np.zeros((1, 4), np.float32)).any()
    np.testing.assert_array_equal(fit_length(stereo, 2), stereo[:, :2])
    np.testing.assert_array_equal(fit_length(stereo, 4)[:, 3], [0.0, 0.0])
    half = stereo / 2
    np.testing.assert_allclose(mix(half, half[:1], -20.0)[1], [0.05, 0.0, 0.225])


def test_wav_is_clipped_not_wrapped(tmp_path):
    write_wav(tmp_path / "a.wav", np.array([[1.5, -1.5, 0.5]]), RATE)
    wav, _ = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(wav, [[1.0, -1.0, 0.5]], atol=1e-6)
    assert soundfile.info(tmp_path / "a.wav").subtype == "PCM_24"


@pytest.mark.parametrize(
    "wav", [np.zeros(5), np.zeros((1, 0)), np.array([[0.0, np.nan]]), np.array([[np.inf]])]
)
def test_sound_that_cannot_be_written_leaves_no_file(tmp_path, wav):
    with pytest.raises(ValueError):
        write_wav(tmp_path / "a.wav", wav, RATE)
    assert os.listdir(tmp_path) == []


def test_a_wav_in_no_directory_is_refused(tmp_path):
    with pytest.raises(ValueError, match="cannot be written"):
        write_wav(tmp_path / "none" / "a.wav", tone(0.1), RATE)


def test_unreadable_sound_is_named_with_a_way_out(tmp_path):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no sound here\n" * 50)
    samples = np.array([[0.0], [np.nan]], np.float32)
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "zero.wav", np.zeros((0, 1)), RATE)
    with av.open(str(tmp_path / "silent.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    bad = {"missing.wav": "does not exist", ".": "directory", "empty.wav": "empty"}
    bad |= {"text.wav": "not a readable", "nan.wav": "NaN", "zero.wav": "empty"}
    bad |= {"silent.mp4": "no sound"}
    for name, reason in bad.items():
        with pytest.raises(ValueError, match=reason) as caught:
            read_audio(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value) and "\n" not in str(caught.value)
