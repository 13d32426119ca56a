"""Evaluations as files: what is made, measured and kept, and what is refused."""

import json

import numpy as np
import pytest

from folai.cli import main
from folai.data.listing import list_clips
from folai.evaluate.run_file import read_run
from folai.evaluate.system_sounds import system_sounds
from folai.evaluate.whole_run import run_file
from folai.media.audio import write_wav
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
        (('sound = "wood"', 'sound = "jelly"'), "system wood: sound is 'jelly'; use one of"),
        (('sound = "wood"', 'sound = "wood"\nnum_steps = 4'), "system wood: the preview engine"),
        (('sound = "wood"', 'sound = "wood"\nweights = "w"'), "system wood: weights predict"),
        (('sound = "wood"', "variations = 2"), "unknown key variations"),
        (('generated = "theirs"', 'generated = "theirs"\nseed = 2'), "another: .* seed has no"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(change, message, config):
    config.write_text(CONFIG.replace(*change))
    with pytest.raises(ValueError, match=message):
        read_run(config)


def test_paths_are_relative_to_the_file(config, tmp_path):
    config.write_text(CONFIG + '\n[experiments]\nnames = "all"\nmappers = ["m.safetensors"]\n')
    found = read_run(config)
    assert found.truth.data == tmp_path / "clips"
    assert found.systems[1].generated == tmp_path / "theirs"
    assert found.experiments.mappers == (tmp_path / "m.safetensors",)
    assert found.experiments.names[0] == "prediction" and len(found.experiments.names) == 9


PLAYED = """
[truth]
data = "clips"
split = "val"

[[system]]
name = "like it"
reference = "sounds/hit.wav"
engine = "preview"
envelope = "true"
"""


def test_a_changed_reference_is_played_again(config, hit, tmp_path):
    reference = tmp_path / "sounds" / "hit.wav"
    reference.parent.mkdir()
    reference.write_bytes(hit.read_bytes())
    config.write_text(PLAYED)
    (system,) = read_run(config).systems
    listings = list_clips(tmp_path / "clips", "val")

    def play() -> bytes:
        folder = system_sounds(system, listings, tmp_path / "played", tmp_path / "cache")
        return (folder / "a.wav").read_bytes()

    first = play()
    reference.touch()  # the same sound: only its content counts
    before = (tmp_path / "played" / "a.wav").stat().st_mtime_ns
    assert play() == first and (tmp_path / "played" / "a.wav").stat().st_mtime_ns == before
    time = np.arange(8820) / 44100
    tone = np.exp(-time / 0.02) * np.sin(2 * np.pi * 3000 * time)
    write_wav(reference, tone[None].astype(np.float32), 44100)
    assert play() != first


def test_every_option_of_every_engine_can_be_said(config, tmp_path):
    (tmp_path / "model").mkdir()
    config.write_text(
        PLAYED
        + """
[[system]]
name = "imagined anew"
reference = "own"
init_strength = 0.6
num_steps = 3

[[system]]
name = "full size"
prompt = "anything at all"
model = "model"
control = "control.safetensors"
lora = "lora.safetensors"
cfg_scale = 4.0
weights = "mapper.safetensors"
"""
    )
    _, imagined, large = read_run(config).systems
    small = imagined.generate_options(reference="hit.wav").engine_options
    assert (small.engine, small.init_strength, small.num_steps) == ("diffusion", 0.6, 3)
    options = large.generate_options().engine_options
    assert options.engine == "stable_audio_open" and options.cfg_scale == 4.0
    assert options.model == tmp_path / "model"
    assert options.control == tmp_path / "control.safetensors"
    assert large.options["weights"] == tmp_path / "mapper.safetensors"
    config.write_text(config.read_text().replace('model = "model"', 'model = "a-name"'))
    assert read_run(config).systems[2].options["model"] == "a-name"


def test_progress_runs_to_the_end_beside_systems_of_others(config, tmp_path):
    config.write_text(CONFIG.replace("players = 1", "players = 0"))
    told = []
    run_file(read_run(config), tmp_path / "report", progress=told.append)
    assert told == sorted(told) and told[-1] == 1.0
    assert min(abs(share - 0.5) for share in told) < 1e-9, "played: half; measured: the rest"
    assert max(np.diff(told)) <= 0.5, "a system that is there already is no work"


@pytest.mark.parametrize(
    ("given", "room"),
    [
        ('reference = "own"', 1.0),
        ('reference = "own"\nroom = 0', 0.0),
        ('reference = "sounds/hit.wav"', 0.0),
        ('reference = "sounds/hit.wav"\nroom = 0.5\ntails = "envelope"', 0.5),
        ('sound = "wood"', 0.0),
    ],
)
def test_a_clip_is_imitated_with_its_room(given, room, config):
    config.write_text(PLAYED.replace('reference = "sounds/hit.wav"', given))
    (system,) = read_run(config).systems
    finish = system.generate_options().finish
    assert finish.room == room
    assert finish.tails == ("envelope" if "tails" in given else "natural")
