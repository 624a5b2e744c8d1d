"""Quality for recognition: by the embedder's own answer, ranked among measured portraits."""

import numpy as np
import pytest
from PIL import Image, ImageFilter
from tests.support.layer import sample, vision
from tests.support.pictures import opened

from consentry.errors import LayerError
from consentry.vision import Embedded, Quality, QualityLevel, Role
from consentry.vision.quality import (
    HIGH_FROM,
    MEDIUM_FROM,
    SCALE_STEPS,
    level_of,
    parse_scale,
    scale_of,
    shipped_scale,
)

PHOTO = "person_a_2.jpg"


def qualities(*pictures: Image.Image) -> list[Quality]:
    """The qualities of one face in changed copies of its picture."""
    whole = opened(sample(PHOTO)).convert("RGB")
    (face,) = vision().detect(np.asarray(whole))
    return [vision().quality(vision().embed(np.asarray(each), face)) for each in pictures]


def test_quality_falls_as_a_face_is_blurred_beyond_recognition() -> None:
    photo = opened(sample(PHOTO)).convert("RGB")
    told = qualities(*(photo.filter(ImageFilter.GaussianBlur(radius)) for radius in (0, 8, 16)))
    assert told[0].score > told[1].score > told[2].score
    assert (told[0].level, told[2].level) == (QualityLevel.HIGH, QualityLevel.LOW)


def test_quality_falls_as_a_face_drowns_in_the_dark() -> None:
    photo = opened(sample(PHOTO)).convert("RGB")
    told = qualities(*(photo.point(lambda grey, by=by: grey // by) for by in (1, 8, 20)))
    assert told[0].score > told[1].score > told[2].score
    assert told[2].level is QualityLevel.LOW


def test_score_is_the_share_of_measured_pictures_that_are_worse() -> None:
    scale = scale_of("model", np.arange(1.0, 102.0))
    assert scale.strengths.shape == (SCALE_STEPS + 1,)
    assert [scale.judge(each).score for each in (-5, 1, 26, 51, 101, 500)] == pytest.approx(
        [0, 0, 0.25, 0.5, 1, 1]
    )


@pytest.mark.parametrize(
    ("score", "level"),
    [(0.0, "low"), (MEDIUM_FROM, "medium"), (HIGH_FROM - 1e-9, "medium"), (HIGH_FROM, "high")],
)
def test_bounds_of_the_levels_belong_to_the_better_one(score: float, level: str) -> None:
    assert level_of(score) == level


def test_shipped_scale_is_of_the_pinned_embedder() -> None:
    assert shipped_scale().embedder == vision().models[Role.EMBEDDER].source
    assert vision().quality(Embedded(np.zeros(1, np.float32), 0.0)).score == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "strengths = [1.0]",
        'embedder = "a"\nstrengths = [1.0, 2.0]',
        f'embedder = "a"\nstrengths = {[1.0] * (SCALE_STEPS + 1)}',
        f'embedder = "a"\nstrengths = {["x"] * (SCALE_STEPS + 1)}',
        "embedder = ",
    ],
)
def test_scale_that_does_not_say_what_one_says_is_refused(text: str) -> None:
    with pytest.raises(LayerError, match="scale"):
        parse_scale(text)
