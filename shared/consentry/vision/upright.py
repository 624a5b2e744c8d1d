"""Look at one face upright: turn the picture until the detector sees the face level.

YuNet draws the landmarks of a leaning face towards those of an upright one, and the more, the
smaller the face: of a lean of 30 degrees it shows eleven in a view of 250 pixels, and 23 in one of
500. Turned back by that and looked at again, a face soon stands level.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from consentry.vision.detect import THRESHOLDS, Face, Profile, candidates
from consentry.vision.geometry import Box
from consentry.vision.pose import lean

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Run = Callable[[Floats], Mapping[str, Floats]]

VIEW_PIXELS: Final = 256
_SURROUNDINGS: Final = 2.2  # side of the view, in longer sides of the face's box
_LOOKS_MAX: Final = 5
_LEVEL_DEGREES: Final = 1.5  # what still counts as level
_CLOSER: Final = 2.0  # scale of the view at which the detector looks
_SHOWN_AS: Final = 1.2  # degrees of lean per degree that the landmarks show


@dataclass(frozen=True)
class UprightFace:
    """A face in a square view (VIEW_PIXELS, VIEW_PIXELS, 3), RGB, black beyond the picture.

    ``landmarks`` (5, 2) are in pixels of the view, ``degrees`` is how far the view was turned
    against the picture: the face's lean in the picture, positive clockwise. ``middle`` (2,) is
    where the middle of the view lies in the picture, and ``scale`` its pixels per picture's pixel.
    """

    pixels: Pixels
    landmarks: Floats
    degrees: float
    middle: Floats
    scale: float

    def in_picture(self) -> Floats:
        """Give the landmarks (5, 2) in pixels of the picture."""
        angle = np.radians(self.degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        landmarks = (self.landmarks - VIEW_PIXELS / 2) / self.scale @ turn + self.middle
        return np.asarray(landmarks, np.float32)


def look_upright(
    detector: Run, pixels: Pixels, face: Face, level: float = _LEVEL_DEGREES
) -> UprightFace:
    """See one face of RGB pixels (height, width, 3) as level as the detector can tell.

    A face that seems to lean by less than ``level`` degrees is not turned any more.
    """
    part, box = _surroundings(pixels, face.box)
    side = max(box.width, box.height) * _SURROUNDINGS
    middle = np.array(
        [face.box.left + face.box.width / 2, face.box.top + face.box.height / 2], np.float32
    )
    scale = VIEW_PIXELS / (max(face.box.width, face.box.height) * _SURROUNDINGS)
    degrees = 0.0
    seen = _turned(part, box, side, degrees)
    given = (face.landmarks - middle) * np.float32(scale) + np.float32(VIEW_PIXELS / 2)
    best = UprightFace(seen, given, degrees, middle, scale)
    for _ in range(_LOOKS_MAX):
        found = _nearest(
            candidates(detector, seen, THRESHOLDS[Profile.FAST], _CLOSER), face.box.width * scale
        )
        if found is None:
            break
        best = UprightFace(seen, found.landmarks, degrees, middle, scale)
        shown = _SHOWN_AS * lean(found.landmarks)
        if abs(shown) < level:
            break
        degrees += shown
        seen = _turned(part, box, side, degrees)
    return best


def _surroundings(pixels: Pixels, box: Box) -> tuple[Image.Image, Box]:
    """Cut out a face with all that a turned view of it can show; shrink it by whole steps."""
    reach = max(box.width, box.height) * _SURROUNDINGS / 2**0.5
    middle_x, middle_y = box.left + box.width / 2, box.top + box.height / 2
    left, top = max(int(middle_x - reach), 0), max(int(middle_y - reach), 0)
    part = Image.fromarray(
        pixels[top : int(middle_y + reach) + 1, left : int(middle_x + reach) + 1]
    )
    steps = max(int(reach * 2**0.5 / VIEW_PIXELS), 1)
    if steps > 1:
        part = part.reduce(steps)
    shifted = Box((box.left - left) / steps, (box.top - top) / steps, box.width / steps,
                  box.height / steps)  # fmt: skip
    return part, shifted


def _turned(part: Image.Image, box: Box, side: float, degrees: float) -> Pixels:
    """Give the square view around a box's middle, turned so that a lean of ``degrees`` is level."""
    angle, pixel = np.radians(degrees), side / VIEW_PIXELS
    cosine, sine = np.cos(angle) * pixel, np.sin(angle) * pixel
    middle_x, middle_y = box.left + box.width / 2, box.top + box.height / 2
    half = VIEW_PIXELS / 2
    back = (
        cosine, -sine, middle_x - half * (cosine - sine),
        sine, cosine, middle_y - half * (sine + cosine),
    )  # fmt: skip
    size = (VIEW_PIXELS, VIEW_PIXELS)
    return np.asarray(part.transform(size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR))


def _nearest(faces: tuple[Face, ...], reach: float) -> Face | None:
    """The face in the middle of the view, if one is nearer than half of its expected width."""
    half = VIEW_PIXELS / 2

    def distance(face: Face) -> float:
        box = face.box
        return float(np.hypot(box.left + box.width / 2 - half, box.top + box.height / 2 - half))

    best = min(faces, key=distance, default=None)
    return best if best is not None and distance(best) < reach / 2 else None
