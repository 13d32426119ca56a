"""Evaluations as files: what is made, measured and kept, and what is refused."""

import json

import pytest

from folai.cli import main
from folai.evaluate.config import read_config
from folai.media.mux import mux
from folai.preview.lay import lay

CONFIG = """
title = "Two systems"

[truth]
data = "clips"
split = "val"

[[system]]
name = "wood"
sound = "wood"
envelope = "true"

[[system]]
name = "another"
generated = "theirs"

[measure]
embeddings = ["log-mel"]
players = 1
"""


@pytest.fixture
def config(clip, scene, tmp_path):
    """Two clips with sound, of which one is to be measured; somebody else's sounds; a config."""
    from folai.envelope import Envelope

    (tmp_path / "clips").mkdir()
    (tmp_path / "theirs").mkdir()
    envelope = Envelope.from_hits([(time, 0.5) for time in scene.onsets], 2.5)
    for name in ("a", "b"):
        mux(clip, lay(envelope, sound="metal"), 44100, tmp_path / "clips" / f"{name}.mp4")
        mux(clip, lay(envelope, sound="rock"), 44100, tmp_path / "theirs" / f"{name}.wav")
    (tmp_path / "clips" / "clips.csv").write_text("path,split\na.mp4,val\nb.mp4,train\n")
    path = tmp_path / "two.toml"
    path.write_text(CONFIG)
    return path


def test_systems_are_made_and_measured(config, tmp_path, capsys):
    out = tmp_path / "report"
    assert main(["evaluate", "run", str(config), "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["figures"]["systems"]
    assert [(s["name"], s["num_pairs"]) for s in told] == [("wood", 1), ("another", 1)]
    assert told[0]["means"]["correlation"]["value"] > 0.8  # it was given the true envelope
    assert told[0]["unpaired"] == {"without_generated": [], "without_truth": []}
    made = out / "generated" / "wood" / "a.wav"
    assert made.is_file() and not (made.parent / "b.wav").exists()
    assert "Two systems" in (out / "report.html").read_text()
    before = made.stat().st_mtime_ns
    assert main(["evaluate", "run", str(config), "-o", str(out), "--quiet"]) == 0
    assert made.stat().st_mtime_ns == before  # made once
    config.write_text(CONFIG.replace('sound = "wood"', 'sound = "metal"'))
    assert main(["evaluate", "run", str(config), "-o", str(out), "--quiet"]) == 0
    assert made.stat().st_mtime_ns != before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('title = "Two systems"', 'titel = "x"'), "unknown key titel"),
        (('split = "val"', 'spilt = "val"'), r"\[truth\] has the unknown key spilt"),
        (('envelope = "true"', 'envelope = "drawn"'), "use true or predicted"),
        (('name = "another"', 'name = "wood"'), "a name of its own"),
        (('name = "another"', 'name = "a/b"'), "can be a folder's name"),
        (('data = "clips"', ""), "data"),
        (("[measure]", "[measure"), "cannot be read as TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(change, message, config):
    config.write_text(CONFIG.replace(*change))
    with pytest.raises(ValueError, match=message):
        read_config(config)


def test_paths_are_relative_to_the_file(config, tmp_path):
    config.write_text(CONFIG + '\n[experiments]\nnames = "all"\nmappers = ["m.safetensors"]\n')
    found = read_config(config)
    assert found.truth.data == tmp_path / "clips"
    assert found.systems[1].generated == tmp_path / "theirs"
    assert found.experiments.mappers == (tmp_path / "m.safetensors",)
    assert found.experiments.names[0] == "prediction" and len(found.experiments.names) == 9
