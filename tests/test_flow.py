"""Flow: how far things moved, in pixels, and what is left of it without the camera's motion."""

import cv2
import numpy as np
import pytest

from folai.mapper.flow import FLOW_SIZE, FlowEstimator, camera_motion, remove_camera

WIDTH, HEIGHT = FLOW_SIZE


def texture(seed, size=(WIDTH, HEIGHT)):
    noise = np.random.default_rng(seed).uniform(0, 255, (size[1], size[0])).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def moved(image, dx, dy):
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-1.5, 0.5), (6, 4)])
def test_translation_is_recovered_in_pixels(shift):
    before = texture(0)
    flow = FlowEstimator()(before, moved(before, *shift))
    assert flow.shape == (2, HEIGHT, WIDTH) and flow.dtype == np.float32
    assert np.median(flow[:, 16:-16, 16:-16], axis=(1, 2)) == pytest.approx(shift, abs=0.15)


def test_camera_motion_goes_and_a_moving_patch_stays():
    background, patch = texture(1), texture(2, (40, 32))

    def picture(time):
        image = moved(background, 4 * time, time)
        left = 80 - 5 * time
        image[40:72, left : left + 40] = patch
        return image

    flow = FlowEstimator()(picture(0), picture(1))
    left = remove_camera(flow, camera_motion(flow))
    assert left.dtype == np.float32
    inside = np.median(left[:, 46:66, 86:106], axis=(1, 2))
    assert inside == pytest.approx((-9, -1), abs=0.5)
    assert np.abs(np.median(left[:, 90:120, 10:160], axis=(1, 2))).max() < 0.15


def test_affine_motion_is_found_behind_what_moves_otherwise():
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    zoom = np.stack([2 + 3 * x, -1 + 3 * y]).astype(np.float32)
    flow = zoom.copy()
    flow[:, 30:70, 40:90] += 12.0
    found = camera_motion(flow)
    assert found == pytest.approx(np.array([[2, 3, 0], [-1, 0, 3]]), abs=0.1)
    assert np.abs(remove_camera(flow, found)[:, 80:]).max() < 0.3
    assert np.abs(remove_camera(flow, found)[:, 30:70, 40:90] - 12.0).max() < 0.3
