"""What stores and key vaults give back: plain values that every layer may hold.

They live below the layers so that the adapters can make them and the use cases read them
without either knowing the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class BlobProperties:
    """What is known of a blob without reading it; ``size`` in bytes, ``etag`` without quotes."""

    name: str
    etag: str
    size: int
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, repr=False)
class Blob:
    """A blob's content with the properties it had at that moment."""

    properties: BlobProperties
    data: bytes


Row = Mapping[str, str | int | float | bool | bytes | datetime]


@dataclass(frozen=True, repr=False)
class Entity:
    """A table row: its two keys, its values and the ETag they had."""

    partition: str
    row: str
    values: Row
    etag: str


@dataclass(frozen=True)
class PublicKey:
    """A public key as a JWK; ``kid`` is also in every signature's header."""

    kid: str
    jwk: Mapping[str, str]
