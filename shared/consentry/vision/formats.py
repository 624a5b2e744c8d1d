"""The picture formats that are read and written, told apart by their first bytes alone.

Each is opened by its own decoder class. Pillow's registry is not asked, so no other decoder can
be reached, and the picture's name and declared type are never believed.
"""

from collections.abc import Callable
from enum import StrEnum
from io import BytesIO
from typing import Final

from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile


class Format(StrEnum):
    """A picture format by Pillow's name."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WEBP"
    GIF = "GIF"
    BMP = "BMP"
    TIFF = "TIFF"
    AVIF = "AVIF"
    HEIF = "HEIF"

    @property
    def media_type(self) -> str:
        """The registered media type."""
        return f"image/{self.value.lower()}"

    @property
    def extension(self) -> str:
        """The usual suffix of a file's name."""
        return ".jpg" if self is Format.JPEG else f".{self.value.lower()}"


# JpegImageFile, asked directly, reads the first picture only: what a multi-picture file (MPF)
# appends is never looked at. A HEIF file has been made a TIFF before (see ``heif``).
DECODERS: Final[dict[Format, Callable[[BytesIO], ImageFile]]] = {
    Format.JPEG: JpegImageFile,
    Format.PNG: PngImageFile,
    Format.WEBP: WebPImageFile,
    Format.GIF: GifImageFile,
    Format.BMP: BmpImageFile,
    Format.TIFF: TiffImageFile,
    Format.AVIF: AvifImageFile,
    Format.HEIF: TiffImageFile,
}
# Formats whose further frames or pages are shown; in the others the first picture is all.
ANIMATED: Final = frozenset({Format.PNG, Format.WEBP, Format.GIF, Format.TIFF, Format.AVIF})

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", Format.JPEG),
    (b"\x89PNG\r\n\x1a\n", Format.PNG),
    (b"GIF87a", Format.GIF),
    (b"GIF89a", Format.GIF),
    (b"BM", Format.BMP),
    (b"II*\x00", Format.TIFF),
    (b"MM\x00*", Format.TIFF),
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIF_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})


def recognise(data: bytes) -> Format | None:
    """Tell the format of a file from its signature, or None where it is none of these."""
    for signature, kind in _SIGNATURES:
        if data.startswith(signature):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Format.WEBP
    if data[4:8] == b"ftyp":
        return _recognise_iso(data)
    return None


def _recognise_iso(data: bytes) -> Format | None:
    """Tell AVIF from HEIF by the brands in the file type box (ISO/IEC 14496-12, 4.3)."""
    end = min(int.from_bytes(data[:4]), 256)
    brands = {data[8:12]} | {data[start : start + 4] for start in range(16, end, 4)}
    if brands & _AVIF_BRANDS:
        return Format.AVIF
    return Format.HEIF if brands & _HEIF_BRANDS else None
