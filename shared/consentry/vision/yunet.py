"""YuNet: what it is fed, and what its outputs say. Pure functions on arrays."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

STRIDES: Final = (8, 16, 32)
TILE_PIXELS: Final = 2_400_000  # looked at in one run, which then needs 100 MB


def batch(pixels: Pixels) -> Floats:
    """Make the input: BGR, 0 to 255, (1, 3, height, width), padded below and to the right."""
    coarsest = STRIDES[-1]
    height, width = pixels.shape[:2]
    padded = (-(-height // coarsest) * coarsest, -(-width // coarsest) * coarsest)
    made = np.zeros((1, 3, *padded), np.float32)
    made[0, :, :height, :width] = pixels[:, :, ::-1].transpose(2, 0, 1)
    return made


def decode(outputs: Mapping[str, Floats], width: int, threshold: float) -> Floats:
    """Turn the outputs into rows (n, 15): left, top, right, bottom, five points x, y, score.

    ``width`` is that of the padded input. Each stride has one anchor per cell, row by row; the
    score is sqrt(class * objectness), a box is its centre's offset from the cell and the
    logarithm of its size, and all are in units of the stride. (OpenCV, face_detect.cpp)
    """
    rows = []
    for stride in STRIDES:
        scores = np.sqrt(outputs[f"cls_{stride}"][0, :, 0] * outputs[f"obj_{stride}"][0, :, 0])
        cells = np.flatnonzero(scores >= threshold)
        corner = np.stack([cells % (width // stride), cells // (width // stride)], axis=1)
        boxes = outputs[f"bbox_{stride}"][0, cells]
        centre = (corner + boxes[:, :2]) * stride
        half = np.exp(boxes[:, 2:]) * (stride / 2)
        points = (outputs[f"kps_{stride}"][0, cells].reshape(-1, 5, 2) + corner[:, None]) * stride
        rows.append(
            np.column_stack([centre - half, centre + half, points.reshape(-1, 10), scores[cells]])
        )
    return np.concatenate(rows).astype(np.float32)
