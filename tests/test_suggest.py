"""Suggestions: which moments are looked at, what the trained layer says, and the missing extra."""

import numpy as np
import pytest

from folai.cli import main
from folai.diffusion.vocabulary import understand
from folai.media.clip import opened
from folai.suggest import seeing
from folai.suggest.guess import MOST_CONTACTS, contact_frames, moments, ranked
from folai.suggest.head import load_head


def test_moments_are_the_onsets_or_spread_over_the_clip():
    assert moments([1.0, 2.0], 5.0) == [1.0, 2.0]
    many = moments(list(np.arange(100) / 10), 10.0)
    assert len(many) == MOST_CONTACTS and many[0] == 0.0 and many[-1] == pytest.approx(9.9)
    assert len(moments([], 9.0)) == 8


def test_frames_are_those_of_the_moments_and_a_little_before(clip):
    with opened(clip) as film:
        pairs = list(contact_frames(film, [0.5, 1.0]))
    assert [after.time for _, after in pairs] == pytest.approx([0.5, 1.0], abs=0.05)
    for before, after in pairs:
        assert after.time - before.time == pytest.approx(seeing.BEFORE, abs=0.05)


def test_the_crop_is_where_something_moved():
    before = np.zeros((100, 200, 3), np.uint8)
    picture = before.copy()
    picture[70:80, 150:160] = 255
    assert seeing.around_motion(before, picture).shape == (50, 50, 3)
    assert seeing.around_motion(before, picture).sum() == picture.sum()


def test_suggestions_are_shares_of_all_materials_and_prompts_that_are_understood():
    head = load_head()
    features = np.random.default_rng(0).normal(head.mean, head.spread, (5, len(head.mean)))
    guesses = ranked(features.astype(np.float32), len(head.materials))
    assert sum(guess.probability for guess in guesses) == pytest.approx(1.0, abs=0.01)
    assert guesses == sorted(guesses, key=lambda guess: -guess.probability)
    assert all(understand(guess.prompt).words for guess in guesses)


def test_without_the_extra_it_is_named(clip, monkeypatch, capsys):
    monkeypatch.setattr(seeing, "find_spec", lambda name: None)
    seeing._network.cache_clear()
    assert main(["suggest", str(clip)]) == 2
    assert "pip install 'folai[suggest]'" in capsys.readouterr().err
