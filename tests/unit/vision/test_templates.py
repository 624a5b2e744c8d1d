"""Templates: unit length, steady, alike for one person and not for two."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from tests.support.layer import layer_dir, sample, vision

from consentry.errors import FaceNotFoundError, LayerError
from consentry.vision import (
    TEMPLATE_VALUES,
    Box,
    Face,
    Picture,
    Role,
    Template,
    TemplateProfile,
    Vision,
    similarity,
)
from consentry.vision.align import ARCFACE, DLIB, Alignment, align
from consentry.vision.cohort import shipped_cohort
from consentry.vision.formats import Format


def template(name: str) -> Template:
    picture = vision().read(sample(name))
    return vision().template(picture, vision().detect(picture)[0])


def test_template_has_unit_length_and_cannot_be_changed() -> None:
    made = template("person_a_1.jpg")

    assert made.shape == (TEMPLATE_VALUES,)
    assert made.dtype == np.float32
    assert np.linalg.norm(made) == pytest.approx(1.0, abs=1e-6)
    assert not made.flags.writeable


@pytest.mark.parametrize("person", ["person_a", "person_b"])
def test_two_photographs_of_a_person_are_identical(person: str) -> None:
    cosine = similarity(template(f"{person}_1.jpg"), template(f"{person}_2.jpg"))

    assert vision().calibration().confidence(cosine) >= 0.5


@pytest.mark.parametrize("person", ["person_a_1.jpg", "person_b_1.jpg"])
@pytest.mark.parametrize("other", ["impostor_1.jpg", "impostor_2.jpg"])
def test_photographs_of_two_people_are_not_identical(person: str, other: str) -> None:
    alike = similarity(template(person), template(other))

    assert vision().calibration().confidence(alike) < 0.3


def test_mirrored_photograph_gives_nearly_the_same_template() -> None:
    picture = vision().read(sample("person_b_1.jpg"))
    mirrored = Picture(np.ascontiguousarray(picture.pixels[:, ::-1]), picture.format)

    one, other = (vision().template(each, vision().detect(each)[0]) for each in (picture, mirrored))

    assert similarity(one, other) > 0.97


def test_face_at_the_border_has_a_template() -> None:
    picture = vision().read(sample("person_b_1.jpg"))
    (face,) = vision().detect(picture)
    cut = Picture(
        np.ascontiguousarray(picture.pixels[int(face.box.top) :, int(face.box.left) :]),
        picture.format,
    )

    made = vision().template(cut, vision().detect(cut)[0])

    assert similarity(made, template("person_b_1.jpg")) > 0.8


@pytest.mark.parametrize("left", [-60, 64, 400])
def test_face_outside_of_the_picture_is_not_found(left: int) -> None:
    picture = Picture(np.zeros((64, 64, 3), np.uint8), Format.PNG)
    face = Face(Box(left, -60, 20, 20), np.full((5, 2), 15, np.float32), 0.9)

    with pytest.raises(FaceNotFoundError):
        vision().template(picture, face)


@pytest.mark.parametrize("alignment", [ARCFACE, DLIB])
def test_landmarks_fall_on_the_points_of_the_alignment(alignment: Alignment) -> None:
    landmarks = (alignment.points * 1.5 + (20, 30)).astype(np.float32)
    pixels = np.zeros((300, 300, 3), np.uint8)
    for x, y in landmarks.round().astype(int):
        pixels[y - 2 : y + 3, x - 2 : x + 3] = 255

    crop = align(pixels, landmarks, alignment)

    assert crop.shape == (alignment.side, alignment.side, 3)
    for x, y in alignment.points.astype(int):
        assert crop[y - 1 : y + 2, x - 1 : x + 2].max() == 255
    assert crop.sum() == pytest.approx(5 * 25 / 1.5**2 * 255 * 3, rel=0.3)


def test_much_larger_face_is_averaged_before_it_is_cut_out() -> None:
    landmarks = (ARCFACE.points * 6 + 40).astype(np.float32)
    rows, columns = np.indices((760, 760))
    stripes = np.where((rows + columns) % 2, 255, 0).astype(np.uint8)
    pixels = np.repeat(stripes[..., None], 3, axis=2)

    crop = align(pixels, landmarks, ARCFACE)

    assert crop.shape == (112, 112, 3)
    assert np.abs(crop.astype(int) - 127).max() <= 10


def test_what_lies_outside_of_the_picture_is_black_in_the_crop() -> None:
    pixels = np.full((60, 40, 3), 200, np.uint8)
    landmarks = (ARCFACE.points - (56, 0)).astype(np.float32)

    crop = align(pixels, landmarks, ARCFACE)

    assert (crop[:, :55] == 0).all()
    assert (crop[2:58, 58:94] == 200).all()
    assert (crop[62:] == 0).all()


@pytest.mark.parametrize("degrees", [-45, -20, 30])
def test_leaning_face_has_nearly_the_template_of_the_level_one(degrees: int) -> None:
    level = Image.fromarray(vision().read(sample("person_a_1.jpg")).pixels)
    leaning = np.asarray(level.rotate(degrees, Image.Resampling.BICUBIC))

    made = vision().template(leaning, vision().detect(leaning)[0])

    assert similarity(made, template("person_a_1.jpg")) > 0.97


def test_many_threads_get_the_same_template() -> None:
    fresh = Vision(layer_dir(), threads=1)
    picture = fresh.read(sample("person_a_1.jpg"))

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: fresh.template(picture, fresh.detect(picture)[0]), range(8)))

    assert all((each == made[0]).all() for each in made)


def test_runs_side_by_side_make_the_template_that_runs_one_after_the_other_do() -> None:
    made = [
        fresh.embed(picture, fresh.detect(picture)[0])
        for fresh in (Vision(layer_dir(), threads=1), Vision(layer_dir(), threads=3))
        for picture in [fresh.read(sample("person_b_1.jpg"))]
    ]

    assert (made[0].template == made[1].template).all()
    assert made[0].strength == made[1].strength


def test_models_of_the_layer_are_told_by_role() -> None:
    fresh = Vision(layer_dir(), threads=1)

    assert {role: info.name for role, info in fresh.models.items()} == {
        Role.DETECTOR: "yunet-2023mar",
        Role.SECOND_DETECTOR: "centerface-2019",
        Role.EMBEDDER: "sface-2021dec",
        Role.SECOND_EMBEDDER: "dlib-resnet-v1",
    }
    assert set(fresh.redacting) == {Role.DETECTOR, Role.SECOND_DETECTOR}


def test_second_embedder_tells_people_apart_as_its_author_says() -> None:
    # dlib: two faces are one person's where their descriptors lie less than 0.6 apart.
    run = vision()._side_by_side.get(Role.SECOND_EMBEDDER).run

    def descriptor(name: str) -> Template:
        picture = vision().read(sample(name))
        (face, *_) = vision().detect(picture)
        crop = align(picture.pixels, face.landmarks, DLIB)
        (given,) = run(crop.transpose(2, 0, 1)[None].astype(np.float32)).values()
        found: Template = given[0]
        return found

    names = ("person_a_1.jpg", "person_a_2.jpg", "person_b_1.jpg", "impostor_1.jpg")
    ann, again, bob, eve = map(descriptor, names)

    assert np.linalg.norm(ann - again) < 0.6
    assert min(np.linalg.norm(ann - bob), np.linalg.norm(ann - eve)) > 0.6


def test_cohort_is_of_the_pinned_embedder_and_of_many_people() -> None:
    cohort = shipped_cohort()

    assert cohort.embedder == vision().models[Role.EMBEDDER].digest
    assert cohort.mean.shape == (TEMPLATE_VALUES // 2,)
    assert cohort.people >= 100


def test_profiles_make_templates_that_are_alike_but_not_of_one_version() -> None:
    picture = vision().read(sample("person_a_1.jpg"))
    (face, *_) = vision().detect(picture)
    fast, accurate = (vision().template(picture, face, profile) for profile in TemplateProfile)

    assert similarity(fast, accurate) > 0.9
    assert len({vision().template_version(profile) for profile in TemplateProfile}) == 2


def test_role_without_a_model_is_refused() -> None:
    fresh = Vision(layer_dir(), threads=1)

    with pytest.raises(LayerError, match="no model is pinned"):
        fresh._sessions.get(Role.LANDMARKS)
