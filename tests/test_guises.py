"""Other cameras' views of a clip: they show what happens in it, at the times it had."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from folai.data.guises import random_guise
from folai.data.views import SHOWN, Action, View, placed, random_view
from folai.mapper.features import Pictures
from folai.mapper.flow import FLOW_SIZE
from folai.media.frames import Frame
from folai.models.cells import CHANNELS, GRID

WHOLE = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])


def moving_at(row: int, column: int) -> Pictures:
    """Something moves now and then at one place, and the rest trembles."""
    rng = np.random.default_rng(0)
    cells = np.zeros((200, len(CHANNELS), *GRID), np.float16)
    speed = cells[:, CHANNELS.index("speed")]
    speed[:] = rng.uniform(0, 0.05, speed.shape)
    speed[:, row : row + 3, column : column + 3] += rng.uniform(0, 2, (200, 1, 1)) ** 3
    return Pictures(np.arange(201) / 30, cells)


def zoomed(left: float, top: float, zoom: float) -> np.ndarray:
    """Placing that shows what is right of `left` and below `top`, as shares of the picture."""
    return np.array([[zoom, 0, -zoom * left * FLOW_SIZE[0]], [0, zoom, -zoom * top * FLOW_SIZE[1]]])


def test_a_view_shows_the_action_or_does_not():
    action = Action(moving_at(8, 12))
    assert action.shown(WHOLE) == pytest.approx(1.0, abs=1e-5)
    assert action.shown(zoomed(0.5, 0.5, 2.0)) > 0.99
    assert action.shown(zoomed(0.0, 0.0, 2.0)) < 0.5
    assert action.shown(zoomed(2.0, 0.0, 1.0)) == 0.0


def test_where_nothing_moves_every_view_will_do():
    pictures = moving_at(0, 0)
    pictures.cells[:] = 0
    assert Action(pictures).shown(zoomed(0.0, 0.0, 2.0)) == 1.0


@pytest.mark.parametrize("place", [(0, 0), (8, 12), (4, 7)])
def test_drawn_views_show_the_action(place):
    action = Action(moving_at(*place))
    shown = [
        action.shown(placing)
        for seed in range(30)
        for _, placing in random_view(np.random.default_rng(seed), action).shots
    ]
    assert np.mean(np.array(shown) > SHOWN) > 0.9


def test_views_come_from_every_side():
    action = Action(moving_at(5, 7))
    views = [random_view(np.random.default_rng(seed), action) for seed in range(200)]
    placings = [view.shots[0][1] for view in views]
    angles = np.degrees([np.arctan2(p[1, 0], p[1, 1]) for p in placings])
    assert (np.abs(angles) > 45).sum() > 5 and (np.abs(angles) < 5).sum() > 60
    assert 60 < sum(np.linalg.det(p[:, :2]) < 0 for p in placings) < 140  # mirrored


def test_some_views_are_cut_and_some_are_held_by_hand():
    action = Action(moving_at(5, 7))
    views = [random_view(np.random.default_rng(seed), action) for seed in range(200)]
    cut = [view for view in views if len(view.shots) > 1]
    assert 20 < len(cut) < 60 and 30 < sum(len(view.sway) > 0 for view in views) < 70
    for begins in ([begin for begin, _ in view.shots] for view in cut):
        assert begins[0] == 0.0 and begins[-1] < action.duration and np.diff(begins).min() >= 1.5


def test_a_cut_view_changes_where_it_is_cut():
    view = View(((0.0, WHOLE), (2.0, zoomed(0.0, 0.0, 2.0))), np.zeros((0, 4, 3)))
    assert np.array_equal(view.placing(1.99), WHOLE)
    assert np.array_equal(view.placing(2.0), zoomed(0.0, 0.0, 2.0))


def test_a_held_camera_moves_a_little_about_its_place():
    sway = np.zeros((1, 4, 3))
    sway[0, 1] = 0.01, np.pi, 0.0  # down and up by a hundredth of the picture, once in 2 s
    view = View(((0.0, zoomed(0.0, 0.0, 2.0)),), sway)
    middle = [view.placing(time) @ [10.0, 10.0, 1.0] for time in (0.0, 0.5, 1.5)]
    below = 0.01 * FLOW_SIZE[1]
    assert np.allclose(middle, [[20, 20], [20, 20 + below], [20, 20 - below]])


@pytest.mark.parametrize("size", [(172, 128), (344, 256), (640, 480)])
def test_a_spot_lands_where_the_placing_says(size):
    image = np.zeros((size[1], size[0], 3), np.uint8)
    spot = np.array([60.0, 70.0])  # in a picture of FLOW_SIZE
    centre = spot * np.array(size) / np.array(FLOW_SIZE)
    cv2.circle(image, (round(centre[0]), round(centre[1])), size[1] // 20, (255, 255, 255), -1)
    placing = np.array([[1.5, 0.2, -40.0], [-0.2, 1.5, -10.0]])
    seen = placed(image, placing)
    assert seen.shape == (FLOW_SIZE[1], FLOW_SIZE[0], 3)
    y, x = np.nonzero(seen[..., 0] > 128)
    assert [x.mean(), y.mean()] == pytest.approx(list(placing @ [*spot, 1]), abs=1.5)


def test_frames_that_are_kept_keep_their_times():
    frames = [Frame(i / 30, np.full((32, 43, 3), 10 * i, np.uint8)) for i in range(9)]
    guise = random_guise(np.random.default_rng(1), (0.0, 1.0), Action(moving_at(5, 7)))
    times = [frame.time for frame in guise.frames(iter(frames), np.random.default_rng(0))]
    assert times == [frame.time for frame in frames[guise.first :: 2]]
