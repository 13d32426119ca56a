"""Pictures on a timeline of steps: times right, velocities free of frame rate and resolution."""

import cv2
import numpy as np
import pytest

from folai.mapper.features import Pictures, _Flow, _motion_cells, iter_pictures, read_pictures
from folai.media.frames import Frame
from folai.models.cells import CHANNELS, FLOW_CHANNELS, GRID
from folai.render import random_scene, write_clip

SPEED = 0.6  # picture heights per second


def texture(seed, size):
    noise = np.random.default_rng(seed).uniform(0, 255, (32, 43)).astype(np.float32)
    smooth = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return cv2.cvtColor(np.clip(smooth, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def moving_square(times, height=128):
    """A square that moves to the right at SPEED over a background that stays."""
    width = height * 43 // 32
    background, square = texture(0, (width, height)), texture(1, (width, height))
    side = 0.35 * height
    for time in times:
        left = (0.1 + SPEED * time) * height
        matrix = np.array([[1, 0, left], [0, 1, 0.3 * height]])
        mask = np.zeros((height, width), np.float32)
        mask[: round(side), : round(side)] = 1
        mask, front = (cv2.warpAffine(x, matrix, (width, height)) for x in (mask, square))
        image = background * (1 - mask[..., None]) + front * mask[..., None]
        yield Frame(float(time), image.round().astype(np.uint8))


def square_velocity(pictures, step):
    """Velocity within the square at the middle of a step: (x, y) in picture heights a second."""
    time = (pictures.edges[step] + pictures.edges[step + 1]) / 2
    row = round((0.3 + 0.175) * GRID[0] - 0.5)
    column = round((0.1 + SPEED * time + 0.175) * GRID[0] - 0.5)
    return channel(pictures, "mean_x")[step, row, column], channel(pictures, "mean_y")[
        step, row, column
    ]


def channel(pictures, name):
    """[T, rows, columns] of one of the channels."""
    return pictures.cells[:, CHANNELS.index(name)].astype(np.float32)


def read(frames, **settings):
    return Pictures.join(iter_pictures(frames, **settings))


@pytest.mark.parametrize("fps", [15, 24, 25, 30, 60])
@pytest.mark.parametrize("height", [128, 256])
def test_velocity_depends_on_neither_frame_rate_nor_resolution(fps, height):
    pictures = read(moving_square(np.arange(round(0.6 * fps)) / fps, height))
    step = int(np.searchsorted(pictures.edges, 0.3)) - 1
    assert square_velocity(pictures, step) == pytest.approx((SPEED, 0.0), abs=0.08)
    for name in ("mean_x", "mean_y"):
        assert abs(np.median(channel(pictures, name)[step])) < 0.02


def test_shapes_and_types():
    pictures = read(moving_square(np.arange(5) / 30))
    assert pictures.cells.shape == (4, len(CHANNELS), *GRID)
    assert pictures.cells.dtype == np.float16
    assert pictures.edges == pytest.approx(np.arange(5) / 30)
    assert pictures.num_steps == 4 and pictures.duration == pytest.approx(4 / 30)


def test_frames_far_apart_are_given_several_equal_steps():
    pictures = read(moving_square([0.0, 1 / 30, 0.1, 0.2]))
    assert pictures.edges == pytest.approx(np.arange(7) / 30)
    assert np.array_equal(pictures.cells[1], pictures.cells[2])
    assert np.array_equal(pictures.cells[3], pictures.cells[5])


@pytest.mark.parametrize(("fps", "steps"), [(15, 2), (30, 1), (60, 0.5), (120, 0.25)])
def test_files_of_any_frame_rate_come_at_about_30_steps_a_second(tmp_path, fps, steps):
    path = tmp_path / "clip.mp4"
    write_clip(random_scene(1, duration=1.0), path, fps=fps, size=(86, 64), exposures=1)
    pictures = read_pictures(path)
    assert pictures.num_steps == pytest.approx((fps - 1) * steps, abs=1)
    assert np.diff(pictures.edges) == pytest.approx(1 / 30, abs=1e-3)


def test_blocks_joined_are_one_block():
    times = np.arange(24) / 25
    whole, blocks = (list(iter_pictures(moving_square(times), block=n)) for n in (100, 7))
    assert [block.num_steps for block in blocks] == [7, 7, 9]
    (whole,), joined = whole, Pictures.join(blocks)
    assert np.array_equal(whole.edges, joined.edges)
    assert np.array_equal(whole.cells, joined.cells)


def test_what_moves_shows_in_the_channels():
    """The square goes to the right: fastest to that side, and to no other."""
    pictures = read(moving_square(np.arange(12) / 30))
    right, left, up = (channel(pictures, name)[5].max() for name in ("right", "left", "up"))
    assert right == pytest.approx(SPEED, rel=0.4) and left < 0.3 * right and up < 0.5 * right
    assert channel(pictures, "moving_x")[5].max() == pytest.approx(SPEED, abs=0.2)
    assert channel(pictures, "change")[5].max() < channel(pictures, "top_speed")[5].max()


def test_what_stops_shows_as_lost_speed():
    times = np.minimum(np.arange(20), 10) / 30
    frames = [Frame(n / 30, frame.image) for n, frame in enumerate(moving_square(times))]
    lost = channel(read(frames), "lost").max(axis=(1, 2))
    assert lost.argmax() == 10 and lost[10] > 0.7 * SPEED


def test_cells_do_not_depend_on_where_an_array_lies():
    """The same flow at other addresses: libraries that peel loops round some pixels otherwise."""
    flow = np.random.default_rng(0).normal(0, 0.01, (2, 2, 128, 172)).astype(np.float32)
    whole = np.empty(flow.size + 16, np.float32)
    cells = []
    for shift in range(16):
        here = whole[shift : shift + flow.size].reshape(flow.shape)
        here[:] = flow
        cells.append(_motion_cells(_Flow.of(here[0]), _Flow.of(here[1])))
    assert all(np.array_equal(one, cells[0]) for one in cells)
    speed = cells[0][FLOW_CHANNELS.index("speed")].mean()
    assert speed == pytest.approx(np.hypot(*flow[0]).mean(), rel=1e-3)


def test_a_moving_camera_changes_the_picture_little():
    sheet = texture(5, (300, 128))
    shifts = np.round(20 + 10 * np.sin(np.arange(12) / 4)).astype(int)
    frames = [
        Frame(n / 30, np.ascontiguousarray(sheet[:, x : x + 172])) for n, x in enumerate(shifts)
    ]
    still = np.abs(np.diff([frame.image.astype(float) for frame in frames], axis=0)).mean() / 255
    followed = channel(read(frames), "difference")[:, 2:-2, 2:-2].mean()
    assert followed < 0.35 * still


def test_blocks_of_converted_footage_follow_one_another():
    """Each block finds its own pattern of dropped pictures; time never runs backwards."""
    picture = np.floor(np.arange(130) * 1.2 + 0.3)
    size = (172, 128)
    sheet = texture(5, (size[0] + 120, size[1]))
    swing = 50 + 50 * np.sin(picture / 30 * 2.0)
    frames = [
        Frame(n / 25, np.ascontiguousarray(sheet[:, round(x) : round(x) + size[0]]))
        for n, x in enumerate(swing)
    ]
    blocks = list(iter_pictures(frames, block=60))
    joined = Pictures.join(blocks)
    assert len(joined.edges) == joined.num_steps + 1
    assert np.diff(joined.edges).min() > 0.01
    assert [block.edges[0] for block in blocks[1:]] == [block.edges[-1] for block in blocks[:-1]]
    assert joined.duration == pytest.approx(129 / 25, abs=0.04)


def test_part():
    pictures = read(moving_square(np.arange(6) / 30))
    part = pictures.part(2, 99)
    assert part.num_steps == 3 and np.array_equal(part.edges, pictures.edges[2:])
    assert np.array_equal(part.cells, pictures.cells[2:])
