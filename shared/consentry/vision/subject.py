"""Whom a picture is of, where it shows several faces."""

from collections.abc import Sequence
from typing import Final

from consentry.vision.detect import Face

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
