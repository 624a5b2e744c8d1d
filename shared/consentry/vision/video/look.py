"""Look at one frame for faces: at one or several sizes, by how much time the frame is worth."""

from collections.abc import Sequence
from enum import Enum
from typing import Final

import numpy as np

from consentry.vision.detect import Face, Run, candidates
from consentry.vision.geometry import Box, suppress
from consentry.vision.video.planes import Planes

_SAME_FACE: Final = 0.4  # intersection over union from which two boxes show one face
# Large guesses at a large size are folds and limbs, unless the detector is this sure.
_LARGE_FACE_PIXELS: Final = 64
_LARGE_FACE_SCORE: Final = 0.7


class Depth(Enum):
    """How hard to look, as the longer sides in pixels that a frame is brought to."""

    GLANCE = (640,)
    CLOSE = (1280, 640)
    CLOSEST = (1920, 1280, 640)


def look(run: Run, planes: Planes, depth: Depth, least: float) -> tuple[Face, ...]:
    """Find all that may be a face, from score ``least`` on, in pixels of the frame."""
    found: list[Face] = []
    smallest = min(sides(planes, depth))
    for side in sides(planes, depth):
        width, height = reduced(planes, side)
        shrunk = candidates(run, planes.rgb(width, height), least)
        found += [
            enlarged(face, planes.width / width)
            for face in shrunk
            if side == smallest or believed(face)
        ]
    return tuple(once(found))


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
        [[face.box.left, face.box.top, face.box.right, face.box.bottom] for face in faces],
        np.float32,
    )
    scores = np.array([face.score for face in faces], np.float32)
    return [faces[index] for index in suppress(boxes, scores, _SAME_FACE)]
