"""Optical flow between neighbouring frames, with the camera's own motion taken out."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FLOW_SIZE = (172, 128)  # width, height of the pictures the flow is measured on, pixels


class FlowEstimator:
    """Dense inverse search (Kroeger et al., arXiv 1603.03590), OpenCV's FAST preset.

    One step finer than the preset (finest scale 1 instead of 2): a drumstick is two or three
    pixels thick at this size, and the preset's coarsest grid steps over it.
    """

    def __init__(self) -> None:
        # Any: the stubs of OpenCV know neither that calc takes no flow nor what it returns.
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(1)
        self._dis.setVariationalRefinementIterations(0)

    def __call__(self, before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Displacement from `before` to `after`, both grey [H, W]: [2, H, W] pixels, x then y."""
        first, second = np.ascontiguousarray(before), np.ascontiguousarray(after)
        flow: NDArray[np.float32] = self._dis.calc(first, second, None)
        return flow.transpose(2, 0, 1)


def camera_motion(flow: NDArray[np.float32], stride: int = 8) -> NDArray[np.float32]:
    """The affine motion that most of the picture follows: coefficients [2, 3] for (1, x, y).

    Weighted least squares, re-weighted three times (Cauchy), so that a moving hand does not drag
    the fit along. `x` and `y` run from -1 to 1 over the picture; coefficients are in pixels.
    """
    basis, samples = _affine_basis(flow.shape[1:], stride), flow[:, ::stride, ::stride]
    samples = samples.reshape(2, -1).astype(np.float64)  # [2, N]
    weights = np.ones(samples.shape[1])
    coefficients: NDArray[np.float64] = np.zeros((2, 3))
    for _ in range(3):
        weighted = basis * weights[:, None]
        normal = weighted.T @ basis + 1e-6 * np.eye(3)
        coefficients = np.asarray(np.linalg.solve(normal, weighted.T @ samples.T).T, np.float64)
        residual = np.hypot(*(samples - coefficients @ basis.T))
        scale = max(float(np.median(residual)), 0.05)  # pixels; below this it is flow noise
        weights = 1.0 / (1.0 + (residual / scale) ** 2)
    return coefficients.astype(np.float32)


def remove_camera(
    flow: NDArray[np.float32], coefficients: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`flow` [2, H, W] less the motion that `camera_motion` found in it."""
    height, width = flow.shape[1:]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    constant, along_x, along_y = coefficients.T[..., None, None]
    return np.asarray(flow - (constant + along_x * x + along_y * y), np.float32)


def follow_camera(
    before: NDArray[np.uint8], coefficients: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """The earlier grey picture [H, W] as the camera that moved so would have seen it."""
    height, width = before.shape
    constant, along_x, along_y = coefficients.astype(np.float64).T  # each [2], pixels
    half_x, half_y = (width - 1) / 2, (height - 1) / 2
    linear = np.eye(2) - np.stack([along_x / half_x, along_y / half_y], axis=1)
    shift = along_x + along_y - constant  # x and y run from -1 to 1, pixels from 0
    inverse = np.column_stack([linear, shift])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(
        before, inverse, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.uint8)


@cache
def _affine_basis(shape: tuple[int, ...], stride: int) -> NDArray[np.float64]:
    """(1, x, y) at every `stride`-th pixel: [N, 3]."""
    y, x = (np.linspace(-1.0, 1.0, size)[::stride] for size in shape)
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    basis = np.stack([np.ones(grid_x.size), grid_x.ravel(), grid_y.ravel()], axis=1)
    basis.flags.writeable = False  # whoever asks next is given the same
    return basis
