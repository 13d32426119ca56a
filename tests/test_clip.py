"""A clip is opened once for what it is, and once more for each time its contents are read."""

from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest

from folai.envelope import Envelope
from folai.media import files, frames
from folai.media.audio import read_audio, write_wav
from folai.media.clip import Clip, opened, probe
from folai.media.encode import write_pictures
from folai.media.frames import Frame, iter_frames
from folai.media.mux import check_output, mux, mux_takes
from folai.pipeline import (
    GenerateOptions,
    generate,
    measure_envelope,
    play_envelope,
    predict_envelope,
)
from folai.preview.events import cut_events as events
from test_video import FILM, RATE, clicks, write_clip


@pytest.fixture
def openings(monkeypatch):
    """How often each file has been opened for reading, by name."""
    counts: Counter[str] = Counter()
    real = av.open

    def counting(file, mode="r", *args, **options):
        if mode == "r":
            counts[Path(file).name] += 1
        return real(file, mode, *args, **options)

    monkeypatch.setattr(av, "open", counting)
    return counts


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", [t + 0.5 for t in FILM], sound=clicks([0.7], 1.5))


def packets(path):
    with av.open(str(path)) as container:
        return [
            (p.stream.index, p.pts, p.dts, p.duration, bytes(p))
            for p in container.demux()
            if p.size
        ]


def test_a_clip_remembers_what_it_is(clip, openings):
    with Clip(clip) as held:
        assert held.info == probe(clip) and held.info.has_audio
        assert held.info.pixel_format == "yuv420p" and held.info.timecode is None
        assert held.times == pytest.approx([frame.time for frame in held.frames()], abs=1e-9)
        assert held.times == pytest.approx(FILM, abs=1e-5)
        openings.clear()
        for _ in range(3):
            check_output(clip.with_name("out.mkv"), source=held)
            assert held.info.duration > 0
        assert not openings
        with opened(held) as same:
            assert same is held
        assert repr(held) == f"Clip({str(clip)!r}, 64x48, {held.info.duration:.2f} s)"


def test_each_reading_opens_the_clip_once(clip, openings):
    with Clip(clip) as held:
        assert openings == {"clip.mp4": 1}
        list(held.frames(height=24))
        assert openings == {"clip.mp4": 2}
        wav, rate = held.audio(sample_rate=16000, mono=True)
        assert openings == {"clip.mp4": 3}
    expected, _ = read_audio(clip, sample_rate=16000, mono=True)
    assert rate == 16000 and np.array_equal(wav, expected)
    openings.clear()
    list(iter_frames(clip))
    assert openings == {"clip.mp4": 1}


def test_a_matroska_file_with_sound_is_read_in_one_pass(tmp_path, openings):
    clip = write_clip(tmp_path / "clip.mkv", FILM, sound=clicks([0.2], 1.0))
    assert len(list(iter_frames(clip))) == len(FILM)
    assert openings == {"clip.mkv": 1}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("source", ["clip.mp4", "clip.mkv"])
def test_takes_written_at_once_are_those_written_one_by_one(tmp_path, source, suffix, openings):
    times = [0.5 + t for t in [0.0, 0.05, 0.1, 0.3, 0.35, 0.4, 0.45, 0.8, 0.9, 1.0]]
    clip = write_clip(tmp_path / source, times, b_frames=2, sound=clicks([0.7], 1.5))
    takes = [clicks([at], 0.4 + at) for at in (0.1, 0.3, 0.6)]
    outs = [tmp_path / f"take{n}{suffix}" for n in range(3)]
    openings.clear()
    mux_takes(clip, takes, RATE, outs, mix_db=-6.0)
    assert openings[source] == 3  # what it is, its sound, its packets
    for take, out in zip(takes, outs, strict=True):
        alone = out.with_stem(f"{out.stem}-alone")
        mux(clip, take, RATE, alone, mix_db=-6.0)
        assert packets(out) == packets(alone)


def test_a_take_that_cannot_be_written_is_named(tmp_path, clip, monkeypatch):
    from folai.media import output as module

    real = module._encoded

    def failing(sound, rate, track):
        yield from real(sound[:, :4096], rate, track)
        if sound.max() > 0.6:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_encoded", failing)
    takes = [0.5 * clicks([0.1], 1.0), clicks([0.1], 1.0)]
    outs = [tmp_path / "one.mkv", tmp_path / "two.mkv"]
    with pytest.raises(ValueError, match=r"two\.mkv: cannot be written \(No space left"):
        mux_takes(clip, takes, RATE, outs)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("variations", [1, 4])
