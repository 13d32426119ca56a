"""Training: the loss falls, an interrupted run goes on, and what comes out is a set of weights."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from folai.checkpoints import MAPPER, join_mappers, load_mapper
from folai.data.dataset import Batch, augmented, draw_batch
from folai.data.examples import Example, truth_at, without_floor
from folai.envelope.rms import bin_positions
from folai.mapper.features import Pictures
from folai.mapper.predict import frame_times
from folai.models.cells import CHANNELS, GRID
from folai.models.mapper_config import SIZES, MapperConfig
from folai.models.rms_mapper import RMSMapper
from folai.train import mapper as training
from folai.train import realign as realigning
from folai.train.envelope_loss import soft_bins
from folai.train.mapper import (
    TrainOptions,
    first_model,
    load_examples,
    train_mapper,
)

TINY = TrainOptions(
    rendered_minutes=8 / 60, steps=4, batch_size=2, window=24, log_every=2, realign_at=(0.5,)
)


def table(said: list[str]) -> list[list[float]]:
    """The rows of figures among what was logged."""
    rows = (line for line in said if re.fullmatch(r" *\d+( +\d+\.\d+){4}", line))
    return [[float(figure) for figure in row.split()] for row in rows]


def still_clip(offset: float = 0.0, onsets: tuple[float, ...] | None = (1.0,)) -> Example:
    pictures = Pictures(np.arange(61) / 30, np.zeros((60, len(CHANNELS), *GRID), np.float16))
    rms = np.zeros(960, np.float32)
    rms[480:] = 0.5  # from 1.0 s on
    known = None if onsets is None else np.array(onsets)
    return Example("still", (pictures,), (1.0,), rms, known, offset)


def test_truth_is_read_later_where_the_sound_is_late():
    times = np.arange(240) / 120
    rms, onset = truth_at(still_clip(offset=0.1), times)
    assert times[np.argmax(rms > 0.25)] == pytest.approx(0.9, abs=0.01)
    assert times[np.argmax(onset)] == pytest.approx(0.9, abs=0.01)


def test_no_augmentation_moves_sound_against_picture():
    example = still_clip()
    rng = np.random.default_rng(0)
    for _ in range(8):
        batch = draw_batch([example], 4, 60, 4, rng)
        quiet = frame_times(example.views[0].edges, 4) < 0.99
        assert batch.rms[:, quiet].max() == 0 and batch.rms[:, ~quiet][:, 4:].min() > 0.4


def test_windows_longer_than_the_clip_are_masked_and_unknown_onsets_are_left_out():
    rng = np.random.default_rng(0)
    batch = draw_batch([still_clip(onsets=None)], 2, 90, 4, rng)
    assert batch.valid[:, :240].all() and not batch.valid[:, 240:].any()
    assert not batch.known.any()


def test_steady_noise_is_no_part_of_the_truth():
    rms = np.full(1000, 0.02, np.float32)
    rms[500:510] = 0.3
    quiet = without_floor(rms)
    assert quiet[:500].max() == 0 and quiet[505] == pytest.approx(0.3, abs=0.002)


def test_soft_bins_are_gaussians_about_the_exact_position():
    rms = np.linspace(0, 1, 50)
    distance = np.arange(64) - bin_positions(rms)[:, None]
    weights = np.exp(-0.5 * (distance / 1.5) ** 2)
    expected = weights / weights.sum(axis=1, keepdims=True)
    ours = soft_bins(torch.from_numpy(rms)[None], 1.5, MapperConfig())[0]
    assert np.allclose(ours.numpy(), expected, atol=1e-5)
    mean, inside = ours.numpy() @ np.arange(64), np.abs(bin_positions(rms) - 31.5) < 24
    assert np.allclose(mean[inside], bin_positions(rms)[inside], atol=1e-3)


def test_an_interrupted_run_goes_on_and_gives_weights(tmp_path: Path):
    options = replace(TINY, out=tmp_path / "run", cache=tmp_path / "cache")
    said: list[str] = []
    train_mapper(replace(options, steps=2), said.append)
    said.clear()
    weights = train_mapper(options, said.append)
    rows = table(said)
    assert [row[0] for row in rows] == [4]  # steps 1 and 2 were not done again
    join_mappers([weights, weights], tmp_path / "both.safetensors")
    first, second = load_mapper(tmp_path / "both.safetensors")
    assert torch.equal(first.bins.weight, second.bins.weight)


def test_the_loss_falls_on_one_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(training, "load_examples", lambda options, log: [still_clip()])
    said: list[str] = []
    train_mapper(replace(TINY, out=tmp_path, steps=40, log_every=10), said.append)
    losses = [row[1] for row in table(said)]
    assert losses[-1] < losses[0] - 0.3


def test_training_starts_from_given_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(training, "load_examples", lambda options, log: [still_clip()])
    options = replace(TINY, init=MAPPER, out=tmp_path, steps=1, learning_rate=0.0)
    trained = load_mapper(train_mapper(options, lambda text: None))
    assert len(trained) == 1
    assert torch.equal(trained[0].bins.weight, load_mapper()[0].bins.weight)
    with pytest.raises(ValueError, match="its inputs are both, not flow"):
        train_mapper(replace(options, inputs="flow"))
    with pytest.raises(ValueError, match="not found"):
        train_mapper(replace(options, init=tmp_path / "none.safetensors"))


def test_onsets_are_not_taught_where_a_cut_hides_what_came_before():
    rng = np.random.default_rng(0)
    example = lasting(8.0, 0.0)
    windows = [draw_batch([example], 1, 60, 4, rng) for _ in range(60)]
    masked = [not window.known[0, 0] for window in windows]
    assert 45 < sum(masked) < 60, "all but those that begin where the clip does"
    window = draw_batch([still_clip()], 1, 60, 4, rng)
    assert window.known.all(), "a clip's own beginning is all that can be seen of it"


@pytest.fixture
def heard_at_one_second(monkeypatch: pytest.MonkeyPatch) -> RMSMapper:
    """A model that hears a loud sound from 1 s on, whatever it sees."""

    def predict(pictures: Pictures, models: object, speed: float):  # type: ignore[no-untyped-def]
        times = frame_times(pictures.edges, 4)
        bins = np.zeros((len(times), 64), np.float32)
        bins[np.arange(len(times)), np.where(times < 1.0, 0, 50)] = 1.0
        return bins, np.zeros(len(times), np.float32)

    monkeypatch.setattr(realigning, "predict_frames", predict)
    return type("Model", (), {"config": MapperConfig()})()


def lasting(seconds: float, offset: float, heard_at: float = 1.0) -> Example:
    rms = np.zeros(round(480 * seconds), np.float32)
    rms[round(480 * heard_at) :] = 0.5
    clip = still_clip(offset)
    return replace(clip, views=(replace_duration(clip.views[0], seconds),), rms=rms)


def test_recorded_clips_move_to_where_the_model_hears_them(heard_at_one_second: RMSMapper):
    # The sound of the second is far away: the clip stays as it is.
    examples = [lasting(8.0, 0.04), lasting(8.0, 0.04, heard_at=3.0)]
    realigning.realign(examples, heard_at_one_second, lambda text: None)
    assert examples[0].offset == pytest.approx(0.02, abs=0.005)  # half the way to 0
    assert examples[1].offset == 0.04


def test_excerpts_move_together(heard_at_one_second: RMSMapper):
    examples = [lasting(2.0, offset) for offset in (0.02, 0.04, 0.06)]
    examples.append(lasting(2.0, 0.04, heard_at=1.8))
    few = examples[:2]
    realigning.realign(examples, heard_at_one_second, lambda text: None)
    assert [example.offset for example in examples] == pytest.approx(
        [0, 0.02, 0.04, 0.02], abs=5e-3
    )
    realigning.realign(few, heard_at_one_second, lambda text: None)
    assert [example.offset for example in few] == [0.02, 0.04]  # two are no majority


def test_beyond_the_annotations_onsets_are_unknown():
    example = replace(still_clip(offset=0.1), annotated=(0.5, 1.5))
    window = draw_batch([example], 1, 60, 4, np.random.default_rng(0))
    times = frame_times(example.views[0].edges, 4)
    assert window.valid.all()
    assert np.array_equal(window.known[0].numpy() > 0, (times >= 0.4) & (times <= 1.4))


def replace_duration(pictures: Pictures, seconds: float) -> Pictures:
    times = round(seconds / pictures.duration)
    edges = np.arange(times * pictures.num_steps + 1) / 30
    return Pictures(edges, np.tile(pictures.cells, (times, 1, 1, 1)))


def test_nothing_to_train_on_is_said(tmp_path: Path):
    with pytest.raises(ValueError, match="nothing to train on"):
        load_examples(replace(TINY, rendered_minutes=0.0, out=tmp_path), print)


def test_options_that_cannot_be_meant():
    with pytest.raises(ValueError, match="steps is 0; give 1 or more"):
        TrainOptions(steps=0)
    with pytest.raises(ValueError, match="rendered_minutes is -1"):
        TrainOptions(rendered_minutes=-1)
    with pytest.raises(ValueError, match="first_guise is -1; give 0 or more"):
        TrainOptions(first_guise=-1)
    with pytest.raises(ValueError, match="scenes from 100000 on are kept for scoring"):
        TrainOptions(first_scene=99_999, rendered_minutes=1)
    with pytest.raises(ValueError, match="size is 'huge'; allowed: base, wide"):
        TrainOptions(size="huge")
    with pytest.raises(ValueError, match=r"mapper\.safetensors: the weights decide the size"):
        TrainOptions(size="wide", init=MAPPER)


def test_models_of_the_size_that_is_asked_for():
    wide = first_model(TrainOptions(size="wide", inputs="flow")).config
    assert wide == replace(SIZES["wide"], inputs="flow")
    assert first_model(TrainOptions()).config == SIZES["base"]


def windows_of_a_moving_clip() -> Batch:
    """64 windows of a clip in whose left half something moves to the right."""
    cells = np.zeros((60, len(CHANNELS), *GRID), np.float16)
    cells[:, CHANNELS.index("mean_x"), :, :8] = 1.0
    cells[:, CHANNELS.index("right"), :, :8] = 1.0
    clip = replace(still_clip(), views=(Pictures(np.arange(61) / 30, cells),), speeds=(0.5,))
    return draw_batch([clip] * 8, 64, 60, 4, np.random.default_rng(0))


def test_windows_are_augmented_each_in_its_own_way():
    batch = windows_of_a_moving_clip()
    seen = augmented(batch, np.random.default_rng(1))
    assert seen.cells.dtype == torch.float32 and seen.cells.shape == batch.cells.shape
    mean, right, left = (
        seen.cells[:, 0, CHANNELS.index(name)].flatten(1) for name in ("mean_x", "right", "left")
    )
    mirrored = mean.sum(1) < 0
    assert 10 < mirrored.sum() < 50
    assert (left[mirrored].sum(1) > 0).all() and (right[mirrored] == 0).all()
    speeds = mean.abs().amax(1)[mean.abs().sum(1) > 0]
    assert len(speeds) < 64, "in some windows flow is missing"
    assert speeds.log().mean() == pytest.approx(np.log(2.0), abs=0.15)  # 1 in units of 0.5
    assert 0.15 < speeds.log().std() < 0.35
    pace = (batch.spans[:, 0] / seen.spans[:, 0]).log()
    assert pace.abs().max() < 0.2501 and pace.std() > 0.1
    for name in ("rms", "onset", "valid", "known"):
        assert torch.equal(getattr(seen, name), getattr(batch, name))


def test_the_same_draw_augments_alike():
    batch = windows_of_a_moving_clip()
    first, second, other = (
        augmented(batch, np.random.default_rng(seed)).cells for seed in (1, 1, 2)
    )
    assert torch.equal(first, second) and not torch.equal(first, other)
