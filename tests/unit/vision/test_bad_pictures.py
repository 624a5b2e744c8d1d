"""Files that are no pictures, break off, lie or explode get one clear error."""

import signal
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.support import pictures
from tests.support.layer import sample, vision
from tests.support.pictures import encoded, gradient

from consentry.errors import PictureError, PictureSizeError
from consentry.limits import HEIF_MEMORY_BYTES_MAX, JPEG_SCANS_MAX
from consentry.vision import MaskOptions, PictureLimits, heif_reader
from consentry.vision.picture import Source, read_picture

KINDS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")


def refused(data: bytes, error: type[PictureError]) -> None:
    with pytest.raises(PictureError) as caught:
        vision().redact(data, MaskOptions())
    assert type(caught.value) is error
    with pytest.raises(error):
        read_picture(data)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8\xff"], ids=["empty", "one", "three"])
def test_file_of_hardly_any_bytes_is_refused_by_size(data: bytes) -> None:
    refused(data, PictureSizeError)


def test_file_above_the_limit_is_refused_by_size() -> None:
    with pytest.raises(PictureSizeError):
        read_picture(sample("city.jpg"), PictureLimits(bytes_max=1000))


@pytest.mark.parametrize(
    "data",
    [bytes(100), b"\x00" * 50 + b"\xff\xd8\xff" * 20, b"<svg xmlns='http://www.w3.org/2000/svg'/>",
     b"%PDF-1.7\n" + bytes(64), b"%!PS-Adobe-3.0 EPSF-3.0\n" + bytes(64), b"not a picture " * 9],
    ids=["nul", "jpeg inside", "svg", "pdf", "eps", "text"],
)  # fmt: skip
def test_other_files_are_refused(data: bytes) -> None:
    refused(data, PictureError)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6])
def test_truncated_file_is_refused(kind: str, part: float) -> None:
    whole = encoded(pictures.opened(sample("person_a_1.jpg")).convert("RGB"), kind)
    refused(whole[: int(len(whole) * part)], PictureError)


def test_truncated_heic_is_refused() -> None:
    refused(pictures.HEIC[:400], PictureError)


@pytest.mark.parametrize("kind", KINDS)
def test_signature_followed_by_rubbish_is_refused(kind: str) -> None:
    refused(encoded(gradient(), kind)[:16] + b"\xa5" * 500, PictureError)


@pytest.mark.parametrize(
    "size", [(30_000, 1), (1, 30_000), (7, 100), (20_000, 9_000), (2**31 - 1, 2**31 - 1)]
)
def test_claimed_size_is_refused_before_decoding(size: tuple[int, int]) -> None:
    refused(pictures.png_that_claims(*size), PictureSizeError)


def test_picture_of_no_pixels_is_refused() -> None:
    with pytest.raises(PictureError):
        read_picture(pictures.png_that_claims(0, 0))


def test_picture_of_one_long_line_is_refused() -> None:
    refused(encoded(Image.new("L", (30_000, 1)), "PNG"), PictureSizeError)


def test_decompression_bomb_is_refused_by_its_pixels() -> None:
    bomb = pictures.png_bomb(12_000)
    assert len(bomb) < 100_000
    refused(bomb, PictureSizeError)


def test_jpeg_of_very_many_scans_is_refused_before_it_is_decoded() -> None:
    whole = encoded(gradient(), "JPEG", progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    refused(whole[:-2] + scan * JPEG_SCANS_MAX + whole[-2:], PictureSizeError)
    assert read_picture(whole).width == gradient().width


def test_compressed_text_that_grows_is_refused() -> None:
    refused(pictures.png_text_bomb(), PictureError)


def test_later_frame_that_grows_is_refused() -> None:
    data = pictures.gif_with_oversized_frame()
    with pytest.raises(PictureError):
        vision().redact(data, MaskOptions())


def test_too_many_frames_are_refused() -> None:
    frames = [Image.new("L", (16, 16), shade) for shade in range(20)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])

    with pytest.raises(PictureSizeError):
        list(Source(data, PictureLimits(frames_max=19)).frames())
    assert len(list(Source(data, PictureLimits(frames_max=20)).frames())) == 20


def test_frames_that_add_up_to_too_many_pixels_are_refused() -> None:
    frames = [Image.new("L", (16, 16), shade) for shade in range(20)]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:])

    with pytest.raises(PictureSizeError):
        list(Source(data, PictureLimits(all_pixels_max=16 * 16 * 19)).frames())


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_without_a_known_range_are_refused(mode: str) -> None:
    refused(encoded(Image.new(mode, (32, 32)), "TIFF"), PictureError)


def test_limits_of_a_caller_replace_the_default_ones() -> None:
    with pytest.raises(PictureSizeError):
        vision().read(sample("city.jpg"), limits=PictureLimits(side_max=799))
    assert vision().read(sample("city.jpg"), limits=PictureLimits(side_max=800)).width == 800


MEASURE = """
import resource, sys
from consentry.errors import PictureError
from consentry.vision.picture import Source
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    list(Source(sys.stdin.buffer.read()).frames())
except PictureError as error:
    print(type(error).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    "data",
    [pictures.png_bomb(12_000), pictures.png_text_bomb(), pictures.gif_with_oversized_frame()],
    ids=["pixels", "text", "frame"],
)
def test_bombs_take_little_memory(data: bytes) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE], input=data, capture_output=True, check=True
    )
    name, growth = ran.stdout.split()
    kibibytes = int(growth) if sys.platform != "darwin" else int(growth) // 1024
    assert name.endswith(b"Error")
    assert kibibytes < 32 * 1024


SEEDS = {kind: encoded(gradient(), kind) for kind in KINDS}


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(SEEDS)),
    changes=st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 255)), max_size=12),
    cut=st.integers(0, 60),
)
def test_damaged_files_are_read_or_refused_and_nothing_else(
    kind: str, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(SEEDS[kind])
    for position, value in changes:
        data[position % len(data)] = value
    read_or_refused(bytes(data[: len(data) - cut]))


# Each example costs a process.
@settings(max_examples=12, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, 613), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 60),
)
def test_damaged_heic_is_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(pictures.HEIC)
    for position, value in changes:
        data[position] = value
    read_or_refused(bytes(data[: len(data) - cut]))


def test_heic_that_crashes_its_native_reader_is_refused() -> None:
    crashing = bytearray(pictures.HEIC)
    crashing[179] = 219  # found by fuzzing: a segmentation fault while metadata is read
    bounds = [str(value) for value in (1000, 1_000_000, HEIF_MEMORY_BYTES_MAX, 30)]
    alone = subprocess.run(
        [sys.executable, heif_reader.__file__, *bounds],
        input=crashing,
        capture_output=True,
        check=False,
    )
    assert alone.returncode == -signal.SIGSEGV  # else this file tests nothing any more
    refused(bytes(crashing), PictureError)


def test_heic_above_the_limits_is_refused_by_size() -> None:
    with pytest.raises(PictureSizeError):
        read_picture(pictures.HEIC, PictureLimits(side_max=64))
    with pytest.raises(PictureSizeError):
        read_picture(pictures.HEIC, PictureLimits(pixels_max=96 * 64 - 1))


def read_or_refused(damaged: bytes) -> None:
    try:
        frames = list(Source(damaged).frames())
    except PictureError:
        return
    assert all(frame.pixels.dtype == "uint8" and frame.pixels.size for frame in frames)