@pytest.mark.parametrize("out", ["out.mp4", "out.wav", None])
def test_generate_opens_clip_and_reference_as_often_for_any_number_of_takes(
    tmp_path, clip, out, variations, openings
):
    write_wav(tmp_path / "hit.wav", clicks([0.05], 0.3), RATE)
    mix_db = None if out is None else -6.0
    options = GenerateOptions(
        reference=tmp_path / "hit.wav", engine="preview", variations=variations, mix_db=mix_db
    )
    result = generate(clip, None if out is None else tmp_path / out, options)
    assert len(result.takes) == variations and len(result.paths) == (variations if out else 0)
    most = {"out.mp4": 4, "out.wav": 3, None: 2}[out]  # what it is, pictures, sound, packets
    assert openings["clip.mp4"] == most and openings["hit.wav"] == 1


def test_a_reference_is_cut_once_for_all_takes(clip, monkeypatch):
    cut = []
    monkeypatch.setattr("folai.engines.preview.cut_events", lambda *a: cut.append(a) or events(*a))
    envelope = Envelope.from_hits([0.2, 0.6], 1.0)
    options = GenerateOptions(reference=clicks([0.05], 0.3), engine="preview", variations=4)
    assert len(play_envelope(envelope, options).takes) == 4 and len(cut) == 1


def test_an_envelope_takes_two_openings(clip, openings):
    predict_envelope(clip)
    assert openings == {"clip.mp4": 2}
    measure_envelope(clip)
    assert openings == {"clip.mp4": 4}
    with Clip(clip) as held:
        openings.clear()
        predicted = predict_envelope(held)
        measure_envelope(held)
        assert openings == {"clip.mp4": 2}
    assert predicted == predict_envelope(clip)


def test_a_whole_generation_decodes_each_picture_once(clip, tmp_path, openings, monkeypatch):
    decoded: Counter[str] = Counter()

    def counting(container, stream, beside=None):
        for frame in files.decode(container, stream, beside):
            decoded[stream.type] += 1
            yield frame

    monkeypatch.setattr("folai.media.frames.decode", counting)
    generate(clip, tmp_path / "out.mp4", GenerateOptions(sound="wood"))
    assert decoded == {"video": len(FILM)}
    # What it is, with its first picture; its pictures; its packets.
    assert openings["clip.mp4"] == 3


def test_much_smaller_pictures_are_decoded_roughly_and_hardly_differ(tmp_path, monkeypatch):
    path = tmp_path / "tall.mp4"
    rng = np.random.default_rng(0)
    patches = rng.integers(0, 200, (36, 64, 3), dtype=np.uint8).repeat(16, axis=0)
    patches = patches.repeat(16, axis=1)
    pictures = (Frame(i / 25, np.roll(patches, 5 * i, axis=1)) for i in range(10))
    write_pictures(path, pictures, crf=40)
    rough = [frame.image.astype(float) for frame in iter_frames(path, height=128)]
    monkeypatch.setattr(frames, "HARDLY_SEEN", 100)
    exact = [frame.image.astype(float) for frame in iter_frames(path, height=128)]
    apart = [np.abs(a - b).mean() for a, b in zip(rough, exact, strict=True)]
    assert 0 < max(apart) < 1.0 and np.mean(apart) < 0.2  # grey levels


def test_progress_of_writing_rises_to_the_end_and_may_stop_it(tmp_path, clip):
    told = []
    outs = [tmp_path / "one.mkv", tmp_path / "two.mkv"]
    takes = [clicks([0.1], 1.0)] * 2
    mux_takes(clip, takes, RATE, outs, progress=told.append)
    assert told == sorted(told) and 0.9 < told[-1] <= 1
    for out in outs:
        out.unlink()

    def stop(share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mux_takes(clip, takes, RATE, outs, progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.filterwarnings("ignore:.*damaged")
def test_no_damage_raises_anything_but_a_value_error(tmp_path):
    """In a transport stream, damage makes streams appear that the header did not announce."""
    whole = write_clip(tmp_path / "whole.ts", FILM, b_frames=2, sound=clicks([0.7], 1.0))
    content = whole.read_bytes()
    rng = np.random.default_rng(0)
    damaged = tmp_path / "damaged.ts"
    for _ in range(12):
        broken = bytearray(content)
        for place in rng.integers(len(content) // 5, len(content), 60):
            broken[place] ^= 0xFF
        damaged.write_bytes(broken)
        for read in (probe, lambda path: list(iter_frames(path)), read_audio):
            try:
                result = read(damaged)
            except ValueError as error:
                assert str(damaged) in str(error)
            else:  # a damaged timestamp hours ahead is not filled up with silence
                assert read is not read_audio or result[0].shape[1] < 600 * result[1]
