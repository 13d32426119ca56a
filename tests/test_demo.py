"""The demonstration: what it writes, and what it measures."""

import json

import numpy as np
import pytest

from folai import Envelope, GenerateOptions
from folai.cli import main
from folai.demo import run_demo
from folai.render import demo_scene


def test_a_perfect_envelope_lands_on_the_contacts(tmp_path):
    """Measured in the finished file, so through sound, codec and container."""
    scene = demo_scene(0)
    envelope = Envelope.from_hits(scene.onsets, scene.duration, decay=0.04)
    options = GenerateOptions(envelope=envelope, engine="preview")
    report = run_demo(tmp_path / "new" / "demo", options=options)
    assert np.array_equal(report.contacts, scene.onsets)
    assert np.median(np.abs(report.errors)) < 0.004
    lines = report.table().splitlines()
    assert len(lines) == 2 + len(scene.onsets)
    assert "median distance" in lines[-1]
    assert {path.name for path in (tmp_path / "new" / "demo").iterdir()} == {
        "demo.mp4",
        "demo.foley.mp4",
        "demo.envelope.json",
        "demo.envelope.png",
    }
    assert Envelope.load(report.envelope) == report.result.envelope


def test_on_a_clip_of_ones_own(clip, hit, tmp_path, capsys):
    command = ["demo", "-o", str(tmp_path), "--video", str(clip), "--sound", str(hit)]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["contacts"] is None and facts["errors"] is None
    assert facts["video"].endswith("clip.foley.mp4")
    assert facts["duration"] == pytest.approx(2.5, abs=0.01)
    assert main(command) == 0
    assert "sound at" in capsys.readouterr().out


def test_silence_is_said_to_be_silence(tmp_path):
    quiet = Envelope(np.zeros(round(demo_scene(0).duration * 120)))
    report = run_demo(tmp_path, options=GenerateOptions(envelope=quiet))
    assert "no sound begins anywhere" in report.table()
    assert report.to_dict()["errors"] == []
