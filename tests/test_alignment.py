"""How late the sound is, found from the clip alone; and annotations moved to what is heard."""

import numpy as np
import pytest

from folai.data.alignment import MAX_OFFSET, estimate_offsets, refine_onsets, stopping
from folai.data.clips import TRUTH_RATE, Clip
from folai.envelope.rms import centred_rms
from folai.mapper.features import Pictures, iter_pictures
from folai.media.frames import Frame
from folai.models.cells import CHANNELS, GRID
from folai.render import random_scene, render_frames


def clip_of(pictures, rms, offset, name="clip", fps=30.0):
    """The clip with its sound late by `offset` seconds."""
    times = np.arange(len(rms)) / TRUTH_RATE
    late = np.interp(times - offset, times, rms).astype(np.float32)
    return Clip(name, fps, pictures, late, None)


@pytest.fixture(scope="module")
def struck():
    """Pictures of something struck, and the sound of it in sync."""
    scene = random_scene(3, kind="hammer", duration=6.0)
    frames = (Frame(*item) for item in render_frames(scene, size=(172, 128), exposures=2))
    return Pictures.join(iter_pictures(frames)), scene.envelope(TRUTH_RATE)


@pytest.mark.parametrize("offset", [-0.05, 0.0, 0.02, 0.066])
def test_a_known_offset_is_found(struck, offset):
    pictures, rms = struck
    found = estimate_offsets([clip_of(pictures, rms, offset)])
    assert found == {"clip": pytest.approx(offset, abs=0.010)}


def test_clips_of_one_frame_rate_help_one_another(struck):
    """A clip in which nothing can be seen gets what the others of its frame rate have."""
    pictures, rms = struck
    noise = np.random.default_rng(0).normal(0, 0.1, pictures.cells.shape).astype(np.float16)
    blind = Pictures(pictures.edges, noise)
    clips = [
        clip_of(pictures, rms, 0.04, "a", fps=25.0),
        clip_of(blind, rms, 0.04, "b", fps=25.0),
        clip_of(pictures, rms, -0.03, "c", fps=29.97),
    ]
    found = estimate_offsets(iter(clips))
    assert found["a"] == pytest.approx(0.04, abs=0.010)
    assert found["b"] == pytest.approx(0.04, abs=0.030)
    assert found["c"] == pytest.approx(-0.03, abs=0.010)


def test_silence_and_stillness_have_no_say(struck):
    pictures, rms = struck
    still = Pictures(pictures.edges, np.zeros_like(pictures.cells))
    found = estimate_offsets([clip_of(still, rms, 0.0, "still"), clip_of(pictures, 0 * rms, 0.0)])
    assert all(abs(offset) <= MAX_OFFSET for offset in found.values())


def test_stopping_peaks_at_the_edge_where_motion_stops():
    edges = np.arange(31) / 30
    cells = np.zeros((30, len(CHANNELS), *GRID), np.float16)
    cells[5:15, [CHANNELS.index("mean_y"), CHANNELS.index("speed")], 4:8, 6:10] = 1.5
    times, stopped = stopping(Pictures(edges, cells))
    assert len(times) == len(stopped) == 29
    assert times[stopped.argmax()] == pytest.approx(15 / 30)


@pytest.fixture(scope="module")
def hits():
    """(times of hits in seconds, RMS at TRUTH_RATE of their sound)."""
    times, rng = np.array([0.5, 1.2, 1.9, 2.4]), np.random.default_rng(0)
    wav = np.zeros(3 * 16_000)
    for time in times:
        first = round(time * 16_000)
        decay = np.exp(-np.arange(len(wav) - first) / 16_000 / 0.06)
        wav[first:] += decay * rng.uniform(-1, 1, len(decay))
    return times, centred_rms(wav, 16_000, TRUTH_RATE)


def test_annotations_move_to_the_rise(hits):
    times, rms = hits
    annotated = times + np.array([0.033, -0.033, 0.01, -0.02])
    assert refine_onsets(annotated, rms) == pytest.approx(times, abs=0.006)


def test_annotations_with_nothing_to_hear_stay(hits):
    times, rms = hits
    annotated = np.array([0.2, *times, 2.95])
    refined = refine_onsets(annotated, rms)
    assert refined[0] == 0.2 and refined[-1] == 2.95
    assert refine_onsets(np.zeros(0), rms).size == 0
    assert refine_onsets(np.array([99.0]), rms).tolist() == [99.0]
