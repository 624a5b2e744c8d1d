"""Detection: anchors, tiles and scales by arithmetic; faces by real photographs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from tests.support.layer import layer_dir, sample, vision
from tests.support.pictures import gradient, pixels_of

from consentry.errors import PictureSizeError
from consentry.vision import Box, Picture, Profile, Vision, centerface, yunet
from consentry.vision.detect import (
    Face,
    centerface_scales,
    detect,
    fast_scales,
    judge,
    yunet_scales,
)
from consentry.vision.tiles import tiles
from consentry.vision.yunet import STRIDES, decode

Floats = NDArray[np.float32]


def outputs(width: int, height: int, score: float = 0.0) -> dict[str, Floats]:
    """YuNet's outputs for an input in which every cell has this score and a tiny box."""
    made: dict[str, Floats] = {}
    for stride in STRIDES:
        cells = (width // stride) * (height // stride)
        made[f"cls_{stride}"] = np.full((1, cells, 1), score, np.float32)
        made[f"obj_{stride}"] = np.full((1, cells, 1), score, np.float32)
        made[f"bbox_{stride}"] = np.full((1, cells, 4), -4.0, np.float32)
        made[f"kps_{stride}"] = np.zeros((1, cells, 10), np.float32)
    return made


def test_cell_is_decoded_by_its_place_and_stride() -> None:
    made = outputs(160, 96)
    cell = 2 * (160 // 16) + 3  # row 2, column 3 of stride 16
    made["cls_16"][0, cell], made["obj_16"][0, cell] = 0.9, 0.4
    made["bbox_16"][0, cell] = [0.5, 0.25, np.log(2), np.log(3)]
    made["kps_16"][0, cell] = np.tile([0.5, -1.0], 5)

    (row,) = decode(made, 160, 0.5)

    assert row[:4].tolist() == pytest.approx([56 - 16, 36 - 24, 56 + 16, 36 + 24])
    assert row[4:14].tolist() == pytest.approx([56, 16] * 5)
    assert row[14] == pytest.approx(0.6)


def test_score_below_the_threshold_is_no_face() -> None:
    assert decode(outputs(160, 96, score=0.49), 160, 0.5).shape == (0, 15)


def test_landmarks_are_the_mean_of_all_guesses_at_a_face_by_score() -> None:
    made = outputs(160, 96)
    for column, score, point in ((3, 0.9, 1.0), (4, 0.6, 3.0)):  # both see one box
        cell = 2 * (160 // 16) + column
        made["cls_16"][0, cell] = made["obj_16"][0, cell] = score
        made["bbox_16"][0, cell] = [3.5 - column, 0.5, np.log(2), np.log(2)]
        made["kps_16"][0, cell] = np.tile([point - column, point], 5)

    (face,) = detect(lambda _: made, np.zeros((96, 160, 3), np.uint8))

    assert face.box == Box(40.0, 24.0, 32.0, 32.0)
    assert face.score == pytest.approx(0.9)
    mean = (0.9 * 1.0 + 0.6 * 3.0) / 1.5
    assert face.landmarks == pytest.approx(np.tile([mean * 16, (mean + 2) * 16], (5, 1)))


def test_more_faces_than_the_limit_are_refused() -> None:
    def crowd(batch: Floats) -> dict[str, Floats]:
        return outputs(batch.shape[3], batch.shape[2], score=0.9)

    with pytest.raises(PictureSizeError):
        detect(crowd, np.zeros((512, 512, 3), np.uint8))


@settings(max_examples=50)
@given(
    width=st.integers(8, 9000),
    height=st.integers(8, 9000),
    profile=st.sampled_from([Profile.RECALL, Profile.CHECK]),
)
def test_tiles_of_every_scale_cover_the_picture_and_stay_small(
    width: int, height: int, profile: Profile
) -> None:
    for scale, most in (
        *((scale, yunet.TILE_PIXELS) for scale in fast_scales(width, height)),
        *((scale, yunet.TILE_PIXELS) for scale in yunet_scales(profile, width, height)),
        *((scale, centerface.TILE_PIXELS) for scale in centerface_scales(profile, width, height)),
    ):
        seen = np.zeros((-(-height // 8), -(-width // 8)), np.bool_)
        for tile in tiles(width, height, scale, most):
            assert tile.left >= 0
            assert tile.top >= 0
            assert tile.right <= width
            assert tile.bottom <= height
            assert tile.area * scale**2 <= most
            seen[
                int(tile.top) // 8 : -(-int(tile.bottom) // 8),
                int(tile.left) // 8 : -(-int(tile.right) // 8),
            ] = True
        assert seen.all()


def test_a_megapixel_is_looked_at_in_one_run_and_more_in_overlapping_ones() -> None:
    assert [*tiles(1280, 800, 1.5, yunet.TILE_PIXELS)] == [Box(0, 0, 1280, 800)]

    one, other = tiles(1600, 800, 1.5, yunet.TILE_PIXELS)

    assert (one.top, one.height) == (other.top, other.height) == (0, 800)
    assert one.right - other.left == 192 / 1.5


def test_recall_looks_more_closely_than_check() -> None:
    assert fast_scales(1024, 768) == (1.0, 0.3125)
    assert yunet_scales(Profile.RECALL, 1200, 1000) == pytest.approx((1.25, 1.25 / 3))
    assert yunet_scales(Profile.RECALL, 1000, 896) == pytest.approx((1.25, 1.25 / 3))
    assert yunet_scales(Profile.RECALL, 800, 600) == pytest.approx((1.5, 0.5))
    assert yunet_scales(Profile.RECALL, 1200, 1000, 1.5) == pytest.approx((1.5, 0.5))
    assert yunet_scales(Profile.CHECK, 1024, 768) == pytest.approx((1.0, 1 / 3))
    assert centerface_scales(Profile.RECALL, 1024, 768) == (0.5, 0.25)
    assert centerface_scales(Profile.CHECK, 1024, 768) == (0.375, 0.1875)


def test_large_pictures_are_not_enlarged() -> None:
    assert max(yunet_scales(Profile.RECALL, 6000, 4000)) == 1.0
    assert max(fast_scales(6000, 4000)) * 6000 == 1280


def blind(batch: Floats) -> dict[str, Floats]:
    """A CenterFace that sees nothing."""
    height, width = (side // 4 for side in batch.shape[2:])
    channels = {"537": 1, "538": 2, "539": 2, "540": 10}
    return {
        name: np.zeros((1, count, height, width), np.float32) for name, count in channels.items()
    }


@pytest.mark.parametrize(("side", "kept"), [(16.0, 1), (150.0, 0)])
def test_large_guess_that_the_second_detector_does_not_see_is_dropped(
    side: float, kept: int
) -> None:
    guess = Face(Box(40.0, 20.0, side, side), np.zeros((5, 2), np.float32), 0.7)

    likely = judge(blind, np.zeros((180, 320, 3), np.uint8), [guess], enlargement=2.0)

    assert len(likely) == kept


def test_guess_that_the_second_detector_sees_too_is_kept_with_its_likelihood() -> None:
    pixels = vision().read(sample("person_a_2.jpg")).pixels
    (face,) = vision().detect(pixels)
    with vision().looking() as detectors:
        (judged,) = judge(detectors.centerface, pixels, [face], enlargement=1.0)

    assert judged.box == face.box
    assert judged.score > 0.9


def test_centre_on_the_map_is_decoded_to_its_face() -> None:
    made = {
        name: np.zeros((1, count, 8, 16), np.float32)
        for name, count in (("537", 1), ("538", 2), ("539", 2), ("540", 10))
    }
    made["537"][0, 0, 2, 5] = 0.7
    made["538"][0, :, 2, 5] = np.log([5.0, 4.0])  # 20 pixels high, 16 wide
    made["539"][0, :, 2, 5] = [0.25, -0.5]
    made["540"][0, 0::2, 2, 5], made["540"][0, 1::2, 2, 5] = 0.75, 0.5

    (row,) = centerface.decode(made, 0.5)

    assert row[:4].tolist() == pytest.approx([20 - 8, 11 - 10, 20 + 8, 11 + 10])
    assert row[4:14].tolist() == pytest.approx([20, 16] * 5)
    assert row[14] == pytest.approx(0.7)


@pytest.mark.parametrize(
    "name", ["person_a_1.jpg", "person_a_2.jpg", "person_b_1.jpg", "person_b_2.jpg",
             "impostor_1.jpg", "impostor_2.jpg"],
)  # fmt: skip
def test_portrait_has_one_face_with_landmarks_in_order(name: str) -> None:
    (face,) = vision().detect(vision().read(sample(name)))

    assert face.score > 0.85
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    for x, y in face.landmarks:
        assert face.box.left < x < face.box.right
        assert face.box.top < y < face.box.bottom


def test_faces_of_a_crowd_come_largest_first() -> None:
    faces = vision().detect(vision().read(sample("city.jpg")))

    areas = [face.box.area for face in faces]
    assert len(faces) >= 15
    assert areas == sorted(areas, reverse=True)


def test_recall_finds_more_of_a_crowd_than_fast() -> None:
    picture = vision().read(sample("city.jpg"))

    assert len(vision().detect(picture, Profile.RECALL)) > len(vision().detect(picture))


@pytest.mark.parametrize("profile", [Profile.RECALL, Profile.CHECK])
def test_looks_side_by_side_find_what_looks_one_after_the_other_do(profile: Profile) -> None:
    picture = vision().read(sample("city.jpg"))

    found = [
        [(face.box, face.score, face.landmarks.tolist()) for face in each.detect(picture, profile)]
        for each in (Vision(layer_dir(), threads=1), Vision(layer_dir(), threads=3))
    ]

    assert found[0]
    assert found[0] == found[1]


@pytest.mark.parametrize("factor", [0.08, 3.0])
def test_small_and_large_faces_are_found(factor: float) -> None:
    portrait = Image.fromarray(vision().read(sample("impostor_2.jpg")).pixels)
    size = (round(portrait.width * factor), round(portrait.height * factor))
    (expected,) = vision().detect(pixels_of(portrait))

    found = vision().detect(pixels_of(portrait.resize(size)), Profile.RECALL)

    box = expected.box
    scaled = Box(*(side * factor for side in (box.left, box.top, box.width, box.height)))
    assert max(face.box.overlap(scaled) for face in found) > 0.6


def test_face_across_two_tiles_is_found_whole() -> None:
    portrait = vision().read(sample("person_a_1.jpg")).pixels
    (expected,) = vision().detect(portrait)
    wide = np.full((400, 3000, 3), 90, np.uint8)
    left = 1280 - int(expected.box.left + expected.box.width / 2)
    wide[50 : 50 + portrait.shape[0], left : left + portrait.shape[1]] = portrait

    found = vision().detect(wide, Profile.RECALL)

    box = expected.box
    placed = Box(box.left + left, box.top + 50, box.width, box.height)
    assert max(face.box.overlap(placed) for face in found) > 0.8


def test_picture_without_faces_has_none() -> None:
    assert vision().detect(pixels_of(gradient(640, 480)), Profile.RECALL) == ()


def test_picture_and_its_pixels_give_the_same_faces() -> None:
    picture = vision().read(sample("person_a_1.jpg"))

    (one,) = vision().detect(picture)
    (other,) = vision().detect(picture.pixels)

    assert isinstance(picture, Picture)
    assert one.box == other.box
    assert not one.landmarks.flags.writeable
