"""The envelope: where it sits in time, what edits do to it, and what survives a file."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from folai.envelope import Envelope
from folai.envelope.rms import WINDOW, bin_positions, find_onsets, from_bins

quick = settings(max_examples=25, deadline=None)


@st.composite
def envelopes(draw: st.DrawFn) -> Envelope:
    """Curves of 30 to 400 frames at odd rates, rough, with up to five onsets."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.random(draw(st.integers(30, 400))) ** 3
    rate = draw(st.sampled_from([120.0, 24000 / 1001, 31.25, 86.1328125]))
    onsets = np.sort(rng.random(draw(st.integers(0, 5)))) * len(values) / rate
    return Envelope(values.astype(np.float32), rate, onsets)


def hits(*times: float, duration: float = 3.0, **shape: float) -> Envelope:
    return Envelope.from_hits(times, duration, **shape)


def struck(
    times: NDArray[Any], level: float, decay: float, sample_rate: int = 16000, noisy: bool = False
) -> NDArray[np.float32]:
    """Hits that start sharply, ringing or as bursts of noise, over noise 40 dB below. [T]"""
    rng = np.random.default_rng(0)
    clock = np.arange(int((times[-1] + 1) * sample_rate)) / sample_rate
    wav = 0.01 * rng.standard_normal(len(clock))
    for time in times:
        since = np.maximum(clock - time, 0)
        ring = sum(np.sin(2 * np.pi * hz * since) for hz in (430.0, 1117.0, 2953.0))
        body = rng.standard_normal(len(clock)) if noisy else ring
        wav += np.where(clock >= time, body * np.exp(-since / decay), 0)
    return (0.2 * level * wav).astype(np.float32)


# Timing


