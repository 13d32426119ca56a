"""Labelled sounds: what the tables say is what is read, and rare labels are drawn too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from folai.data.sounds import (
    SAMPLE_RATE,
    Sound,
    load_sounds,
    pick,
    pick_weights,
    pick_window,
)
from folai.media.audio import write_wav

INDEX = "file,start_seconds,seconds,label,split,origin\n"


def tone(seconds: float, level: float) -> np.ndarray:
    return np.full((1, round(seconds * SAMPLE_RATE)), level, np.float32)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Two recordings of 0.5 s in one file, of levels 0.2 and 0.4, and a third in another."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    joined = np.concatenate([tone(0.5, 0.2), tone(0.1, 0.0), tone(0.5, 0.4)], axis=1)
    write_wav(folder / "wood.wav", joined, SAMPLE_RATE)
    write_wav(folder / "leaf.wav", tone(1.0, 0.8), SAMPLE_RATE)
    (folder / "index.csv").write_text(
        INDEX
        + "wood.wav,0.0,0.5,impact/wood,train,alice\n"
        + "wood.wav,0.6,0.5,impact/wood,val,alice\n"
        + "leaf.wav,0.0,1.0,scrape/leaf,train,bob\n"
    )
    return folder


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A clip of 6 s in which wood is hit twice, then something, then leaves."""
    folder = tmp_path / "clips"
    folder.mkdir()
    time = np.arange(6 * SAMPLE_RATE) / SAMPLE_RATE
    write_wav(folder / "a.wav", (time / 6).astype(np.float32)[None], SAMPLE_RATE)
    (folder / "clips.csv").write_text("path,split,dataset\na.wav,train,hits\n")
    (folder / "onsets.csv").write_text(
        "path,time_seconds,material,action\n"
        "a.wav,1.0,wood,hit\na.wav,2.0,wood,hit\na.wav,3.0,None,None\na.wav,4.0,leaf,scratch\n"
    )
    return folder


def test_recordings_are_cut_where_the_index_says(recordings: Path, tmp_path: Path):
    sounds = load_sounds(recordings, tmp_path / "cache")
    assert [(s.label, s.origin, s.split) for s in sounds] == [
        ("impact/wood", "alice", "train"),
        ("scrape/leaf", "bob", "train"),
    ]
    assert sounds[0].seconds == 0.5 and sounds[1].seconds == 1.0
    assert sounds[0].wav.dtype == np.float32
    assert np.allclose(sounds[0].wav, 0.2, atol=1e-4)
    (held_out,) = load_sounds(recordings, tmp_path / "cache", "val")
    assert np.allclose(held_out.wav, 0.4, atol=1e-4)


def test_clips_give_their_whole_sound_and_labelled_parts(clips: Path, tmp_path: Path):
    whole, wood, leaf = load_sounds(clips, tmp_path / "cache")
    assert whole.label == "" and whole.seconds == 6.0
    assert (wood.label, leaf.label) == ("hit/wood", "scratch/leaf")
    # From 0.1 s before its first contact to 0.1 s before that of something else; or 1.5 s.
    assert np.allclose(wood.wav[[0, -1]] * 6, [0.9, 2.9], atol=1e-2)
    assert np.allclose(leaf.wav[[0, -1]] * 6, [3.9, 5.5], atol=1e-2)


def test_a_folder_of_folders_and_the_cache(recordings: Path, clips: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    assert len(load_sounds(tmp_path, cache)) == 5
    stored = sorted(cache.iterdir())
    assert len(stored) == 3
    written = [path.stat().st_mtime_ns for path in stored]
    assert len(load_sounds([recordings, clips], cache)) == 5
    assert [path.stat().st_mtime_ns for path in stored] == written  # not decoded again


def test_rare_labels_and_origins_are_drawn_too():
    samples = np.zeros(10, np.int16)
    many = [Sound(f"a{i}", "impact/wood", "one room", "train", samples) for i in range(90)]
    few = [Sound(f"b{i}", "impact/wood", "another", "train", samples) for i in range(10)]
    rare = [Sound("c", "cloth/zip", "another", "train", samples)]
    weights = pick_weights([*many, *few, *rare])
    assert weights.sum() == pytest.approx(1.0)
    assert weights[:90].sum() == pytest.approx(weights[90:100].sum())  # rooms alike
    assert weights[:100].sum() == pytest.approx(10 * weights[100])  # square root of 100
    drawn = pick([*many, *few, *rare], np.random.default_rng(0), 1000)
    assert 60 < sum(sound.label == "cloth/zip" for sound in drawn) < 130


def test_windows_of_long_and_short_sounds():
    rng = np.random.default_rng(0)
    sound = Sound("s", "", "", "train", np.arange(1, 101, dtype=np.int16))
    inside = np.round(pick_window(sound, 10, rng) * 32767)
    assert np.array_equal(np.diff(inside), np.ones(9))
    around = np.round(pick_window(sound, 300, rng) * 32767)
    assert len(around) == 300
    first = int(np.argmax(around > 0))
    assert np.array_equal(around[first : first + 100], sound.samples)
    assert not around[:first].any() and not around[first + 100 :].any()


def test_what_is_missing_is_said(recordings: Path, tmp_path: Path):
    cache = tmp_path / "cache"
    with pytest.raises(ValueError, match="no such folder"):
        load_sounds(tmp_path / "nowhere", cache)
    with pytest.raises(ValueError, match=r"has no index\.csv or clips\.csv"):
        load_sounds(cache, cache)
    with pytest.raises(ValueError, match="no sounds of split 'test'"):
        load_sounds(recordings, cache, "test")
    (recordings / "index.csv").write_text("file,label\n")
    with pytest.raises(ValueError, match="no column start_seconds, seconds, split, origin"):
        load_sounds(recordings, cache)
