"""Every format that is read, every kind of pixels, and what is written for it."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms
from tests.support import pictures
from tests.support.layer import sample, vision
from tests.support.pictures import encoded, gradient, opened, pixels_of

from consentry.errors import PictureError
from consentry.vision import MaskOptions
from consentry.vision.formats import Format, recognise
from consentry.vision.picture import Source, opaque_views, read_picture

KEPT = {
    "JPEG": ("image/jpeg", ".jpg"),
    "PNG": ("image/png", ".png"),
    "WEBP": ("image/webp", ".webp"),
    "GIF": ("image/gif", ".gif"),
    "BMP": ("image/bmp", ".bmp"),
    "TIFF": ("image/tiff", ".tiff"),
    "AVIF": ("image/avif", ".avif"),
}
# How far a lossy format or a palette may move the mean of a picture's pixels, out of 255.
CLOSE = 6.0


def distance(one: Image.Image, other: Image.Image) -> float:
    return float(np.abs(pixels_of(one).astype(float) - pixels_of(other)).mean())


@pytest.mark.parametrize("kind", KEPT)
def test_format_that_can_be_written_is_kept(kind: str) -> None:
    result = vision().redact(encoded(gradient(), kind), MaskOptions())

    assert (result.media_type, result.extension) == KEPT[kind]
    assert not result.renamed
    assert opened(result.data).format == kind
    assert (result.width, result.height, result.frames) == (96, 64, 1)
    assert distance(opened(result.data), gradient()) < CLOSE


def test_heic_becomes_jpeg() -> None:
    result = vision().redact(pictures.HEIC, MaskOptions())

    assert (result.media_type, result.extension, result.renamed) == ("image/jpeg", ".jpg", True)
    assert distance(opened(result.data), gradient()) < 2 * CLOSE


@pytest.mark.parametrize("kind", KEPT)
def test_face_is_covered_in_every_format(kind: str) -> None:
    face = opened(sample("person_a_1.jpg")).convert("RGB")

    result = vision().redact(encoded(face, kind), MaskOptions())

    (found,) = vision().detect(pixels_of(face))
    centre = pixels_of(opened(result.data))[
        int(found.box.top + found.box.height / 2), int(found.box.left + found.box.width / 2)
    ]
    assert (centre <= 16).all()
    assert vision().detect(pixels_of(opened(result.data))) == ()


@pytest.mark.parametrize("kind", KEPT)
def test_content_decides_and_not_what_a_file_is_called(kind: str) -> None:
    assert recognise(encoded(gradient(), kind)) == Format(kind)


@pytest.mark.parametrize("brand", [b"qt  ", b"isom", b"jp2 ", b"crx "])
def test_films_and_other_boxes_are_no_pictures(brand: bytes) -> None:
    assert recognise(b"\x00\x00\x00\x10ftyp" + brand + bytes(4)) is None


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # to Image.Transpose of the stored picture
    stored = gradient()
    if orientation in undo:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation

    picture = read_picture(encoded(stored, kind, exif=exif.tobytes()))

    assert (picture.width, picture.height) == (96, 64)
    assert distance(Image.fromarray(picture.pixels), gradient()) < CLOSE


def test_unreadable_exif_says_nothing() -> None:
    data = encoded(gradient(), "WEBP", exif=b"Exif\x00\x00broken")

    assert distance(Image.fromarray(read_picture(data).pixels), gradient()) < CLOSE


def test_sixteen_bits_become_their_upper_eight() -> None:
    ramp = np.linspace(0, 65535, 64 * 32).astype(np.uint16).reshape(32, 64)

    (frame,) = Source(encoded(Image.fromarray(ramp), "PNG")).frames()

    assert frame.pixels.shape == (32, 64)
    assert (frame.pixels == ramp >> 8).all()


def test_cmyk_becomes_rgb_and_loses_its_profile() -> None:
    data = encoded(gradient().convert("CMYK"), "JPEG", icc_profile=b"unfit for RGB" * 20)

    result = vision().redact(data, MaskOptions())

    assert opened(result.data).mode == "RGB"
    assert "icc_profile" not in opened(result.data).info
    assert distance(opened(result.data), gradient()) < CLOSE


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_stays_grey(mode: str) -> None:
    result = vision().redact(encoded(gradient().convert(mode), "PNG"), MaskOptions())

    assert opened(result.data).mode == "L"


def test_palette_becomes_colours() -> None:
    result = vision().redact(encoded(gradient().quantize(64), "PNG"), MaskOptions())

    assert opened(result.data).mode == "RGB"


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF", "AVIF"])
def test_transparency_is_kept(kind: str) -> None:
    image = gradient().convert("RGBA")
    image.paste((0, 0, 0, 0), (60, 10, 90, 50))

    result = vision().redact(encoded(image, kind), MaskOptions())

    alpha = np.asarray(opened(result.data).convert("RGBA"))[:, :, 3]
    assert alpha[30, 75] < 8
    assert alpha[55, 5] > 247


def test_transparency_of_a_palette_is_kept() -> None:
    image = gradient().quantize(16)

    result = vision().redact(
        encoded(image, "PNG", transparency=image.getpixel((2, 2))), MaskOptions()
    )

    alpha = np.asarray(opened(result.data).convert("RGBA"))[:, :, 3]
    assert alpha[2, 2] == 0
    assert alpha.max() == 255


def test_full_opacity_is_dropped() -> None:
    (frame,) = Source(encoded(gradient().convert("RGBA"), "PNG")).frames()

    assert frame.pixels.shape == (64, 96, 3)


def test_transparent_pixels_are_seen_in_three_ways() -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0] = (200, 100, 50, 0)

    on_white, on_black, hidden = opaque_views(pixels)

    assert on_white[0, 0].tolist() == [255, 255, 255]
    assert on_black[0, 0].tolist() == [0, 0, 0]
    assert hidden[0, 0].tolist() == [200, 100, 50]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_colour_profile_is_kept(kind: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    result = vision().redact(encoded(gradient(), kind, icc_profile=profile), MaskOptions())

    kept = opened(result.data).info["icc_profile"]
    assert ImageCms.ImageCmsProfile(BytesIO(kept)).profile.xcolor_space.strip() == "RGB"


@pytest.mark.parametrize(
    "damage", [slice(36, 40), slice(16, 20), slice(128, None)], ids=["magic", "space", "tags"]
)
def test_broken_colour_profile_is_dropped(damage: slice) -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[damage] = b"" if damage.stop is None else b"\x00\x00\x00\x00"

    result = vision().redact(encoded(gradient(), "PNG", icc_profile=bytes(profile)), MaskOptions())

    assert "icc_profile" not in opened(result.data).info


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animation_keeps_its_frames_and_times(kind: str) -> None:
    frames = [gradient().rotate(turn) for turn in (0, 90, 180)]
    data = encoded(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=[80, 120, 200]
    )

    result = vision().redact(data, MaskOptions())

    assert result.frames == 3
    assert [frame.milliseconds for frame in Source(result.data).frames()] == [80, 120, 200]


def test_animation_that_repeats_for_ever_still_does() -> None:
    frames = [gradient().rotate(turn) for turn in (0, 90)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80, loop=0)

    assert opened(vision().redact(data, MaskOptions()).data).info["loop"] == 0


def test_pages_of_different_sizes_stay_so() -> None:
    data = encoded(gradient(), "TIFF", save_all=True, append_images=[gradient(40, 80)])

    result = vision().redact(data, MaskOptions())

    assert [frame.size for frame in pictures.frames_of(result.data)] == [(96, 64), (40, 80)]


def test_reading_gives_the_first_frame_alone() -> None:
    frames = [gradient(), gradient().rotate(180)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])

    assert (read_picture(data).pixels == pixels_of(gradient())).all()


def test_unknown_kind_of_pixels_is_refused() -> None:
    with pytest.raises(PictureError):
        read_picture(encoded(gradient().convert("LAB"), "TIFF"))
