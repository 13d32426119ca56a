"""Dropped pictures are found where they are, and nowhere else."""

import numpy as np
import pytest

from folai.media.cadence import taken_times

NTSC = 30000 / 1001


def position(times, seed):
    """Something that moves smoothly, never stopping for long: [T]."""
    rng = np.random.default_rng(seed)
    rates, phases = rng.uniform(0.2, 1.5, 6), rng.uniform(0, 6.3, 6)
    return np.sum(np.sin(2 * np.pi * rates * times[:, None] + phases), axis=1)


def motion_of(times, seed):
    rng = np.random.default_rng(seed + 100)
    moved = np.abs(np.diff(position(times, seed))) + 0.01
    return moved * np.exp(rng.normal(0, 0.1, len(moved)))


def converted(source, target, count, phase):
    """(presentation times, times taken) where pictures of `source` Hz were dropped, seconds."""
    picture = np.floor(np.arange(count) * source / target + phase)
    return np.arange(count) / target, picture / source


@pytest.mark.parametrize("phase", [0.05, 0.5, 0.93])
@pytest.mark.parametrize("rates", [(NTSC, 25.0), (30.0, 24.0), (30.0, 25.0)])
def test_dropped_pictures_are_found(rates, phase):
    shown, taken = converted(*rates, count=400, phase=phase)
    found = taken_times(shown, motion_of(taken, seed=1))
    error = np.abs((found - found[0]) - (taken - taken[0]))
    assert np.mean(error < 0.001) > 0.98  # where a gap moves on, it may be one frame out
    assert np.abs(shown - taken).max() > 0.012  # what was there to be found


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("fps", [15.0, 24.0, 25.0, NTSC, 30.0])
def test_clean_footage_is_untouched(fps, seed):
    times = np.arange(300) / fps
    assert taken_times(times, motion_of(times, seed)) is times


def test_stills_are_untouched():
    times = np.arange(200) / 25.0
    assert taken_times(times, np.zeros(199)) is times


def test_variable_frame_rate_is_untouched():
    _, taken = converted(NTSC, 25.0, count=300, phase=0.3)  # known to be uneven: nothing to find
    assert taken_times(taken, motion_of(taken, seed=1)) is taken


def test_short_clips_are_untouched():
    shown, taken = converted(NTSC, 25.0, count=49, phase=0.3)
    assert taken_times(shown, motion_of(taken, seed=1)) is shown
