"""Signed notes: a text and the signatures over it (C2SP signed-note).

The signing key lives in Key Vault, which has P-256 and no Ed25519, so signatures are of the
note format's type 0x02: ECDSA with SHA-256, DER-encoded, where the key id on the signature line
is the first four bytes of SHA-256 of the public key's DER (SubjectPublicKeyInfo). The type byte
itself stands in the verifier key only (``verifier_key``), not on a signature line.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from consentry.errors import IntegrityError
from consentry.limits import NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX
from consentry.stored import PublicKey

ECDSA: Final = b"\x02"
KEY_ID_BYTES: Final = 4
COORDINATE_BYTES: Final = 32

_SIGNATURE: Final = re.compile(r"\u2014 (?P<name>[^\s+]+) (?P<data>[A-Za-z0-9+/=]+)")


class UnknownKeyError(IntegrityError):
    """No signature of the note is by a key that was given."""


def sign_note(text: str, *, name: str, key: PublicKey, sign: Callable[[bytes], bytes]) -> bytes:
    """Sign a text; ``sign`` gives r and s over its input's SHA-256, 64 bytes (ES256)."""
    signature = sign(text.encode())
    numbers = (signature[:COORDINATE_BYTES], signature[COORDINATE_BYTES:])
    encoded = encode_dss_signature(*(int.from_bytes(number) for number in numbers))
    data = base64.b64encode(_key_id(key) + encoded).decode()
    return f"{text}\n\u2014 {name} {data}\n".encode()


def open_note(note: bytes, *, name: str, public_keys: Iterable[PublicKey]) -> str:
    """Verify a note that ``name`` signed with one of ``public_keys`` and give its text.

    Signatures of others count nothing.

    Raises UnknownKeyError where no line is by a known key, and IntegrityError for whatever is
    not a note or does not verify.
    """
    text, lines = _split(note)
    keys = {_key_id(key): key for key in public_keys}
    known = 0
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise IntegrityError("a signature line of a note cannot be read")
        data = from_base64(match["data"])
        key = keys.get(data[:KEY_ID_BYTES])
        if match["name"] == name and key is not None:
            _verify(key, data[KEY_ID_BYTES:], text.encode())
            known += 1
    if not known:
        raise UnknownKeyError("the note is not signed by a known key")
    return text


def note_text(note: bytes) -> str:
    """Read a note's text without looking at its signatures, which proves nothing by itself."""
    return _split(note)[0]


def verifier_key(name: str, key: PublicKey) -> str:
    """Write a key as other verifiers of notes take it: name, key id, and type with DER."""
    encoded = base64.b64encode(ECDSA + _der(key)).decode()
    return f"{name}+{_key_id(key).hex()}+{encoded}"


def from_base64(text: str) -> bytes:
    """Read base64 (RFC 4648, section 4) in its one canonical spelling, else IntegrityError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise IntegrityError("base64 cannot be read") from None
    if base64.b64encode(data).decode() != text:
        raise IntegrityError("base64 is not in its canonical spelling")
    return data


def _split(note: bytes) -> tuple[str, list[str]]:
    if len(note) > NOTE_BYTES_MAX:
        raise IntegrityError("a note is longer than any of its kind")
    try:
        whole = note.decode()
    except UnicodeDecodeError:
        raise IntegrityError("a note is not UTF-8") from None
    text, separator, signatures = whole.rpartition("\n\n")
    lines = signatures.split("\n")
    well_formed = separator and lines.pop() == "" and 0 < len(lines) <= NOTE_SIGNATURES_MAX
    if not well_formed or any(character < " " and character != "\n" for character in whole):
        raise IntegrityError("a note is not of its form")
    return text + "\n", lines


def _verify(key: PublicKey, signature: bytes, text: bytes) -> None:
    try:
        strict = encode_dss_signature(*decode_dss_signature(signature)) == signature
        _public(key).verify(signature, text, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        strict = False
    if not strict:
        raise IntegrityError("the signature of a note does not verify")


def _key_id(key: PublicKey) -> bytes:
    return hashlib.sha256(_der(key)).digest()[:KEY_ID_BYTES]


def _der(key: PublicKey) -> bytes:
    return _public(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _public(key: PublicKey) -> ec.EllipticCurvePublicKey:
    try:
        x, y = (int.from_bytes(_base64url(key.jwk[name])) for name in ("x", "y"))
        if key.jwk["crv"] != "P-256":
            raise IntegrityError("a public key is not of P-256")
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except (KeyError, ValueError, TypeError):
        raise IntegrityError("a public key cannot be read") from None


def _base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
