"""Digests of files that are too large to be held in memory."""

import hashlib
import hmac
from typing import BinaryIO, Final

from consentry.limits import MEBIBYTE

_READ_BYTES: Final = MEBIBYTE  # at a time


def file_digests(key: bytes, file: BinaryIO) -> tuple[str, str]:
    """Read a file once from its start: HMAC-SHA-256 under a key, and plain SHA-256, in hex."""
    keyed, plain = hmac.new(key, digestmod="sha256"), hashlib.sha256()
    file.seek(0)
    while part := file.read(_READ_BYTES):
        keyed.update(part)
        plain.update(part)
    return keyed.hexdigest(), plain.hexdigest()
