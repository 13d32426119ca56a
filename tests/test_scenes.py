"""Simulated scenes: exact contacts, one seed one scene, and nothing heard where nothing touches."""

import importlib.util

import numpy as np
import pytest

from folai.envelope import Envelope
from folai.scenes import FAMILIES, legs, objects, simulate
from folai.scenes.stairs import Stairs
from folai.scenes.walkers import steps
from folai.scenes.world import new_world

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


@needs_engine
def test_a_computed_step_is_heard_when_the_foot_lies_flat():
    """Not when the heel first touches, with the toes still up."""
    with new_world() as world:
        rng = np.random.default_rng(3)
        action = legs.person(world, rng, 4.0)
        walker = action.put.__self__
        heard = [contact.time for contact in action.contacts]
        assert len(heard) >= 4
        for time in heard:
            (low, _), (_, before) = (
                min((walker.foot(leg, at) for leg in range(2)), key=lambda foot: foot[0][2])
                for at in (time, time - 0.9 * walker._gait.flat)
            )
            assert low[2] < 0.01
            assert abs(before) > 0.02


@needs_engine
def test_feet_stand_on_the_treads_of_stairs():
    rng = np.random.default_rng(0)
    feet = np.zeros((960, 2, 2))
    feet[..., 0] = np.linspace(0, 5, 960)[:, None]
    feet[:, 1, 1] = 0.2
    landings = [list(range(100, 900, 240)), list(range(220, 900, 240))]
    with new_world() as world:
        stairs = Stairs.under(world, rng, landings, feet, 240.0, np.zeros(960))
    _, right, left = stairs.heights
    levels = [right[100], left[220], right[340], left[460], right[580], left[700], right[820]]
    rises = np.diff(levels)
    assert np.all((np.abs(rises) < 0.2) & (np.abs(rises) >= 0))
    assert abs(levels[-1] - levels[0]) > 0.3
    assert right[100] == right[200]  # a foot that carries stays where it is


@needs_engine
def test_what_stands_stays_until_something_meets_it():
    """Blocks once lay on one another at the origin, and flew apart as a scene began."""
    with new_world() as world:
        action = objects.roll(world, np.random.default_rng(5), 3.0)
        start, later = (_places(world, action, time) for time in (0.0, 0.1))
    moved = np.linalg.norm(np.subtract(start, later), axis=1)
    assert np.sum(moved < 1e-3) >= 1
    assert len({tuple(np.round(place[:2], 3)) for place in start}) == len(start)


def _places(world, action, time):
    """Where [N, 3] everything that has a mass is at a time."""
    action.put(time)
    engine = world.engine
    bodies = [n for n in range(engine.getNumBodies()) if engine.getDynamicsInfo(n, -1)[0] > 0]
    return [engine.getBasePositionAndOrientation(body)[0] for body in bodies]


@needs_engine
def test_hands_are_heard_where_they_put_things_down_and_not_where_they_wave():
    truths = [simulate(seed, "hands", duration=6.0, size=(48, 32)).truth for seed in range(4)]
    counts = [len(truth.contacts) for truth in truths]
    assert sum(counts) >= 8
    assert all(contact.level < 1.0 for truth in truths for contact in truth.contacts)


@needs_engine
def test_pictures_of_real_places_are_shown():
    red = np.zeros((60, 80, 3), np.uint8)
    red[..., 0] = 255
    scene = simulate(4, "drop", pictures=[red], **SMALL)
    plain = simulate(4, "drop", **SMALL)
    assert not np.array_equal(scene.frames[0].image, plain.frames[0].image)
