"""Whom a picture is of."""

import numpy as np
import pytest

from consentry.vision import Box, Face, subject


def face(left: float, top: float, side: float) -> Face:
    return Face(Box(left, top, side, side), np.zeros((5, 2), np.float32), 0.9)


def test_larger_face_counts_where_both_are_as_near_to_the_middle() -> None:
    assert subject([face(20, 80, 20), face(140, 70, 40)], 200, 200) == 1


def test_face_in_the_middle_counts_more_than_a_larger_one_at_the_border() -> None:
    assert subject([face(150, 0, 50), face(80, 80, 40)], 200, 200) == 1


def test_small_face_behind_does_not_count_for_being_in_the_middle() -> None:
    assert subject([face(60, 70, 100), face(95, 95, 10)], 200, 200) == 0


def test_picture_without_faces_is_of_nobody() -> None:
    with pytest.raises(ValueError, match="empty"):
        subject([], 200, 200)
