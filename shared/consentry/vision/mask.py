"""Cover faces in pixels, and tell from pixels whether a face is covered.

Blur and mosaics are not anonymisation: faces behind a Gaussian blur have been re-identified at
95.9 % (Revelio, arXiv 2506.12344), and mosaics fall too (McPherson et al., arXiv 1609.00408). Solid
is the default; the others are weaker and say so.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from consentry.errors import ArgumentError
from consentry.vision.geometry import Box

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Coordinates = NDArray[np.floating]

# The box that is covered, against the one that was found. At sqrt(2) an ellipse holds the whole
# found box; a detector's box also ends at the forehead and the chin.
ENLARGEMENT: Final = 1.5
MARGIN_PIXELS: Final = 2.0  # around that, because a small face's box is off by pixels
FILL: Final = 0  # black
PIXELATE_BLOCKS: Final = 6  # across the longer side of the covered box
BLUR_SIGMA: Final = 1 / 8  # of the longer side of the covered box
# How far lossy formats may move a filled pixel, out of 255.
_FILL_TOLERANCE: Final = 32
_OPAQUE: Final = 255


class MaskKind(StrEnum):
    """What covers a face.

    SOLID leaves nothing of it. PIXELATE leaves the mean colours of at most 6 x 6 blocks, and BLUR
    a Gaussian blur with a standard deviation of an eighth of the covered box: both are weaker.
    """

    SOLID = "solid"
    PIXELATE = "pixelate"
    BLUR = "blur"

    @property
    def strength(self) -> str:
        """What is left of a face, in a sentence that goes into every manifest."""
        return _STRENGTH[self]


_STRENGTH: Final = {
    MaskKind.SOLID: "strong: nothing of the face is left",
    MaskKind.PIXELATE: f"weaker: mean colours of {PIXELATE_BLOCKS} blocks across are left",
    MaskKind.BLUR: f"weaker: a blur of {BLUR_SIGMA} of the covered box is left",
}


# Azure Video Indexer's names of redactions. Its three blurs are one here: a lower one would show
# more of a face than any mask may.
VIDEO_INDEXER_KINDS: Final = {
    "LowBlur": MaskKind.BLUR,
    "MediumBlur": MaskKind.BLUR,
    "HighBlur": MaskKind.BLUR,
    "Black": MaskKind.SOLID,
}
VIDEO_INDEXER_BOX: Final = "BoundingBox"


def mask_kind(name: str) -> MaskKind:
    """Read a kind by its own name or by Video Indexer's, in any case; ArgumentError otherwise."""
    if name.lower() == VIDEO_INDEXER_BOX.lower():
        raise ArgumentError("BoundingBox draws a frame around a face that stays visible")
    kinds = {kind.value: kind for kind in MaskKind} | VIDEO_INDEXER_KINDS
    for known, kind in kinds.items():
        if name.lower() == known.lower():
            return kind
    raise ArgumentError(f"a mask is {', '.join(MaskKind)}, or {', '.join(VIDEO_INDEXER_KINDS)}")


class MaskShape(StrEnum):
    """The outline of what covers a face."""

    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"


@dataclass(frozen=True)
class MaskOptions:
    """How faces are covered."""

    kind: MaskKind = MaskKind.SOLID
    shape: MaskShape = MaskShape.ELLIPSE


def covered_box(found: Box, width: int, height: int) -> Box | None:
    """Enlarge a found box and clip it to the picture; None when it lies outside altogether."""
    return found.enlarged(ENLARGEMENT, MARGIN_PIXELS).clipped(width, height)


