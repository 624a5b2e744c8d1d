"""Nothing leaves beside the pixels: not what is hidden in a file, and not in what is written."""

import struct
from collections.abc import Iterator
from io import BytesIO

import pytest
from PIL import Image, ImageCms
from tests.support import pictures
from tests.support.layer import sample, vision
from tests.support.pictures import SECRET, encoded, gradient, opened

from consentry.vision import MaskOptions

JPEG_PARTS = {0xE0, 0xE2, 0xDB, 0xC0, 0xC4, 0xDA}  # JFIF, ICC, tables, frame, scan
PNG_PARTS = {b"IHDR", b"iCCP", b"IDAT", b"IEND"}


@pytest.fixture(name="face")
def _face() -> Image.Image:
    return opened(sample("person_a_1.jpg")).convert("RGB")


def redacted(data: bytes) -> bytes:
    return vision().redact(data, MaskOptions()).data


def assert_plain_jpeg(data: bytes) -> None:
    markers, rest = pictures.jpeg_markers(data)
    assert set(markers) <= JPEG_PARTS
    assert rest == b""
    assert SECRET not in data


def no_face_is_embedded(data: bytes, hidden: bytes) -> bool:
    return hidden not in data and data.count(b"\xff\xd8\xff") <= 1


def test_exif_thumbnail_and_position_do_not_survive(face: Image.Image) -> None:
    thumbnail = encoded(face.resize((160, 191)), "JPEG")
    data = encoded(gradient(), "JPEG", exif=pictures.exif_with_gps_and_thumbnail(thumbnail))
    assert thumbnail in data
    assert opened(data).getexif().get_ifd(0x8825)[1] == "N"

    output = redacted(data)

    assert_plain_jpeg(output)
    assert no_face_is_embedded(output, thumbnail)
    assert not opened(output).getexif()


def test_second_picture_of_a_multi_picture_file_does_not_survive(face: Image.Image) -> None:
    data = pictures.multi_picture(gradient(), face)
    assert data.count(b"\xff\xd8\xff") == 2

    output = redacted(data)

    assert_plain_jpeg(output)
    assert b"MPF" not in output


def test_film_after_the_end_of_a_jpeg_does_not_survive() -> None:
    data = pictures.motion_photo(gradient())
    assert SECRET in data

    output = redacted(data)

    assert_plain_jpeg(output)
    assert b"ftyp" not in output


@pytest.mark.parametrize("marker", [0xE1, 0xED, 0xEE, 0xEB, 0xFE], ids=hex)
def test_other_segments_of_a_jpeg_do_not_survive(marker: int) -> None:
    payload = (b"Photoshop 3.0\x00" if marker == 0xED else b"") + SECRET
    assert_plain_jpeg(
        redacted(pictures.with_jpeg_segment(encoded(gradient(), "JPEG"), marker, payload))
    )


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (b"tEXt", b"Comment\x00" + SECRET),
        (b"iTXt", b"XML:com.adobe.xmp\x00\x00\x00\x00\x00" + SECRET),
        (b"eXIf", b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00" + SECRET),
        (b"prVt", SECRET),
    ],
    ids=["text", "xmp", "exif", "private"],
)
def test_chunks_of_a_png_do_not_survive(kind: bytes, payload: bytes) -> None:
    data = pictures.with_png_chunk(encoded(gradient(), "PNG"), kind, payload) + SECRET

    output = redacted(data)

    kinds, rest = pictures.png_chunks(output)
    assert kinds <= PNG_PARTS
    assert rest == b""
    assert SECRET not in output


def test_metadata_of_a_webp_does_not_survive() -> None:
    data = encoded(gradient(), "WEBP", exif=b"Exif\x00\x00" + SECRET, xmp=SECRET)
    assert SECRET in data

    output = redacted(data)

    assert set(pictures.riff_chunks(output)) == {b"VP8 "}
    assert SECRET not in output


def test_comment_of_a_gif_does_not_survive() -> None:
    output = redacted(encoded(gradient(), "GIF", comment=SECRET))

    assert SECRET not in output
    assert "comment" not in opened(output).info


def test_tags_of_a_tiff_do_not_survive() -> None:
    output = redacted(encoded(gradient(), "TIFF", tiffinfo={270: SECRET.decode(), 65000: SECRET}))

    assert SECRET not in output


def test_metadata_of_an_avif_does_not_survive() -> None:
    output = redacted(encoded(gradient(), "AVIF", speed=10, xmp=SECRET))

    assert SECRET not in output
    assert b"Exif" not in output


