"""How a player turns and mirrors a stored picture, from its display matrix. PyAV alone.

The matrix of FFmpeg and of MP4 (ISO 14496-12, 6.2.2) maps a stored pixel (p, q), q downward, to
(a p + c q, b p + d q). Cameras write the eight that map the axes onto each other: four turns, and
the same mirrored (a negative determinant), which selfie cameras use.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray


@dataclass(frozen=True)
class Orientation:
    """First rows and columns change places, then columns and rows are reversed, where it says."""

    transposed: bool = False
    columns_reversed: bool = False
    rows_reversed: bool = False

    @classmethod
    def of(cls, picture: VideoFrame) -> Orientation:
        """Of a decoded picture; upright where it has no matrix."""
        # PyAV's stub takes the mapping's keys for strings.
        data = picture.side_data.get(Type.DISPLAYMATRIX)  # type: ignore[call-overload]
        if data is None:
            return cls()
        matrix = np.frombuffer(bytes(data), "<i4").reshape(3, 3).astype(np.float64)
        return cls.from_matrix(matrix[0, 0], matrix[0, 1], matrix[1, 0], matrix[1, 1])

    @classmethod
    def from_matrix(cls, a: float, b: float, c: float, d: float) -> Orientation:
        """Of a matrix as above; an oblique one is taken as the nearest of the eight."""
        if max(abs(a), abs(d)) >= max(abs(b), abs(c)):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def apply(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """An image [H, W, 3] as it is shown."""
        if self.transposed:
            image = image.transpose(1, 0, 2)
        rows = slice(None, None, -1 if self.rows_reversed else 1)
        columns = slice(None, None, -1 if self.columns_reversed else 1)
        return np.ascontiguousarray(image[rows, columns])
