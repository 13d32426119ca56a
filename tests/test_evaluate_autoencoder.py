"""What encoding and decoding loses: right where it is known, and reported group by group."""

import json

import numpy as np
import pytest
import torch

from folai.checkpoints import save_autoencoder
from folai.cli import main
from folai.data.sounds import SAMPLE_RATE, Sound
from folai.evaluate.foley.reconstruction import cut, displacement, log_mel_difference, opus
from folai.media.audio import write_wav
from folai.models.autoencoder import Autoencoder, AutoencoderConfig

RNG = np.random.default_rng(0)
NOISE = (0.1 * RNG.standard_normal(SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Autoencoder(AutoencoderConfig(dim=16, hidden=24, num_blocks=1))
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_autoencoder(model, path, {})
    return path


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sounds")
    write_wav(folder / "all.wav", np.tile(NOISE, 3)[None], SAMPLE_RATE)
    rows = ["file,start_seconds,seconds,label,split,origin"]
    rows += ["all.wav,0,0.5,impact/wood,val,test", "all.wav,1,0.5,water/rain,val,test"]
    rows += ["all.wav,2,0.5,water/rain,train,test"]
    (folder / "index.csv").write_text("\n".join(rows))
    return folder


def test_differences_that_are_known():
    assert log_mel_difference(NOISE, NOISE) == 0.0
    assert log_mel_difference(0.5 * NOISE, NOISE) == pytest.approx(6.02, abs=0.02)
    assert log_mel_difference(NOISE, 0.5 * NOISE) == pytest.approx(6.02, abs=0.02)
    assert 20 < log_mel_difference(0 * NOISE, NOISE) < 100
    assert log_mel_difference(NOISE, 0 * NOISE) == 0.0
    hidden = NOISE + 1e-5 * NOISE[::-1]  # 100 dB below
    assert log_mel_difference(hidden, NOISE) < 0.01


def test_opus_is_good_and_in_time():
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    heard = opus(tone)
    assert heard.shape == tone.shape
    middle = slice(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4)
    assert np.corrcoef(heard[middle], tone[middle])[0, 1] > 0.99
    assert log_mel_difference(opus(NOISE), NOISE) < 4.0


def test_displacement():
    assert displacement(lambda wav: wav, 3) == (0.0, 0.0)
    mean, worst = displacement(lambda wav: np.roll(wav, -44), 3)
    assert mean == worst == pytest.approx(44 / SAMPLE_RATE)


def test_clips_are_cut_and_their_labelled_parts_left_out():
    def sound(name, seconds, label):
        wav = np.ones(round(seconds * SAMPLE_RATE), np.int16)
        return Sound(name, label, "test", "val", wav)

    parts = [sound("a.mp4", 12.0, ""), sound("a.mp4@1.00", 3.0, "hit/wood")]
    pieces = cut([*parts, sound("b.opus@0.0", 0.5, "door/wood"), sound("c@0", 0.01, "door/wood")])
    assert [group for group, _ in pieces] == ["clips"] * 3 + ["door"]
    assert [len(wav) / SAMPLE_RATE for _, wav in pieces] == pytest.approx([5, 5, 2, 0.5])


def test_the_command(sounds, weights, capsys):
    command = ["evaluate", "autoencoder", "--data", str(sounds), "--weights", str(weights)]
    command += ["--embedding", "log-mel"]
    assert main([*command, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [score["codec"] for score in facts["all"]] == ["folai", "Opus 32k"]
    assert [score["num_sounds"] for score in facts["all"]] == [2, 2]
    assert {score["group"] for score in facts["groups"]} == {"impact", "water", "all"}
    assert facts["all"][0]["difference"] > 0 and facts["all"][1]["cosine"] > 0.9
    assert main([*command, "--limit", "1"]) == 0
    table = capsys.readouterr().out
    assert "impulses moved, Opus 32k: mean 0.0" in table and "log-mel" in table
    assert main([*command[:-2], "--split", "test"]) == 2
    assert "no sounds of split 'test'" in capsys.readouterr().err
