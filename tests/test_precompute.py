"""Folders of clips: which are in them, what each is, and what is kept of them on disk."""

import numpy as np
import pytest

from folai.data import clips, other_cameras, rendered_clips
from folai.data.clips import TRUTH_RATE, load_clips, true_rms
from folai.data.listing import list_clips
from folai.data.other_cameras import load_guises
from folai.data.rendered_clips import load_rendered
from folai.media.mux import mux
from folai.render import random_scene, write_clip

CLIPS = "path,split,notes\na.mp4,train,\nsub/b.mp4,val,\nc.mp4,train,loud\n"
ONSETS = "path,time_seconds,material\na.mp4,0.4,wood\na.mp4,0.2,None\nsub/b.mp4,0.1,wood\n"


@pytest.fixture(scope="module")
def sounding(tmp_path_factory):
    """A folder with one clip of 0.5 s, whose sound is a click at 0.2 s."""
    folder = tmp_path_factory.mktemp("clips")
    silent = folder / "silent.mp4"
    write_clip(random_scene(1, duration=0.5), silent, size=(86, 64), exposures=1)
    wav = np.zeros((1, 22_050), np.float32)
    wav[:, 8820:9261] = 0.3 * np.random.default_rng(0).uniform(-1, 1, 441)
    mux(silent, wav, 44_100, folder / "clip.mp4")
    silent.unlink()
    return folder


def only_clip(folder, cache):
    (clip,) = load_clips(list_clips(folder), cache)
    return clip


def names(listings):
    return [listing.name for listing in listings]


def test_a_folder_without_tables(tmp_path):
    for name in ("b.mp4", "a.MOV", "deep/er/c.webm", "notes.txt", "sound.wav"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    listings = list_clips(tmp_path)
    assert names(listings) == ["a.MOV", "b.mp4", "deep/er/c.webm"]
    assert listings[2].path == tmp_path / "deep/er/c.webm"
    assert all(listing.annotated is None for listing in listings)


def test_a_folder_with_tables(tmp_path):
    (tmp_path / "clips.csv").write_text(CLIPS)
    (tmp_path / "onsets.csv").write_text(ONSETS)
    assert names(list_clips(tmp_path)) == ["a.mp4", "sub/b.mp4", "c.mp4"]
    assert names(list_clips(tmp_path, "val")) == ["sub/b.mp4"]
    first, last = list_clips(tmp_path, "train")
    assert first.annotated.tolist() == [0.2, 0.4] and last.annotated is None


@pytest.mark.parametrize(
    ("clips", "onsets", "split", "said"),
    [
        (CLIPS, None, "test", "clips.csv: no split 'test'; it has train, val"),
        ("path,notes\na.mp4,\n", None, None, "clips.csv: no column split"),
        ("", None, None, "clips.csv: no column path, split"),
        ("path,split\na.mp4\n", None, None, "clips.csv: row 1 is cut short"),
        (CLIPS, "path,time\na.mp4,1\n", None, "onsets.csv: no column time_seconds"),
        (CLIPS, "path,time_seconds\na.mp4,soon\n", None, "onsets.csv: time_seconds is 'soon'"),
        (None, None, None, "no video files; expected .mp4"),
    ],
)
def test_bad_folders(tmp_path, clips, onsets, split, said):
    for name, text in (("clips.csv", clips), ("onsets.csv", onsets)):
        if text is not None:
            (tmp_path / name).write_text(text)
    with pytest.raises(ValueError) as caught:
        list_clips(tmp_path, split)
    message = str(caught.value)
    assert said in message and "\n" not in message and str(tmp_path) in message


def test_no_folder(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        list_clips(tmp_path / "missing")


def test_what_a_clip_is(sounding, tmp_path):
    (clip,) = load_clips(list_clips(sounding), tmp_path / "cache")
    assert clip.name == "clip.mp4" and clip.fps == 30.0 and clip.annotated is None
    assert clip.pictures.num_steps == 14
    assert clip.rms.dtype == np.float32
    assert len(clip.rms) == pytest.approx(0.5 * TRUTH_RATE, abs=15)
    assert 0.19 < clip.rms.argmax() / TRUTH_RATE < 0.22


def test_sound_is_measured_at_peak_1(sounding):
    rms = true_rms(sounding / "clip.mp4")
    assert 0.2 < rms.max() < 0.5  # of noise at peak 0.3, in a window three times as long: 0.1


def test_what_was_read_is_kept(sounding, tmp_path, monkeypatch):
    first = only_clip(sounding, tmp_path)
    monkeypatch.setattr(clips, "read_pictures", lambda path: pytest.fail("read again"))
    second = only_clip(sounding, tmp_path)
    assert np.array_equal(first.pictures.cells, second.pictures.cells)
    assert np.array_equal(first.rms, second.rms)


def test_guises_show_the_same_time_and_are_kept(sounding, tmp_path, monkeypatch):
    (listing,) = list_clips(sounding)
    clip = only_clip(sounding, tmp_path)
    first = load_guises(listing, clip.pictures, range(3), tmp_path)
    for view in first:  # a frame or two may be left out at either end
        assert view.edges[0] <= 3 / 30 and view.duration > clip.pictures.duration - 3 / 30
        assert not np.array_equal(view.cells, clip.pictures.cells[: view.num_steps])
    monkeypatch.setattr(other_cameras, "seen_as", lambda *given: pytest.fail("made again"))
    second = load_guises(listing, clip.pictures, range(1, 3), tmp_path)
    for view, again in zip(first[1:], second, strict=True):
        assert np.array_equal(view.cells, again.cells)


def test_scenes_are_counted_from_where_one_likes(tmp_path, monkeypatch):
    drawn = []

    def render(seed):
        drawn.append(seed)
        cells = {f"{kind}{i}": np.zeros(2) for kind in ("edges", "cells") for i in range(3)}
        return {**cells, "rms": np.zeros(4, np.float32), "onsets": np.zeros(0)}

    monkeypatch.setattr(rendered_clips, "_render", render)
    scenes = [clip.name for clip in load_rendered(24 / 60, tmp_path, first=7)]
    assert drawn == [7, 8, 9] and scenes == ["rendered-00007", "rendered-00008", "rendered-00009"]
    assert len(list(load_rendered(24 / 60, tmp_path, first=8))) == 3 and drawn == [7, 8, 9, 10]


def test_a_damaged_file_is_made_again(sounding, tmp_path):
    first = only_clip(sounding, tmp_path)
    (stored,) = tmp_path.iterdir()
    whole = stored.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:100], b"", b"not an archive"):
        stored.write_bytes(damaged)
        again = only_clip(sounding, tmp_path)
        # What is summed in blocks depends, in the last bit, on where in memory a picture lies.
        assert np.allclose(first.pictures.cells, again.pictures.cells, rtol=1e-3, atol=1e-6)
        assert stored.stat().st_size == len(whole)
    assert [item.name for item in tmp_path.iterdir()] == [stored.name]


def test_a_changed_clip_is_read_again(sounding, tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    copy = folder / "clip.mp4"
    copy.write_bytes((sounding / "clip.mp4").read_bytes())
    list(load_clips(list_clips(folder), tmp_path / "cache"))
    write_clip(random_scene(2, duration=0.4), folder / "new.mp4", size=(86, 64), exposures=1)
    mux(folder / "new.mp4", np.ones((1, 4410), np.float32) / 2, 44_100, copy)
    (folder / "new.mp4").unlink()
    (clip,) = load_clips(list_clips(folder), tmp_path / "cache")
    assert clip.pictures.num_steps == 11
