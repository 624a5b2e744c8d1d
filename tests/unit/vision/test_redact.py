"""The second look: what leaves has been looked at, and a face that stays stops the job."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.layer import sample, vision
from tests.support.pictures import encoded, gradient, opened, pixels_of

from consentry.errors import RedactionError
from consentry.vision import Box, Face, MaskKind, MaskOptions, MaskShape
from consentry.vision.redact import FIRST_THRESHOLD, LOOKS_MAX, RESIDUAL_THRESHOLD, redact

Pixels = NDArray[np.uint8]
Look = Callable[[Pixels, float], tuple[Face, ...]]

PORTRAITS = ["person_a_1.jpg", "impostor_2.jpg"]


def face_at(left: float, top: float, side: float = 20.0, score: float = 0.9) -> Face:
    grid = [(0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.35, 0.8), (0.65, 0.8)]
    points = [(left + x * side, top + y * side) for x, y in grid]
    return Face(Box(left, top, side, side), np.array(points, np.float32), score)


def looks(*answers: tuple[Face, ...]) -> tuple[Look, list[float]]:
    """A detector that gives prepared answers, and the thresholds that it was asked with."""
    remaining, thresholds = list(answers), list[float]()

    def look(_: Pixels, threshold: float) -> tuple[Face, ...]:
        thresholds.append(threshold)
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return look, thresholds


def bright(width: int = 96) -> bytes:
    return encoded(Image.new("RGB", (width, 64), (200, 180, 160)), "PNG")


@pytest.mark.parametrize("name", PORTRAITS)
@pytest.mark.parametrize("kind", MaskKind)
@pytest.mark.parametrize("shape", MaskShape)
def test_no_face_is_found_in_a_redacted_portrait(
    name: str, kind: MaskKind, shape: MaskShape
) -> None:
    assert vision().detect(vision().read(sample(name)))

    result = vision().redact(sample(name), MaskOptions(kind, shape))

    assert vision().detect(vision().read(result.data)) == ()
    assert max(mask.score for mask in result.masks) > 0.8


def test_street_crowd_is_covered() -> None:
    before = vision().read(sample("city.jpg"))
    result = vision().redact(sample("city.jpg"), MaskOptions())
    after = vision().read(result.data)

    faces = vision().detect(before)
    assert len(faces) >= 15
    assert vision().detect(after) == ()
    for face in faces:
        points = face.landmarks.astype(int)
        assert after.pixels[points[:, 1], points[:, 0]].max() <= 32


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_face_in_a_picture_that_lies_on_its_side_is_covered(turns: int) -> None:
    turned = np.ascontiguousarray(np.rot90(vision().read(sample("person_b_1.jpg")).pixels, turns))

    result = vision().redact(encoded(Image.fromarray(turned), "PNG"), MaskOptions())

    upright = np.ascontiguousarray(np.rot90(pixels_of(opened(result.data)), -turns))
    assert vision().detect(upright) == ()


def test_face_cut_by_the_border_is_covered() -> None:
    picture = vision().read(sample("person_b_1.jpg"))
    (face,) = vision().detect(picture)
    cut = picture.pixels[:, int(face.box.left + face.box.width * 0.35) :]
    assert vision().detect(np.ascontiguousarray(cut))

    result = vision().redact(encoded(Image.fromarray(cut), "PNG"), MaskOptions())

    edge = pixels_of(opened(result.data))[int(face.box.top) : int(face.box.bottom), 0]
    assert (edge == 0).all()
    assert vision().detect(pixels_of(opened(result.data))) == ()


def test_picture_without_a_face_keeps_its_pixels() -> None:
    result = vision().redact(encoded(gradient(), "PNG"), MaskOptions())

    assert result.masks == ()
    assert result.rounds == 1
    assert (pixels_of(opened(result.data)) == pixels_of(gradient())).all()


def test_output_is_looked_at_with_a_lower_threshold() -> None:
    look, thresholds = looks((face_at(10, 10),), ())

    result = redact(bright(), MaskOptions(), look)

    assert thresholds == [FIRST_THRESHOLD, RESIDUAL_THRESHOLD]
    assert RESIDUAL_THRESHOLD < FIRST_THRESHOLD
    assert result.rounds == 1


def test_second_look_reads_the_very_bytes_that_leave() -> None:
    seen: list[Pixels] = []

    def look(pixels: Pixels, _: float) -> tuple[Face, ...]:
        seen.append(pixels)
        return ()

    result = redact(sample("city.jpg"), MaskOptions(), look)

    assert (seen[-1] == pixels_of(opened(result.data))).all()


@pytest.mark.parametrize("kind", MaskKind)
def test_face_that_the_first_look_missed_is_filled_solid(kind: MaskKind) -> None:
    look, _ = looks((face_at(5, 5),), (face_at(60, 30, score=0.3),), ())

    result = redact(bright(), MaskOptions(kind), look)

    assert result.rounds == 2
    assert [mask.kind for mask in result.masks] == [kind, MaskKind.SOLID]
    assert pixels_of(opened(result.data))[40, 70].tolist() == [0, 0, 0]


def test_face_that_always_stays_fails_the_job() -> None:
    shown = [face_at(x, 20) for x in range(0, 480, 60)]
    look, thresholds = looks(*[(face,) for face in shown])

    with pytest.raises(RedactionError):
        redact(bright(480), MaskOptions(), look)

    assert len(thresholds) == 1 + LOOKS_MAX


def test_guess_on_solid_fill_is_void() -> None:
    look, _ = looks((face_at(30, 20),), (face_at(31, 21, score=0.99),))

    assert redact(bright(), MaskOptions(), look).rounds == 1


def test_guess_that_reaches_out_of_solid_fill_counts() -> None:
    look, _ = looks((face_at(30, 20),), (face_at(46, 20, score=0.3),), ())

    assert redact(bright(), MaskOptions(), look).rounds == 2


@pytest.mark.parametrize("kind", [MaskKind.BLUR, MaskKind.PIXELATE])
@pytest.mark.parametrize(("score", "rounds"), [(0.5, 1), (0.7, 2)])
def test_only_a_sure_face_counts_under_a_weak_mask(
    kind: MaskKind, score: float, rounds: int
) -> None:
    look, _ = looks((face_at(30, 20),), (face_at(30, 20, score=score),), ())

    assert redact(bright(), MaskOptions(kind), look).rounds == rounds


def test_frames_that_an_encoder_merges_share_what_is_found() -> None:
    shades = [Image.new("RGB", (96, 64), (200, 180, blue)) for blue in (160, 161, 90)]
    data = encoded(shades[0], "PNG", save_all=True, append_images=shades[1:], duration=50)
    everything, late = face_at(-100, -100, 300), face_at(60, 30, score=0.3)
    # Three looks at the input; covered whole, the first two frames are one in the output.
    look, thresholds = looks((everything,), (everything,), (), (), (late,), (), ())

    result = redact(data, MaskOptions(), look)

    assert thresholds.count(RESIDUAL_THRESHOLD) == 4
    assert result.frames == 3
    assert [mask.frame for mask in result.masks] == [0, 0, 1, 1, 2]