@pytest.mark.parametrize("sample_rate", [16000, 22050, 44100, 48000])
@pytest.mark.parametrize("frame_rate", [1000.0, 1378.125, 2000.0])
def test_an_impulse_is_centred_within_a_millisecond(sample_rate: int, frame_rate: float) -> None:
    for sample in np.random.default_rng(0).integers(sample_rate // 10, sample_rate // 2, 20):
        wav = np.zeros(sample_rate)
        wav[sample] = 1.0
        envelope = Envelope.from_audio(wav, sample_rate, frame_rate=frame_rate, onsets=())
        centre = np.average(envelope.times, weights=envelope.values)
        assert abs(centre - sample / sample_rate) < 0.001


@pytest.mark.parametrize("sample_rate", [16000, 44100, 48000])
@pytest.mark.parametrize("frame_rate", [60.0, 120.0, 125.0])
def test_impulses_are_centred_on_average_at_coarse_rates(
    sample_rate: int, frame_rate: float
) -> None:
    # One frame is longer than a millisecond here, so a single impulse can only be placed to half a
    # frame; over all the places it can take between two frames, nothing may be left.
    errors = []
    for sample in np.linspace(0.2, 0.2 + 1 / frame_rate, 100, endpoint=False) * sample_rate:
        wav = np.zeros(sample_rate // 2)
        wav[round(sample)] = 1.0
        envelope = Envelope.from_audio(wav, sample_rate, frame_rate=frame_rate, onsets=())
        centre = np.average(envelope.times, weights=envelope.values)
        errors.append(centre - round(sample) / sample_rate)
    assert abs(np.mean(errors)) < 0.0002
    assert np.abs(errors).max() <= 0.5 / frame_rate + 1e-6


@pytest.mark.parametrize("level", [1.0, 0.1, 0.01])
@pytest.mark.parametrize("decay", [0.01, 0.02, 0.05, 0.1, 0.3])
@pytest.mark.parametrize(("noisy", "tolerance"), [(False, 0.004), (True, 0.006)])
def test_onsets_are_found_where_the_sound_starts(
    level: float, decay: float, noisy: bool, tolerance: float
) -> None:
    times = 0.4 + np.arange(12) * 0.7531
    envelope = Envelope.from_audio(struck(times, level, decay, noisy=noisy), 16000)
    assert len(envelope.onsets) == len(times)
    errors = envelope.onsets - times
    assert np.abs(errors).max() < tolerance
    assert abs(errors.mean()) < 0.002


def test_onsets_of_drawn_hits_and_of_nothing() -> None:
    times = [0.5, 1.013, 2.2]
    np.testing.assert_allclose(find_onsets(hits(*times).values, 120.0), times, atol=0.005)
    assert find_onsets(hits(0.0).values, 120.0) == pytest.approx([0.0], abs=0.01)
    assert find_onsets(np.zeros(100), 120.0).size == 0
    assert find_onsets([], 120.0).size == 0


def test_from_audio_measures_rms() -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(16000) / 16000)
    envelope = Envelope.from_audio(np.stack([tone, tone]), 16000)
    np.testing.assert_allclose(envelope.values[5:-5], np.sqrt(0.5), atol=1e-3)
    assert envelope.num_frames == 120 and envelope.duration == 1.0
    mono = Envelope.from_audio(np.stack([tone, 0 * tone]), 16000)
    np.testing.assert_allclose(mono.values[5:-5], 0.5, atol=1e-3)


def test_from_audio_in_blocks_is_the_same() -> None:
    wav = np.random.default_rng(0).standard_normal(100_000) * 0.1
    whole = Envelope.from_audio(wav, 1000, frame_rate=120.0, onsets=())
    assert whole.num_frames > 8192  # more than one block
    late = Envelope.from_audio(wav[50_000:], 1000, frame_rate=120.0, onsets=())
    np.testing.assert_allclose(whole.values[6010:11990], late.values[10:5990], rtol=1e-5)


def test_from_hits_peaks_and_adds() -> None:
    fine = Envelope.from_hits([(0.5, 0.8)], 1.0, frame_rate=2000.0)
    assert fine.values.max() == pytest.approx(0.8, rel=1e-3)
    assert not fine.values[fine.times < 0.5 - WINDOW / 2].any()
    both, one = hits(0.5, 0.5), hits(0.5)
    np.testing.assert_allclose(both.values, np.sqrt(2) * one.values, rtol=1e-5)
    assert Envelope.from_hits([], 1.0) == Envelope(np.zeros(120, np.float32), 120.0)


# Values


def test_an_envelope_does_not_change() -> None:
    values = np.ones(10, np.float32)
    envelope = Envelope(values, 120.0)
    values[0] = 5.0
    assert envelope.values[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        envelope.values[0] = 2.0


@pytest.mark.parametrize(
    ("values", "rate", "onsets", "message"),
    [
        ([1.0, float("nan")], 120.0, [], "nan at frame 1 is NaN"),
        ([1.0, float("inf")], 120.0, [], "NaN or infinite"),
        ([1.0, -0.5], 120.0, [], "-0.5 at frame 1 is negative"),
        ([], 120.0, [], "empty"),
        ([[1.0]], 120.0, [], "shape"),
        ([1.0], 0.0, [], "frame_rate is 0.0 Hz"),
        ([1.0], float("nan"), [], "frame_rate is nan Hz"),
        ([1.0] * 120, 120.0, [0.5, 0.2], "not in order"),
        ([1.0] * 120, 120.0, [1.5], "outside 0 to 1 s"),
        ([1.0] * 120, 120.0, [float("nan")], "outside 0 to 1 s"),
    ],
)
def test_bad_values_are_named(values: Any, rate: float, onsets: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Envelope(np.array(values, np.float32), rate, np.array(onsets))


def test_at_interpolates_and_is_silent_outside() -> None:
    envelope = Envelope(np.array([1.0, 3.0], np.float32), 10.0)
    assert envelope.at([-0.01, 0.0, 0.05, 0.1, 0.2, 0.21]).tolist() == [
        0.0,
        1.0,
        2.0,
        3.0,
        3.0,
        0.0,
    ]


# Edits


@quick
@given(envelopes(), st.floats(-30, 30))
def test_gain_has_an_inverse(envelope: Envelope, db: float) -> None:
    back = envelope.gain(db).gain(-db)
    np.testing.assert_allclose(back.values, envelope.values, rtol=1e-5)
    assert np.array_equal(back.onsets, envelope.onsets)


@quick
@given(envelopes(), st.integers(-10, 10))
def test_shift_there_and_back(envelope: Envelope, frames: int) -> None:
    seconds = frames / envelope.frame_rate
    back = envelope.shift(seconds).shift(-seconds)
    inside = slice(11, -11)
    np.testing.assert_allclose(back.values[inside], envelope.values[inside], atol=1e-5)


def test_shift_moves_by_a_fraction_of_a_frame() -> None:
    envelope = hits(1.0).shift(0.0123)
    weights = envelope.values.astype(np.float64) ** 2
    before = hits(1.0).values.astype(np.float64) ** 2
    moved = np.average(envelope.times, weights=weights) - np.average(envelope.times, weights=before)
    assert moved == pytest.approx(0.0123, abs=0.001)
    assert envelope.onsets == pytest.approx([1.0123])
    assert hits(2.95).shift(0.1).onsets.size == 0


@quick
@given(envelopes(), st.floats(0, 0.3))
def test_smooth_keeps_the_mean(envelope: Envelope, seconds: float) -> None:
    assert envelope.smooth(seconds).values.mean() == pytest.approx(envelope.values.mean(), rel=1e-4)


@quick
@given(envelopes(), st.integers(2, 5))
def test_resample_up_and_down(envelope: Envelope, times: int) -> None:
    up = envelope.resample(envelope.frame_rate * times)
    assert up.num_frames == envelope.num_frames * times
    back = up.resample(envelope.frame_rate)
    np.testing.assert_allclose(back.values, envelope.values, atol=1e-5)
    assert np.array_equal(back.onsets, envelope.onsets)


def test_resample_cuts_and_fills() -> None:
    envelope = hits(1.0, 2.5)
    assert envelope.resample(120.0, 2.0).onsets.tolist() == [1.0]
    longer = envelope.resample(60.0, 5.0)
    assert longer.duration == 5.0 and not longer.values[longer.times > 3.0].any()


@quick
@given(st.floats(0.1, 2.5), st.floats(0.05, 1.0), st.floats(0.0, 0.05))
def test_a_hit_added_and_removed_leaves_no_trace(time: float, level: float, floor: float) -> None:
    quiet = Envelope(np.full(360, floor, np.float32), 120.0)
    back = quiet.add_hit(time, level, decay=0.05).remove_hit(time)
    assert back.onsets.size == 0
    np.testing.assert_allclose(back.values, quiet.values, atol=0.006 * level)


def test_remove_hit_leaves_its_neighbours() -> None:
    edited = hits(0.5, 1.0, 1.5).remove_hit(1.02)
    assert edited.onsets.tolist() == [0.5, 1.5]
    np.testing.assert_allclose(edited.values, hits(0.5, 1.5).values, atol=0.02)
    with pytest.raises(ValueError, match=r"no onset within 0.05 s of 0.8 s.*0.500"):
        edited.remove_hit(0.8)
    with pytest.raises(ValueError, match="choose from: none"):
        edited.with_onsets([]).remove_hit(0.8)


def test_move_hit_takes_the_bump_along() -> None:
    edited = hits(0.5, 1.0).move_hit(0.5, 2.0)
    assert edited.onsets.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(edited.values, hits(1.0, 2.0).values, atol=0.02)


def test_snap_moves_hits_onto_the_grid() -> None:
    played = hits(0.48, 1.03, 1.6, 2.02)
    snapped = played.snap(0.5, tolerance=0.05)
    np.testing.assert_allclose(snapped.onsets, [0.5, 1.0, 1.6, 2.0])
    found = find_onsets(snapped.values, 120.0)
    np.testing.assert_allclose(found, snapped.onsets, atol=0.006)
    assert played.snap([0.48, 1.03]) == played.snap([0.48, 1.03]).snap([0.48])
    with pytest.raises(ValueError, match="above 0"):
        played.snap(0.0)


def test_gate_mute_and_regions() -> None:
    envelope = Envelope.from_hits([(0.5, 0.8), (1.5, 0.05)], 3.0)
    assert envelope.gate(-20).onsets.tolist() == [0.5]
    assert envelope.gate(-20).values[envelope.values < 0.1].max() == 0
    muted = envelope.mute(0.4, 1.0)
    assert muted.onsets.tolist() == [1.5]
    assert muted.values[(muted.times >= 0.4) & (muted.times <= 1.0)].max() == 0
    louder = envelope.scale_region(1.4, 1.8, 6.0)
    inside = (envelope.times >= 1.4) & (envelope.times <= 1.8)
    np.testing.assert_allclose(louder.values[inside], envelope.values[inside] * 10**0.3, rtol=1e-5)
    far = (envelope.times < 1.39) | (envelope.times > 1.81)
    assert np.array_equal(louder.values[far], envelope.values[far])
    with pytest.raises(ValueError, match="start must come before end"):
        envelope.mute(1.0, 0.5)


def test_sharpen_raises_contrast() -> None:
    envelope = hits(0.5, 1.0, 1.5).smooth(0.02)
    assert envelope.sharpen(0.0) == envelope
    sharp = envelope.sharpen(1.0)
    assert sharp.values.max() == pytest.approx(envelope.values.max())
    assert sharp.values.mean() < 0.9 * envelope.values.mean()
    with pytest.raises(ValueError, match="smooth"):
        envelope.sharpen(-1.0)


EDITS: list[Callable[[Envelope], Envelope]] = [
    lambda e: e.gain(-7.0),
    lambda e: e.shift(0.0371),
    lambda e: e.shift(-0.0371),
    lambda e: e.smooth(0.013),
    lambda e: e.gate(-12.0),
    lambda e: e.sharpen(2.0),
    lambda e: e.scale_region(0.1, 0.3, 12.0),
    lambda e: e.mute(0.1, 0.3),
    lambda e: e.add_hit(0.2, 0.7),
    lambda e: e.add_hit(0.2, 0.7).remove_hit(0.2),
    lambda e: e.add_hit(0.2, 0.7).move_hit(0.2, 0.05),
    lambda e: e.snap(0.1, tolerance=1.0),
    lambda e: e.detect_onsets(),
    lambda e: e.resample(50.0, 0.8),
]


@quick
@given(envelopes())
def test_edits_leave_the_original_alone(envelope: Envelope) -> None:
    before = Envelope(envelope.values, envelope.frame_rate, envelope.onsets)
    for edit in EDITS:
        edited = edit(envelope)  # whose own checks refuse NaN, negative values and stray onsets
        assert edited is not envelope
        assert edited.values.max() < 10
    assert envelope == before


# Bins


@quick
@given(st.floats(0, 1), st.integers(2, 256))
def test_bins_are_within_half_a_bin(rms: float, num_bins: int) -> None:
    bins = np.rint(bin_positions([rms], num_bins))
    low, high = from_bins(bins - 0.5, num_bins), from_bins(bins + 0.5, num_bins)
    assert low[0] - 1e-9 <= rms <= high[0] + 1e-9
    assert bin_positions(from_bins(bins, num_bins), num_bins) == pytest.approx(bins)


def test_bins_follow_mu_law() -> None:
    assert bin_positions([0.0, 1.0, 1.5]).tolist() == [0, 63, 63]
    # F(x) = ln(1 + 127 x) / ln 128: x = 7 / 127 is 3 / 7 of the way, bin 27 of 63
    assert bin_positions([7 / 127]) == pytest.approx([27])
    assert from_bins([27])[0] == pytest.approx(7 / 127)


# Files


@quick
@given(envelope=envelopes())
def test_files_hold_the_envelope_exactly(
    tmp_path_factory: pytest.TempPathFactory, envelope: Envelope
) -> None:
    folder = tmp_path_factory.mktemp("files")
    envelope.save(folder / "a.json")
    assert Envelope.load(folder / "a.json") == envelope
    envelope.save(folder / "a.csv")
    loaded = Envelope.load(folder / "a.csv")
    assert np.array_equal(loaded.values, envelope.values)
    assert np.array_equal(loaded.onsets, envelope.onsets)
    assert loaded.frame_rate == pytest.approx(envelope.frame_rate, rel=1e-9)
    assert sorted(p.name for p in folder.iterdir()) == ["a.csv", "a.json"]


@pytest.mark.parametrize("digits", [3, 4, 6])
@pytest.mark.parametrize("rate", [30.0, 120.0, 125.0])
def test_csv_from_other_programs(tmp_path: Path, digits: int, rate: float) -> None:
    rows = [f"{i / rate:.{digits}f};0.25;note" for i in range(200)]
    path = tmp_path / "other.csv"
    path.write_text("# exported\nseconds;level;comment\n" + "\n".join(rows))
    envelope = Envelope.load(path, frame_rate=rate)
    assert envelope.frame_rate == rate and envelope.num_frames == 200
    assert (envelope.values == 0.25).all()


def test_csv_without_header_that_starts_late(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("".join(f"{0.005 + i / 100},{i}\n" for i in range(11)))
    envelope = Envelope.load(path)
    assert envelope.frame_rate == 100.0
    np.testing.assert_allclose(envelope.values[:3], [0.0, 0.5, 1.5], atol=1e-5)


def test_sound_and_control_signals(tmp_path: Path) -> None:
    times = np.array([0.5, 1.3])
    soundfile.write(tmp_path / "sound.wav", struck(times, 0.5, 0.1), 16000, subtype="FLOAT")
    measured = Envelope.load(tmp_path / "sound.wav", frame_rate=100.0)
    assert measured.frame_rate == 100.0
    np.testing.assert_allclose(measured.onsets, times, atol=0.005)

    drawn = hits(0.5, 1.5)
    soundfile.write(tmp_path / "control.wav", drawn.values, 120, subtype="FLOAT")
    control = Envelope.load(tmp_path / "control.wav")
    assert control.frame_rate == 120.0 and np.array_equal(control.values, drawn.values)


def document(**changes: Any) -> str:
    values = {"format": "folai-envelope", "version": 1, "frame_rate": 120.0}
    return json.dumps(values | {"values": [0.1] * 120, "onsets": []} | changes)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", document(values=[0.1, float("nan")]), "NaN"),
        ("a.json", document(values=[0.1, -0.2]), "negative"),
        ("a.json", document(values=[]), "empty"),
        ("a.json", document(values=[1e300]), "infinite"),
        ("a.json", document(values=["loud"]), "no number"),
        ("a.json", document(values=None), "shape"),
        ("a.json", document(frame_rate=100.0), "frame rate is 100 Hz, not 120: pass --resample"),
        ("a.json", document(values=[0.1] * 60), "lasts 0.500 s, not 1.000 s: pass --resample"),
        ("a.json", document(version=2), "update folai"),
        ("a.json", document(format="other"), "folai-envelope"),
        ("a.json", "[1, 2]", "folai-envelope"),
        ("a.json", '{"format": ', "malformed JSON"),
        ("a.json", '{"format": "folai-envelope", "version": 1}', "missing"),
        ("a.json", " \n", "empty"),
        ("a.csv", "", "empty"),
        ("a.csv", "# nothing\n", "0 rows"),
        ("a.csv", "time,rms,onset\n0.0,0.1,\n", "1 rows"),
        ("a.csv", "time,rms\n0.0,0.1\n0.01,loud\n", "data row 2"),
        ("a.csv", "0.0,0.1\n0.01\n", "data row 2"),
        ("a.csv", "0.0,0.1\n0.01,0.1\n0.1,0.1\n", "not evenly spaced"),
        ("a.csv", "0.0,0.1\n0.01,nan\n", "NaN"),
        ("a.wav", "not a sound", "a.wav"),
        ("a.txt", "not a sound", "a.txt"),
    ],
)
def test_a_bad_file_is_named_in_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        Envelope.load(path, frame_rate=120.0, duration=1.0)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and line.count(str(path)) == 1 and "\n" not in line
    assert path.read_text() == text


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such file"):
        Envelope.load(tmp_path / "none.json")
    with pytest.raises(ValueError, match="is a directory"):
        Envelope.load(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        hits(1.0).save(tmp_path / "missing" / "a.json")
    with pytest.raises(ValueError, match=r"\.json or \.csv"):
        hits(1.0).save(tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_import_needs_numpy_only() -> None:
    heavy = {"torch", "scipy", "cv2", "av", "matplotlib"}
    code = f"import sys, folai.envelope, folai.metrics; print({heavy!r} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


# The picture


def test_plot(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    from folai.envelope.plot import plot_envelope

    envelope = hits(0.5, 1.5)
    frames = [(i / 10, np.full((36, 64, 3), 8 * i, np.uint8)) for i in range(30)]
    plot_envelope(envelope, tmp_path / "a.png", frames=iter(frames), contacts=[0.5], truth=envelope)
    plot_envelope(Envelope(np.zeros(5, np.float32), 120.0), tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match="cannot save"):
        plot_envelope(envelope, tmp_path / "a.unknown")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.png", "b.png"]
