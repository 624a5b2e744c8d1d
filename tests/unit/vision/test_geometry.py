"""Boxes, suppression and transforms hold for any input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from consentry.vision.align import ARCFACE
from consentry.vision.geometry import Box, overlaps, similarity_transform, suppress, turn_back

Floats = NDArray[np.float32]

sides = st.floats(0, 500, width=32)
boxes = st.builds(Box, st.floats(-200, 200, width=32), st.floats(-200, 200, width=32), sides, sides)


@st.composite
def candidates(draw: st.DrawFn) -> tuple[Floats, Floats]:
    count = draw(st.integers(0, 25))
    corners = draw(arrays(np.float32, (count, 2), elements=st.floats(0, 100, width=32)))
    sizes = draw(arrays(np.float32, (count, 2), elements=st.floats(1, 60, width=32)))
    scores = draw(arrays(np.float32, (count,), elements=st.floats(0, 1, width=32)))
    return np.concatenate([corners, corners + sizes], axis=1), scores


@given(one=boxes, other=boxes)
def test_overlap_is_symmetric_and_a_share(one: Box, other: Box) -> None:
    assert 0.0 <= one.overlap(other) <= 1.0 + 1e-6
    assert one.overlap(other) == pytest.approx(other.overlap(one), abs=1e-5)


@given(box=boxes)
def test_box_overlaps_itself_wholly_unless_it_is_empty(box: Box) -> None:
    corners = np.array([box.left, box.top, box.right, box.bottom], np.float32)
    has_area = corners[2] > corners[0] and corners[3] > corners[1]
    expected = 1.0 if has_area and box.area > 1e-6 else box.overlap(box)
    assert box.overlap(box) == pytest.approx(expected)


@given(box=boxes, width=st.integers(1, 300), height=st.integers(1, 300))
def test_clipped_box_lies_in_the_picture_and_in_the_box(box: Box, width: int, height: int) -> None:
    inside = box.clipped(width, height)

    if inside is not None:
        assert inside.left >= max(box.left, 0)
        assert inside.top >= max(box.top, 0)
        assert inside.right <= min(box.right, width) + 1e-3
        assert inside.bottom <= min(box.bottom, height) + 1e-3


@given(box=boxes, factor=st.floats(1, 3), margin=st.floats(0, 9))
def test_enlarging_keeps_the_centre_and_never_shrinks(
    box: Box, factor: float, margin: float
) -> None:
    larger = box.enlarged(factor, margin)

    assert larger.left + larger.width / 2 == pytest.approx(box.left + box.width / 2, abs=1e-3)
    assert larger.top + larger.height / 2 == pytest.approx(box.top + box.height / 2, abs=1e-3)
    assert larger.width >= box.width
    assert larger.height >= box.height


@given(given_candidates=candidates(), threshold=st.floats(0.1, 0.9))
def test_boxes_kept_do_not_overlap_and_the_others_do(
    given_candidates: tuple[Floats, Floats], threshold: float
) -> None:
    corners, scores = given_candidates

    kept = suppress(corners, scores, threshold)

    assert len(set(kept.tolist())) == len(kept)
    assert (np.diff(scores[kept]) <= 0).all()
    for index in kept:
        others = kept[kept != index]
        assert (overlaps(corners[index], corners[others]) <= threshold).all()
    for index in set(range(len(corners))) - set(kept.tolist()):
        better = kept[scores[kept] >= scores[index]]
        assert (overlaps(corners[index], corners[better]) > threshold).any()


@given(
    angle=st.floats(-3.1, 3.1),
    scale=st.floats(0.05, 20),
    shift=st.tuples(st.floats(-900, 900), st.floats(-900, 900)),
)
def test_transform_of_a_moved_face_is_found(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    moved = (ARCFACE.points @ turn.T + shift).astype(np.float32)

    found = similarity_transform(ARCFACE.points, moved)

    assert np.allclose(
        ARCFACE.points @ found[:, :2].T + found[:, 2], moved, atol=0.05 * max(scale, 1)
    )


@given(points=arrays(np.float32, (5, 2), elements=st.floats(0, 100, width=32)))
def test_transform_never_mirrors(points: Floats) -> None:
    found = similarity_transform(ARCFACE.points, points)

    assert np.linalg.det(found[:, :2].astype(float)) >= -1e-6


def test_transform_of_one_point_is_refused() -> None:
    with pytest.raises(ValueError, match="must not all be one"):
        similarity_transform(np.ones((5, 2), np.float32), ARCFACE.points)


@given(
    turns=st.integers(0, 3),
    column=st.integers(0, 12),
    row=st.integers(0, 6),
)
def test_points_of_a_turned_picture_are_turned_back(turns: int, column: int, row: int) -> None:
    picture = np.zeros((7, 13), np.uint8)
    picture[row, column] = 1
    (turned_row,), (turned_column,) = np.nonzero(np.rot90(picture, turns))
    centre = np.array([[turned_column + 0.5, turned_row + 0.5]], np.float32)

    assert turn_back(centre, turns, 13, 7).tolist() == [[column + 0.5, row + 0.5]]
