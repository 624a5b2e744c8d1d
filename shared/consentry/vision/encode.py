"""From pixels to a file that carries pixels, a cleaned ICC profile, and nothing else.

Every picture that is written is made anew from an array, so there is no EXIF, comment, text,
thumbnail or second picture that could be carried over by oversight.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from PIL import Image

from consentry.errors import PictureError
from consentry.vision.formats import Format
from consentry.vision.icc import clean_profile
from consentry.vision.picture import Frame
from consentry.vision.stages import stage

# HEIF is read only: its encoders are under the GPL. Few readers see the alpha of a BMP.
_OPAQUE_INSTEAD: Final = {Format.HEIF: Format.JPEG}
_WITH_ALPHA_INSTEAD: Final = {Format.HEIF: Format.PNG, Format.BMP: Format.PNG}
_OPTIONS: Final[dict[Format, dict[str, Any]]] = {
    Format.JPEG: {"quality": 92},
    Format.PNG: {"compress_level": 6},
    Format.WEBP: {"quality": 90, "method": 4},
    Format.GIF: {},
    Format.BMP: {},
    Format.TIFF: {"compression": "tiff_deflate"},
    Format.AVIF: {"quality": 85, "speed": 8},
}


@dataclass(frozen=True)
class Shape:
    """What a file is to be besides its pixels; ``loops`` as the format counts them."""

    format: Format
    icc_profile: bytes | None
    loops: int | None


def encode(frames: Iterable[Frame], shape: Shape) -> tuple[bytes, Format]:
    """Write frames in the shape's format, or the nearest that can be written; give which.

    Raises PictureError where the format cannot hold the pixels.
    """
    pictures = []
    milliseconds = []
    for frame in frames:
        pictures.append(Image.fromarray(frame.pixels))
        milliseconds.append(frame.milliseconds)
    first = pictures[0]
    instead = _WITH_ALPHA_INSTEAD if first.mode == "RGBA" else _OPAQUE_INSTEAD
    kind = instead.get(shape.format, shape.format)
    options = dict(_OPTIONS[kind])
    profile = clean_profile(shape.icc_profile, 1 if first.mode == "L" else 3)
    if profile is not None and kind is not Format.BMP:
        options["icc_profile"] = profile
    if len(pictures) > 1:
        options |= _animation(kind, pictures[1:], milliseconds, shape.loops)
    file = BytesIO()
    try:
        with stage("write"):
            first.save(file, kind.value, **options)
    except (OSError, ValueError) as error:
        raise PictureError("the redacted picture cannot be written in its format") from error
    return file.getvalue(), kind


def _animation(
    kind: Format, others: list[Image.Image], milliseconds: list[int], loops: int | None
) -> dict[str, Any]:
    options: dict[str, Any] = {"save_all": True, "append_images": others}
    if kind is not Format.TIFF:
        options["duration"] = milliseconds
    if loops is not None and kind in {Format.GIF, Format.WEBP, Format.PNG}:
        options["loop"] = loops
    return options
