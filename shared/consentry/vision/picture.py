"""From bytes to upright 8-bit pixels, frame by frame, within stated limits.

The order is fixed: count the bytes, recognise the format, read the header, check its sizes, and
only then decode. A file that breaks off is refused; half a picture is never accepted.
"""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from consentry import limits
from consentry.errors import PictureError, PictureSizeError
from consentry.vision.formats import ANIMATED, DECODERS, Format, recognise
from consentry.vision.heif import heif_as_tiff
from consentry.vision.stages import stage

Pixels = NDArray[np.uint8]

# Pillow's own guard for what decoders allocate beyond the header's promise, such as a GIF frame
# that is larger than its screen. Its warnings, bombs and broken metadata alike, are errors here.
Image.MAX_IMAGE_PIXELS = limits.PICTURE_PIXELS_MAX
warnings.filterwarnings("error", module=r"PIL\.")

# What Pillow's decoders raise on hostile files, found by fuzzing; it promises no common base.
_DECODER_ERRORS: Final = (
    ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError,
    SyntaxError, TypeError, ValueError, Warning, struct.error, zlib.error,
)  # fmt: skip
_BOMBS: Final = (Image.DecompressionBombError, Image.DecompressionBombWarning)

_START_OF_SCAN: Final = b"\xff\xda"  # JPEG marker SOS (ITU-T T.81, table B.1)
_AS_STORED: Final = 1
_UPRIGHT: Final = {  # EXIF orientation to what undoes it (EXIF 2.32, tag 0x0112)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_COLOUR_MODES: Final = frozenset({"RGB", "P", "CMYK", "YCbCr", "RGBX"})
_WHITE: Final = 255
_FRAME_MILLISECONDS: Final = 100  # of a frame that says nothing, as browsers take it


@dataclass(frozen=True)
class PictureLimits:
    """What is accepted: bytes of the file, pixels of a side, a frame and all frames, frames."""

    bytes_min: int = limits.PICTURE_BYTES_MIN
    bytes_max: int = limits.PICTURE_BYTES_MAX
    side_min: int = limits.PICTURE_SIDE_PIXELS_MIN
    side_max: int = limits.PICTURE_SIDE_PIXELS_MAX
    pixels_max: int = limits.PICTURE_PIXELS_MAX
    frames_max: int = limits.ANIMATION_FRAMES_MAX
    all_pixels_max: int = limits.ANIMATION_PIXELS_MAX


DEFAULT_LIMITS: Final = PictureLimits()


@dataclass(frozen=True, repr=False)
class Frame:
    """One upright frame; ``milliseconds`` is how long an animation shows it.

    ``pixels`` are uint8, (height, width) for grey, (height, width, 3) for RGB, or
    (height, width, 4) for RGB with an alpha that is not 255 everywhere.
    """

    pixels: Pixels
    milliseconds: int


@dataclass(frozen=True, repr=False)
class Picture:
    """A still picture, or the first frame of another: RGB pixels (height, width, 3), uint8.

    What is transparent is seen on white.
    """

    pixels: Pixels
    format: Format

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.pixels.shape[0])


