"""ICC profiles, reduced to what the colours need.

A profile can carry private tags, a device's or owner's name, tables of any size, and bytes after
its end. What goes out keeps white point, primaries and rising tone curves, each of exactly the
size that its type says, with the texts replaced, and nothing else. Profiles that are made of
tables alone are left out. (ICC.1:2022, sections 7, 9 and 10: header, tag table, tags, types.)
"""

import struct
from typing import Final

from consentry.limits import ICC_PROFILE_BYTES_MAX

_HEADER_BYTES: Final = 128
_TAGS_MAX: Final = 100
_SPACES: Final = {1: b"GRAY", 3: b"RGB "}
# Header fields that say who made the profile, when, and on what; the id is a checksum.
_CLEARED: Final = ((4, 8), (24, 36), (40, 44), (48, 64), (80, 100), (100, 128))
_COLOUR_TAGS: Final = frozenset(
    b"rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC wtpt bkpt chad cicp lumi".split()
)
_NEEDED: Final = {
    1: frozenset({b"kTRC"}),
    3: frozenset(b"rXYZ gXYZ bXYZ rTRC gTRC bTRC".split()),
}
_FIXED_SIZES: Final = {b"XYZ ": 20, b"sf32": 44, b"cicp": 12}  # one point, a 3 x 3 matrix, codes
_PARAMETERS: Final = (1, 3, 4, 5, 7)  # of a parametric curve, by its function type
_CURVE_POINTS_MAX: Final = 4096
_TEXTS: Final = {b"desc": "Colour profile", b"cprt": "No copyright"}


def clean_profile(profile: bytes | None, channels: int) -> bytes | None:
    """Rebuild a profile for pixels of 1 or 3 channels; None where it is missing or unfit."""
    if profile is None or not _HEADER_BYTES < len(profile) <= ICC_PROFILE_BYTES_MAX:
        return None
    if profile[36:40] != b"acsp" or profile[16:20] != _SPACES[channels]:
        return None
    try:
        tags = _colour_tags(profile)
    except struct.error:
        return None
    if not tags.keys() >= _NEEDED[channels]:
        return None
    header = bytearray(profile[:_HEADER_BYTES])
    for start, end in _CLEARED:
        header[start:end] = bytes(end - start)
    major = header[8]
    tags |= {name: _text(name, text, major) for name, text in _TEXTS.items()}
    return _assemble(header, tags)


def _colour_tags(profile: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    tags = {}
    for index in range(min(count, _TAGS_MAX)):
        entry = struct.unpack_from(">4sII", profile, _HEADER_BYTES + 4 + 12 * index)
        name, start, size = entry
        if name in _COLOUR_TAGS:
            data = profile[start : start + size]
            exact = _exact_size(data)
            if exact is not None and exact <= len(data):
                tags[name] = data[:4] + bytes(4) + data[8:exact]
    return tags


def _exact_size(data: bytes) -> int | None:
    """Give the bytes that a tag's type says it has; None for what is not kept."""
    kind = data[:4]
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind == b"para":
        (function,) = struct.unpack_from(">H", data, 8)
        return 12 + 4 * _PARAMETERS[function] if function < len(_PARAMETERS) else None
    if kind == b"curv":
        (points,) = struct.unpack_from(">I", data, 8)
        if points <= _CURVE_POINTS_MAX:
            curve = struct.unpack_from(f">{points}H", data, 12)
            return 12 + 2 * points if list(curve) == sorted(curve) else None
    return None


def _text(name: bytes, text: str, major: int) -> bytes:
    """Encode a text as the version wants it: mluc from 4 on, desc or text before."""
    if major >= 4:
        encoded = text.encode("utf-16-be")
        return (
            struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", len(encoded), 28) + encoded
        )
    encoded = text.encode("ascii") + b"\x00"
    if name == b"cprt":
        return b"text" + bytes(4) + encoded
    # The ASCII text, then an empty Unicode and an empty Macintosh one (ICC.1:2001, 6.5.17).
    return struct.pack(">4sII", b"desc", 0, len(encoded)) + encoded + bytes(4 + 4 + 2 + 1 + 67)


def _assemble(header: bytearray, tags: dict[bytes, bytes]) -> bytes:
    table = struct.pack(">I", len(tags))
    start = _HEADER_BYTES + 4 + 12 * len(tags)
    body = b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    struct.pack_into(">I", header, 0, start + len(body))
    return bytes(header) + table + body
