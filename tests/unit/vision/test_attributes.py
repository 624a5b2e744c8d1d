"""What a picture shows of a face besides the face, on changes of known size."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tests.support.layer import sample, vision
from tests.support.pictures import encoded, opened

from consentry.vision import Attributes, MaskWorn
from consentry.vision.pose import HEAD, head_pose

PHOTO = "person_a_2.jpg"


def described(picture: Image.Image) -> Attributes:
    read = vision().read(encoded(picture, "PNG"))
    return vision().describe(read, vision().detect(read)[0])


@cache
def photo() -> Image.Image:
    return opened(sample(PHOTO)).convert("RGB")


def seen(yaw: float, pitch: float) -> NDArray[np.float32]:
    """The typical head as a camera far away sees it, turned by degrees; landmarks (5, 2)."""
    y, p = np.radians([yaw, pitch])
    # The face's direction is against z: to look right, x and z turn; to look up, y and z do.
    aside = np.array([[np.cos(y), 0, -np.sin(y)], [0, 1, 0], [np.sin(y), 0, np.cos(y)]])
    up = np.array([[1, 0, 0], [0, np.cos(p), np.sin(p)], [0, -np.sin(p), np.cos(p)]])
    turned = HEAD @ (aside @ up).T
    landmarks: NDArray[np.float32] = (60 * turned[:, :2] + 200).astype(np.float32)
    return landmarks


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-45, 0), (0, 20), (0, -30)])
def test_pose_of_the_typical_head_is_exact(yaw: float, pitch: float) -> None:
    pose = head_pose(seen(yaw, pitch))
    assert pose.yaw == pytest.approx(yaw, abs=0.1)
    assert pose.pitch == pytest.approx(pitch, abs=0.1)
    assert pose.roll == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("turn", [-30, 30, 45])
def test_roll_follows_the_picture(turn: int) -> None:
    level = described(photo()).pose.roll
    leaning = described(photo().rotate(-turn, Image.Resampling.BILINEAR)).pose.roll
    assert leaning - level == pytest.approx(turn, abs=3)


def test_mirror_turns_the_sign_of_yaw_and_roll() -> None:
    pose, mirrored = (
        described(photo()).pose,
        described(photo().transpose(Image.Transpose.FLIP_LEFT_RIGHT)).pose,
    )
    assert mirrored.yaw == pytest.approx(-pose.yaw, abs=8)
    assert mirrored.roll == pytest.approx(-pose.roll, abs=6)
    assert mirrored.pitch == pytest.approx(pose.pitch, abs=8)


def test_blur_rises_with_every_further_blur() -> None:
    values = [described(photo().filter(ImageFilter.GaussianBlur(r))).blur for r in (0, 4, 8, 16)]
    assert values == sorted(values)
    assert values[0] < 0.25
    assert values[-1] > 0.75


def test_noise_is_measured_in_the_pictures_own_pixels() -> None:
    pixels = np.asarray(photo()).astype(np.float64)
    random = np.random.default_rng(1)
    grey = random.normal(0, 15, pixels.shape[:2])[:, :, None]  # the same in all channels
    noisy = Image.fromarray(np.clip(pixels + grey, 0, 255).astype(np.uint8))
    assert described(photo()).noise < 0.15
    assert described(noisy).noise == pytest.approx(15 / 30, abs=0.05)


def test_exposure_tells_what_is_lost_in_black_and_in_white() -> None:
    dark = photo().point(lambda grey: grey // 16)
    assert described(photo()).exposure == pytest.approx(0.5, abs=0.1)
    read, plain = (vision().read(encoded(each, "PNG")) for each in (dark, photo()))
    face = vision().detect(plain)[0]
    assert vision().describe(read, face).exposure < 0.25
    bright = vision().read(encoded(photo().point(lambda grey: 255 - grey // 16), "PNG"))
    assert vision().describe(bright, face).exposure > 0.75


def test_cloth_over_mouth_and_nose_is_a_mask() -> None:
    read = vision().read(encoded(photo(), "PNG"))
    face = vision().detect(read)[0]
    assert vision().describe(read, face).mask is MaskWorn.NO_MASK
    worn = np.array(photo())
    box, nose = face.box, face.landmarks[2]
    worn[int(nose[1] - box.height * 0.12) : int(box.bottom), int(box.left) : int(box.right)] = (
        90, 150, 210,
    )  # fmt: skip
    covered = vision().describe(vision().read(encoded(Image.fromarray(worn), "PNG")), face)
    assert covered.mask is MaskWorn.FACE_MASK
    assert covered.nose_and_mouth_covered


def test_picture_without_colours_tells_nothing_of_a_mask() -> None:
    assert described(photo().convert("L").convert("RGB")).mask is MaskWorn.UNCERTAIN


def test_face_at_the_border_is_described() -> None:
    cut = photo().crop((0, 0, 360, 899))
    read = vision().read(encoded(cut, "PNG"))
    face = vision().detect(vision().read(encoded(photo(), "PNG")))[0]
    told = vision().describe(read, face)
    assert 0 <= told.blur <= 1
    assert 0 <= told.noise <= 1
    assert 0 <= told.exposure <= 1
