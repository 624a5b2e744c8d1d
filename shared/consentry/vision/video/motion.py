"""How the camera moves from one frame to the next: a shift and a zoom, from thumbnails.

Nine overlapping blocks of a thumbnail are each compared with the same block of the frame before,
by phase correlation (C. Kuglin, D. Hines, The phase correlation image alignment method, 1975); one
zoom and one shift are then fitted to what they say, and blocks in which something else moves are
outvoted. No pixel of a face is compared with one of another face: what is told is of the picture.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.video.planes import Planes

Thumbnail = NDArray[np.uint8]
Move = tuple[float, float, float]
"""Zoom, then shift in pixels to the right and down: a point p of the frame before is at
``zoom * p + shift``."""

STILL: Final[Move] = (1.0, 0.0, 0.0)
_ACROSS: Final = 320  # pixels of a thumbnail's longer side, at most
_BLOCKS: Final = 3  # along either side, each half as long as it
_LEAST_PEAK: Final = 0.03  # of a block's correlation, 0 to 1; flat blocks have lower ones
_QUIET: Final = 1e-6  # of the loudest frequency, below which one is silent
_LEAST_BLOCKS: Final = 5  # of nine, that have to say the same
_AGREED: Final = 1.0  # pixels of the thumbnail between what blocks say and what is fitted
_OUTLIER: Final = 0.5  # pixels of the thumbnail that a block is off, to count half
_FITS: Final = 4
_ZOOM_MAX: Final = 1.15  # from one frame to the next; more is no camera's


def thumbnail(planes: Planes) -> tuple[Thumbnail, int]:
    """Give a frame's brightness (height, width), and by which number its sides were divided."""
    scale = -(-max(planes.width, planes.height) // _ACROSS)
    brightness = Image.fromarray(planes.packed[: planes.height])
    return np.asarray(brightness.reduce(scale), np.uint8), scale


class Blocks:
    """The blocks of a thumbnail, as spectra: (9, rows, frequencies)."""

    def __init__(self, cells: Thumbnail) -> None:
        height, width = cells.shape
        self._size = (max(height // 2, 1), max(width // 2, 1))
        rows, columns = self._size
        self._centres = [
            (left + columns / 2, top + rows / 2)
            for top in np.linspace(0, height - rows, _BLOCKS).astype(int)
            for left in np.linspace(0, width - columns, _BLOCKS).astype(int)
        ]
        fading = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
        parts = [
            cells[
                int(y - rows / 2) : int(y - rows / 2) + rows,
                int(x - columns / 2) : int(x - columns / 2) + columns,
            ]
            for x, y in self._centres
        ]
        blocks = np.stack(parts).astype(np.float32)
        blocks -= blocks.mean(axis=(1, 2), keepdims=True)
        # Any norm does, since spectra are compared by their phases; with this one NumPy computes in
        # float32 throughout, and seven times as fast as with its usual one.
        self._spectra = np.fft.rfft2(blocks * fading, norm="forward")

    def move_since(self, before: "Blocks") -> Move | None:
        """Give the camera's move since another thumbnail of the same size, in its pixels.

        None where most blocks tell nothing, or nothing that fits together.
        """
        crossed = self._spectra * np.conj(before._spectra)
        strength = np.abs(crossed)
        crossed /= strength + _QUIET * strength.max() + 1e-9
        moved = [_peak(correlation) for correlation in np.fft.irfft2(crossed, s=self._size)]
        said = [
            (centre, shift)
            for centre, (shift, peak) in zip(self._centres, moved, strict=True)
            if peak >= _LEAST_PEAK
        ]
        return _fitted(said) if len(said) >= _LEAST_BLOCKS else None


def _peak(correlation: NDArray[np.floating]) -> tuple[tuple[float, float], float]:
    """Give the shift (x, y) at which a block fits best, to parts of a pixel, and how well."""
    y, x = np.unravel_index(int(correlation.argmax()), correlation.shape)
    across, down = correlation[y, :], correlation[:, x]
    return (_between(across, int(x)), _between(down, int(y))), float(correlation[y, x])


def _between(line: NDArray[np.floating], place: int) -> float:
    """Give the top of the parabola through a peak and its neighbours, as a shift either way."""
    count = len(line)
    left, top, right = (float(line[(place + step) % count]) for step in (-1, 0, 1))
    bend = left - 2 * top + right
    offset = min(max(0.5 * (left - right) / bend, -0.5), 0.5) if bend < 0 else 0.0
    return (place + count // 2) % count - count // 2 + offset


def _fitted(said: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> Move | None:
    """Fit a zoom and a shift by least squares, in which blocks far off count ever less."""
    centres, shifts = (np.array(values) for values in zip(*said, strict=True))
    grown, shift = 0.0, np.median(shifts, axis=0)
    for _ in range(_FITS):
        off = np.hypot(*(shifts - shift - grown * centres).T)
        weights = 1 / (1 + (off / _OUTLIER) ** 2)
        middle, moved = (
            np.average(values, axis=0, weights=weights) for values in (centres, shifts)
        )
        spread = ((centres - middle) ** 2).sum(axis=1) @ weights
        together = ((centres - middle) * (shifts - moved)).sum(axis=1) @ weights
        grown = float(together / spread) if spread else 0.0
        shift = moved - grown * middle
    agreed = np.hypot(*(shifts - shift - grown * centres).T) <= _AGREED
    if agreed.sum() < _LEAST_BLOCKS or not 1 / _ZOOM_MAX <= 1 + grown <= _ZOOM_MAX:
        return None
    return 1 + grown, float(shift[0]), float(shift[1])
