"""Pseudonyms as they stand in records and templates: digests under a key of the tenant."""

import hmac
from typing import Final

from consentry.service.datakeys import DataKeys, Purpose

_SUBJECT: Final = b"subject\n"  # keeps the digest of a pseudonym apart from that of any picture


def subject_digest(keys: DataKeys, tenant: str, pseudonym: str) -> str:
    """Give HMAC-SHA-256 of a pseudonym under the tenant's key, in hexadecimal."""
    key = keys.get(tenant, Purpose.DIGEST)
    return hmac.digest(key, _SUBJECT + pseudonym.encode(), "sha256").hex()
