"""What the RMS-Mapper reads of a step: a coarse grid of cells, each with these channels.

Plain names and numbers, which the networks and those who measure the cells share.
"""

from __future__ import annotations

GRID = (12, 16)  # rows and columns of cells
FLOW_CHANNELS = (
    "mean_x", "mean_y",  # of the velocity, heights per second; x to the right, y down
    "moving_x", "moving_y",  # the same weighted by speed: of what moves, however small
    "speed", "top_speed",  # mean and maximum of its size
    "right", "left", "down", "up",  # the fastest to each side
    "change", "lost",  # mean size of its change since the step before; most speed lost
)  # fmt: skip
RGB_CHANNELS = (
    "difference", "top_difference", "brighter",  # of grey since the last frame: size, most, signed
    "red", "green", "blue", "contrast",  # 0 to 1; contrast: mean distance of grey from its blur
)  # fmt: skip
CHANNELS = FLOW_CHANNELS + RGB_CHANNELS
MOVING = len(FLOW_CHANNELS) + 3  # the first channels describe motion: flow, the picture's change
