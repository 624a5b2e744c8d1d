"""Show a detector a picture at a scale, tile by tile: whatever its size, memory is bounded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.geometry import Box
from consentry.vision.stages import stage

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

_TILE_OVERLAP: Final = 192  # a face larger than this is found whole at a smaller scale


class Detector(NamedTuple):
    """Finds faces in RGB pixels (height, width, 3) from a least score on, in one run.

    ``find`` gives rows (n, 15): left, top, right, bottom, five landmarks x, y, score. A run takes
    memory in proportion to what it looks at, which is at most about ``tile_pixels``.
    """

    find: Callable[[Pixels, float], Floats]
    tile_pixels: int


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

    @property
    def pixels_seen(self) -> float:
        """How many pixels it looks at, after scaling."""
        return self.tile.area * self.scale**2

    def find(self) -> Floats:
        """Give what it finds, in pixels of the picture."""
        tile = self.tile
        if self.scale == 1.0:
            part = self.pixels[int(tile.top) : int(tile.bottom), int(tile.left) : int(tile.right)]
        else:
            part = resized(self.image, tile, self.scale)
        rows = self.detector.find(part, self.least)
        rows[:, 0:14:2] = rows[:, 0:14:2] * (tile.width / part.shape[1]) + tile.left
        rows[:, 1:14:2] = rows[:, 1:14:2] * (tile.height / part.shape[0]) + tile.top
        return rows


def looks(
    detector: Detector, pixels: Pixels, scales: Iterable[float], least: float
) -> Iterator[Look]:
    """Give the looks that see the whole of RGB pixels (height, width, 3) at each of the scales."""
    image = Image.fromarray(pixels)
    for scale in scales:
        for tile in tiles(*image.size, scale, detector.tile_pixels):
            yield Look(detector, pixels, image, tile, scale, least)


def tiles(width: int, height: int, scale: float, tile_pixels: int) -> Iterator[Box]:
    """Cover a picture by overlapping boxes of one size, of at most about so many pixels scaled.

    As few as do: what overlaps is looked at twice.
    """
    overlap = _TILE_OVERLAP / scale
    across = down = 1
    wide, tall = width, height
    while wide * tall * scale**2 > tile_pixels:
        if wide >= tall:
            across += 1
            wide = ceil((width + (across - 1) * overlap) / across)
        else:
            down += 1
            tall = ceil((height + (down - 1) * overlap) / down)
    for top in _starts(height, tall, down):
        for left in _starts(width, wide, across):
            yield Box(left, top, wide, tall)


def _starts(length: int, part: int, parts: int) -> list[int]:
    """Give where each of the parts of a length begins, the first at 0, the last at its end."""
    return [(length - part) * index // max(parts - 1, 1) for index in range(parts)]


def resized(image: Image.Image, tile: Box, scale: float) -> Pixels:
    """Cut a tile out of the picture and scale it; large reductions go by whole steps first."""
    size = (max(round(tile.width * scale), 1), max(round(tile.height * scale), 1))
    corners = (tile.left, tile.top, tile.right, tile.bottom)
    with stage("resize"):
        return np.asarray(image.resize(size, Image.Resampling.BILINEAR, corners, reducing_gap=1.0))
