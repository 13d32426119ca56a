"""Optical flow between neighbouring frames, with the camera's own motion taken out."""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

FLOW_SIZE = (172, 128)  # width, height of the pictures the flow is measured on, pixels
_RIDGE = 1e-6 * np.eye(3)  # keeps the normal equations of `camera_motion` regular


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
    for last in (False, False, True):
        weighted = basis * weights[:, None]
        normal = weighted.T @ basis + _RIDGE
        coefficients = np.linalg.solve(normal, weighted.T @ samples.T).T
        if last:
            break
        residual = np.hypot(*(samples - coefficients @ basis.T))
        scale = max(_median(residual), 0.05)  # pixels; below this it is flow noise
        weights = 1.0 / (1.0 + (residual / scale) ** 2)
    return np.asarray(coefficients, np.float32)


def _median(values: NDArray[np.float64]) -> float:
    """Of numbers [N]: what `np.median` returns, in a quarter of its time for some hundred."""
    half = len(values) // 2
    ordered = np.partition(values, (half - 1, half))
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def remove_camera(
    flow: NDArray[np.float32], coefficients: NDArray[np.float32]
) -> NDArray[np.float32]:
    """`flow` [2, H, W] less the motion that `camera_motion` found in it."""
    x, y = _axes(flow.shape[1:])
    constant, along_x, along_y = coefficients.T[..., None, None]
    # In order of the planes: the field of the estimator has x and y of each pixel side by side.
    moved = constant + along_x * x + along_y * y
    return np.asarray(np.subtract(flow, moved, order="C"), np.float32)


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
def _axes(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """x [W] and y [H, 1] from -1 to 1."""
    y, x = (np.linspace(-1.0, 1.0, size, dtype=np.float32) for size in shape)
    x.flags.writeable = y.flags.writeable = False  # whoever asks next is given the same
    return x, y[:, None]


@cache
def _affine_basis(shape: tuple[int, ...], stride: int) -> NDArray[np.float64]:
    """(1, x, y) at every `stride`-th pixel: [N, 3]."""
    y, x = (np.linspace(-1.0, 1.0, size)[::stride] for size in shape)
    grid_y, grid_x = np.meshgrid(y, x, indexing="ij")
    basis = np.stack([np.ones(grid_x.size), grid_x.ravel(), grid_y.ravel()], axis=1)
    basis.flags.writeable = False  # whoever asks next is given the same
    return basis
