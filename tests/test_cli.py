"""Commands, and every kind of bad input: one line, exit code 2, nothing half-written."""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from folai import Envelope
from folai.cli import main, make_parser
from folai.media.audio import write_wav

RATE = 44100  # Hz


def command_names(parser, before=()):
    """Every command that does something, as words."""
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    if not actions:
        return [list(before)]
    found = actions[0].choices.items()
    return [name for word, sub in found for name in command_names(sub, (*before, word))]


def every_parser(parser):
    actions = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    subs = [sub for action in actions for sub in action.choices.values()]
    return [parser, *(found for sub in subs for found in every_parser(sub))]


@pytest.fixture
def at_work(clip, hit, tmp_path, monkeypatch):
    """A folder to work in: clip.mp4, hit.wav, and env.json as a perfect prediction would be."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "hit.wav").write_bytes(hit.read_bytes())
    Envelope.from_hits([0.5, 1.5], 2.5).save("env.json")
    return tmp_path


def refused(capsys, command):
    """Run what must fail; return its one line."""
    before = files_here()
    assert main(shlex.split(command)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("folai: ") and said.err.count("\n") == 1
    assert files_here() == before
    return said.err


def files_here():
    return {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


# ---- commands


def test_generate_writes_what_it_says(at_work, capsys):
    command = "generate clip.mp4 -o out.mp4 --envelope env.json --sound metal --seed 4 --json"
    assert main(shlex.split(command + " --save-envelope saved.csv --plot env.png")) == 0
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert said.err == ""
    assert facts["output"] == "out.mp4" and facts["envelope"] == "saved.csv"
    assert facts["seed"] == 4 and facts["sound"] == "metal"
    assert facts["onsets"] == [0.5, 1.5]
    assert facts["duration"] == pytest.approx(2.5, abs=0.001)
    assert Envelope.load("saved.csv") == Envelope.load("env.json")
    assert all(os.path.getsize(facts[key]) for key in ("output", "plot"))


def test_outputs_have_names_of_their_own(at_work, capsys):
    assert main(["generate", "clip.mp4", "--envelope", "env.json", "--sound", "wood"]) == 0
    assert "clip.foley.mp4" in capsys.readouterr().out
    assert main(["envelope", "clip.mp4", "--quiet"]) == 0
    assert capsys.readouterr().out == ""
    assert {"clip.foley.mp4", "clip.envelope.json"} <= {path.name for path in at_work.iterdir()}


def test_envelope_then_generate_is_generate(at_work, capsys):
    assert main(shlex.split("envelope clip.mp4 -o predicted.json --plot env.svg --json")) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frame_rate"] == 120 and facts["seconds"] > 0
    assert (
        main(shlex.split("generate clip.mp4 -o two.wav --envelope predicted.json --sound wood"))
        == 0
    )
    assert main(shlex.split("generate clip.mp4 -o one.wav --sound wood")) == 0
    assert (at_work / "one.wav").read_bytes() == (at_work / "two.wav").read_bytes()


def test_a_prediction_says_how_sure_it_is(at_work, capsys):
    assert main(shlex.split("envelope clip.mp4 -o e.csv --expect steps --json")) == 0
    facts = json.loads(capsys.readouterr().out)
    assert len(facts["onset_confidence"]) == len(facts["onsets"]) > 0
    assert 0 <= facts["confidence"] <= 1
    assert facts["unsure"] == []
    assert Path("e.csv").read_text().startswith("time,rms,onset,confidence,onset_confidence")
    command = "generate clip.mp4 -o o.wav --sound wood --expect continuous --json"
    assert main(shlex.split(command)) == 0
    assert json.loads(capsys.readouterr().out)["onsets"] == []


def test_envelope_plots_the_truth(at_work, capsys):
    assert main(shlex.split("generate clip.mp4 -o out.mkv --envelope env.json --sound wood")) == 0
    assert main(shlex.split("envelope out.mkv -o e.json --plot e.png --truth")) == 0
    capsys.readouterr()
    assert "has no sound" in refused(capsys, "envelope clip.mp4 -o f.json --plot f.png --truth")


def test_edits_apply_in_the_order_given(at_work):
    edits = "--gain 6 --gate -40 --mute 0 1 --add-hit 2.0 0.5 --move-hit 1.5 1.6 --rate 60"
    assert main(shlex.split(f"edit env.json -o edited.csv {edits}")) == 0
    expected = Envelope.load("env.json").gain(6).gate(-40).mute(0, 1).add_hit(2.0, 0.5)
    assert Envelope.load("edited.csv") == expected.move_hit(1.5, 1.6).resample(60)
    assert main(shlex.split("edit env.json -o other.csv --gate -6 --gain 6")) == 0
    assert Envelope.load("other.csv") == Envelope.load("env.json").gate(-6).gain(6)


def test_edit_measures_a_sound(at_work, capsys):
    assert main(shlex.split("edit hit.wav -o hit.json --json")) == 0
    assert json.loads(capsys.readouterr().out)["onsets"] == pytest.approx([0, 0.4], abs=0.02)


@pytest.mark.parametrize("command", [[], *command_names(make_parser())])
def test_help_shows_an_example_that_parses(command, capsys):
    with pytest.raises(SystemExit) as exit:
        main([*command, "--help"])
    assert exit.value.code == 0
    example = " ".join(capsys.readouterr().out.split()).split("example: ")[1]
    assert make_parser().parse_args(shlex.split(example)[1:])


def test_every_option_has_help():
    options = [(p.prog, a) for p in every_parser(make_parser()) for a in p._actions]
    bare = [f"{prog} {a.dest}" for prog, a in options if not a.help and a.dest != argparse.SUPPRESS]
    assert bare == []


@pytest.mark.parametrize("command", ["", "nonsense", "generate", "generate a.mp4 --sound cheese"])
def test_a_misspelt_command_is_2(command, capsys):
    with pytest.raises(SystemExit) as exit:
        main(shlex.split(command))
    assert exit.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


# ---- bad videos


def write_pictures(path, count):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(count):
            image = np.full((48, 64, 3), index % 250, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("command", ["generate {} -o out.mp4", "envelope {} -o out.json"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.mp4", "does not exist"),
        ("folder", "is a directory"),
        ("empty.mp4", "is empty"),
        ("text.mp4", "not a readable video"),
        ("hit.wav", "no video, only sound"),
        ("one.mp4", "only one picture"),
    ],
)
def test_bad_videos(at_work, capsys, command, name, message):
    (at_work / "folder").mkdir()
    (at_work / "empty.mp4").touch()
    (at_work / "text.mp4").write_text("This is no video.\n" * 50)
    write_pictures(at_work / "one.mp4", 1)
    said = refused(capsys, command.format(name))
    assert f"{name}: " in said and message in said


def test_a_truncated_video_is_used_as_far_as_it_goes(at_work, capsys):
    with av.open("clip.mp4") as source, av.open("clip.mkv", "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    whole = (at_work / "clip.mkv").read_bytes()
    (at_work / "cut.mkv").write_bytes(whole[: len(whole) * 6 // 10])
    assert main(shlex.split("generate cut.mkv -o out.mkv --engine preview")) == 0
    said = capsys.readouterr()
    assert said.err.startswith("folai: warning: cut.mkv: is damaged or cut short")
    assert said.err.count("\n") == 1
    assert (at_work / "out.mkv").stat().st_size > 0


# ---- bad references


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.wav", "does not exist"),
        ("zero.wav", "sound is empty"),
        ("nothing.wav", "is empty"),
        ("silent.wav", "is silent"),
        ("short.wav", "lasts 10 ms"),
        ("clip.mp4", "has no sound"),
        ("env.json", "not a readable"),
    ],
)
def test_bad_references(at_work, capsys, name, message):
    (at_work / "nothing.wav").touch()
    soundfile.write("zero.wav", np.zeros((0, 1)), RATE)
    write_wav("silent.wav", np.zeros((1, RATE), np.float32), RATE)
    write_wav("short.wav", np.ones((1, RATE // 100), np.float32), RATE)
    said = refused(capsys, f"generate clip.mp4 -o out.mp4 --reference {name}")
    assert f"{name}: " in said and message in said


# ---- bad envelopes


def write_document(name, **changed):
    with open("env.json") as file:
        document = json.load(file) | changed
    with open(name, "w") as file:
        json.dump(document, file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.json", "no such file"),
        ("nan.json", "value nan at frame 1 is NaN"),
        ("negative.json", "value -1 at frame 1 is negative"),
        ("rate.json", "frame rate is 60 Hz, not 120: pass --resample"),
        ("length.json", "not 2.500 s: pass --resample"),
        ("broken.json", "malformed JSON"),
        ("text.csv", "two or more are needed"),
        ("words.csv", "malformed CSV"),
    ],
)
def test_bad_envelopes(at_work, capsys, name, message):
    values = json.loads((at_work / "env.json").read_text())["values"]
    write_document("nan.json", values=[0.1, float("nan"), *values[2:]])
    write_document("negative.json", values=[0.1, -1.0, *values[2:]])
    write_document("rate.json", values=values[::2], frame_rate=60)
    write_document("length.json", values=values + values)
    (at_work / "broken.json").write_text("{")
    (at_work / "text.csv").write_text("This is no envelope.\n")
    (at_work / "words.csv").write_text("time,rms\n0.0,loud\n")
    said = refused(capsys, f"generate clip.mp4 -o out.mp4 --envelope {name}")
    assert f"{name}: " in said and message in said


@pytest.mark.parametrize("changed", [{"frame_rate": 100}, {"values": [0.1] * 50, "onsets": []}])
def test_resample_accepts_other_rates_and_lengths(at_work, capsys, changed):
    write_document("other.json", **changed)
    command = "generate clip.mp4 -o out.mp4 --engine preview --envelope other.json"
    assert "--resample" in refused(capsys, command)
    assert main(shlex.split(command + " --resample")) == 0


# ---- bad outputs


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("generate clip.mp4 -o clip.mp4", "clip.mp4: is the input itself"),
        ("generate clip.mp4 -o no/out.mp4", "no does not exist; create it"),
        ("generate clip.mp4 -o out.xyz", "out.xyz: unknown suffix"),
        ("generate clip.mp4 -o out.webm", "out.webm: .webm cannot hold h264"),
        ("generate clip.mp4 -o out.mp4 --codec flac", "not written with 'flac'"),
        ("generate clip.mp4 -o out.mp4 --save-envelope env.xml", "env.xml: envelopes are saved as"),
        ("generate clip.mp4 -o out.mp4 --plot env.txt", "env.txt: plots are saved as"),
        ("generate clip.mp4 -o out.mp4 --plot no/env.png", "no does not exist"),
        ("generate clip.mp4 -o out.mp4 --seed -1", "seed is -1"),
        ("generate clip.mp4 -o out.mp4 --mix nan", "mix_db is nan"),
        ("generate clip.mp4 -o out.mp4 --num-steps 0", "num_steps is 0; give 1 to 500"),
        ("generate clip.mp4 -o out.mp4 --cfg-scale -1", "cfg_scale is -1.0; give 0 to 20"),
        ("generate clip.mp4 -o out.mp4 --control-scale nan", "control_scale is nan"),
        ("generate clip.mp4 -o out.mp4 --envelope-lock 2", "envelope_lock is 2.0; give 0 to 1"),
        ("generate clip.mp4 -o out.mp4 --variations 0", "variations is 0; give 1 to 100"),
        ("generate clip.mp4 -o out.mp4 --prompt xyzzy", "'xyzzy' has no word that the model knows"),
        ("generate clip.mp4 -o out.mp4 --prompt hit --sound wood", "give one of them"),
        ("generate clip.mp4 -o out.mp4 --prompt hit --engine preview", "takes no prompt"),
        ("generate clip.mp4 -o out.mp4 --foley-weights f.safetensors", "f.safetensors: weights"),
        (
            "generate clip.mp4 -o out.mp4 --engine preview --weights w.safetensors",
            "w.safetensors: weights not",
        ),
        ("envelope clip.mp4 -o no/env.json", "no does not exist"),
        ("envelope clip.mp4 -o env.mp4", "env.mp4: envelopes are saved as"),
        ("edit env.json -o no/env.json", "no does not exist"),
        ("edit env.json -o new.json --remove-hit 2.2", "no onset within"),
        ("edit env.json -o new.json --rate 0", "frame_rate is 0.0 Hz"),
        ("demo -o hit.wav", "hit.wav: cannot be created"),
        ("demo -o demo --video missing.mp4", "missing.mp4: does not exist"),
        ("demo -o . --sound missing.wav", "missing.wav: does not exist"),
        ("evaluate mapper", "give --data DIR"),
        ("evaluate mapper --data missing", "missing: no such folder"),
        ("train mapper --data missing", "missing: no such folder"),
        ("train foley --data missing", "missing: no such folder"),
        ("train control --data . --base b.safetensors", "b.safetensors: weights not found"),
    ],
)
def test_bad_outputs_and_options(at_work, capsys, command, message):
    assert message in refused(capsys, command)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder that nobody can write to")
@pytest.mark.parametrize(
    ("command", "out"),
    [
        ("generate clip.mp4 -o", "/proc/out.mp4"),
        ("envelope clip.mp4 -o", "/proc/out.json"),
        ("envelope clip.mp4 --plot", "/proc/out.png"),
    ],
)
def test_an_output_nobody_may_write(at_work, capsys, command, out):
    assert f"{out}: is not writable" in refused(capsys, f"{command} {out}")


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write anywhere")
def test_an_output_without_permission(at_work, capsys):
    (at_work / "locked").mkdir(mode=0o500)
    assert "locked/out.mp4: is not writable" in refused(
        capsys, "generate clip.mp4 -o locked/out.mp4"
    )


# ---- the process


def run(*arguments, **options):
    command = [sys.executable, "-m", "folai", *arguments]
    return subprocess.run(command, capture_output=True, text=True, **options)


def test_the_exit_code_is_that_of_the_process(at_work):
    done = run("generate", "text.mp4", "-o", "out.mp4")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "folai: text.mp4: does not exist; check the path\n"
    done = run("edit", "env.json", "-o", "louder.json", "--gain", "-3")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "louder.json: 2.50 s, 2 hits\n"


def test_a_reader_that_goes_away_is_no_error(at_work):
    gone = "import os, sys; os.close(0)"
    command = f"{sys.executable} -m folai edit env.json -o e.csv | {sys.executable} -c '{gone}'"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_an_interrupt_is_130(at_work, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("folai.mapper.predict.predict_envelope", interrupt)
    assert main(["generate", "clip.mp4", "-o", "out.mp4"]) == 130
    assert not (at_work / "out.mp4").exists()


@pytest.mark.parametrize("model", ["mapper", "autoencoder", "foley", "control", "leaps"])
def test_training_does_by_default_what_its_options_say(model, monkeypatch):
    files = {"autoencoder": "sound_decoder", "foley": "denoiser", "control": "small_control"}
    trainer = f"folai.train.{files.get(model, model)}.train_{model}"
    given = []
    monkeypatch.setattr(trainer, lambda options, log: given.append(options))
    assert main(["train", model, *(["--data", "."] if model != "mapper" else [])]) == 0
    options = given[0]
    assert options == type(options)(data=options.data, threads=options.threads)
