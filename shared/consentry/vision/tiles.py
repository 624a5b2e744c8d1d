"""Show a detector a picture at a scale, tile by tile: whatever its size, memory is bounded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.geometry import Box
from consentry.vision.stages import stage

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Detector = Callable[[Pixels, float], Floats]
"""Finds faces in RGB pixels from a least score on; rows (n, 15): left, top, right, bottom, five
landmarks x, y, score."""

_TILE_PIXELS: Final = 1280
_TILE_OVERLAP: Final = 192  # a face larger than this is found whole at a smaller scale


@dataclass(frozen=True)
class Look:
    """A detector that looks at a tile of a picture at a scale.

    The picture is RGB pixels (height, width, 3), and the same as an image.
    """

    detector: Detector
    pixels: Pixels
    image: Image.Image
    tile: Box
    scale: float
    least: float

    def find(self) -> Floats:
        """Give what it finds, in pixels of the picture."""
        tile = self.tile
        if self.scale == 1.0:
            part = self.pixels[int(tile.top) : int(tile.bottom), int(tile.left) : int(tile.right)]
        else:
            part = resized(self.image, tile, self.scale)
        rows = self.detector(part, self.least)
        rows[:, 0:14:2] = rows[:, 0:14:2] * (tile.width / part.shape[1]) + tile.left
        rows[:, 1:14:2] = rows[:, 1:14:2] * (tile.height / part.shape[0]) + tile.top
        return rows


def looks(
    detector: Detector, pixels: Pixels, scales: Iterable[float], least: float
) -> Iterator[Look]:
    """Give the looks that see the whole of RGB pixels (height, width, 3) at each of the scales."""
    image = Image.fromarray(pixels)
    for scale in scales:
        for tile in tiles(*image.size, scale):
            yield Look(detector, pixels, image, tile, scale, least)


def tiles(width: int, height: int, scale: float) -> Iterator[Box]:
    """Cover a picture by overlapping boxes that are at most a tile when scaled."""
    for top, tall in _spans(height, scale):
        for left, wide in _spans(width, scale):
            yield Box(left, top, wide, tall)


def _spans(length: int, scale: float) -> Iterator[tuple[int, int]]:
    tile = int(_TILE_PIXELS / scale)
    step = int((_TILE_PIXELS - _TILE_OVERLAP) / scale)
    start = 0
    while start + tile < length:
        yield start, tile
        start += step
    yield start, length - start


def resized(image: Image.Image, tile: Box, scale: float) -> Pixels:
    """Cut a tile out of the picture and scale it; large reductions go by whole steps first."""
    size = (max(round(tile.width * scale), 1), max(round(tile.height * scale), 1))
    corners = (tile.left, tile.top, tile.right, tile.bottom)
    with stage("resize"):
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR, corners, reducing_gap=1.0))
