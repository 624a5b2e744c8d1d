"""Whom a picture is of, where it shows several faces."""

from collections.abc import Sequence
from typing import Final

from consentry.errors import FaceNotFoundError
from consentry.vision.detect import Face
from consentry.vision.geometry import Box

OVERLAP_MIN: Final = 0.3  # intersection over union below which a named box is not that face

# A face counts less by this many times the square of its distance from the middle.
_OFF_CENTRE: Final = 2.0


def subject(faces: Sequence[Face], width: int, height: int) -> int:
    """Give the index of the face that a picture of so many pixels is of; ValueError without faces.

    Who takes a picture of somebody puts the face into the middle and near. So it is the one whose
    area, less twice the square of its distance from the picture's middle, is greatest.
    """

    def prominence(index: int) -> float:
        box = faces[index].box
        across = box.left + box.width / 2 - width / 2
        down = box.top + box.height / 2 - height / 2
        return box.area - _OFF_CENTRE * (across**2 + down**2)

    return max(range(len(faces)), key=prominence)


def named(faces: Sequence[Face], box: Box) -> int | None:
    """Give the index of the face that a box names, or None where none lies in it."""
    overlaps = [face.box.overlap(box) for face in faces]
    best = max(range(len(faces)), key=overlaps.__getitem__, default=None)
    return best if best is not None and overlaps[best] >= OVERLAP_MIN else None


def claimed(faces: Sequence[Face], width: int, height: int, box: Box | None) -> int:
    """Give the index of the face that a box names or, without a box, of the subject's.

    Raises FaceNotFoundError where there is none.
    """
    found = named(faces, box) if box else subject(faces, width, height) if faces else None
    if found is None:
        raise FaceNotFoundError("no face is there, or none in the box that the request names")
    return found
