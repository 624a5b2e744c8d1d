"""Look at one frame for faces: at one or several sizes, by how much time the frame is worth."""

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

import numpy as np

from consentry.vision.detect import Detectors, Face, Profile, candidates, detect_all, judge
from consentry.vision.geometry import Box, suppress
from consentry.vision.video.planes import Pixels, Planes

_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
# Large guesses at a large size are folds and limbs, unless the detector is this sure.
_LARGE_FACE_PIXELS: Final = 64
_LARGE_FACE_SCORE: Final = 0.7
_STARE_SIDE: Final = 1280  # in pixels; faces too small for it cannot be made out
_CLOSEST: Final = 1.5  # times that side, the largest look
# Width to height of what may be a face; 9800 finds at labelled faces had 0.46 to 1.74.
_NARROWEST: Final = 0.4
_WIDEST: Final = 2.0
# A score, and a likelihood, that may carry a track on.
GLANCE_LEAST: Final = 0.2
STARE_LEAST: Final = 0.04


class Depth(Enum):
    """How hard to look with one detector, as longer sides in pixels that a frame is brought to."""

    GLANCE = (640,)
    CLOSE = (1280, 640)


def glance(detectors: Detectors, planes: Planes) -> list[Face]:
    """Look at a small frame with the quick detector; scores are its own."""
    [side] = sides(planes, Depth.GLANCE)
    width, height = reduced(planes, side)
    found = candidates(detectors.yunet, planes.rgb(width, height), GLANCE_LEAST)
    return _shaped(enlarged(face, planes.width / width) for face in found)


def stare(detectors: Detectors, planes: Planes, *, lying: bool) -> list[Face]:
    """Look with both detectors as at a picture, or but for faces that lie.

    Scores are how likely it is a face.
    """
    longest = max(planes.width, planes.height)
    width, height = reduced(planes, min(longest, _STARE_SIDE))
    pixels = planes.rgb(width, height)
    found = detect_all(
        detectors, pixels, Profile.RECALL, least=STARE_LEAST, lying=lying, closest=_CLOSEST
    )
    return _shaped(enlarged(face, planes.width / width) for face in found)


def _shaped(faces: Iterable[Face]) -> list[Face]:
    """Drop what is too narrow or too wide to be a face, such as a border that looks like one."""
    return [face for face in faces if _NARROWEST <= face.box.width / face.box.height <= _WIDEST]


def reconsider(
    detectors: Detectors, view: Pixels, guesses: Sequence[Face], longest: int
) -> list[Face]:
    """Ask the second detector about guesses in a small frame; scores are how likely it is a face.

    Boxes are in pixels of ``view``, RGB (height, width, 3); ``longest`` is the whole frame's side.
    """
    enlargement = min(longest, _STARE_SIDE) / max(view.shape[:2])
    return judge(detectors.centerface, view, guesses, enlargement)


def believed(face: Face) -> bool:
    """Tell whether a guess at a large size is one that a smaller size would not see better."""
    return face.box.height <= _LARGE_FACE_PIXELS or face.score >= _LARGE_FACE_SCORE


def sides(planes: Planes, depth: Depth) -> Sequence[int]:
    """Which sizes a depth means for a frame: none above one and a half times its own."""
    longest = max(planes.width, planes.height)
    useful = [side for side in depth.value if side <= longest * 1.5]
    return useful or [longest]


def reduced(planes: Planes, side: int) -> tuple[int, int]:
    """Give width and height of a frame whose longer side is brought to ``side``."""
    factor = side / max(planes.width, planes.height)
    return max(round(planes.width * factor), 1), max(round(planes.height * factor), 1)


def enlarged(face: Face, factor: float) -> Face:
    """Give a face in pixels of a picture ``factor`` times as large."""
    box = face.box
    whole = Box(box.left * factor, box.top * factor, box.width * factor, box.height * factor)
    return Face(whole, face.landmarks * np.float32(factor), face.score)


def once(faces: Sequence[Face]) -> list[Face]:
    """Drop all but the surest of the finds that show one face."""
    if not faces:
        return []
    boxes = np.array(
        [face.box.corners for face in faces],
        np.float32,
    )
    scores = np.array([face.score for face in faces], np.float32)
    return [faces[index] for index in suppress(boxes, scores, _SAME_FACE)]
