"""Simulated scenes: exact contacts, one seed one scene, and nothing heard where nothing touches."""

import importlib.util

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.scenes import FAMILIES, simulate
from folai.scenes.walkers import steps

SMALL = {"duration": 1.5, "size": (48, 32)}
needs_engine = pytest.mark.skipif(
    importlib.util.find_spec("pybullet") is None, reason="needs folai[scenes]"
)


@needs_engine
@pytest.mark.parametrize("family", FAMILIES)
def test_a_scene_has_pictures_and_its_contacts_lie_within_it(family):
    scene = simulate(5, family, **SMALL)
    assert scene.family == family
    assert len(scene.frames) == round(1.5 * scene.fps)
    assert {frame.image.shape for frame in scene.frames} == {(32, 48, 3)}
    contacts = scene.truth.onsets
    assert np.all((contacts >= 0) & (contacts <= 1.5))
    assert (family == "untouched") <= (len(contacts) == 0)


@needs_engine
def test_the_engine_prints_nothing(capfd):
    simulate(1, "walk", **SMALL)
    assert capfd.readouterr() == ("", "")


@needs_engine
def test_one_seed_is_one_scene():
    first, second = (simulate(7, "drop", **SMALL) for _ in range(2))
    assert first.truth.contacts == second.truth.contacts
    for a, b in zip(first.frames, second.frames, strict=True):
        assert np.array_equal(a.image, b.image)


@needs_engine
def test_a_dropped_thing_is_heard_where_it_falls_freely_to():
    """The first contact is no sooner than a free fall from where things are held allows."""
    found = [simulate(seed, "drop", duration=3.0, size=(48, 32)).truth for seed in range(3)]
    assert all(len(truth.contacts) for truth in found)
    assert min(truth.onsets[0] for truth in found) > 0.2


@needs_engine
def test_the_envelope_rises_at_the_contacts():
    truth = simulate(2, "strike", duration=4.0, size=(48, 32)).truth
    envelope = Envelope(truth.envelope(120.0), 120.0)
    first = truth.onsets[0]
    before, after = envelope.at(np.array([first - 0.03, first + 0.02]))
    assert after > 3 * before


def test_a_foot_must_rise_before_its_next_step():
    heights = np.array([0.2, 0.1, 0.01, 0.0, 0.03, 0.01, 0.1, 0.012, 0.0])
    assert steps(heights) == [2, 7]


def test_bad_requests_are_named():
    with pytest.raises(ValueError, match="family must be one of"):
        simulate(0, "flying")
    with pytest.raises(ValueError, match="duration must be 1 s or more"):
        simulate(0, duration=0.5)
