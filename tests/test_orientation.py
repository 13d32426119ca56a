"""Pictures are looked at as a player shows them, whichever of eight ways the camera was held."""

import itertools

import av
import numpy as np
import pytest

from folai.media.clip import probe
from folai.media.frames import iter_frames
from folai.media.orientation import Orientation

EIGHT = [
    (a, b, c, d)
    for a, b, c, d in itertools.product((-1, 0, 1), repeat=4)
    if abs(a) == abs(d) != abs(b) == abs(c)
]


def stored_picture():
    """[48, 80, 3]: red upper left, green upper right, blue lower left, white lower right."""
    image = np.zeros((48, 80, 3), np.uint8)
    image[:24, :40, 0] = image[:24, 40:, 1] = image[24:, :40, 2] = 255
    image[24:, 40:] = 255
    return image


def shown(image, a, b, c, d):
    """Each pixel (p, q) where the matrix puts it."""
    height, width = image.shape[:2]
    q, p = np.mgrid[:height, :width]
    x, y = a * p + c * q, b * p + d * q
    x, y = x - x.min(), y - y.min()
    result = np.zeros((y.max() + 1, x.max() + 1, 3), np.uint8)
    result[y, x] = image
    return result


@pytest.mark.parametrize("matrix", EIGHT)
def test_the_matrix_moves_each_pixel_where_it_says(matrix):
    image = stored_picture()
    image[5, 3] = 7  # nothing symmetric
    assert np.array_equal(Orientation.from_matrix(*matrix).apply(image), shown(image, *matrix))


@pytest.mark.parametrize("matrix", EIGHT)
def test_a_clip_is_seen_as_it_is_shown(tmp_path, matrix):
    path = tmp_path / "held.mp4"
    a, b, c, d = matrix
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 80, 48, "yuv444p"
        one = 1 << 16
        stream.set_display_matrix([a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30])
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(stored_picture(), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    expected = shown(stored_picture(), *matrix).astype(int)
    image = next(iter_frames(path)).image.astype(int)
    assert image.shape == expected.shape
    assert np.abs(image - expected).mean() < 12
    info = probe(path)
    assert (info.height, info.width) == expected.shape[:2]


def test_an_oblique_matrix_is_taken_as_the_nearest():
    assert Orientation.from_matrix(0.9, 0.3, -0.3, 0.9) == Orientation()
