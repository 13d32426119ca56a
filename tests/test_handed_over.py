"""What cameras, telephones and edit suites hand over comes through unharmed, or is refused at once.

Each test makes one kind of input and says what is right for it.
"""

import os
import struct
import subprocess
import sys
import warnings
from fractions import Fraction

import av
import numpy as np
import pytest

from folai.cli import main
from folai.envelope import Envelope
from folai.media.audio import mix, read_audio, write_wav
from folai.media.channels import to_mono, to_stereo
from folai.media.clip import Clip, probe
from folai.media.frames import iter_frames
from folai.media.mux import check_output, mux
from folai.media.rumble import without_rumble
from folai.media.trims import Trims, _boxes
from folai.pipeline import GenerateOptions, generate, read_reference
from folai.writing import written_whole

RATE = 48000


def write_clip(path, count, *, codec="libx264", b_frames=2, rate=30, gop=100, sound=None, **tags):
    """Picture i is of grey 8 i + 8: which are shown, and when, can be read off."""
    options = {"bf": str(b_frames), "g": str(gop)} if codec == "libx264" else {}
    if codec == "libx264":
        options |= {"qp": "10", "sc_threshold": "0", "x264-params": "b-adapt=0"}
    with av.open(str(path), "w") as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        track = None
        if sound is not None:
            track = container.add_stream("aac", rate=RATE)
            track.codec_context.layout = "mono"
        for index in range(count):
            image = np.full((48, 64, 3), 8 * index % 240 + 8, np.uint8)
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None:
            frame = av.AudioFrame.from_ndarray(sound, format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


def shown(path):
    """[(time, grey)] of what a player shows."""
    return [(round(time, 3), int(image.mean())) for time, image in iter_frames(path)]


def trim(path, skipped, kept, rate=30):
    """Let the edit list show only `kept` pictures, after the first `skipped`."""
    data = bytearray(path.read_bytes())
    timescales = {}

    def walk(start, end):
        for name, begin, stop in _boxes(data, start, end):
            if name in (b"moov", b"trak", b"edts", b"mdia"):
                walk(begin, stop)
            elif name in (b"mvhd", b"mdhd"):
                place = begin + (20 if data[begin] else 12)
                timescales[name] = struct.unpack(">I", data[place : place + 4])[0]
            elif name == b"elst":
                edits.append(begin)

    edits = []
    walk(0, len(data))
    (begin,) = edits
    _, start = struct.unpack(">Ii", data[begin + 8 : begin + 16])
    new = kept * timescales[b"mvhd"] // rate, start + skipped * timescales[b"mdhd"] // rate
    data[begin + 8 : begin + 16] = struct.pack(">Ii", *new)
    path.write_bytes(data)
    return path


def silence(path):
    return np.zeros((1, round(probe(path).duration * RATE)), np.float32)


# ---- pictures that were trimmed away


@pytest.mark.parametrize("kept", [9, 10, 11, 12])  # ends on each kind of picture of a GOP
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".m4v"])
def test_trimmed_pictures_stay_away(tmp_path, suffix, kept):
    clip = trim(write_clip(tmp_path / "clip.mp4", 30), 7, kept)
    source = shown(clip)
    assert len(source) == kept and source[0] == (0.0, source[0][1])
    with Clip(clip) as opened:
        assert opened.trims.before and opened.trims.count < 30
    out = tmp_path / f"out{suffix}"
    mux(clip, silence(clip), RATE, out)
    assert shown(out) == source
    assert probe(out).duration == pytest.approx(probe(clip).duration, abs=1e-3)


@pytest.mark.parametrize("suffix", [".mkv"])
def test_a_container_that_cannot_leave_them_out_is_refused_before_the_work(tmp_path, suffix):
    clip = trim(write_clip(tmp_path / "clip.mp4", 30), 7, 12)
    with pytest.raises(ValueError, match=r"would show the pictures that were trimmed.*use \.mp4"):
        check_output(tmp_path / f"out{suffix}", source=clip)
    check_output(tmp_path / "out.wav", source=clip)


def test_a_part_cut_out_of_the_middle_is_refused():
    shown_twice = [(0, False), (1, False), (2, True), (1, True), (2, False)]
    assert Trims.of(shown_twice).inside == 2
    with pytest.raises(ValueError, match="cut out of its middle"):
        Trims.of(shown_twice).check("a.mp4", "b.mp4", "mp4")


