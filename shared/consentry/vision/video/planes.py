"""Pixels of one frame as a video codec keeps them: brightness whole, colours at half size.

``Planes`` is 8-bit YUV 4:2:0 in one array, upright, with even sides. Whatever arrives is brought
to that form; faces are looked for in it, masks are painted on it, and it is what gets encoded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import av
import numpy as np
from av.sidedata.sidedata import Type as SideData
from numpy.typing import NDArray

from consentry.vision.geometry import Box

Pixels = NDArray[np.uint8]

PIXEL_FORMAT: Final = "yuv420p"
BLACK: Final = 16  # brightness, as video counts it from 16 to 235
GREY: Final = 128  # both colours, when there is none
_LIMITED_RANGE: Final = 1
_ALONE_PIXELS: Final = 1920 * 1080  # up to which one thread of a codec is ahead of the detectors
_MATRIX_BYTES: Final = 9 * 4


@dataclass(frozen=True)
class Orientation:
    """How coded pixels become upright: swapped axes, then each axis turned around or not."""

    transposed: bool = False
    mirrored: bool = False
    flipped: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> "Orientation":
        """Read a frame's display matrix (ISO/IEC 14496-12, 8.2.2.3); turns by 90 degrees only."""
        try:
            data = bytes(frame.side_data[SideData.DISPLAYMATRIX])
        except KeyError:
            return cls()
        if len(data) < _MATRIX_BYTES:
            return cls()
        a, b, _, c, d = (int(value) for value in np.frombuffer(data, np.int32)[:5])
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transposed=True, mirrored=c < 0, flipped=b < 0)
        return cls(mirrored=a < 0, flipped=d < 0)

    def apply(self, plane: Pixels) -> Pixels:
        """Turn one plane (height, width)."""
        if self.transposed:
            plane = plane.T
        return plane[:: -1 if self.flipped else 1, :: -1 if self.mirrored else 1]


@dataclass(frozen=True, repr=False)
class Planes:
    """A frame's pixels: ``packed`` (height * 3 / 2, width), uint8, Y above U above V."""

    packed: Pixels

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self.packed.shape[1])

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self.packed.shape[0]) * 2 // 3

    def copy(self) -> "Planes":
        """Give the same pixels, to be painted on."""
        return Planes(self.packed.copy())

    def parts(self) -> Iterator[tuple[Pixels, float, int]]:
        """Views of Y, U and V, each with its scale and the value that is black in it."""
        width, height = self.width, self.height
        flat = self.packed.reshape(-1)
        quarter = width * height // 4
        yield self.packed[:height], 1.0, BLACK
        for start in (4 * quarter, 5 * quarter):
            part = flat[start : start + quarter].reshape(height // 2, width // 2)
            yield part, 0.5, GREY

    def frame(self) -> av.VideoFrame:
        """Give a frame of these pixels and nothing else: no caption, no other side data."""
        return av.VideoFrame.from_ndarray(self.packed, format=PIXEL_FORMAT)

    def rgb(self, width: int, height: int) -> Pixels:
        """Give RGB pixels (height, width, 3) at another size."""
        smaller = "AREA" if width * 2 <= self.width else "BILINEAR"
        # In two steps, because FFmpeg turns colours fastest where the size stays.
        sized = self.frame().reformat(width, height, interpolation=smaller, threads=1)
        made = sized.reformat(format="rgb24", interpolation=smaller, threads=1)
        return np.asarray(made.to_ndarray(), np.uint8)


def upright(frame: av.VideoFrame, orientation: Orientation) -> Planes:
    """Bring a decoded frame, which lies as told, into the one form.

    Interlaced frames keep their first field, whose missing lines are drawn between its own. An
    odd side gets its last row or column twice, because 4:2:0 has even sides only.
    """
    if frame.format.name != PIXEL_FORMAT:
        frame = frame.reformat(format=PIXEL_FORMAT, dst_color_range=_LIMITED_RANGE)
    even = frame.width % 2 == frame.height % 2 == 0
    if even and orientation == Orientation() and not frame.interlaced_frame:
        return Planes(np.asarray(frame.to_ndarray(), np.uint8))
    planes = []
    for plane in frame.planes:
        lines = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        part = lines[: plane.height, : plane.width]
        if frame.interlaced_frame:
            part = _one_field(part)
        planes.append(orientation.apply(part))
    rows, columns = (-(-side // 2) * 2 for side in planes[0].shape)
    padding = [(0, rows - planes[0].shape[0]), (0, columns - planes[0].shape[1])]
    planes[0] = np.pad(planes[0], padding, mode="edge")
    flat = np.concatenate([plane.ravel() for plane in planes])
    return Planes(flat.reshape(rows * 3 // 2, columns))


def _one_field(plane: Pixels) -> Pixels:
    whole = plane.copy()
    above, below = plane[:-2:2].astype(np.uint16), plane[2::2]
    whole[1 : 2 * len(below) : 2] = (above + below + 1) // 2
    if len(plane) % 2 == 0:
        whole[-1] = whole[-2]
    return whole


def codec_threads(width: int, height: int, threads: int) -> int:
    """Give on how many threads to decode or encode: on one where that does, for it works least."""
    return 1 if width * height <= _ALONE_PIXELS else threads


def scaled(box: Box, factor: float) -> Box:
    """Give a box in pixels of a picture that is ``factor`` times as large."""
    return Box(box.left * factor, box.top * factor, box.width * factor, box.height * factor)
