"""The open experiments, on two drawn clips with tiny untrained models."""

import json

import numpy as np
import pytest

from folai.checkpoints import AUTOENCODER
from folai.cli import main
from folai.envelope import Envelope
from folai.evaluate.experiments import denoising, sounding
from folai.evaluate.experiments.chosen import EXPERIMENTS, run_experiments
from folai.evaluate.experiments.distances import flattened
from folai.evaluate.experiments.setting import ExperimentOptions, Setting
from folai.evaluate.experiments.spoilt_envelopes import SPOILT
from test_evaluate_foley import folder, mapper, weights  # noqa: F401  # fixtures

needs_models = pytest.mark.skipif(not AUTOENCODER.is_file(), reason="no trained autoencoder")


@pytest.fixture
def labelled(folder):  # noqa: F811
    """The clips with annotated contacts, so that materials are known."""
    rows = ["path,time_seconds,material,action"]
    for material in ("wood", "metal"):
        rows += [f"{material}.mp4,{time},{material},hit" for time in (0.2, 1.3, 2.4, 3.2)]
    (folder / "onsets.csv").write_text("\n".join(rows))
    yield folder
    (folder / "onsets.csv").unlink()


@needs_models
def test_every_experiment_is_one_section(labelled, mapper, weights, tmp_path, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setattr(sounding, "SCALES", (0.0, 1.0))
    monkeypatch.setattr(denoising, "NUMBERS", (1,))
    monkeypatch.setattr(sounding, "SPOILT", {name: SPOILT[name] for name in list(SPOILT)[:1]})
    monkeypatch.setattr("folai.evaluate.experiments.looking.REGIONS", (1, 2))
    out = tmp_path / "report"
    command = ["evaluate", "experiment", "all", "--data", str(labelled), "--wild", "train"]
    command += ["--weights", str(weights), "--mapper", str(mapper), "--embedding", "log-mel"]
    command += ["--limit", "2", "--steps", "1", "--cache", str(tmp_path / "cache")]
    assert main([*command, "-o", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told) == list(EXPERIMENTS)
    assert [c["name"] for c in told["prediction"]["clips"]] == ["wood.mp4", "metal.mp4"]
    assert told["prediction"]["labels"]["material"]["wood"]["contacts"] == 4
    ways = {way["name"]: way for way in told["prompts"]["ways"]}
    assert list(ways) == [
        "own sound",
        "another part of the recording",
        "another recording of the material",
        "text",
        "none",
    ]
    assert all(len(way["pieces"]) == 2 for way in ways.values())
    assert [way["name"] for way in told["control"]["ways"]] == [
        "control_scale 0",
        "control_scale 1",
    ]
    assert list(told["inputs"]["inputs"])[:3] == [
        "both",
        "without flow",
        "without change of colour",
    ]
    assert np.array(told["inputs"]["regions"]["wood"]).shape == (1, 2)
    assert told["distances"]["labels"] == ["hit/metal", "hit/wood"]
    assert len(told["robustness"]["ways"]) == 2 and len(told["steps"]["ways"]) == 1
    page = (out / "report.html").read_text()
    assert all(f'id="{key}"' in page for key in EXPERIMENTS)
    assert "step 1, t 1.00" in page and "finished" in page

    played = sorted((tmp_path / "cache").glob("played-*.npy"))
    assert main([*command, "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told  # again, to the last digit
    assert sorted((tmp_path / "cache").glob("played-*.npy")) == played


def test_what_spoils_an_envelope_does_what_it_says():
    envelope = Envelope.from_hits([(0.5, 0.4), (1.0, 0.2), (1.5, 0.3)], 2.0)
    spoilt = {name: fn(envelope, np.random.default_rng(0)) for name, fn in SPOILT.items()}
    assert len(spoilt["50 % of hits dropped"].onsets) == 1
    assert spoilt["100 % of hits added"].values.sum() > envelope.values.sum()
    late = spoilt["late 50 ms"]
    assert late.values.argmax() - envelope.values.argmax() == 6  # frames at 120 Hz
    uneven = spoilt["hits uneven by 12 dB"].values / np.maximum(envelope.values, 1e-6)
    told = uneven[envelope.values > 0.01]
    assert np.mean((told > 0.25) & (told < 4.0)) > 0.9 and np.ptp(told) > 0.1
    assert spoilt["blurred 100 ms"].values.max() < envelope.values.max()
    again = {name: fn(envelope, np.random.default_rng(0)) for name, fn in SPOILT.items()}
    assert again == spoilt


def test_a_map_keeps_distances():
    places = np.random.default_rng(0).standard_normal((8, 2))
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    found = flattened(apart)
    assert np.linalg.norm(found[:, None] - found, axis=-1) == pytest.approx(apart)
    assert np.array_equal(found, flattened(apart))


def test_bad_input_is_named(folder, tmp_path):  # noqa: F811
    with pytest.raises(ValueError, match="experiments are everything; use some of prediction"):
        run_experiments(["everything"], ExperimentOptions(folder))
    with pytest.raises(ValueError, match="give 2 or more"):
        ExperimentOptions(folder, limit=1)
    with pytest.raises(ValueError, match="needs an onsets"):
        EXPERIMENTS["distances"](Setting(ExperimentOptions(folder), tmp_path))