# ---- few pictures, and pictures that no container takes


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_few_pictures_with_b_frames(tmp_path, count, suffix):
    clip = write_clip(tmp_path / "clip.mkv", count)
    out = tmp_path / f"out{suffix}"
    mux(clip, silence(clip), RATE, out)
    assert [grey for _, grey in shown(out)] == [grey for _, grey in shown(clip)]


@pytest.mark.parametrize(("codec", "suffix"), [("flv", ".flv"), ("wmv2", ".avi")])
def test_pictures_that_no_container_takes_are_encoded(tmp_path, monkeypatch, codec, suffix, capsys):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / f"old{suffix}", 8, codec=codec)
    Envelope.from_hits([0.1], probe(f"old{suffix}").duration).save("env.json")
    command = f"generate old{suffix} --sound wood --envelope env.json --resample"
    assert main(command.split()) == 0
    assert "they are encoded as H.264" in capsys.readouterr().err
    assert len(shown(f"old.foley{'.mkv'}")) == 8


def test_a_gif_gets_a_name_that_takes_its_pictures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_clip(tmp_path / "old.gif", 8, codec="gif", rate=10)
    Envelope.from_hits([0.1], probe("old.gif").duration).save("env.json")
    command = "generate old.gif --sound wood --envelope env.json --resample"
    assert main(command.split()) == 0
    assert "encoded" not in capsys.readouterr().err
    assert shown("old.foley.mov") == shown("old.gif")


def test_a_last_picture_that_stands_long_is_no_damage(tmp_path):
    write_clip(tmp_path / "s.mp4", 20, b_frames=0)
    with av.open(str(tmp_path / "s.mp4")) as source, av.open(f"{tmp_path}/rest.mp4", "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream, opaque=True)
        packets = [packet for packet in source.demux(stream) if packet.size]
        packets[-1].duration = round(2.5 / packets[-1].time_base)
        for packet in packets:
            packet.stream = copy
            target.mux(packet)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(shown(tmp_path / "rest.mp4")) == 20


# ---- time


def test_joined_transport_streams_go_on(tmp_path):
    write_clip(tmp_path / "a.ts", 15, b_frames=0, sound=tone(0.5))
    part = (tmp_path / "a.ts").read_bytes()
    (tmp_path / "joined.ts").write_bytes(part + part)
    pictures = shown(tmp_path / "joined.ts")
    assert [grey for _, grey in pictures] == [grey for _, grey in shown(tmp_path / "a.ts")] * 2
    assert probe(tmp_path / "joined.ts").duration == pytest.approx(1.0, abs=0.05)
    mux(tmp_path / "joined.ts", np.zeros((1, RATE), np.float32), RATE, tmp_path / "out.mp4")
    assert len(shown(tmp_path / "out.mp4")) == 30
    assert read_audio(tmp_path / "joined.ts")[0].shape[1] == pytest.approx(
        RATE, rel=0.1
    )  # whole AAC frames


def test_a_timecode_counts_in_the_nominal_rate(tmp_path):
    from folai.studio.broadcast_wave import timecode_seconds

    write_clip(tmp_path / "full.mp4", 40, b_frames=0)
    with (
        av.open(str(tmp_path / "full.mp4")) as source,
        av.open(f"{tmp_path}/vfr.mp4", "w") as target,
    ):
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream, opaque=True)
        packets = [packet for packet in source.demux(stream) if packet.size]
        packets[20].duration *= 2
        for number, packet in enumerate(packets):
            if number == 21:
                continue  # one picture dropped
            packet.stream = copy
            target.mux(packet)
    info = probe(tmp_path / "vfr.mp4")
    assert info.fps < 30 and info.nominal_fps == 30
    assert timecode_seconds("10:00:00:00", info.nominal_fps) == 36000


# ---- sound


def tone(seconds, level=0.3):
    times = np.arange(round(seconds * RATE)) / RATE
    return (level * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None]


