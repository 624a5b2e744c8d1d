"""The second look: what leaves has been looked at, and a face that stays stops the job."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.support.layer import sample, vision
from tests.support.pictures import encoded, gradient, opened, pixels_of

from consentry.errors import RedactionError
from consentry.vision import Box, Face, MaskKind, MaskOptions, MaskShape, Profile
from consentry.vision.mask import cover
from consentry.vision.redact import LOOKS_MAX, redact
from consentry.vision.residual import is_hidden, is_provoked, solid_pixels, without_fill

Pixels = NDArray[np.uint8]
Look = Callable[[Pixels, Profile], tuple[Face, ...]]

PORTRAITS = ["person_a_1.jpg", "impostor_2.jpg"]


def face_at(left: float, top: float, side: float = 20.0, score: float = 0.9) -> Face:
    grid = [(0.3, 0.3), (0.7, 0.3), (0.5, 0.5), (0.35, 0.8), (0.65, 0.8)]
    points = [(left + x * side, top + y * side) for x, y in grid]
    return Face(Box(left, top, side, side), np.array(points, np.float32), score)


def looks(*answers: tuple[Face, ...]) -> tuple[Look, list[Profile]]:
    """A detector that gives prepared answers, and the profiles that it was asked for."""
    remaining, profiles = list(answers), list[Profile]()

    def look(_: Pixels, profile: Profile) -> tuple[Face, ...]:
        profiles.append(profile)
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return look, profiles


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


def test_output_is_looked_at_twice() -> None:
    look, profiles = looks((face_at(10, 10),), ())

    result = redact(bright(), MaskOptions(), look)

    assert profiles == [Profile.RECALL, Profile.CHECK, Profile.FAST]
    assert result.rounds == 1


def test_both_looks_at_the_output_count_when_they_are_done_side_by_side() -> None:
    late = face_at(60, 30, score=0.9)
    answers: dict[Profile, list[tuple[Face, ...]]] = {
        Profile.RECALL: [(face_at(10, 10),)],
        Profile.CHECK: [(), ()],
        Profile.FAST: [(late,), ()],
    }

    def look(_: Pixels, profile: Profile) -> tuple[Face, ...]:
        return answers[profile].pop(0)

    result = redact(bright(), MaskOptions(), look, threads=2)

    assert len(result.masks) == 2
    assert answers == {Profile.RECALL: [], Profile.CHECK: [], Profile.FAST: []}


def test_second_look_reads_the_very_bytes_that_leave() -> None:
    seen: list[Pixels] = []

    def look(pixels: Pixels, _: Profile) -> tuple[Face, ...]:
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
    look, profiles = looks(*[(face,) for face in shown])

    with pytest.raises(RedactionError):
        redact(bright(480), MaskOptions(), look)

    assert len(profiles) == 1 + LOOKS_MAX


def test_guess_on_solid_fill_is_void() -> None:
    look, _ = looks((face_at(30, 20),), (face_at(31, 21, score=0.99),))

    assert redact(bright(), MaskOptions(), look).rounds == 1


def test_face_that_its_own_fill_does_not_hide_counts() -> None:
    covers = [(Box(30, 20, 20, 20), MaskOptions())]
    pixels = pixels_of(opened(bright())).copy()
    cover(pixels, *covers[0])
    pixels[33:] = 200
    proven = solid_pixels(pixels, covers)

    assert proven[20:40, 30:50].mean() > 0.5
    assert not is_hidden(face_at(30, 20), covers, pixels, proven)
    assert not is_provoked(face_at(30, 20), covers, proven)


def test_doubtful_guess_made_of_fill_and_what_is_beside_it_is_void() -> None:
    look, profiles = looks((face_at(30, 20),), (face_at(46, 20, score=0.9),), ())

    assert redact(bright(), MaskOptions(), look).rounds == 1
    assert profiles == [Profile.RECALL, Profile.CHECK, Profile.FAST]


def test_sure_face_that_reaches_out_of_fill_counts() -> None:
    shown = face_at(46, 20, score=0.7)
    look, _ = looks((face_at(30, 20),), (shown,), (shown,), ())

    assert redact(bright(), MaskOptions(), look).rounds == 2


def test_face_beside_fill_counts() -> None:
    look, _ = looks((face_at(30, 20),), (face_at(58, 20, score=0.3),), ())

    assert redact(bright(), MaskOptions(), look).rounds == 2


def test_face_counts_where_masks_did_not_come_to_lie() -> None:
    covers = [(Box(30, 20, 20, 20), MaskOptions())]
    pixels = pixels_of(opened(bright()))
    proven = solid_pixels(pixels, covers)

    assert not proven.any()
    assert not is_hidden(face_at(30, 20), covers, pixels, proven)
    assert not is_provoked(face_at(30, 20), covers, proven)


def test_second_look_sees_smooth_surroundings_instead_of_fill() -> None:
    pixels = pixels_of(gradient(96, 64))[:, 48:].copy()
    before = pixels.copy()
    covers = [(Box(14, 20, 20, 20), MaskOptions())]
    cover(pixels, *covers[0])
    proven = solid_pixels(pixels, covers)

    seen = without_fill(pixels, proven)

    assert proven[30, 24]
    assert (seen[~proven] == before[~proven]).all()
    assert np.abs(seen[proven].astype(int) - before[proven]).mean() < 16


def test_only_what_has_the_colour_of_fill_is_replaced() -> None:
    covers = [(Box(30, 20, 20, 20), MaskOptions())]
    pixels = pixels_of(opened(bright())).copy()
    cover(pixels, *covers[0])
    pixels[28:32, 38:42] = (180, 90, 60)

    seen = without_fill(pixels, solid_pixels(pixels, covers))

    assert (seen[28:32, 38:42] == (180, 90, 60)).all()


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
    look, profiles = looks((everything,), (everything,), (), (), (), (late,), ())

    result = redact(data, MaskOptions(), look)

    assert profiles.count(Profile.CHECK) == 4
    assert result.frames == 3
    assert [mask.frame for mask in result.masks] == [0, 0, 1, 1, 2]
