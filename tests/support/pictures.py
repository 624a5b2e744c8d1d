"""Pictures made for tests: every format, and files that hide, lie, break off or explode."""

import base64
import struct
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SECRET = b"SECRET-48.8584N-2.2945E"
"""What no output may hold, in whatever part of the input it was hidden."""

# A test pattern of 96 x 64 pixels, red in its top left quarter, with the maker of a camera in its
# EXIF. No encoder for HEVC is at hand where the tests run.
HEIC = base64.b85decode(
    "0000SW^{RQXk}?*00000ZE0pPXk}?*ZE0a<0004(ZDn*}000000000XXk=`10000000000aA{+70000000000000"
    "0000000G-+&aV*mgE07O6l0ssL300001y8r<I00000003(M0ssI200Jfe0RR9100000KmY&$IB98aW&i*H000620"
    "00$fZf0cy000000RRAKc4ILB0000LX>Mj^0ssI300IC2MR;ju000004sdC7Z2$lO00031007o$aB^?}006gXaAR)"
    "(004Msc4I>U18@KU0FVFx0000U@BsY%`1k+-4+CHT0RR|40Sp2E{{wIU00RJ!0009300RIXx&lC90096iLID8-Z~"
    "y=U0FVFx0{{R603M()fd!W8Nhz*w0vZem00093$N&HX00=;000968L;=Baup&SJ000wXZ)|dIV{CW;0RRmE27mwn"
    "02FC+aAg1h000000AK(B06+i$01$9#cxeCt0009B2nYZG02gU+ZD9Za00000009621c3qr1ONa48fkK6W&i*H000"
    "004r63<V*mmG0RRC2006UXWMOmw003tw0k0W=HIZ;hpnh7+g*X5Bp@;r!TK})eK#pI^^p_{ADJtX2uF_?K;4DT|w"
    "Rcim7b8##eTlWJ)fimQn8s@Gy7!5Kvw^|UfC0n^SL5yVbV-FjUIK|BMR$n6g8}9Yxxu40%3uHh00u>PX=VTbO-%q"
    "Q0000800IFI00IC201p5F044zv00RI30096200000002#4Yh@sBW*}o>ZDn#{000"
)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """An image as a file of Pillow's format ``kind``."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """A file as a loaded image."""
    image = Image.open(BytesIO(data))
    image.load()
    return image


def frames_of(data: bytes) -> list[Image.Image]:
    """All frames of a file, in RGB."""
    image = Image.open(BytesIO(data))
    frames = []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        frames.append(image.convert("RGB"))
    return frames


def gradient(width: int = 96, height: int = 64) -> Image.Image:
    """A picture without a face: colours that run, and a red top left quarter."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 128)], axis=-1)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    return Image.fromarray(pixels.astype(np.uint8))


def pixels_of(image: Image.Image) -> NDArray[np.uint8]:
    """An image's RGB pixels (height, width, 3)."""
    return np.asarray(image.convert("RGB"))


# Files with something beside the picture.


def exif_with_gps_and_thumbnail(thumbnail: bytes) -> bytes:
    """An EXIF block with a maker, a position, and a thumbnail in its second directory."""
    exif = Image.Exif()
    exif[0x010F] = SECRET.decode()  # Make
    exif.get_ifd(0x8825)[1] = "N"  # GPSLatitudeRef
    exif.get_ifd(0x8825)[2] = (48.0, 51.0, 30.24)  # GPSLatitude
    block = exif.tobytes()
    tiff = block[6:]
    # The link to the next directory stands after the first one's entries, of 12 bytes each.
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    (count,) = struct.unpack_from(f"{order}H", tiff, first)
    link = first + 2 + 12 * count
    second = len(tiff)
    data = second + 2 + 12 * 2 + 4
    directory = struct.pack(f"{order}H", 2)
    directory += struct.pack(f"{order}HHII", 0x0201, 4, 1, data)
    directory += struct.pack(f"{order}HHII", 0x0202, 4, 1, len(thumbnail)) + bytes(4)
    linked = tiff[:link] + struct.pack(f"{order}I", second) + tiff[link + 4 :]
    return block[:6] + linked + directory + thumbnail


def multi_picture(first: Image.Image, second: Image.Image) -> bytes:
    """A JPEG with a second picture after it, announced in an MPF segment."""
    return encoded(first, "MPO", save_all=True, append_images=[second])


def motion_photo(image: Image.Image) -> bytes:
    """A JPEG with an MP4 film after its end."""
    film = struct.pack(">I4s4sI", 24, b"ftyp", b"mp42", 0) + b"mp42isom"
    film += struct.pack(">I4s", 8 + len(SECRET), b"mdat") + SECRET
    return encoded(image, "JPEG") + film


def with_jpeg_segment(data: bytes, marker: int, payload: bytes) -> bytes:
    """A JPEG with one more segment at its start."""
    return data[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + data[2:]


def with_png_chunk(data: bytes, kind: bytes, payload: bytes) -> bytes:
    """A PNG with one more chunk after its header."""
    return data[:33] + png_chunk(kind, payload) + data[33:]


# What is in a file that was written.


def jpeg_markers(data: bytes) -> tuple[list[int], bytes]:
    """The markers of a JPEG's segments up to its end, and what follows that."""
    markers: list[int] = []
    position = 2
    while True:
        marker = data[position + 1]
        assert data[position] == 0xFF
        if marker == 0xD9:
            return markers, data[position + 2 :]
        markers.append(marker)
        (size,) = struct.unpack_from(">H", data, position + 2)
        position += 2 + size
        if marker == 0xDA:
            position = _scan_end(data, position)


def _scan_end(data: bytes, position: int) -> int:
    while data[position] != 0xFF or data[position + 1] in {0, *range(0xD0, 0xD8)}:
        position += 1
    return position


def png_chunks(data: bytes) -> tuple[set[bytes], bytes]:
    """The kinds of a PNG's chunks, and what follows its end."""
    kinds = set()
    position = 8
    while True:
        size, kind = struct.unpack_from(">I4s", data, position)
        kinds.add(kind)
        position += 12 + size
        if kind == b"IEND":
            return kinds, data[position:]


def riff_chunks(data: bytes) -> Iterator[bytes]:
    """The kinds of a WebP file's chunks."""
    position = 12
    while position < len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        yield kind
        position += 8 + size + size % 2


# Hostile files.


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return (
        struct.pack(">I", len(payload))
        + kind
        + payload
        + struct.pack(">I", zlib.crc32(kind + payload))
    )


def png_that_claims(width: int, height: int) -> bytes:
    """A small PNG whose header promises this many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(64))
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + png_chunk(b"IDAT", body)
        + png_chunk(b"IEND", b"")
    )


def png_bomb(side: int) -> bytes:
    """A PNG of one bit per pixel: few bytes, ``side`` x ``side`` pixels, well formed."""
    return encoded(Image.new("1", (side, side)), "PNG")


def gif_with_oversized_frame() -> bytes:
    """A GIF of 16 x 16 pixels whose second frame says that it is 60,000 x 60,000."""
    first = encoded(Image.new("P", (16, 16)), "GIF")
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 60_000, 60_000, 0) + b"\x02\x02\x4c\x01\x00\x3b"
    return first[:-1] + frame


def png_text_bomb() -> bytes:
    """A PNG with a compressed text that grows to 64 MiB."""
    text = b"Comment\x00\x00" + zlib.compress(bytes(64 * 1024 * 1024), 9)
    return with_png_chunk(encoded(gradient(), "PNG"), b"zTXt", text)
