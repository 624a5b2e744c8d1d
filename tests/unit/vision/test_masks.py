"""What a mask covers: all of the box, up to the border and never beyond the shape."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from consentry.vision import Box, MaskKind, MaskOptions, MaskShape
from consentry.vision.mask import PIXELATE_BLOCKS, contains, cover, covered_box, is_filled

WIDTH, HEIGHT = 90, 70
EVERY = [MaskOptions(kind, shape) for kind in MaskKind for shape in MaskShape]


def noise(channels: int = 3, low: int = 1) -> NDArray[np.uint8]:
    generator = np.random.default_rng(7)
    return generator.integers(low, 256, (HEIGHT, WIDTH, channels), np.uint8)


def found_box(box: Box) -> tuple[slice, slice]:
    left, top = max(int(np.ceil(box.left)), 0), max(int(np.ceil(box.top)), 0)
    return slice(top, max(int(box.bottom), 0)), slice(left, max(int(box.right), 0))


boxes = st.builds(
    Box,
    st.floats(-60, WIDTH + 20, width=32),
    st.floats(-60, HEIGHT + 20, width=32),
    st.floats(1, 120, width=32),
    st.floats(1, 120, width=32),
)


@given(box=boxes, shape=st.sampled_from(MaskShape))
def test_solid_fill_leaves_nothing_of_the_found_box(box: Box, shape: MaskShape) -> None:
    pixels = noise()

    cover(pixels, box, MaskOptions(MaskKind.SOLID, shape))

    assert (pixels[found_box(box)] == 0).all()


@given(box=boxes, options=st.sampled_from(EVERY))
def test_pixels_outside_of_the_covered_box_stay(box: Box, options: MaskOptions) -> None:
    before, after = noise(), noise()

    cover(after, box, options)

    changed = (before != after).any(axis=2)
    inside = covered_box(box, WIDTH, HEIGHT)
    rows, columns = np.nonzero(changed)
    if inside is None:
        assert not changed.any()
    else:
        assert ((columns + 1 > inside.left) & (columns < inside.right)).all()
        assert ((rows + 1 > inside.top) & (rows < inside.bottom)).all()


@pytest.mark.parametrize(
    ("corner", "pixel"),
    [((-20, -20), (0, 0)), ((75, -20), (0, WIDTH - 1)), ((-20, 55), (HEIGHT - 1, 0)),
     ((75, 55), (HEIGHT - 1, WIDTH - 1))],
    ids=["top left", "top right", "bottom left", "bottom right"],
)  # fmt: skip
@pytest.mark.parametrize("shape", MaskShape)
def test_face_over_the_border_is_covered_to_the_last_pixel(
    corner: tuple[int, int], pixel: tuple[int, int], shape: MaskShape
) -> None:
    pixels = noise()

    cover(pixels, Box(*corner, 35, 35), MaskOptions(shape=shape))

    assert pixels[pixel].tolist() == [0, 0, 0]
    assert (pixels[found_box(Box(*corner, 35, 35))] == 0).all()


def test_face_larger_than_the_picture_is_covered_whole() -> None:
    pixels = noise()

    cover(pixels, Box(-50, -50, 200, 200), MaskOptions())

    assert not pixels.any()


def test_mosaic_has_at_most_the_stated_blocks() -> None:
    pixels = noise()

    cover(pixels, Box(30, 20, 30, 30), MaskOptions(MaskKind.PIXELATE, MaskShape.RECTANGLE))

    colours = np.unique(pixels[found_box(Box(30, 20, 30, 30))].reshape(-1, 3), axis=0)
    assert 1 < len(colours) <= PIXELATE_BLOCKS**2


def test_blur_levels_what_it_covers() -> None:
    before, after = noise(), noise()

    cover(after, Box(30, 20, 30, 30), MaskOptions(MaskKind.BLUR, MaskShape.RECTANGLE))

    centre = found_box(Box(30, 20, 30, 30))
    assert after[centre].std() < before[centre].std() / 8


@pytest.mark.parametrize("kind", MaskKind)
def test_grey_and_transparent_pictures_are_covered_too(kind: MaskKind) -> None:
    grey, transparent = noise(1)[:, :, 0], noise(4)
    box = Box(30, 20, 30, 30)

    cover(grey, box, MaskOptions(kind))
    cover(transparent, box, MaskOptions(kind))

    assert (grey[found_box(box)] != noise(1)[:, :, 0][found_box(box)]).mean() > 0.9
    assert (transparent[found_box(box)][:, :, 3] == 255).all()


@given(box=boxes, shape=st.sampled_from(MaskShape))
def test_points_count_as_contained_where_pixels_are_covered(box: Box, shape: MaskShape) -> None:
    pixels = noise()
    cover(pixels, box, MaskOptions(MaskKind.SOLID, shape))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    centres = np.stack([columns + 0.5, rows + 0.5], axis=-1).reshape(-1, 2).astype(np.float32)

    covered = contains(box, shape, centres).reshape(HEIGHT, WIDTH)

    assert (pixels[covered] == 0).all()


def test_one_visible_landmark_is_enough_not_to_be_filled() -> None:
    pixels = np.zeros((20, 20, 3), np.uint8)
    points = np.array([[2, 2], [8, 2], [5, 5], [3, 9], [7, 9]], np.float32)
    assert is_filled(pixels, points)

    pixels[9, 7] = (10, 40, 10)

    assert not is_filled(pixels, points)


def test_landmarks_outside_of_the_picture_show_nothing() -> None:
    points = np.array([[-3, 2], [25, 2], [5, -4], [3, 30], [7, 9]], np.float32)

    assert is_filled(np.zeros((20, 20, 3), np.uint8), points)