def encode(container, track, wav, layout="mono"):
    for begin in range(0, wav.shape[1], 1024):
        block = np.ascontiguousarray(wav[:, begin : begin + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
        container.mux(track.encode(frame))
    container.mux(track.encode())


def write_surround(path, levels):
    """A FLAC of 5.1: a tone in each channel at its level; beside pictures, in Matroska."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        track = container.add_stream("flac", rate=RATE)
        track.codec_context.layout = "5.1"
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode())
        encode(container, track, np.concatenate([tone(1.0, level) for level in levels]), "5.1")
    return path


def level(wav):
    return float(np.abs(wav).max())


def test_dialogue_in_the_centre_is_heard_at_minus_3_db(tmp_path):
    clip = write_surround(tmp_path / "c.mkv", [0, 0, 0.5, 0, 0, 0])
    stereo, _ = read_audio(clip)
    assert stereo.shape[0] == 2
    assert 20 * np.log10(level(stereo[0]) / 0.5) == pytest.approx(-3.0, abs=0.1)
    mono, _ = read_audio(clip, mono=True)
    assert 20 * np.log10(level(mono) / 0.5) == pytest.approx(-3.0, abs=0.1)


def test_channels_are_folded_as_bs_775_says():
    names = ["FL", "FR", "FC", "LFE", "SL", "SR"]
    for index, shares in enumerate(
        [(1, 0), (0, 1), (0.707, 0.707), (0, 0), (0.707, 0), (0, 0.707)]
    ):
        wav = np.zeros((6, 4), np.float32)
        wav[index] = 1.0
        assert to_stereo(wav, names)[:, 0] == pytest.approx(shares, abs=1e-3)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_surround_stays_where_sound_is_mixed_in(tmp_path, suffix):
    clip = write_surround(tmp_path / "c.mkv", [0, 0, 0.25, 0, 0.1, 0.05])
    out = tmp_path / f"out{suffix}"
    mux(clip, tone(1.0, 0.2), RATE, out, mix_db=0.0)
    wav, _ = read_audio(out, surround=True)
    peaks = [level(channel[4800:-4800]) for channel in wav]
    assert peaks == pytest.approx([0.2, 0.2, 0.25, 0.0, 0.1, 0.05], abs=0.02)


def test_a_mix_above_full_scale_is_turned_down_as_a_whole():
    with pytest.warns(UserWarning, match=r"turned down by 2\.8 dB as a whole"):
        mixed = mix(tone(0.1, 0.5), tone(0.1, 0.865), 0.0)
    assert level(mixed) == pytest.approx(0.99, abs=1e-3)


def test_an_offset_makes_no_onset_and_no_rumble(tmp_path):
    times = np.arange(2 * RATE) / RATE
    rng = np.random.default_rng(0)
    hits = sum((times >= h) * 0.4 * np.exp(-18 * np.maximum(times - h, 0)) for h in (0.5, 1.3))
    clean = (hits * rng.standard_normal(len(times)) * 0.3).astype(np.float32)[None]
    for name, wav in (("clean", clean), ("offset", clean + np.float32(0.03))):
        write_wav(tmp_path / f"{name}.wav", wav, RATE)
    envelopes = [Envelope.load(tmp_path / f"{name}.wav") for name in ("clean", "offset")]
    assert envelopes[1].onsets == pytest.approx(envelopes[0].onsets, abs=0.01)
    assert np.median(envelopes[1].values) < 1e-3
    reference, _ = read_reference(GenerateOptions(reference=tmp_path / "offset.wav"))
    assert abs(float(reference.mean())) < 1e-4


def test_nothing_sounds_before_an_attack():
    wav = np.zeros((1, RATE), np.float32)
    wav[0, RATE // 2] = 0.9
    filtered = without_rumble(wav, RATE)
    assert filtered[0].argmax() == RATE // 2 and level(filtered[:, : RATE // 2]) < 1e-3
    assert level(without_rumble(tone(1.0), RATE)[:, RATE // 4 :]) == pytest.approx(0.3, abs=0.01)
    long = np.tile(tone(1.0), 50)  # more than one block
    ends = [without_rumble(wav, RATE)[:, -RATE:] for wav in (long, long[:, -2 * RATE :])]
    assert np.allclose(*ends, atol=1e-3)


def test_channels_that_cancel_each_other(tmp_path):
    stereo = np.concatenate([tone(0.5), -tone(0.5)])
    assert level(to_mono(stereo)) == pytest.approx(0.3, abs=1e-3)
    write_wav(tmp_path / "oop.wav", stereo, RATE)
    assert level(read_audio(tmp_path / "oop.wav", mono=True)[0]) == pytest.approx(0.3, abs=1e-3)


def test_sound_that_cannot_be_decoded_is_silence(tmp_path):
    clip = write_clip(tmp_path / "clip.mov", 20, sound=tone(0.6))
    data = clip.read_bytes()
    assert data.count(b"mp4a") >= 1
    clip.write_bytes(data.replace(b"mp4a", b"apac").replace(b"esds", b"dapa"))
    with pytest.warns(UserWarning, match="cannot be decoded; it is taken as silent"):
        assert not probe(clip).has_audio
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mux(clip, tone(0.6), RATE, tmp_path / "out.mov", mix_db=0.0)
        with pytest.raises(ValueError, match="its sound cannot be decoded; export it again"):
            read_audio(clip)
    assert read_audio(tmp_path / "out.mov")[0].any()


# ---- tags and further tracks


def write_rich(path):
    """Two sound tracks, chapters, a title, a date, a timecode."""
    with av.open(str(path), "w") as container:
        container.metadata.update(title="Scene 1", creation_time="2024-05-01T10:00:00.000000Z")
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.metadata["timecode"] = "01:00:00:00"
        tracks = [container.add_stream("aac", rate=RATE) for _ in range(2)]
        tracks[1].metadata.update(language="fra", title="Commentary")
        for track in tracks:
            track.codec_context.layout = "mono"
        container.set_chapters(
            [
                {"id": 0, "start": 0, "end": 500, "time_base": Fraction(1, 1000),
                 "metadata": {"title": "One"}},
                {"id": 1, "start": 500, "end": 1000, "time_base": Fraction(1, 1000),
                 "metadata": {"title": "Two"}},
            ]
        )  # fmt: skip
        for _ in range(25):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
        for track in tracks:
            frame = av.AudioFrame.from_ndarray(tone(1.0), format="fltp", layout="mono")
            frame.sample_rate = RATE
            container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_what_else_a_clip_holds_is_carried_over(tmp_path, suffix):
    clip = write_rich(tmp_path / "in.mov")
    out = tmp_path / f"out{suffix}"
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        mux(clip, tone(1.0), RATE, out)
    with av.open(str(out)) as copy:
        tags = {key.lower(): value for key, value in copy.metadata.items()}
        assert tags["title"] == "Scene 1" and tags["creation_time"].startswith("2024-05-01T10:00")
        assert [c["metadata"]["title"] for c in copy.chapters()] == ["One", "Two"]
        assert len(copy.streams.audio) == 2 and copy.streams.audio[1].language == "fra"
    assert probe(out).timecode == "01:00:00:00"
    assert not messages, [str(m.message) for m in messages]


def test_what_a_container_does_not_take_is_named(tmp_path):
    clip = tmp_path / "in.mkv"
    with av.open(str(clip), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("flac", rate=RATE)
        second = container.add_stream("flac", rate=RATE)
        second.metadata["title"] = "Wild track"
        for one in (track, second):
            one.codec_context.layout = "mono"
        for _ in range(10):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
        for one in (track, second):
            encode(container, one, tone(0.4))
    with pytest.warns(UserWarning, match=r"does not hold the audio track \(Wild track\)"):
        mux(clip, tone(0.4), RATE, tmp_path / "out.webm")


# ---- names, links, pipes


def test_a_symbolic_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "disk.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("disk.txt")
    with written_whole(tmp_path / "link.txt") as partial:
        partial.write_text("new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "disk.txt").read_text() == "new"


def test_a_name_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ("\N{GRINNING FACE}" * 61 + ".mp4")
    with written_whole(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "f.mp4")
    with pytest.raises(ValueError, match=r"f\.mp4: is a pipe or a device; save it to a file first"):
        probe(tmp_path / "f.mp4")


def test_a_console_without_the_characters_of_a_name(tmp_path):
    Envelope.from_hits([0.1], 0.5).save(tmp_path / "env.json")
    (tmp_path / "env.json").rename(tmp_path / "\u65e5\u672c.json")
    command = [sys.executable, "-m", "folai", "edit", "\u65e5\u672c.json", "-o", "\u672c.csv"]
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True)
    assert done.returncode == 0 and b"\\u672c.csv: 0.50 s" in done.stdout


def test_half_an_hour_of_reference(tmp_path, monkeypatch, clip):
    monkeypatch.setattr("folai.pipeline.LONGEST_REFERENCE", 0.5)
    write_wav(tmp_path / "long.wav", tone(2.0), RATE)
    options = GenerateOptions(
        reference=tmp_path / "long.wav",
        engine="preview",
        envelope=Envelope.from_hits([0.5], 2.5),
        sample_rate=RATE,
    )
    with pytest.warns(UserWarning, match=r"long\.wav: its first .* minutes are used"):
        assert read_reference(options)[0].shape[1] == RATE // 2
        assert generate(clip, options=options).wav.any()
