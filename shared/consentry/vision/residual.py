"""What a second look at a redacted picture says: does a face remain?

A detector guesses heads: a black ellipse on a pair of shoulders is one to it. So it looks twice.

1. With much doubt, at a copy in which fill is replaced by the smooth colours around it. Only
   pixels that lie under a solid mask and have its colour are replaced: they hide nothing,
   whatever else is wrong. A guess that reaches over fill counts only where a face was found
   before: it is made of masks and of what lies between them.
2. If that finds nothing, as sure as of a face that can be verified, at the output as it is.

Either way a guess is void of which nothing can be left, because all five landmarks or VOID_SHARE
of its box are fill. Under a blur or a mosaic, which show a face of sorts, it is void unless the
detector is as sure as of a face that can be verified.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.detect import THRESHOLDS, Face, Profile
from consentry.vision.geometry import Box, overlaps
from consentry.vision.mask import MaskKind, MaskOptions, contains, is_filled, mark_fill

Bools = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Cover = tuple[Box, MaskOptions]
"""A found box, and how it was covered."""

SURE_THRESHOLD: Final = THRESHOLDS[Profile.FAST]
VOID_SHARE: Final = 0.8  # of a box; a labelled face of which this is hidden counts as covered
PROVOKED_SHARE: Final = 0.1
_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
_FINEST: Final = 4  # pixels across a cell of the finest surroundings


def solid_pixels(pixels: Pixels, covers: Sequence[Cover]) -> Bools:
    """Tell which RGB pixels (height, width, 3) are proven to be solid fill, as (height, width)."""
    proven = np.zeros(pixels.shape[:2], np.bool_)
    for box, options in covers:
        if options.kind is MaskKind.SOLID:
            mark_fill(proven, pixels, box, options.shape)
    return proven


def without_fill(pixels: Pixels, proven: Bools) -> Pixels:
    """Replace the proven pixels by the colours around them, coarse within and finer at the rim.

    Each halving of the picture averages what is not fill; the coarsest is laid down first.
    """
    if not proven.any():
        return pixels
    smooth, fill = Image.fromarray(pixels), Image.fromarray(proven)
    bare = smooth.copy()
    bare.paste(0, None, fill)
    kept = Image.fromarray(~proven).convert("L").reduce(_FINEST)
    # Colours times alpha, which is what the mode RGBa means: fill is 0 and weighs 0.
    layers = [Image.merge("RGBa", (*bare.reduce(_FINEST).split(), kept)).convert("RGBA")]
    while max(layers[-1].size) > 1:
        layers.append(layers[-1].reduce(2))
    ground = layers.pop().convert("RGBA")
    while layers:
        finer = layers.pop().convert("RGBA")
        ground = Image.alpha_composite(ground.resize(finer.size, Image.Resampling.BILINEAR), finer)
    # Pairs of pixels get one colour, which no detector tells from a smooth change.
    width, height = smooth.size
    pairs = ground.convert("RGB").resize(
        (-(-width // 2), -(-height // 2)), Image.Resampling.BILINEAR
    )
    seen = (0, 0, width / 2, height / 2)
    smooth.paste(pairs.resize(smooth.size, Image.Resampling.NEAREST, seen), None, fill)
    return np.asarray(smooth)


def is_hidden(face: Face, covers: Sequence[Cover], pixels: Pixels, proven: Bools) -> bool:
    """Tell whether the masks hide a face that is seen in the output."""
    if fill_share(proven, face.box) >= VOID_SHARE:
        return True
    solid = np.zeros(len(face.landmarks), np.bool_)
    any_kind = solid.copy()
    for box, options in covers:
        under = contains(box, options.shape, face.landmarks)
        any_kind |= under
        if options.kind is MaskKind.SOLID:
            solid |= under
    if solid.all():
        return is_filled(pixels, face.landmarks)
    return bool(any_kind.all()) and face.score < SURE_THRESHOLD


def is_provoked(face: Face, covers: Sequence[Cover], proven: Bools) -> bool:
    """Tell whether a face reaches over fill, and none was found there when there was no fill."""
    if fill_share(proven, face.box) < PROVOKED_SHARE:
        return False
    found = np.array([box.corners for box, _ in covers], np.float32).reshape(-1, 4)
    here = np.array(face.box.corners, np.float32)
    return not (overlaps(here, found) >= _SAME_FACE).any()


def fill_share(proven: Bools, box: Box) -> float:
    """Give the share of a box's visible pixels that are fill; of none, 0."""
    height, width = proven.shape
    inside = box.clipped(width, height)
    if inside is None:
        return 0.0
    part = proven[
        int(inside.top) : int(np.ceil(inside.bottom)), int(inside.left) : int(np.ceil(inside.right))
    ]
    return float(part.mean())
