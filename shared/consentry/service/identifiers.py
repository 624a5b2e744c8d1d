"""Identifiers that sort by time or by an owner: UUID versions 7 and 8 (RFC 9562, 5.7 and 5.8)."""

import secrets
from datetime import datetime
from uuid import UUID


def uuid7(now: datetime) -> str:
    """Make a UUID from the time in milliseconds and 74 random bits."""
    milliseconds = int(now.timestamp() * 1000)
    value = (
        (milliseconds & (2**48 - 1)) << 80
        | 0x7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
    return str(UUID(int=value))


def uuid8(tag: int) -> UUID:
    """Make a UUID from a tag of 32 bits, which stand first, and 90 random bits."""
    value = (
        (tag & (2**32 - 1)) << 96
        | secrets.randbits(16) << 80
        | 0x8 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
    return UUID(int=value)
