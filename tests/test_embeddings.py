"""Embeddings: what they are made of, and that likeness is what they measure."""

from importlib.util import find_spec

import numpy as np
import pytest

from folai.evaluate.sounds.embeddings import load_embedder
from folai.evaluate.sounds.mel_blocks import (
    BLOCK,
    HOP_LENGTH,
    N_FFT,
    NUM_BANDS,
    SCALE,
    cut_blocks,
    log_mel,
)
from folai.metrics import cosine
from folai.metrics.log_mel import SAMPLE_RATE, htk_mel_filters
from folai.preview.impacts import Impactor

NAMES = ["log-mel", *(["aisfx"] if find_spec("aisfx") else [])]


def blows(material, seed):
    """[T]: two seconds of one thing struck four times."""
    rng = np.random.default_rng(seed)
    thing = Impactor.of(material, SAMPLE_RATE, np.random.default_rng(0))
    wav = np.zeros(2 * SAMPLE_RATE, np.float32)
    for start in (0.1, 0.5, 1.1, 1.6):
        first = round(start * SAMPLE_RATE)
        blow = thing.strike(rng, level=float(rng.uniform(0.5, 1)))[: len(wav) - first]
        wav[first : first + len(blow)] += blow
    return wav


def test_mel_filters():
    filters = htk_mel_filters(N_FFT, NUM_BANDS)
    assert filters.shape == (NUM_BANDS, 1025) and (filters >= 0).all()
    assert filters.sum(axis=1) == pytest.approx(np.ones(NUM_BANDS))
    assert (np.diff(filters.argmax(axis=1)) >= 0).all()


def test_the_scale_is_that_of_a_full_scale_tone():
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    frames = log_mel(tone)
    assert len(frames) == 1 + SAMPLE_RATE // HOP_LENGTH
    hertz = np.fft.rfftfreq(2048, 1 / SAMPLE_RATE) @ htk_mel_filters(N_FFT, NUM_BANDS).T
    assert hertz[frames.mean(axis=0).argmax()] == pytest.approx(1000, rel=0.06)
    assert 0.85 < frames.max() < 1.0
    power = 512.0**2  # of a sine of amplitude 1 under a Hann window of 2048, at its bin
    assert frames.max() < np.log10(1e4 * power + 1) / SCALE
    assert log_mel(0.01 * tone) == pytest.approx(frames, abs=1e-5)  # level says nothing


@pytest.mark.parametrize(("frames", "blocks"), [(1, 1), (100, 1), (149, 1), (150, 2), (216, 3)])
def test_blocks(frames, blocks):
    cut = cut_blocks(np.ones((frames, 4), np.float32))
    assert cut.shape == (blocks, BLOCK, 4)
    assert cut.sum() == 4 * min(frames, BLOCK) * blocks


@pytest.mark.parametrize("name", NAMES)
def test_the_same_thing_is_nearer_than_another(name):
    embedder = load_embedder(name)
    assert embedder.name == name
    wood, again, metal = embedder.means([blows("wood", 1), blows("wood", 2), blows("metal", 1)])
    assert cosine(wood, again) > cosine(wood, metal)
    assert np.array_equal(embedder.mean(blows("wood", 1)), wood)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="'vggish'; use aisfx or log-mel"):
        load_embedder("vggish")
    with pytest.raises(ValueError, match="NaN"):
        log_mel([0.0, np.nan])
    with pytest.raises(ValueError, match="empty"):
        log_mel([])


def test_an_absent_package_is_named(monkeypatch):
    monkeypatch.setattr("folai.evaluate.sounds.embeddings.find_spec", lambda name: None)
    assert load_embedder().name == "log-mel"
    with pytest.raises(ImportError, match="pip install --no-deps aisfx"):
        load_embedder("aisfx")