def test_metadata_of_a_heic_does_not_survive() -> None:
    assert b"Make of camera" in pictures.HEIC

    output = redacted(pictures.HEIC)

    assert_plain_jpeg(output)
    assert b"Make of camera" not in output


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_faces_in_later_frames_and_pages_are_covered(kind: str, face: Image.Image) -> None:
    options = {} if kind == "TIFF" else {"duration": 80}
    first, second = gradient(*face.size), gradient(*face.size).rotate(180)
    data = encoded(first, kind, save_all=True, append_images=[second, face], **options)
    assert [len(found) for found in faces_by_frame(data)] == [0, 0, 1]

    result = vision().redact(data, MaskOptions())

    assert result.frames == 3
    assert 2 in {mask.frame for mask in result.masks}
    assert list(faces_by_frame(result.data)) == [(), (), ()]


def faces_by_frame(data: bytes) -> Iterator[tuple[object, ...]]:
    for frame in pictures.frames_of(data):
        yield vision().detect(pictures.pixels_of(frame))


def test_face_under_full_transparency_is_covered(face: Image.Image) -> None:
    hidden = face.copy()
    hidden.putalpha(0)
    data = encoded(hidden, "PNG")

    result = vision().redact(data, MaskOptions())

    assert len(result.masks) >= 1
    assert vision().detect(pictures.pixels_of(opened(result.data))) == ()


def test_face_that_only_the_transparency_draws_is_covered(face: Image.Image) -> None:
    drawn = Image.new("RGBA", face.size)
    drawn.putalpha(face.convert("L").point(lambda value: 255 - value))

    result = vision().redact(encoded(drawn, "PNG"), MaskOptions())

    on_white = Image.new("RGBA", face.size, "white")
    on_white.alpha_composite(opened(result.data).convert("RGBA"))
    assert len(result.masks) >= 1
    assert vision().detect(pictures.pixels_of(on_white)) == ()


def _profile_with(name: bytes, data: bytes) -> bytes:
    """A colour profile in which ``name`` stands for ``data``, put at the end."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    entries = range(132, 132 + 12 * int.from_bytes(profile[128:132]), 12)
    entry = next(
        (at for at in entries if bytes(profile[at : at + 4]) == name),
        next(at for at in entries if bytes(profile[at : at + 4]) == b"cprt"),
    )
    profile[entry : entry + 12] = struct.pack(">4sII", name, len(profile), len(data))
    return bytes(profile + data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (b"A2B0", b"mft2" + bytes(4) + SECRET * 500),
        (b"wtpt", b"XYZ " + SECRET[:4] + bytes(12) + SECRET),
        (b"rTRC", b"para" + bytes(4) + b"\x00\x00\x00\x00" + bytes(4) + SECRET),
        (b"gTRC", b"curv" + bytes(4) + struct.pack(">I", len(SECRET) // 2) + SECRET),
        (b"bTRC", b"curv" + bytes(4) + b"\xff\xff\xff\xff" + SECRET),
        (b"lumi", b"text" + bytes(4) + SECRET),
    ],
)
def test_icc_profile_carries_nothing_but_points_and_rising_curves(name: bytes, data: bytes) -> None:
    picture = encoded(gradient(), "JPEG", icc_profile=_profile_with(name, data))
    assert SECRET in picture
    assert SECRET not in redacted(picture)


def test_icc_profile_keeps_its_colours_and_loses_its_texts() -> None:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132])
    for index in range(count):
        entry = 132 + 12 * index
        if bytes(profile[entry : entry + 4]) in {b"cprt", b"desc"}:
            end = sum(int.from_bytes(profile[entry + at : entry + at + 4]) for at in (4, 8))
            profile[end - 8 : end] = b"S\x00E\x00C\x00R\x00"
    data = encoded(gradient(), "JPEG", icc_profile=bytes(profile) + SECRET)

    output = redacted(data)

    kept = opened(output).info["icc_profile"]
    assert SECRET not in output
    assert b"S\x00E\x00C\x00R\x00" not in kept
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(kept)))
    before, after = (
        ImageCms.profileToProfile(
            gradient(),
            ImageCms.ImageCmsProfile(BytesIO(each)),
            ImageCms.createProfile("LAB"),
            outputMode="LAB",
        )
        for each in (bytes(profile), kept)
    )
    assert before is not None
    assert after is not None
    assert before.tobytes() == after.tobytes()
