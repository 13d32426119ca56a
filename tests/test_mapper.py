"""The mapper's running: any length, in blocks, several models at once, and onsets picked."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from folai.envelope import FRAME_RATE
from folai.envelope.rms import from_bins, gaussian_smooth
from folai.mapper.features import Pictures
from folai.mapper.predict import (
    FAINTEST,
    MARGIN,
    ONSET_GAP,
    decode_bins,
    f1_threshold,
    frame_times,
    motion_strength,
    over_a_step,
    pick_onsets,
    predict_envelope,
    predict_frames,
    usual_speed,
)
from folai.models.cells import CHANNELS, FLOW_CHANNELS, GRID
from folai.models.mapper_config import MapperConfig
from folai.models.rms_mapper import RMSMapper

TINY = MapperConfig(channels=(8, 8), dim=8, hidden=8, num_layers=1, num_bins=16)


def tiny_mapper(seed, config=TINY):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = RMSMapper(config)
        with torch.no_grad():
            model.onset.weight *= 8  # so that some probabilities pass the threshold
    return model.eval()


def random_pictures(steps, seed=0):
    rng = np.random.default_rng(seed)
    edges = np.concatenate([[0.0], np.cumsum(rng.uniform(0.02, 0.045, steps))])
    cells = rng.random((steps, len(CHANNELS), *GRID)) * rng.random((1, 1, *GRID))
    cells[:, : len(FLOW_CHANNELS)] *= rng.choice([-1.0, 1.0], (steps, 1, 1, 1))
    return Pictures(edges, cells.astype(np.float16))


@pytest.mark.parametrize("steps", [1, 2, 7, 245])
def test_any_length(steps):
    pictures = random_pictures(steps)
    envelope = predict_envelope([pictures], [tiny_mapper(0)])
    assert envelope.frame_rate == FRAME_RATE
    assert envelope.duration == pytest.approx(pictures.duration, abs=0.51 / FRAME_RATE)
    assert np.isfinite(envelope.values).all() and envelope.values.min() >= 0


def test_no_pictures():
    with pytest.raises(ValueError, match="at least two frames"):
        predict_envelope([], [tiny_mapper(0)])


@pytest.mark.parametrize("inputs", ["rgb", "flow", "both"])
def test_only_the_chosen_inputs_matter(inputs):
    pictures, other = random_pictures(12, seed=0), random_pictures(12, seed=1)
    model = tiny_mapper(0, MapperConfig(**{**vars(TINY), "inputs": inputs}))
    seen = predict_frames(pictures, [model], 1.0)[0]
    for name in ("rgb", "flow"):
        flow = np.arange(len(CHANNELS)) < len(FLOW_CHANNELS)
        replaced = (flow if name == "flow" else ~flow)[:, None, None]
        cells = np.where(replaced, other.cells, pictures.cells)
        changed = predict_frames(Pictures(pictures.edges, cells), [model], 1.0)[0]
        assert np.array_equal(seen, changed) == (inputs not in (name, "both"))


def test_blocks_agree_with_the_whole():
    whole = random_pictures(520)
    cuts = [0, 200, 400, 520]
    blocks = [whole.part(first, last) for first, last in pairwise(cuts)]
    assert MARGIN < 200
    models = [tiny_mapper(0)]
    one, many = predict_envelope([whole], models), predict_envelope(blocks, models)
    assert one.num_frames == many.num_frames
    assert np.abs(one.values - many.values).max() < 1e-3
    assert len(one.onsets) > 5 and one.onsets == pytest.approx(many.onsets, abs=1e-6)


def test_short_blocks_do_too():
    whole = random_pictures(60)
    blocks = [whole.part(first, first + 20) for first in (0, 20, 40)]
    models = [tiny_mapper(0)]
    one, many = predict_envelope([whole], models), predict_envelope(blocks, models)
    assert np.abs(one.values - many.values).max() < 0.05


def test_encoding_in_parts_is_encoding_the_whole():
    pictures, model = random_pictures(500), tiny_mapper(0)
    cells = torch.from_numpy(pictures.cells).float()[None]
    spans = torch.from_numpy(np.diff(pictures.edges)).float()[None]
    with torch.inference_mode():
        bins, onset = model(cells, spans)
    in_parts = predict_frames(pictures, [model], 1.0)
    assert in_parts[0] == pytest.approx(bins[0].softmax(-1).numpy(), abs=1e-4)
    assert in_parts[1] == pytest.approx(onset[0].sigmoid().numpy(), abs=1e-4)


@pytest.mark.parametrize("upsample", [1, 2, 3, 4])
def test_what_repeats_with_the_steps_is_averaged_out(upsample):
    course = np.linspace(0.1, 0.9, 40 * upsample)
    ripple = np.tile(0.1 * np.arange(upsample) - 0.05 * (upsample - 1), 40)
    bins = np.stack([course + ripple, 1 - course - ripple], axis=1).astype(np.float32)
    inside = slice(upsample, -upsample)
    assert over_a_step(bins, upsample)[inside, 0] == pytest.approx(course[inside], abs=1e-5)
    assert over_a_step(bins, upsample).sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_several_models_are_averaged():
    pictures = random_pictures(30)
    first, second = (tiny_mapper(seed) for seed in (0, 1))
    both = predict_frames(pictures, [first, second], 1.0)
    for mean, a, b in zip(
        both,
        predict_frames(pictures, [first], 1.0),
        predict_frames(pictures, [second], 1.0),
        strict=True,
    ):
        assert not np.allclose(a, b)
        assert mean == pytest.approx((a + b) / 2, abs=1e-6)


def test_flow_is_given_in_units_of_the_usual_speed():
    pictures, model = random_pictures(60), tiny_mapper(0)
    speed = usual_speed(motion_strength(pictures))
    cells = pictures.cells.copy()
    cells[:, : len(FLOW_CHANNELS)] *= 2
    faster = Pictures(pictures.edges, cells)
    assert usual_speed(motion_strength(faster)) == pytest.approx(2 * speed, rel=0.05)
    slow, fast = (
        predict_frames(pictures, [model], speed),
        predict_frames(faster, [model], 2 * speed),
    )
    assert slow[0] == pytest.approx(fast[0], abs=2e-3)


def test_frame_times_lie_within_their_steps():
    assert frame_times(np.array([0.0, 0.04, 0.1]), 2) == pytest.approx([0.01, 0.03, 0.055, 0.085])


def test_decode_bins():
    certain = decode_bins(np.eye(16, dtype=np.float32), 127.0)
    assert (np.diff(certain) > 0).all()
    assert certain[[0, 15]] == pytest.approx([0.0, 1.0])  # silence and full level stay
    assert (certain[1:15] < from_bins(np.arange(1, 15), 16, 127.0)).all()
    even = (np.eye(16)[3] + np.eye(16)[4])[None].astype(np.float32)  # need not be normalised
    assert decode_bins(even, 127.0) == pytest.approx(from_bins([3.5 * 0.8], 16, 127.0))
    sure = (0.9 * np.eye(16)[3] + 0.1 * np.eye(16)[8])[None].astype(np.float32)
    assert decode_bins(sure, 127.0) > from_bins([3.5 * 0.8], 16, 127.0)  # taken for less sure


def bumps(times, centres, heights):
    curve = np.zeros(len(times))
    for centre, height in zip(centres, heights, strict=True):
        curve = np.maximum(curve, height * np.exp(-0.5 * ((times - centre) / 0.012) ** 2))
    return curve.astype(np.float32)


def test_onsets_are_the_maxima_above_the_threshold():
    times = np.arange(600) / 120
    probability = bumps(times, [0.0, 1.0, 2.0, 3.0], [0.9, 0.9, 0.3, 0.7])
    assert pick_onsets(times, probability) == pytest.approx([0.0, 1.0, 3.0], abs=1 / 120)


def test_of_close_maxima_the_highest_stays():
    times = np.arange(600) / 120
    probability = bumps(times, [1.0, 1.05, 2.0, 2.1], [0.7, 0.9, 0.9, 0.7])
    assert pick_onsets(times, probability) == pytest.approx([1.05, 2.0, 2.1], abs=1 / 120)


def test_no_onsets():
    assert pick_onsets(np.arange(5) / 120, np.zeros(5, np.float32)).tolist() == []


def test_every_two_onsets_are_apart_and_none_is_missing():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.004, 0.012, 20_000))
    probability = rng.random(len(times)).astype(np.float32)
    smooth = np.pad(gaussian_smooth(probability, 1.0), 1)
    here = smooth[1:-1]
    is_peak = (here >= smooth[:-2]) & (here > smooth[2:]) & (here > FAINTEST)
    expected = []
    for peak in sorted(np.flatnonzero(is_peak), key=lambda i: -here[i]):
        if np.all(np.abs(times[peak] - np.array([time for time, _ in expected])) > ONSET_GAP):
            expected.append((times[peak], here[peak]))
    threshold = f1_threshold(np.array([height for _, height in expected]))
    sure = [time for time, height in expected if height >= threshold]
    assert 1000 < len(sure) < len(expected)
    assert np.array_equal(pick_onsets(times, probability), np.sort(sure))


def test_what_is_kept_promises_the_best_f1():
    rng = np.random.default_rng(0)
    for _ in range(20):
        probabilities = rng.random(12) ** rng.uniform(0.3, 3.0)
        threshold = f1_threshold(probabilities)
        happened = rng.random((20_000, 12)) < probabilities

        def f1(least, happened=happened, probabilities=probabilities):
            kept = probabilities >= least
            return (2 * happened[:, kept].sum() / len(happened)) / (
                kept.sum() + happened.sum() / len(happened)
            )

        others = [f1(least) for least in np.linspace(0.2, 0.5, 31)]
        assert f1(threshold) > max(others) - 0.01


def test_unsure_clips_keep_less_sure_onsets_but_not_any():
    assert f1_threshold(np.full(9, 0.3)) == 0.3
    assert f1_threshold(np.full(9, 0.1)) == 0.2
    assert f1_threshold(np.array([0.95, 0.9, 0.9, 0.3])) == 0.5
    assert f1_threshold(np.zeros(0)) == 0.5
