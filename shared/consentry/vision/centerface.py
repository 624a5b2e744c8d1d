"""CenterFace: what it is fed, and what its outputs say. Pure functions on arrays.

The network marks the centre of each face on a map of a quarter of the input's size, and gives
there the face's size, the centre's offset and five landmarks. (Xu et al., CenterFace: Joint Face
Detection and Alignment Using Face as Point, arXiv 1911.03599)
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

TILE_PIXELS: Final = 1_600_000  # looked at in one run, which then needs 270 MB
_STRIDE: Final = 4
_COARSEST: Final = 32  # sides of the input are multiples of this
_HEAT, _SIZE, _OFFSET, _LANDMARKS = "537", "538", "539", "540"


def batch(pixels: Pixels) -> Floats:
    """Make the input: RGB, 0 to 255, (1, 3, height, width), padded below and to the right."""
    height, width = pixels.shape[:2]
    padded = (-(-height // _COARSEST) * _COARSEST, -(-width // _COARSEST) * _COARSEST)
    made = np.zeros((1, 3, *padded), np.float32)
    made[0, :, :height, :width] = pixels.transpose(2, 0, 1)
    return made


def decode(outputs: Mapping[str, Floats], threshold: float) -> Floats:
    """Turn the outputs into rows (n, 15): left, top, right, bottom, five points x, y, score.

    All pairs of maps are (y, x). The offset is in cells, the size is the logarithm of cells, and
    landmarks are shares of the box from its top left corner.
    """
    heat = outputs[_HEAT][0, 0]
    rows, columns = np.nonzero(heat >= threshold)
    tall, wide = np.exp(outputs[_SIZE][0][:, rows, columns]) * _STRIDE
    down, across = outputs[_OFFSET][0][:, rows, columns]
    left = (columns + across + 0.5) * _STRIDE - wide / 2
    top = (rows + down + 0.5) * _STRIDE - tall / 2
    shares = outputs[_LANDMARKS][0][:, rows, columns]
    points = np.empty((len(rows), 10), np.float32)
    points[:, 0::2] = (shares[1::2] * wide + left).T
    points[:, 1::2] = (shares[0::2] * tall + top).T
    boxes = np.column_stack([left, top, left + wide, top + tall])
    return np.column_stack([boxes, points, heat[rows, columns]]).astype(np.float32)