class Source:
    """A file that has been opened: its header was read, and nothing decoded yet."""

    def __init__(self, data: bytes, allowed: PictureLimits = DEFAULT_LIMITS) -> None:
        if not allowed.bytes_min <= len(data) <= allowed.bytes_max:
            raise PictureSizeError("the file has too few or too many bytes")
        kind = recognise(data)
        if kind is None:
            raise PictureError("the file is of no format that is read here")
        if kind is Format.JPEG and data.count(_START_OF_SCAN) > limits.JPEG_SCANS_MAX:
            raise PictureSizeError("the picture has too many scans")
        if kind is Format.HEIF:
            data = heif_as_tiff(data, allowed.side_max, allowed.pixels_max)
        self.format = kind
        self._data = data
        self._allowed = allowed
        self._still: Frame | None = None
        with _decoding():
            image = DECODERS[kind](BytesIO(data))
            self._check_size(image)
            self.icc_profile: bytes | None = image.info.get("icc_profile")
            self.loops: int | None = image.info.get("loop")

    def frames(self) -> Iterator[Frame]:
        """Decode the frames one after the other; each call starts anew.

        The only frame of a picture is kept, once it is known to be the only one.
        """
        if self._still is not None:
            yield self._still
            return
        frame: Frame | None = None
        pixels_left = self._allowed.all_pixels_max
        with _decoding():
            image = DECODERS[self.format](BytesIO(self._data))
        for index in range(self._allowed.frames_max + 1):
            with _decoding(), stage("read"):
                if index and not self._advance(image, index):
                    if index == 1:
                        self._still = frame
                    return
                self._check_size(image)
                pixels_left -= image.width * image.height
                if index == self._allowed.frames_max or (index and pixels_left < 0):
                    raise PictureSizeError("the picture has too many frames")
                image.load()
                frame = _upright(image)
            yield frame

    def _advance(self, image: ImageFile, index: int) -> bool:
        if self.format not in ANIMATED:
            return False
        try:
            image.seek(index)
        except EOFError:
            return False
        return True

    def _check_size(self, image: ImageFile) -> None:
        shorter, longer = sorted(image.size)
        allowed = self._allowed
        if shorter < allowed.side_min:
            raise PictureSizeError("the picture has too few pixels")
        if longer > allowed.side_max or shorter * longer > allowed.pixels_max:
            raise PictureSizeError("the picture has too many pixels")


def read_picture(data: bytes, allowed: PictureLimits = DEFAULT_LIMITS) -> Picture:
    """Read a still picture or an animation's first frame; PictureError or PictureSizeError."""
    source = Source(data, allowed)
    frame = next(source.frames())
    return Picture(next(opaque_views(frame.pixels)), source.format)


def opaque_views(pixels: Pixels) -> Iterator[Pixels]:
    """Give, one by one, the RGB pictures (height, width, 3) that a frame can be made to show.

    With an alpha there are three: on white, on black, and what the file hides under it.
    """
    if pixels.ndim == 2:
        yield np.repeat(pixels[:, :, None], 3, axis=2)
    elif pixels.shape[2] == 3:
        yield pixels
    else:
        image = Image.fromarray(pixels)
        hidden = image.convert("RGB")
        for background in ("white", "black"):
            view = Image.new("RGB", image.size, background)
            view.paste(hidden, mask=image.getchannel("A"))
            yield np.asarray(view)
        yield np.asarray(hidden)


def _upright(image: ImageFile) -> Frame:
    milliseconds = image.info.get("duration", _FRAME_MILLISECONDS)
    plain = _plain(image)
    turn = _UPRIGHT.get(_orientation(image))
    if turn is not None:
        plain = plain.transpose(turn)
    return Frame(np.asarray(plain), int(milliseconds))


def _orientation(image: Image.Image) -> int:
    """Read the EXIF orientation; a block that cannot be read says nothing, as in browsers."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, _AS_STORED))
    except _DECODER_ERRORS:
        return _AS_STORED


def _plain(image: Image.Image) -> Image.Image:
    """Reduce any mode to 8-bit grey, RGB or RGBA; PictureError where that would be a guess."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        with_alpha = image.convert("RGBA")
        lowest, _ = with_alpha.getchannel("A").getextrema()
        return with_alpha.convert("RGB") if lowest == _WHITE else with_alpha
    if image.mode in {"1", "L"}:
        return image.convert("L")
    if image.mode in _COLOUR_MODES:
        return image.convert("RGB")
    raise PictureError("the picture's kind of pixels is not read here")


@contextmanager
def _decoding() -> Iterator[None]:
    """Turn whatever a decoder raises into this package's two errors."""
    try:
        yield
    except PictureError:
        raise
    except _BOMBS:
        raise PictureSizeError("the picture has too many pixels") from None
    except _DECODER_ERRORS:
        raise PictureError("the file is broken, or not what it says it is") from None
