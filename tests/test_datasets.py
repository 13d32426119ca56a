"""Data sets as published, imitated in miniature, become clips that training reads."""

import csv
import json
import tarfile

import numpy as np
import pytest

from folai.cli import main
from folai.data.layouts import (
    Contact,
    greatest_hits,
    hashed_split,
    plain_folder,
    read_times,
    stick_prompt,
    walking_the_maps,
)
from folai.data.listing import list_clips
from folai.data.prepare import PrepareOptions, prepare
from folai.data.shards import local_folder
from folai.data.sounds import load_sounds
from folai.envelope import Envelope
from folai.media.audio import read_audio
from folai.media.clip import probe
from folai.media.frames import iter_frames
from folai.media.mux import mux
from folai.preview.lay import lay

TIMES = "0.5 wood hit static\n1.5 metal scratch None\n2.1 None None None\n"


def test_videos_of_cameras_are_found_and_programs_are_not(tmp_path):
    packet = b"G" + bytes(187)
    for name in ("a.MXF", "b.ts", "c/d.m2ts", "e.mpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(packet)
    (tmp_path / "player.ts").write_text("export const rate = 30;")
    (tmp_path / "small.gif").write_bytes(b"GIF89a")
    assert [clip.name for clip in list_clips(tmp_path)] == ["a.MXF", "b.ts", "c/d.m2ts", "e.mpg"]


@pytest.fixture(scope="module")
def sounding(clip, scene, tmp_path_factory):
    """A clip of 2.5 s with the sound of its contacts."""
    path = tmp_path_factory.mktemp("data") / "sounding.mp4"
    envelope = Envelope.from_hits([(time, 0.5) for time in scene.onsets], 2.5)
    mux(clip, lay(envelope, sound="wood"), 44100, path)
    return path


@pytest.fixture
def hits(sounding, tmp_path):
    """Greatest Hits as unpacked, four recordings of it, of which one is broken."""
    source = tmp_path / "vis-data"
    source.mkdir()
    for name in ("2015-01", "2015-02", "2015-03", "2015-09"):
        (source / f"{name}_mic.mp4").write_bytes(sounding.read_bytes())
        (source / f"{name}_denoised.mp4").write_bytes(b"not looked at")
        (source / f"{name}_times.txt").write_text(TIMES)
    (source / "2015-03_mic.mp4").write_bytes(b"cut short")
    (source / "train.txt").write_text("2015-01\n2015-03\n2015-77\n")
    (source / "val.txt").write_text("2015-02\n")
    return source


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_greatest_hits_as_published(hits, sounding, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["data", "prepare", "greatest-hits", str(hits), str(out), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["recordings"] == {"train": 2, "val": 1}
    assert told["published"] == {"train": 683, "val": 98, "test": 196}
    assert told["clips"] == {"train": 1, "val": 1}
    assert told["skipped"] == {
        "2015-09": "in none of the split files",
        "2015-77": "has no video here",
    }
    assert list(told["broken"]) == ["2015-03"]
    assert json.loads((out / "manifest.json").read_text())["skipped"] == told["skipped"]
    assert (out / "clips" / "2015-01.mp4").read_bytes() == sounding.read_bytes()
    table = rows(out / "clips.csv")
    assert [(row["path"], row["split"]) for row in table] == [
        ("clips/2015-01.mp4", "train"),
        ("clips/2015-02.mp4", "val"),
    ]
    prompt = "A person hits wood and scratches metal with a wooden stick."
    assert table[0]["prompt"] == prompt and table[0]["action"] == "wood hit x1; metal scratch x1"
    onsets = [(float(row["time_seconds"]), row["material"]) for row in rows(out / "onsets.csv")]
    assert onsets == [(0.5, "wood"), (1.5, "metal"), (2.1, "None")] * 2
    envelope = Envelope.load(out / "envelopes" / "2015-01.json")
    assert envelope.duration == pytest.approx(2.5, abs=0.02) and len(envelope.onsets)
    assert [listing.name for listing in list_clips(out, "val")] == ["clips/2015-02.mp4"]
    assert {s.label for s in load_sounds(out, tmp_path / "cache", "val")} >= {"", "hit/wood"}


def test_an_interrupted_run_goes_on(hits, tmp_path):
    (hits / "2015-03_mic.mp4").unlink()
    options = PrepareOptions("greatest-hits", hits, tmp_path / "out")
    first = prepare(options)
    written = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "clips").iterdir()}
    (tmp_path / "out" / "records" / "2015-02.json").unlink()  # as if it had not come so far
    second = prepare(options)
    assert second == first and second.skipped["2015-03"] == "has no video here"
    again = {p: p.stat().st_mtime_ns for p in written}
    changed = [p.name for p in written if again[p] != written[p]]
    assert changed == ["2015-02.mp4"]


def test_pieces_are_cut_with_their_sound_and_contacts(hits, sounding, tmp_path):
    (hits / "2015-03_mic.mp4").unlink()
    out = tmp_path / "out"
    options = PrepareOptions("greatest-hits", hits, out, piece=1.0, height=64, shards=3)
    report = prepare(options)
    assert [p.path for p in report.pieces if p.split == "val"] == [
        "clips/2015-02_000.mp4",
        "clips/2015-02_001.mp4",
    ]
    info = probe(out / "clips" / "2015-02_001.mp4")
    assert (info.duration, info.height) == (pytest.approx(1.0, abs=0.02), 64)
    assert next(iter_frames(info.path)).time == 0.0
    wav, rate = read_audio(sounding)
    cut, _ = read_audio(out / "clips" / "2015-02_001.mp4")
    whole = wav[0, rate : rate + cut.shape[1]]
    assert np.corrcoef(whole, cut[0, : len(whole)])[0, 1] > 0.98
    assert [row["time_seconds"] for row in rows(out / "onsets.csv")][:2] == ["0.5", "0.5"]
    assert report.pieces[1].prompt == "A person scratches metal with a wooden stick."

    assert report.shards == ("train-00000.tar", "val-00000.tar")
    with tarfile.open(out / "shards" / "train-00000.tar") as tar:
        names = tar.getnames()
        told = json.load(tar.extractfile("2015-01_001.json"))
    assert names[:3] == ["2015-01_000.mp4", "2015-01_000.envelope.json", "2015-01_000.json"]
    assert told["split"] == "train" and told["contacts"][0]["action"] == "scratch"
    before = (out / "shards" / "train-00000.tar").read_bytes()
    prepare(options)
    assert (out / "shards" / "train-00000.tar").read_bytes() == before


def test_shards_are_what_training_reads(hits, tmp_path):
    out = tmp_path / "out"
    prepare(PrepareOptions("greatest-hits", hits, out, piece=1.0, height=64, shards=3))
    assert local_folder(out, tmp_path / "cache") == out
    unpacked = local_folder(out / "shards", tmp_path / "cache")
    for split in ("train", "val"):
        ours, theirs = (list_clips(folder, split) for folder in (unpacked, out))
        assert [clip.name for clip in ours] == [clip.name for clip in theirs]
        for clip, other in zip(ours, theirs, strict=True):
            assert clip.path.read_bytes() == other.path.read_bytes()
            assert np.array_equal(clip.annotated, other.annotated)
    times = {path: path.stat().st_mtime_ns for path in unpacked.rglob("*")}
    assert local_folder(out / "shards", tmp_path / "cache") == unpacked  # once
    assert times == {path: path.stat().st_mtime_ns for path in unpacked.rglob("*")}
    shard = out / "shards" / "val-00000.tar"
    shard.write_bytes(shard.read_bytes()[:700])
    with pytest.raises(ValueError, match=r"val-00000\.tar: cannot be read"):
        local_folder(out / "shards", tmp_path / "cache")


def test_shards_are_read_by_webdataset(hits, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    (hits / "2015-03_mic.mp4").unlink()
    prepare(PrepareOptions("greatest-hits", hits, tmp_path / "out", shards=8))
    shard = str(tmp_path / "out" / "shards" / "val-00000.tar")
    (sample,) = list(webdataset.WebDataset(shard, shardshuffle=False))
    assert sample["__key__"] == "2015-02" and {"mp4", "json", "envelope.json"} <= set(sample)


def test_splits_are_never_mixed(hits):
    (hits / "test.txt").write_text("2015-01\n")
    with pytest.raises(ValueError, match=r"2015-01 is in train\.txt and in test\.txt"):
        greatest_hits(hits)
    for name in ("train", "val", "test"):
        (hits / f"{name}.txt").unlink()
    with pytest.raises(ValueError, match="--splits"):
        greatest_hits(hits)


def test_walking_the_maps(sounding, tmp_path):
    for game in ("one", "two"):
        (tmp_path / "maps" / game).mkdir(parents=True)
        (tmp_path / "maps" / game / "walk.1.mp4").write_bytes(sounding.read_bytes())
    layout = walking_the_maps(tmp_path / "maps")
    assert [(r.name, r.split, r.group) for r in layout.recordings] == [
        ("one__walk.1", "test", "one"),
        ("two__walk.1", "test", "two"),
    ]
    report = prepare(PrepareOptions("walking-the-maps", tmp_path / "maps", tmp_path / "out"))
    assert {p.prompt for p in report.pieces} == {"A person walks."}
    assert not (tmp_path / "out" / "onsets.csv").exists()
    (tmp_path / "maps" / "train.txt").write_text("one__walk.1\n")
    split = walking_the_maps(tmp_path / "maps")
    assert split.counts == {"train": 1} and list(split.skipped) == ["two__walk.1"]


def test_a_folder_of_clips(sounding, tmp_path):
    for place in ("val/a.mp4", "train/b.mp4", "c.mp4"):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(sounding.read_bytes())
    layout = plain_folder(tmp_path)
    found = {r.name: r.split for r in layout.recordings}
    assert found == {"val__a": "val", "train__b": "train", "c": hashed_split("c")}
    (tmp_path / "clips.csv").write_text("path,split,prompt\nc.mp4,mine,a drum\n")
    layout = plain_folder(tmp_path)
    assert [(r.name, r.split, r.prompt) for r in layout.recordings] == [("c", "mine", "a drum")]
    assert layout.skipped == {"train__b": "not in clips.csv", "val__a": "not in clips.csv"}
    shares = [hashed_split(str(i)) for i in range(1000)]
    assert 0.75 < shares.count("train") / 1000 < 0.85 and shares.count("test") > 70


def test_contacts_and_prompts(tmp_path):
    path = tmp_path / "x_times.txt"
    path.write_text("2.0 leaf hit\n1.0, rock, scratch, scatter\n\n")
    contacts = read_times(path)
    assert contacts == (
        Contact(1.0, "rock", "scratch", "scatter"),
        Contact(2.0, "leaf", "hit", "None"),
    )
    assert stick_prompt([Contact(0.0, "None", "hit")]) == (
        "A person hits something with a wooden stick."
    )
    assert stick_prompt([Contact(0.0, "None", "None")]) is None
    path.write_text("wood 1.0\n")
    with pytest.raises(ValueError, match=r"line 1 is 'wood 1\.0', not seconds first"):
        read_times(path)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "vgg"}, "'vgg'; use one of greatest-hits"),
        ({"piece": 0.1}, "give 1 or more"),
        ({"workers": 0}, "workers is 0"),
    ],
)
def test_bad_options_are_named(given, message, tmp_path):
    plain = {"kind": "folder", "source": tmp_path, "out": tmp_path / "out"}
    with pytest.raises(ValueError, match=message):
        PrepareOptions(**(plain | given))
    with pytest.raises(ValueError, match="is the source itself"):
        PrepareOptions("folder", tmp_path, tmp_path)


def test_nothing_to_prepare_is_named(tmp_path, capsys):
    assert main(["data", "prepare", "folder", str(tmp_path), str(tmp_path / "out")]) == 2
    assert "no videos" in capsys.readouterr().err
    (tmp_path / "a.mp4").write_bytes(b"broken")
    assert main(["data", "prepare", "folder", str(tmp_path), str(tmp_path / "out")]) == 2
    assert "no clip can be prepared from it" in capsys.readouterr().err