def cover(pixels: Pixels, found: Box, options: MaskOptions, fill: int = FILL) -> None:
    """Cover a found face in writable pixels (height, width) or (height, width, 3 or 4).

    The shape is drawn about the enlarged box and cut at the border, never moved or dropped.
    Everything covered becomes opaque. ``fill`` is what black is in these pixels.
    """
    region = _region(found, options.shape, pixels.shape[:2])
    if region is None:
        return
    rows, columns, inside = region
    part = pixels[rows, columns]
    if options.kind is MaskKind.SOLID:
        part[inside] = fill
    else:
        whole = found.enlarged(ENLARGEMENT, MARGIN_PIXELS)
        part[inside] = _weakened(part, whole, options.kind)[inside]
    if part.ndim == 3 and part.shape[2] == 4:
        part[inside, 3] = _OPAQUE


def mark_fill(marks: Bools, pixels: Pixels, found: Box, shape: MaskShape) -> None:
    """Mark, in (height, width), those RGB pixels under the mask of a found face that are fill."""
    region = _region(found, shape, pixels.shape[:2])
    if region is not None:
        rows, columns, inside = region
        marks[rows, columns] |= inside & near_fill(pixels[rows, columns])


def _region(
    found: Box, shape: MaskShape, size: tuple[int, ...]
) -> tuple[slice, slice, Bools] | None:
    """Give the rows and columns of a mask in a picture (height, width), and its shape there."""
    height, width = size
    inside = covered_box(found, width, height)
    if inside is None:
        return None
    left, top = int(inside.left), int(inside.top)
    right, bottom = min(int(np.ceil(inside.right)), width), min(int(np.ceil(inside.bottom)), height)
    if shape is MaskShape.RECTANGLE:
        drawn = np.ones((bottom - top, right - left), np.bool_)
    else:
        whole = found.enlarged(ENLARGEMENT, MARGIN_PIXELS)
        columns, rows = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
        drawn = _in_ellipse(columns, rows[:, None], whole)
    return slice(top, bottom), slice(left, right), drawn


def near_fill(pixels: Pixels) -> Bools:
    """Tell which pixels (..., 3) have the fill's colour, as (...); FILL is the lowest value."""
    brightest = np.maximum(np.maximum(pixels[..., 0], pixels[..., 1]), pixels[..., 2])
    near: Bools = brightest <= FILL + _FILL_TOLERANCE
    return near


def _in_ellipse(x: Coordinates, y: Coordinates, whole: Box) -> Bools:
    """Tell which points lie in the ellipse that fills a box."""
    across = (x - whole.left) / whole.width * 2 - 1
    down = (y - whole.top) / whole.height * 2 - 1
    inside: Bools = across**2 + down**2 <= 1.0
    return inside


def _weakened(part: Pixels, whole: Box, kind: MaskKind) -> Pixels:
    """Give a part of the picture in mosaic or blurred, in its own shape."""
    image = Image.fromarray(part)
    longer = max(whole.width, whole.height)
    if kind is MaskKind.BLUR:
        return np.asarray(image.filter(ImageFilter.GaussianBlur(longer * BLUR_SIGMA)))
    blocks = (
        max(round(image.width / longer * PIXELATE_BLOCKS), 1),
        max(round(image.height / longer * PIXELATE_BLOCKS), 1),
    )
    small = image.resize(blocks, Image.Resampling.BOX)
    return np.asarray(small.resize(image.size, Image.Resampling.NEAREST))


def contains(found: Box, shape: MaskShape, points: Floats) -> Bools:
    """Tell which points (n, 2) lie under the mask of a found face, as (n,)."""
    whole = found.enlarged(ENLARGEMENT, MARGIN_PIXELS)
    x, y = points.T
    if shape is MaskShape.ELLIPSE:
        return _in_ellipse(x, y, whole)
    inside: Bools = (x >= whole.left) & (x < whole.right) & (y >= whole.top) & (y < whole.bottom)
    return inside


def is_filled(pixels: Pixels, points: Floats) -> bool:
    """Tell whether RGB pixels (height, width, 3) at points (n, 2) are all filled solid.

    Points outside of the picture show nothing and count as filled.
    """
    height, width = pixels.shape[:2]
    columns, rows = points.astype(np.intp).T
    seen = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return bool(near_fill(pixels[rows[seen], columns[seen]]).all())
